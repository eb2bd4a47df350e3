"""How far the weights of units have changed: location and distribution."""

from __future__ import annotations

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from lashley.errors import DataError

Array = NDArray[np.float64]


def mann_whitney_p(before: ArrayLike, after: ArrayLike) -> Array:
    """Two-sided Mann-Whitney p-value of each unit's weights: did their location change?

    As SciPy's default computes it today: exact for up to 8 weights without ties, else by the normal
    approximation with continuity correction. SciPy before 1.7 returned half of it.

    Args:
        before: (unit, weight) initial weights.
        after: (unit, weight) trained weights.

    Returns:
        (unit,) p-values.

    Raises:
        DataError: If the shapes differ, or a weight is not finite.

    Source: Meyes et al. 2019, section 4.1.
    """
    before, after = _weight_rows(before, after)
    return scipy.stats.mannwhitneyu(before, after, axis=1, alternative="two-sided").pvalue


def ks_distance(before: ArrayLike, after: ArrayLike) -> Array:
    """Kolmogorov-Smirnov distance between each unit's weights before and after.

    Args:
        before: (unit, weight) initial weights.
        after: (unit, weight) trained weights.

    Returns:
        (unit,) the largest gap between the two distribution functions, 0 to 1.

    Raises:
        DataError: If the shapes differ, or a weight is not finite.
    """
    before, after = _weight_rows(before, after)
    both = np.concatenate([before, after], axis=1)
    order = np.argsort(both, axis=1)
    ordered = np.take_along_axis(both, order, axis=1)
    gap = np.cumsum(np.where(order < before.shape[1], 1, -1), axis=1)
    tied = ordered[:, :-1] == ordered[:, 1:]  # between equal weights neither function has stepped
    gap[:, :-1][tied] = 0
    return np.abs(gap).max(axis=1) / before.shape[1]


def _weight_rows(before: ArrayLike, after: ArrayLike) -> tuple[Array, Array]:
    before, after = np.asarray(before, np.float64), np.asarray(after, np.float64)
    if before.ndim != 2 or before.shape != after.shape or not before.size:
        raise DataError(
            f"before, after: given shapes {before.shape} and {after.shape}; allowed are two equal "
            "shapes (unit, weight). Flatten each unit's weights with weight.flatten(1)."
        )
    if not (np.isfinite(before).all() and np.isfinite(after).all()):
        raise DataError(
            "before, after: some weights are NaN or infinite. The training diverged: use an "
            "earlier checkpoint."
        )
    return before, after
