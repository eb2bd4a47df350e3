"""The sweep: the prefix once, the suffixes of many ablations stacked."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from lashley.engine.plan import Setting, Sweep
from lashley.engine.program import Program
from lashley.engine.settle import settle
from lashley.engine.shortcuts import Group, decide, group_by_touch, updated_consumer
from lashley.errors import EngineError

_STACK = 1 << 20  # numbers in one stacked value: 4 MB, about what the cores' caches hold
_BATCH = 1 << 24  # numbers in one value of the prefix


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
    found = torch.empty((2, sweep.n_rows, len(labels)), dtype=sweep.kind)
    size = max(1, _BATCH // max(_widths(sweep.program, 0)))
    for start in range(0, len(labels), size):
        part = slice(start, start + size)
        _run_batch(
            sweep, inputs[part].to(device).float(), labels[part].to(device), found[:, :, part]
        )
        progress(min(start + size, len(labels)), len(labels))
    return found, settle(sweep, inputs, labels, found, device)


def _run_batch(sweep: Sweep, inputs: Tensor, labels: Tensor, found: Tensor) -> None:
    """Walk the program once; at each site the live value is the prefix that its suffixes share."""
    value, empty = inputs, []
    for i, step in enumerate(sweep.program.steps):
        value = step.rows(value)
        for setting in sweep.settings:
            if setting.cut.point == i:
                outcomes = _run_setting(sweep, setting, value.T.contiguous(), labels)
                empty.append(outcomes[:, 0])
                found[:, _index(setting.rows)] = outcomes[:, _index(setting.sets)]
    found[:, 0] = _decided(sweep, value.T.clone()[None], labels)[:, 0].cpu()
    for intact in empty:
        _check_empty(sweep, intact, found[:, 0])


def _run_setting(
    sweep: Sweep, setting: Setting, units: Float[Tensor, "unit example"], labels: Tensor
) -> Tensor:
    """Outcomes (2, set, example) of the setting's sets of units, in main memory."""
    change = setting.constants.to(units.dtype)[:, None] - units
    touched = change != 0
    mixed = sweep.program.steps[setting.cut.consumer].stack(units[None])[0]
    live = torch.cat([change, torch.zeros_like(change[:1]), mixed])
    groups = group_by_touch(setting.unit_sets, touched.sum(1).tolist())
    examples = [_touching(touched, group.trigger) for group in groups]
    blocks = [
        _run_group(sweep, setting, group, live, which, labels)
        for group, which in zip(groups, examples, strict=True)
    ]
    found = torch.empty((2, len(setting.unit_sets), len(labels)), dtype=sweep.kind)
    found[:, :1] = _suffix(sweep, setting, mixed[None], labels)
    for length in sorted({len(s) for s in setting.unit_sets[1:]}):  # parents before children
        for group, which, block in zip(groups, examples, blocks, strict=True):
            _fill(found, setting, group, which.cpu(), block.cpu(), length)
    return found


def _run_group(
    sweep: Sweep, setting: Setting, group: Group, live: Tensor,
    examples: Int[Tensor, " touched"], labels: Tensor,
) -> Tensor:  # fmt: skip
    """Outcomes (2, member, touched) of a group on the examples it touches.

    `live` holds, by example, the units' changes, a row of zeros, and the consumer's output.
    """
    shape = (2, len(group.members), len(examples))
    blocks = torch.empty(shape, dtype=sweep.kind, device=live.device)
    if not len(examples):
        return blocks
    weight = sweep.program.steps[setting.cut.consumer].weight
    assert weight is not None
    n_units = weight.shape[1]
    change, mixed = live.index_select(1, examples).split([n_units + 1, len(weight)])
    labels = labels.index_select(0, examples)
    weight = torch.cat([weight, torch.zeros_like(weight[:, :1])], 1)
    step = max(1, _STACK // (max(_widths(sweep.program, setting.cut.consumer)) * len(examples)))
    for start in range(0, len(group.members), step):
        members = group.members[start : start + step]
        units = _padded([setting.unit_sets[m] for m in members], n_units).to(live.device)
        stacked = updated_consumer(mixed, weight, change, units)
        blocks[:, start : start + step] = _suffix(sweep, setting, stacked, labels)
    return blocks


def _touching(touched: Tensor, trigger: Sequence[int]) -> Int[Tensor, " touched"]:
    """The examples on which the ablation of at least one of these units changes it."""
    rows = touched[trigger[0]] if len(trigger) == 1 else touched[list(trigger)].any(0)
    return rows.nonzero()[:, 0]


def _suffix(sweep: Sweep, setting: Setting, stacked: Tensor, labels: Tensor) -> Tensor:
    return _decided(sweep, sweep.program.rest(stacked, setting.cut.consumer + 1), labels)


def _decided(sweep: Sweep, logits: Float[Tensor, "row class example"], labels: Tensor) -> Tensor:
    """(2, row, example): rank, or `unknown` where rounding could turn it; prediction."""
    unknown = float(sweep.unknown)
    rank, prediction = decide(logits, labels, sweep.margin, sweep.largest, unknown)
    found = torch.empty((2, *rank.shape), dtype=sweep.kind, device=rank.device)
    found[0], found[1] = rank, prediction
    return found


def _fill(
    found: Tensor, setting: Setting, group: Group, examples: Tensor, block: Tensor, length: int
) -> None:
    """Put a group's sets of one length into `found`; untouched examples are as in the parents."""
    which = [i for i, m in enumerate(group.members) if len(setting.unit_sets[m]) == length]
    if not which:
        return
    part = slice(which[0], which[-1] + 1)  # members are ordered by length
    rows = found.numpy()  # NumPy copies whole rows at once, which PyTorch does not
    whole = torch.from_numpy(rows[:, group.parents[part]])
    block = block[:, part]
    whole.scatter_(2, examples.expand(block.shape), block)
    rows[:, group.members[part]] = whole.numpy()


def _check_empty(sweep: Sweep, empty: Tensor, intact: Tensor) -> None:
    sure = (empty[0] != sweep.unknown) & (intact[0] != sweep.unknown)
    if not torch.equal(empty[:, sure], intact[:, sure]):
        raise EngineError(
            "engine: an ablation of no units has an effect, so the network does not compute what "
            "its graph says. Use engine='reference', and please report the network."
        )


def _index(indices: Sequence[int]) -> slice | list[int]:
    """The same indices, as a slice where they are consecutive: that copies nothing."""
    first = indices[0]
    if tuple(indices) == tuple(range(first, first + len(indices))):
        return slice(first, first + len(indices))
    return list(indices)


def _padded(unit_sets: Sequence[tuple[int, ...]], unused: int) -> Int[Tensor, "ablation slot"]:
    longest = max(map(len, unit_sets))
    return torch.tensor([[*units, *[unused] * (longest - len(units))] for units in unit_sets])


def _widths(program: Program, start: int) -> list[int]:
    return [len(step.weight) for step in program.steps[start:] if step.weight is not None]
