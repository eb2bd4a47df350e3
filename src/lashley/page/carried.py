"""Which ablations a page carries outcomes by example of."""

from __future__ import annotations

import numpy as np
import pandas as pd


def carried(cost: pd.Series, kinds: pd.DataFrame, most: int) -> np.ndarray:
    """All ablations, or of each kind as many as fit.

    These are spread evenly from the costliest ablation of a kind to the one that costs least; one
    of each kind is there in any case.

    Args:
        cost: (ablation,) what each costs.
        kinds: (ablation,) columns that say of which kind each is.
        most: How many fit.

    Returns:
        (ablation,) truth values.
    """
    if len(cost) <= most:
        return np.ones(len(cost), bool)
    groups = cost.groupby([kinds[name] for name in kinds], sort=False, dropna=False)
    place = groups.rank(method="first", ascending=False) - 1
    size = groups.transform("size")
    quota = max(1, most // groups.ngroups)
    step = np.maximum(size / quota, 1)
    return ((place % step) < 1).to_numpy() & ((place // step) < quota).to_numpy()
