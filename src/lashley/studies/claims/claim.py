"""A claim, and the evidence it is held against."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import nan

import pandas as pd
import xarray as xr

from lashley.figures import Results
from lashley.studies.results import Evaluation


@dataclass(frozen=True)
class Evidence:
    """What claims are held against.

    Attributes:
        name: Of the evaluation: "clean" or "published".
        results: Of the network under study.
        chosen: The same on one half of the examples: units are chosen here ...
        confirming: ... and measured on the other half.
        population_effects: Of the further networks' single ablations.
        correlations: The run's table of that name.
        selectivity: The run's table of that name.
        paper_data: Whether the examples are the paper's.
    """

    name: str
    results: Results
    chosen: Evaluation
    confirming: Evaluation
    population_effects: Sequence[xr.Dataset]
    correlations: pd.DataFrame
    selectivity: pd.DataFrame
    paper_data: bool


@dataclass(frozen=True)
class Measured:
    """A number, its 95 % interval where it has one, and what else is worth saying.

    `of` is the whole that a count is part of.
    """

    value: float
    low: float = nan
    high: float = nan
    note: str = ""
    of: int = 0


@dataclass(frozen=True)
class Claim:
    """One statement of the paper.

    Attributes:
        where: In the paper.
        text: The statement, with units numbered as the paper does, from 1.
        printed: What the paper prints, "" where it prints no number.
        unit: Of the number.
        measure: What the run says.
        holds: Whether that bears the statement out.
        of_recipe: Whether it speaks of networks trained as the paper's, on the paper's data.
        of_ablations: Whether it speaks of the ablations of the network under study, so that it can
            be measured as published too.
    """

    where: str
    text: str
    printed: str
    unit: str
    measure: Callable[[Evidence], Measured]
    holds: Callable[[Measured], bool]
    of_recipe: bool = False
    of_ablations: bool = True


def read(found: xr.Dataset, name: str, note: str = "", *, sign: int = 1) -> Measured:
    """A quantity of one ablation with its interval; `sign` -1 turns a drop into a gain.

    Args:
        found: Effects or interactions of one ablation, of one class where it has classes.
        name: Such as "overall_drop", "drop" or "excess".
        note: Goes into the result.
        sign: 1 or -1.
    """
    value, low, high = (sign * float(found[f"{name}{end}_pp"]) for end in ("", "_low", "_high"))
    return Measured(value, min(low, high), max(low, high), note)
