"""Settling: what rounding could have turned is decided in float64, each under its own ablation."""

from __future__ import annotations

import torch
from torch import Tensor

from lashley.engine.batch import Batch, Sweep
from lashley.engine.plan import Setting
from lashley.engine.rows import Rows, Stacks
from lashley.engine.verdict import Found
from lashley.errors import EngineError

_AT_ONCE = 1 << 24  # numbers in the largest value of one pass


def settle(sweep: Sweep, setting: Setting | None, batch: Batch, found: Found) -> int:
    """Find out the outcomes that are not known yet.

    Args:
        sweep: As it was run.
        setting: Whose outcomes they are; None for the intact network.
        batch: In float32.
        found: (row, example) by name, filled in in place.

    Returns:
        How many they were.
    """
    if not sweep.verdict.classifies:
        return 0
    if setting is None:
        return _settle_intact(sweep, batch, found)
    return _settle_setting(sweep, setting, batch, found)


def _settle_intact(sweep: Sweep, batch: Batch, found: Found) -> int:
    which = (found["rank"][0] == sweep.verdict.unknown).nonzero()[:, 0]
    for part in which.split(_size(sweep)) if len(which) else ():
        some = batch.take(part).to(torch.float64)
        _put(sweep, found, torch.zeros_like(part), part, sweep.exact.run(some.inputs), some)
    return len(which)


def _settle_setting(sweep: Sweep, setting: Setting, batch: Batch, found: Found) -> int:
    unknown = (found["rank"] == sweep.verdict.unknown).nonzero()
    if not len(unknown):
        return 0
    key = (setting.place, "exact")
    if key not in sweep.plans:
        sweep.plans[key] = Rows(setting.place, sweep.exact, update=False, compiled=False)
    sets = [setting.unit_sets[s] for s in setting.sets]
    for cells in unknown.split(_size(sweep)):
        ablations, examples = cells.unbind(1)
        chosen, places = torch.unique(examples, return_inverse=True)
        some = batch.take(chosen).to(torch.float64)
        stacks = Stacks(sweep.plans[key], *some.live(sweep.exact))
        device = some.labels.device
        outputs = stacks.cells(sets, ablations.to(device), places.to(device))
        _put(sweep, found, ablations, examples, outputs, batch.take(examples))
    return len(unknown)


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
