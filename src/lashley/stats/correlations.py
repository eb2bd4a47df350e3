"""Coefficients of correlation with bootstrap intervals, and their density."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from lashley.errors import DataError

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Correlation:
    """How two quantities correlate over units, with bootstrap intervals.

    Attributes:
        pearson: Pearson's coefficient; its interval is `pearson_low` to `pearson_high`, and
            `pearson_p` is two-sided.
        spearman: Spearman's coefficient, with the same three.
        n: Number of units.

    All are NaN, `n` aside, where one of the quantities is constant. The p-values treat units as
    independent, even where the intervals do not (`groups`).
    """

    pearson: float
    pearson_low: float
    pearson_high: float
    pearson_p: float
    spearman: float
    spearman_low: float
    spearman_high: float
    spearman_p: float
    n: int


def correlation(
    x: ArrayLike,
    y: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    resamples: int = 2000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Correlation:
    """Pearson's and Spearman's coefficient with percentile bootstrap intervals.

    Args:
        x: (unit,) one quantity, for example a score.
        y: (unit,) the other, for example the drop.
        groups: (unit,) the network of each unit. Units of one network depend on each other, so
            whole networks are drawn; None draws single units.
        resamples: How many; those in which a quantity is constant are left out.
        confidence: Between 0 and 1.
        seed: Of the resampling.

    Raises:
        DataError: If the arrays differ in length or hold NaN, there are fewer than 3 units or
            fewer than 2 groups, or no resamples are asked for.
    """
    x, y = _paired_values(x, y)
    if resamples < 1 or not 0 < confidence < 1:
        raise DataError(
            f"resamples, confidence: given {resamples} and {confidence:g}; allowed are at least 1 "
            "and a share between 0 and 1. The defaults are 2000 and 0.95."
        )
    clusters = _clusters(groups, len(x))
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return Correlation(*[np.nan] * 8, n=len(x))
    counts = _drawn(clusters, resamples, seed)
    ends = [50 * (1 - confidence), 50 * (1 + confidence)]
    low, high = np.nanpercentile(_coefficients(x, y, counts), ends, axis=1)
    pearson, pearson_p = scipy.stats.pearsonr(x, y)
    spearman, spearman_p = scipy.stats.spearmanr(x, y)
    numbers = [pearson, low[0], high[0], pearson_p, spearman, low[1], high[1], spearman_p]
    return Correlation(*np.array(numbers).tolist(), n=len(x))


def density(values: ArrayLike, grid: ArrayLike) -> Array:
    """Gaussian kernel density; Scott's bandwidth, but at least one step of the grid.

    So equal values, or a single one, for which Scott's bandwidth is 0, are drawn as a spike.

    Args:
        values: (value,) what is distributed.
        grid: (point,) where the density is wanted, in increasing order.

    Returns:
        (point,) the density, which integrates to 1 over the real line.

    Raises:
        DataError: If there are no values, some are not finite, or the grid has fewer than 2 points.
    """
    values, grid = np.asarray(values, np.float64), np.asarray(grid, np.float64)
    if values.ndim != 1 or not len(values) or not np.isfinite(values).all():
        raise DataError(
            f"values: given an array of shape {values.shape}; allowed are one or more finite "
            "numbers in a row. Leave out NaN, and say how many there were."
        )
    if grid.ndim != 1 or len(grid) < 2 or not (np.diff(grid) > 0).all():
        raise DataError("grid: allowed are two or more increasing points. Use np.linspace.")
    scott = values.std(ddof=1) * len(values) ** -0.2 if len(values) > 1 else 0
    bandwidth = max(scott, np.diff(grid).mean())
    return scipy.stats.norm.pdf(grid[:, None], values, bandwidth).mean(axis=1)


def _coefficients(x: Array, y: Array, counts: NDArray[np.int64]) -> Array:
    """Pearson (row 0) and Spearman (row 1) of each resample, NaN where it is constant.

    A resample is given by how often it holds each unit, (resample, unit): none needs sorting.
    """
    found = []
    for part in np.array_split(counts, max(1, counts.size // 1_000_000)):
        (x_ranks, x_varies), (y_ranks, y_varies) = _ranks(x, part), _ranks(y, part)
        pair = _weighted_pearson(x, y, part), _weighted_pearson(x_ranks, y_ranks, part)
        found.append(np.where(x_varies & y_varies, pair, np.nan))
    return np.concatenate(found, axis=1)


def _weighted_pearson(x: Array, y: Array, counts: NDArray[np.int64]) -> Array:
    """Pearson of each resample; x and y (unit,) or (resample, unit)."""
    total = counts.sum(axis=1, keepdims=True)
    x = x - (counts * x).sum(axis=1, keepdims=True) / total
    y = y - (counts * y).sum(axis=1, keepdims=True) / total
    xx, yy, xy = ((counts * a * b).sum(axis=1) for a, b in ((x, x), (y, y), (x, y)))
    with np.errstate(invalid="ignore", divide="ignore"):
        return xy / np.sqrt(xx * yy)


def _ranks(values: Array, counts: NDArray[np.int64]) -> tuple[Array, NDArray[np.bool_]]:
    """Mean rank of each unit's value in each resample, and whether the resample varies."""
    distinct, which = np.unique(values, return_inverse=True)
    order = np.argsort(which, kind="stable")
    starts = np.searchsorted(which[order], np.arange(len(distinct)))
    per_value = np.add.reduceat(counts[:, order], starts, axis=1)
    mean_rank = np.cumsum(per_value, axis=1) - (per_value - 1) / 2
    return mean_rank[:, which], (per_value > 0).sum(axis=1) > 1


def _drawn(clusters: NDArray[np.int64], resamples: int, seed: int) -> NDArray[np.int64]:
    """(resample, unit) how often each unit is drawn, whole clusters at a time."""
    n = int(clusters.max()) + 1
    drawn = np.random.default_rng(seed).integers(n, size=(resamples, n))
    drawn += n * np.arange(resamples)[:, None]
    return np.bincount(drawn.ravel(), minlength=resamples * n).reshape(resamples, n)[:, clusters]


def _clusters(groups: ArrayLike | None, n: int) -> NDArray[np.int64]:
    if groups is None:
        return np.arange(n)
    groups = np.asarray(groups)
    clusters = np.unique(groups, return_inverse=True)[1]
    if groups.shape != (n,) or clusters.max() < 1:
        raise DataError(
            f"groups: given shape {groups.shape} with {len(np.unique(groups))} different groups; "
            f"allowed is one group for each of the {n} units, at least 2 different ones. With a "
            "single network leave `groups` out: single units are then drawn."
        )
    return clusters


def _paired_values(x: ArrayLike, y: ArrayLike) -> tuple[Array, Array]:
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    if x.ndim != 1 or x.shape != y.shape or len(x) < 3:
        raise DataError(
            f"x, y: given shapes {x.shape} and {y.shape}; allowed are two rows of equal length, at "
            "least 3. Flatten them, unit by unit in the same order."
        )
    bad = ~(np.isfinite(x) & np.isfinite(y))
    if bad.any():
        raise DataError(
            f"x, y: {bad.sum()} of {len(x)} pairs hold NaN or infinity, the first is number "
            f"{bad.argmax()}. Leave those units out, and say how many they were."
        )
    return x, y
