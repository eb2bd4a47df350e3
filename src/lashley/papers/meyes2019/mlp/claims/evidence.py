"""The data that the claims are checked against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
import xarray as xr

from lashley.papers.meyes2019.figures.mlp import Results
from lashley.papers.meyes2019.mlp.evaluations import MlpEvaluation
from lashley.studies.claim import Measured


@dataclass(frozen=True)
class MlpEvidence:
    """The data that claims are checked against.

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
    chosen: MlpEvaluation
    confirming: MlpEvaluation
    population_effects: Sequence[xr.Dataset]
    correlations: pd.DataFrame
    selectivity: pd.DataFrame
    paper_data: bool


def read(found: xr.Dataset, name: str, note: str = "", *, sign: int = 1) -> Measured:
    """A quantity of one ablation with its interval; `sign` -1 makes a drop a gain.

    Args:
        found: Effects or interactions of one ablation, of one class if it has classes.
        name: Such as "overall_drop", "drop" or "excess".
        note: Goes into the result.
        sign: 1 or -1.
    """
    value, low, high = (sign * float(found[f"{name}{end}_pp"]) for end in ("", "_low", "_high"))
    return Measured(value, min(low, high), max(low, high), note)
