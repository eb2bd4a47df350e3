"""The sweep: plan, then run. The prefix once, the suffixes of many ablations stacked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from lashley.ablations import Ablation
from lashley.engine.program import Cut, Program
from lashley.engine.shortcuts import Group, decide, group_by_touch, updated_consumer
from lashley.errors import EngineError
from lashley.readouts import classification

_STACK = 1 << 20  # numbers in one stacked value: 4 MB, about what the cores' caches hold
_BATCH = 1 << 24  # numbers in one value of the prefix
_SETTLED_AT_ONCE = 4096


@dataclass(frozen=True, eq=False)
class Setting:
    """Ablations at one site whose units take the same constants; each set of units once.

    Attributes:
        cut: Where the units are replaced.
        constants: (unit) what replaces them.
        unit_sets: The different sets of units, smaller ones first.
        rows: The ablations' rows in the outcomes.
        sets: For each of these rows the index of its set.
    """

    cut: Cut
    constants: Float[Tensor, " unit"]
    unit_sets: tuple[tuple[int, ...], ...]
    rows: tuple[int, ...]
    sets: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Sweep:
    """What has to be computed, and how.

    Attributes:
        program: In float32, on the device.
        exact: The same in float64.
        settings: From `plan`.
        margin: The rounding of a logit, as a share of the largest logit.
        n_rows: Of the outcomes: the intact network's (row 0) and one per ablation.
        kind: Type of ranks and predictions.
    """

    program: Program
    exact: Program
    settings: tuple[Setting, ...]
    margin: float
    n_rows: int
    kind: torch.dtype


def plan(
    program: Program, cuts: Mapping[str, Cut], ablations: Sequence[Ablation]
) -> tuple[Setting, ...]:
    """Ablations by site and constants: equal ones, by whatever method, become one.

    Args:
        program: As it will run.
        cuts: By the names of the sites.
        ablations: Their rows in the outcomes are 1, 2, ... in this order.
    """
    constants: dict[tuple[str, str], Tensor] = {}
    wanted: dict[tuple[str, bytes], list[tuple[int, Ablation]]] = {}
    for row, ablation in enumerate(ablations, start=1):
        key = (ablation.site.name, ablation.method)
        if key not in constants:
            constants[key] = program.constants(cuts[key[0]], ablation.method)
        same = (key[0], constants[key].cpu().numpy().tobytes())
        wanted.setdefault(same, []).append((row, ablation))
    settings = []
    for found in wanted.values():
        site, method = found[0][1].site.name, found[0][1].method
        sets = sorted({a.units for _, a in found}, key=lambda units: (len(units), units))
        index = {units: i for i, units in enumerate(sets)}
        settings.append(
            Setting(
                cuts[site],
                constants[site, method],
                tuple(sets),
                tuple(row for row, _ in found),
                tuple(index[a.units] for _, a in found),
            )
        )
    return tuple(settings)


def run(
    sweep: Sweep,
    inputs: Tensor,
    labels: Int[Tensor, " example"],
    device: str,
    progress: Callable[[int, int], None],
) -> tuple[Tensor, int]:
    """Every ablation on every example.

    Returns:
        (2, row, example) ranks and predictions, row 0 of the intact network; and how many of them
        were within rounding and were settled in float64.
    """
    found = torch.empty((3, sweep.n_rows, len(labels)), dtype=sweep.kind)
    size = max(1, _BATCH // max(_widths(sweep.program), default=1))
    for start in range(0, len(labels), size):
        part = slice(start, start + size)
        _run_batch(sweep, inputs[part].to(device), labels[part].to(device), found[:, :, part])
        progress(min(start + size, len(labels)), len(labels))
    return found[:2], _settle(sweep, inputs, labels, found, device)


def _run_batch(sweep: Sweep, inputs: Tensor, labels: Tensor, found: Tensor) -> None:
    value, empty = inputs, []
    for i, step in enumerate(sweep.program.steps):
        value = step.rows(value)
        for setting in sweep.settings:
            if setting.cut.point == i:
                outcomes, intact = _run_setting(sweep, setting, value.T.contiguous(), labels)
                found[:, list(setting.rows)] = outcomes[:, list(setting.sets)].cpu()
                empty.append(intact.cpu())
    found[:, 0] = _decided(sweep, value.T[None], labels)[:, 0].cpu()
    for intact in empty:
        _check_empty(intact, found[:, 0])


def _run_setting(
    sweep: Sweep, setting: Setting, units: Float[Tensor, "unit example"], labels: Tensor
) -> tuple[Tensor, Tensor]:
    """Outcomes (3, set, example) of the sets of units, and (3, example) of the empty set."""
    change = setting.constants[:, None] - units
    touched = change != 0
    change = torch.cat([change, torch.zeros_like(change[:1])])
    consumer = sweep.program.steps[setting.cut.consumer]
    mixed = consumer.stack(units[None])[0]
    intact = _suffix(sweep, setting, mixed[None], labels)
    counts = dict(enumerate(touched.sum(1).tolist()))
    groups = group_by_touch(setting.unit_sets, counts)
    examples = [touched[list(g.trigger)].any(0).nonzero()[:, 0] for g in groups]
    blocks = [
        _run_group(sweep, setting, group, mixed, change, which, labels)
        for group, which in zip(groups, examples, strict=True)
    ]
    found = torch.empty((3, 1 + len(setting.unit_sets), len(labels)),
                        dtype=sweep.kind, device=units.device)  # fmt: skip
    found[:, -1:] = intact
    for length in sorted({len(units) for units in setting.unit_sets}):  # parents before children
        for group, which, block in zip(groups, examples, blocks, strict=True):
            _fill(found, setting, group, which, block, length)
    return found[:, :-1], found[:, -1]


def _run_group(
    sweep: Sweep, setting: Setting, group: Group, mixed: Tensor, change: Tensor,
    examples: Int[Tensor, " touched"], labels: Tensor,
) -> Tensor:  # fmt: skip
    """Outcomes (3, member, touched) of a group on the examples it touches."""
    blocks = torch.empty((3, len(group.members), len(examples)),
                         dtype=sweep.kind, device=mixed.device)  # fmt: skip
    if not len(examples):
        return blocks
    change, mixed, labels = change[:, examples], mixed[:, examples], labels[examples]
    weight = sweep.program.steps[setting.cut.consumer].weight
    assert weight is not None
    weight = torch.cat([weight, torch.zeros_like(weight[:, :1])], 1)
    widest = max(_widths(sweep.program, setting.cut.consumer))
    step = max(1, _STACK // (widest * len(examples)))
    for start in range(0, len(group.members), step):
        members = group.members[start : start + step]
        units = _padded([setting.unit_sets[m] for m in members], len(change) - 1).to(mixed.device)
        stacked = updated_consumer(mixed, weight, change, units)
        blocks[:, start : start + step] = _suffix(sweep, setting, stacked, labels)
    return blocks


def _suffix(sweep: Sweep, setting: Setting, stacked: Tensor, labels: Tensor) -> Tensor:
    return _decided(sweep, sweep.program.rest(stacked, setting.cut.consumer + 1), labels)


def _decided(sweep: Sweep, logits: Float[Tensor, "row class example"], labels: Tensor) -> Tensor:
    """(3, row, example): rank, prediction, and whether rounding could turn them."""
    largest = float(torch.linalg.vector_norm(logits, float("inf")))
    if not np.isfinite(largest):
        bad = (~torch.isfinite(logits)).any(1).any(0)
        raise EngineError(
            f"outputs: those of {int(bad.sum())} of {len(labels)} examples are NaN or infinite "
            "under an ablation or without one. Check the network's outputs on your examples."
        )
    decision = decide(logits, labels, sweep.margin * largest)
    found = torch.empty((3, len(logits), len(labels)), dtype=sweep.kind, device=logits.device)
    found[0], found[1], found[2] = decision.rank, decision.prediction, decision.unsure
    return found


def _fill(
    found: Tensor, setting: Setting, group: Group, examples: Tensor, block: Tensor, length: int
) -> None:
    """Put a group's sets of one length into `found`; untouched examples are as in the parents."""
    which = [i for i, m in enumerate(group.members) if len(setting.unit_sets[m]) == length]
    if not which:
        return
    whole = found[:, [group.parents[i] for i in which]]
    whole.index_copy_(2, examples, block[:, which])
    found[:, [group.members[i] for i in which]] = whole


