"""Moments of activations over the reference, and the constants that methods make of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jaxtyping import Float, Inexact
from torch import Tensor

from lashley.graph.layout import Layout
from lashley.graph.routed import Routed
from lashley.methods import Constants, Function, Replacement


@dataclass(frozen=True, eq=False)
class Moments:
    """Of a site's channels in one value, over the reference, in float64.

    Attributes:
        mean: Of each.
        spread: The standard deviation of each.
    """

    mean: Inexact[Tensor, " channel"]
    spread: Float[Tensor, " channel"]

    @classmethod
    def of(cls, sums: Inexact[Tensor, "3 channel"]) -> Moments:
        """Of the sums of the numbers, of their squared sizes, and of how often they count."""
        total, squares, count = sums
        mean = (total / count).nan_to_num()
        spread = ((squares / count).real - mean.abs().square()).clamp(min=0).sqrt()
        return cls(mean.cpu(), spread.nan_to_num().cpu())


def asked(moments: Moments | None) -> Moments:
    """Moments that were asked for, and so are there."""
    assert moments is not None
    return moments


def constants_of(
    replacement: Replacement, layouts: Sequence[Layout | Routed], moments: Sequence[Moments | None]
) -> tuple[Tensor, ...] | None:
    """What is put in place of units in several values, as these hold them; None if no constants."""
    if not isinstance(replacement, Constants):
        return None
    means = [asked(m).mean if replacement.needs_mean else None for m in moments]
    return tuple(lay.spread(replacement.numbers(lay.n_units, lay.width, mean))
                 for lay, mean in zip(layouts, means, strict=True))  # fmt: skip


def spreads_of(
    replacement: Replacement, layouts: Sequence[Layout | Routed], moments: Sequence[Moments | None]
) -> tuple[Tensor, ...] | None:
    """The spread of units in several values, as these hold them; None where none is taken."""
    if not (isinstance(replacement, Function) and replacement.needs_spread):
        return None
    return tuple(lay.spread(asked(m).spread) for lay, m in zip(layouts, moments, strict=True))
