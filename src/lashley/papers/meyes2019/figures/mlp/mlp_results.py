"""What the figures are drawn from: the results of one study, on one site."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from lashley.papers.meyes2019.figures.mlp.cases import Cases


@dataclass(frozen=True)
class Population:
    """Further networks of the same architecture, trained from other initial weights.

    Attributes:
        p: (network, unit) two-sided Mann-Whitney p of the units' weight change.
        drop_pp: (network, unit) overall drop of each single ablation, pp.
        class_drop_pp: (network, unit, class) the same of each class, pp.
    """

    p: np.ndarray
    drop_pp: np.ndarray
    class_drop_pp: np.ndarray


@dataclass(frozen=True)
class Results:
    """All numbers behind the figures.

    Attributes:
        outcomes: Of the single ablations first, then of the pairs, on one axis.
        effects: Of the same ablations, in the same order.
        interactions: Of the pairs.
        scores: Per unit.
        weights: (unit, height, width) incoming weights of the trained units.
        initial_weights: (unit, height, width) the same before training.
        images: (example, height, width) ink in 0..1.
        embedding: (example, 2) places on the map in 0..1, y upwards.
        population: The further networks, if there are any.
        cases: Which units the figures show.
        first_unit: The number of the first unit in the figures: 1 in the paper's study.
        title: Of the study, for the captions.
        bootstrap: Resamples and seed of the correlations' intervals.
    """

    outcomes: xr.Dataset
    effects: xr.Dataset
    interactions: xr.Dataset
    scores: xr.Dataset
    weights: np.ndarray
    initial_weights: np.ndarray
    images: np.ndarray
    embedding: np.ndarray
    population: Population | None
    cases: Cases
    first_unit: int = 0
    title: str = ""
    bootstrap: tuple[int, int] = (2000, 0)

    @property
    def class_names(self) -> tuple[str, ...]:
        """In the order of the network's outputs."""
        return tuple(str(name) for name in self.outcomes["class"].values)

    @property
    def n_units(self) -> int:
        """How many units the site has."""
        return len(self.weights)

    @property
    def caption(self) -> str:
        """What stands at the foot of every figure."""
        counting = f"units counted from {self.first_unit}"
        return f"{self.title} · {counting}" if self.title else counting

    def number(self, unit: int) -> str:
        """A unit as the figures write it; `unit` itself counts from 0."""
        return str(unit + self.first_unit)

    def name(self, *units: int) -> str:
        """Of units, as in "unit 12" and "units 4 and 16"."""
        numbers = [self.number(unit) for unit in units]
        if len(numbers) == 1:
            return f"unit {numbers[0]}"
        return f"units {', '.join(numbers[:-1])} and {numbers[-1]}"


def of_units(effects: xr.Dataset, n_units: int) -> xr.Dataset:
    """The effects of the single ablations, in the order of the units."""
    labels = effects["units"].values.astype(str)
    where = {label: i for i, label in reversed(list(enumerate(labels)))}
    return effects.isel(ablation=[where[str(unit)] for unit in range(n_units)])
