"""Moments of activations over the reference, and the constants that methods make of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jaxtyping import Float, Inexact
from torch import Tensor

from lashley.graph.layout import Layout
from lashley.graph.routed import Routed
from lashley.methods import Constants


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
    replacement: Constants, layouts: Sequence[Layout | Routed], moments: Sequence[Moments | None]
) -> tuple[Tensor, ...]:
    """(channel) what a method puts in place of units in several values."""
    means = [asked(m).mean if replacement.needs_mean else None for m in moments]
    return tuple(replacement.numbers(lay.n_units, lay.width, mean)
                 for lay, mean in zip(layouts, means, strict=True))  # fmt: skip
