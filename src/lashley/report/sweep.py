"""Outcomes by example, as the explorer takes them."""

from __future__ import annotations

import numpy as np
import xarray as xr


def sweep_arrays(name: str, outcomes: xr.Dataset) -> dict[str, np.ndarray]:
    """The predictions of an evaluation.

    They lie in the page as differences (exclusive or) from the intact network's: nearly all are 0,
    which compresses well.

    Args:
        name: Of the evaluation.
        outcomes: `prediction` (ablation, example) and `intact_prediction` (example).

    Returns:
        Arrays by the explorer's names for them.
    """
    intact = outcomes["intact_prediction"].values
    return {f"intact-{name}": intact, f"predictions-{name}": outcomes["prediction"].values ^ intact}
