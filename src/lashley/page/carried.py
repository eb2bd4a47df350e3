"""Which ablations a page carries outcomes by example of."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike


def carried(cost: ArrayLike, kinds: Any, most: int) -> np.ndarray:
    """All ablations, or of each kind as many as fit.

    These are spread evenly from the costliest ablation of a kind to the one that costs least; one
    of each kind is there in any case.

    Args:
        cost: (ablation,) what each costs.
        kinds: A table with a row per ablation, whose columns say of which kind it is.
        most: How many fit.

    Returns:
        (ablation,) truth values.
    """
    costs = pd.Series(np.asarray(cost, np.float64))
    if len(costs) <= most:
        return np.ones(len(costs), bool)
    own = [kinds[name].to_numpy() for name in kinds]
    groups = costs.groupby(own, sort=False, dropna=False)
    place = groups.rank(method="first", ascending=False).to_numpy() - 1
    size = groups.transform("size").to_numpy()
    quota = max(1, most // groups.ngroups)
    step = np.maximum(size / quota, 1)
    return ((place % step) < 1) & ((place // step) < quota)
