"""Settling in float64 what rounding in float32 could have turned."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from lashley.engine.plan import Setting, Sweep
from lashley.errors import EngineError
from lashley.readouts import classification

_AT_ONCE = 4096  # outcomes in one pass


def settle(sweep: Sweep, inputs: Tensor, labels: Tensor, found: Tensor, device: str) -> int:
    """Find out the outcomes that are not known yet: one pass, each example under its own ablation.

    Args:
        sweep: As it was run.
        inputs: (example, ...).
        labels: (example,).
        found: (2, row, example) ranks and predictions, filled in in place.
        device: Where to compute.

    Returns:
        How many they were.
    """
    unknown = np.flatnonzero(found[0].numpy() == sweep.unknown)
    rows, examples = (torch.from_numpy(i) for i in np.divmod(unknown, found.shape[2]))
    for cells in torch.arange(len(rows)).split(_AT_ONCE):
        which = examples[cells]
        logits = _each_ablated(sweep, inputs[which].to(device), rows[cells].tolist())
        if not torch.isfinite(logits).all():
            raise EngineError(
                f"outputs: of {len(logits)} doubtful outcomes some are NaN or infinite under an "
                "ablation. Check the network's outputs on your examples with engine='reference'."
            )
        rank, prediction = classification(logits, labels[which].to(device))
        found[0, rows[cells], which] = rank.to(sweep.kind).cpu()
        found[1, rows[cells], which] = prediction.to(sweep.kind).cpu()
    return len(rows)


def _each_ablated(sweep: Sweep, inputs: Tensor, rows: list[int]) -> Tensor:
    """Logits (example, class) in float64, each example under the ablation of its row."""
    value = inputs.double()
    for i, step in enumerate(sweep.exact.steps):
        value = step.rows(value)
        for setting in sweep.settings:
            if setting.cut.point == i:
                mask = _replaced(setting, rows, value.shape[1]).to(value.device)
                value = torch.where(mask, setting.constants, value)
    return value


def _replaced(setting: Setting, rows: list[int], n_units: int) -> Tensor:
    """(example, unit): whether the ablation of the example's row replaces the unit."""
    index = dict(zip(setting.rows, setting.sets, strict=True))
    cells = [(cell, unit) for cell, row in enumerate(rows) if row in index
             for unit in setting.unit_sets[index[row]]]  # fmt: skip
    mask = torch.zeros(len(rows), n_units, dtype=torch.bool)
    if cells:
        mask[tuple(torch.tensor(cells).T)] = True
    return mask
