"""Settling: what rounding could have turned is decided in float64, each under its own ablation."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from lashley.engine.batch import Batch, Sweep
from lashley.engine.margins import chosen, errors, largest, measured
from lashley.engine.plan import Setting
from lashley.engine.rows import Rows, Stacks
from lashley.engine.verdict import Found
from lashley.errors import EngineError

_AT_ONCE = 1 << 24  # numbers in the largest value of one pass
_LOOKED_AT = 96  # of the settled outcomes, to see whether the margin was large enough


def settle_intact(sweep: Sweep, batch: Batch, found: Found) -> int:
    """Find out the outcomes of the intact network that are not known yet.

    Args:
        sweep: As it was run.
        batch: In float32.
        found: (1, example) by name, filled in in place.

    Returns:
        How many they were.
    """
    if not sweep.verdict.classifies:
        return 0
    which = (found["rank"][0] == sweep.verdict.unknown).nonzero()[:, 0]
    for part in which.split(_size(sweep)) if len(which) else ():
        some = batch.take(part).to(torch.float64)
        _put(sweep, found, torch.zeros_like(part), part, sweep.exact.run(some.inputs), some)
    return len(which)


def settle(
    sweep: Sweep, setting: Setting, batch: Batch, found: Found, fast: Callable[..., Tensor]
) -> tuple[int, bool]:
    """Find out the outcomes of a setting's sets that are not known yet.

    Args:
        sweep: As it was run.
        setting: Whose outcomes they are.
        batch: In float32.
        found: (set, example) by name, filled in in place.
        fast: Outputs of cells, sets and examples, in float32.

    Returns:
        How many they were; and whether float32's errors in some of them are larger than the margin
        allows for: it is raised then, and all has to be run again.
    """
    unknown = (found["rank"] == sweep.verdict.unknown).nonzero()
    raised = False
    for i, cells in enumerate(unknown.split(_size(sweep)) if len(unknown) else ()):
        ablations, examples = cells.unbind(1)
        outputs = exactly(sweep, setting, batch, ablations, examples)
        if i == 0:
            raised = _raise_margins(sweep, setting, cells[:_LOOKED_AT], outputs, fast)
        _put(sweep, found, ablations, examples, outputs, batch.take(examples))
    return len(unknown), raised


def exactly(
    sweep: Sweep, setting: Setting, batch: Batch, ablations: Tensor, examples: Tensor
) -> Tensor:
    """Outputs (cell, ...) in float64: set `ablations[i]`, in order, on `examples[i]`."""
    key = (setting.place, "exact")
    if key not in sweep.plans:
        sweep.plans[key] = Rows(setting.place, sweep.exact, update=False, compiled=False)
    chosen, places = torch.unique(examples, return_inverse=True)
    some = batch.take(chosen).to(torch.float64)
    stacks = Stacks(sweep.plans[key], *some.live(sweep.exact))
    device = some.labels.device
    return stacks.cells(setting.unit_sets, ablations.to(device), places.to(device))


def look_at(sweep: Sweep, setting: Setting, batch: Batch, fast: Callable[..., Tensor]) -> None:
    """Measure float32's error under each of a setting's ablations, once."""
    known = sweep.margins.get(setting.place)
    if known is not None and known.covers(setting.unit_sets):
        return
    which, examples = chosen(len(setting.unit_sets), len(batch.labels))
    outputs = exactly(sweep, setting, batch, which, examples)
    sweep.margins[setting.place] = measured(
        setting.unit_sets, which, fast(which, examples), outputs
    )  # fmt: skip


def _raise_margins(
    sweep: Sweep, setting: Setting, cells: Tensor, outputs: Tensor, fast: Callable[..., Tensor]
) -> bool:
    which, examples = cells.unbind(1)
    apart = errors(fast(which, examples), outputs[: len(cells)])
    sets, before = setting.unit_sets, sweep.margins[setting.place]
    after = before.raised(sets, largest(which, apart, len(sets)))
    sweep.margins[setting.place] = after
    return after.by_units != before.by_units


def _put(
    sweep: Sweep, found: Found, ablations: Tensor, examples: Tensor, outputs: Tensor, batch: Batch
) -> None:
    if not torch.isfinite(outputs).all():
        raise EngineError(
            f"outputs: of {len(outputs)} doubtful outcomes some are NaN or infinite under an "
            "ablation. Check the network's outputs on your examples with engine='reference'."
        )
    for name, value in sweep.verdict.exactly(outputs, batch.labels).items():
        found[name][ablations, examples] = value[0].cpu()


def _size(sweep: Sweep) -> int:
    return max(1, _AT_ONCE // sweep.exact.numbers(sweep.exact.nodes.values()))
