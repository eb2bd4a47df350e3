"""Normal numbers for a value: each example has its own, whatever the batch or the engine."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from lashley.graph.layout import Layout, fitted
from lashley.methods import normal


def normal_like(
    shape: Sequence[int], axis: int, layout: Layout, numbers: Tensor, key: tuple[int, str, int]
) -> Tensor:
    """Standard normal numbers in the places of a site's units, in float64; 0 elsewhere.

    Where a value has its axes in another order, or split, a unit has the same numbers.

    Args:
        shape: Of the value of one example.
        axis: Along which a value holds its examples, one after another.
        layout: Where the units are.
        numbers: (example,) their places among all that are evaluated.
        key: Seed, site and which of its values it is.
    """
    slots = fitted(layout.slots, shape).expand(tuple(shape)).flatten()
    order = slots.argsort(stable=True)
    order = order[slots[order] > 0]
    found = torch.zeros(len(numbers), len(slots), dtype=torch.float64)
    found[:, order] = normal(*key, numbers.tolist(), len(order))
    by_example = found.view(-1, *shape).movedim(0, axis)
    return by_example.flatten(axis, axis + 1)