def _check_empty(empty: Tensor, intact: Tensor) -> None:
    sure = (empty[2] == 0) & (intact[2] == 0)
    if not torch.equal(empty[:2, sure], intact[:2, sure]):
        raise EngineError(
            "engine: an ablation of no units has an effect, so the network does not compute what "
            "its graph says. Use engine='reference', and please report the network."
        )


def _settle(sweep: Sweep, inputs: Tensor, labels: Tensor, found: Tensor, device: str) -> int:
    """Put what float64 says in place of what rounding could have turned; return how many."""
    rows, examples = (torch.from_numpy(i) for i in np.nonzero(found[2].numpy()))
    sets = {row: (setting, setting.unit_sets[i]) for setting in sweep.settings
            for row, i in zip(setting.rows, setting.sets, strict=True)}  # fmt: skip
    for some in _chunks(len(rows)):
        value = inputs[examples[some]].to(device)
        value = value.double() if value.is_floating_point() else value
        cells = [sets.get(row) for row in rows[some].tolist()]
        for i, step in enumerate(sweep.exact.steps):
            value = step.rows(value)
            for cell, cut in enumerate(cells):
                if cut is not None and cut[0].cut.point == i:
                    units = list(cut[1])
                    value[cell, units] = cut[0].constants[units].double()
        rank, prediction = classification(value, labels[examples[some]].to(device))
        found[0, rows[some], examples[some]] = rank.to(sweep.kind).cpu()
        found[1, rows[some], examples[some]] = prediction.to(sweep.kind).cpu()
    return len(rows)


def _chunks(length: int) -> Iterator[slice]:
    for start in range(0, length, _SETTLED_AT_ONCE):
        yield slice(start, start + _SETTLED_AT_ONCE)


def _padded(unit_sets: Sequence[tuple[int, ...]], unused: int) -> Int[Tensor, "ablation slot"]:
    longest = max(map(len, unit_sets))
    return torch.tensor([[*units, *[unused] * (longest - len(units))] for units in unit_sets])


def _widths(program: Program, start: int = 0) -> list[int]:
    return [len(step.weight) for step in program.steps[start:] if step.weight is not None]
