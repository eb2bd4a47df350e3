"""Margins: how far float32 may be from float64 in a logit, for each ablation separately.

An ablation can leave a network ill-conditioned where the intact one is not, for instance if what
is left is divided by its small norm. So each ablation is looked at, on a few examples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from lashley.engine.plan import UnitSet

EXAMPLES = 4  # on which each ablation is looked at, the same ones
RESERVE = 12  # how many times the root mean square error seen there counts as rounding
ENOUGH = 1.6  # how many times an error seen later must fit in the margin; else it is raised


@dataclass(frozen=True)
class Margins:
    """For each set of units, at least how far apart logits must be for their order to be sure.

    Attributes:
        by_units: As a difference of logits.
    """

    by_units: Mapping[UnitSet, float]

    def covers(self, sets: Sequence[UnitSet]) -> bool:
        """Whether all of them were looked at."""
        return all(units in self.by_units for units in sets)

    def of(self, sets: Sequence[UnitSet]) -> Float[Tensor, " set"]:
        """In the order of the sets; 0 for one that was not looked at."""
        return torch.tensor([self.by_units.get(units, 0.0) for units in sets])

    def raised(self, sets: Sequence[UnitSet], errors: Float[Tensor, " set"]) -> Margins:
        """The same, raised where larger errors were seen than they allow."""
        found = dict(self.by_units)
        for units, error in zip(sets, errors.tolist(), strict=True):
            if ENOUGH * error > found.get(units, 0.0):
                found[units] = ENOUGH * error
        return Margins(found)


def chosen(n_sets: int, n_examples: int) -> tuple[Int[Tensor, " cell"], Int[Tensor, " cell"]]:
    """Cells (set, example) on which all sets are looked at, seeded, the sets in order."""
    some = torch.randperm(n_examples, generator=torch.Generator().manual_seed(0))[:EXAMPLES]
    return torch.arange(n_sets).repeat_interleave(len(some)), some.repeat(n_sets)


def measured(
    sets: Sequence[UnitSet], which: Tensor, fast: Float[Tensor, "cell output"],
    exact: Float[Tensor, "cell output"],
) -> Margins:  # fmt: skip
    """From outputs of some cells in both formats: a set's own error, or that of all if larger."""
    error = errors(fast, exact)
    square = torch.zeros(len(sets), dtype=torch.float64).index_add_(0, which, error.square())
    count = torch.bincount(which, minlength=len(sets)).clamp(min=1)
    overall = error.square().mean() if bool(torch.isfinite(error).all()) else torch.tensor(0.0)
    root = torch.maximum(square / count, overall.double()).sqrt()
    return Margins(dict(zip(sets, (RESERVE * root).tolist(), strict=True)))


def errors(fast: Tensor, exact: Tensor) -> Float[Tensor, " cell"]:
    """The root mean square error of each cell's outputs; infinite if one is NaN or infinite."""
    apart = (fast.double() - exact).flatten(1).square().mean(1).sqrt()
    return apart.nan_to_num(torch.inf, torch.inf).cpu()


def largest(which: Tensor, apart: Float[Tensor, " cell"], n_sets: int) -> Float[Tensor, " set"]:
    """The largest error of each set's cells; 0 for sets without any."""
    found = torch.zeros(n_sets, dtype=apart.dtype)
    return found.scatter_reduce_(0, which, apart, "amax")
