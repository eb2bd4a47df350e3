"""The numbers that methods take and give: moments over the reference, constants, spreads, noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Inexact
from torch import Tensor

from lashley.graph.layout import Layout, fitted
from lashley.graph.routed import Routed
from lashley.methods import Constants, Function, Replacement, normal


@dataclass(frozen=True, eq=False)
class Moments:
    """Moments of a site's channels in one value, over the reference, in float64.

    Attributes:
        mean: The mean of each.
        spread: The standard deviation of each.
    """

    mean: Inexact[Tensor, " channel"]
    spread: Float[Tensor, " channel"]

    @classmethod
    def of(cls, sums: Inexact[Tensor, "3 channel"]) -> Moments:
        """From the sums of the numbers, of their squared sizes, and of how often they count."""
        total, squares, count = sums
        mean = (total / count).nan_to_num()
        spread = ((squares / count).real - mean.abs().square()).clamp(min=0).sqrt()
        return cls(mean.cpu(), spread.nan_to_num().cpu())


def asked(moments: Moments | None) -> Moments:
    """Moments that exist, as they were asked for."""
    assert moments is not None
    return moments


def constants_of(
    replacement: Replacement, layouts: Sequence[Layout | Routed], moments: Sequence[Moments | None]
) -> tuple[Tensor, ...] | None:
    """What is put in place of units in several values, as these hold them; None if not constant."""
    if not isinstance(replacement, Constants):
        return None
    means = [asked(m).mean if replacement.needs_mean else None for m in moments]
    return tuple(lay.spread(replacement.numbers(lay.n_units, lay.width, mean))
                 for lay, mean in zip(layouts, means, strict=True))  # fmt: skip


def spreads_of(
    replacement: Replacement, layouts: Sequence[Layout | Routed], moments: Sequence[Moments | None]
) -> tuple[Tensor, ...] | None:
    """The spread of units in several values, as these hold them; None if none is needed."""
    if not (isinstance(replacement, Function) and replacement.needs_spread):
        return None
    return tuple(lay.spread(asked(m).spread) for lay, m in zip(layouts, moments, strict=True))


def normal_like(
    shape: Sequence[int], axis: int, layout: Layout, numbers: Tensor, key: tuple[int, str, int]
) -> Tensor:
    """Standard normal numbers in the places of a site's units, in float64; 0 elsewhere.

    Each example has its own, whatever the batch or the engine. A unit has the same numbers if a
    value has its axes in another order, or split.

    Args:
        shape: Of the value of one example.
        axis: Along which a value holds its examples, one after another.
        layout: Where the units are.
        numbers: (example,) their indices among all evaluated examples.
        key: Seed, site and which of its values it is.
    """
    slots = fitted(layout.slots, shape).expand(tuple(shape)).flatten()
    order = slots.argsort(stable=True)
    order = order[slots[order] > 0]
    found = torch.zeros(len(numbers), len(slots), dtype=torch.float64)
    found[:, order] = normal(*key, numbers.tolist(), len(order))
    by_example = found.view(-1, *shape).movedim(0, axis)
    return by_example.flatten(axis, axis + 1)
