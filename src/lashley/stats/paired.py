"""Intervals and p-values of paired outcomes: the same examples before and after."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats as sps

from lashley.errors import DataError

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    """The two ends of an interval, or of an array of intervals."""

    low: Array
    high: Array


def paired_interval(
    total: ArrayLike,
    squares: ArrayLike,
    n: ArrayLike,
    confidence: float = 0.95,
    *,
    bound: float = 1,
) -> Interval:
    """Interval for the mean of paired differences, one difference per example.

    Bonett and Price's adjusted Wald interval: one example with the difference `bound` and one with
    `-bound` are added, so the interval has a width even where no example changed.

    Args:
        total: (...) sum of the differences: lost - gained for a drop.
        squares: (...) sum of their squares: lost + gained for a drop.
        n: (...) number of examples; where it is 0 the interval is everything possible.
        confidence: Between 0 and 1.
        bound: The largest difference possible: 1 for a drop, 2 for the excess of a pair. The added
            examples must reach it, or rare large differences are covered too seldom.

    Returns:
        (...) intervals within +-bound that contain total / n; shares, not percentage points.

    Raises:
        DataError: If no `n` differences within +-bound have such sums, or `confidence` is no share.

    Source: Bonett and Price 2012, J. Educ. Behav. Stat. 37:479.
    """
    total, squares, n = (np.asarray(a, np.float64) for a in (total, squares, n))
    _check_sums(total, squares, n, bound)
    if not 0 < confidence < 1:
        raise DataError(f"confidence: given {confidence:g}; allowed is 0 to 1, as in 0.95.")
    mean = total / (n + 2)
    variance = np.maximum((squares + 2 * bound**2) / (n + 2) - mean**2, 0)
    half = sps.norm.ppf((1 + confidence) / 2) * np.sqrt(variance / (n + 2))
    observed = np.divide(total, n, out=np.zeros_like(mean), where=n > 0)
    low = np.minimum(mean - half, observed)
    high = np.maximum(mean + half, observed)
    return Interval(np.maximum(low, -bound), np.minimum(high, bound))


def sign_p(lost: ArrayLike, gained: ArrayLike) -> Array:
    """McNemar's exact two-sided p-value: are losses and gains equally likely?

    Args:
        lost: (...) number of examples right before and wrong after.
        gained: (...) number of examples wrong before and right after.

    Returns:
        (...) p-values, 1 where nothing changed.
    """
    lost, gained = np.asarray(lost, np.int64), np.asarray(gained, np.int64)
    return np.minimum(1.0, 2 * sps.binom.cdf(np.minimum(lost, gained), lost + gained, 0.5))


def mean_zero_p(total: ArrayLike, squares: ArrayLike, n: ArrayLike, *, bound: float = 2) -> Array:
    """Two-sided p-value of paired differences with mean 0, by the normal approximation.

    The variance is that under the null hypothesis, so for differences in {-1, 0, 1} this is
    McNemar's test without continuity correction; `sign_p` is its exact form.

    Args:
        total: (...) sum of the differences.
        squares: (...) sum of their squares.
        n: (...) number of examples.
        bound: The largest difference possible: 2 for the excess of a pair.

    Returns:
        (...) p-values, 1 where nothing changed.

    Raises:
        DataError: If no `n` differences within +-bound have such sums.
    """
    total, squares, n = (np.asarray(a, np.float64) for a in (total, squares, n))
    _check_sums(total, squares, n, bound)
    return 2 * sps.norm.sf(np.abs(total) / np.sqrt(np.maximum(squares, 1e-300)))


def benjamini_hochberg(p: ArrayLike) -> Array:
    """P-values adjusted for the false discovery rate among all of them.

    Args:
        p: (...) p-values; NaN stays NaN and does not count.

    Source: Benjamini and Hochberg 1995, J. R. Stat. Soc. B 57:289.
    """
    p = np.array(p, np.float64)
    known = ~np.isnan(p)
    if known.any():
        p[known] = sps.false_discovery_control(p[known])
    return p


def _check_sums(total: Array, squares: Array, n: Array, bound: float) -> None:
    room = 1 + 1e-9  # sums of floats may miss the bound by rounding
    possible = (total**2 <= n * squares * room) & (squares <= bound**2 * n * room) & (n >= 0)
    if not np.all(possible):
        at = tuple(np.argwhere(~np.atleast_1d(possible))[0])
        t, s, m = (a[at] for a in np.broadcast_arrays(*np.atleast_1d(total, squares, n)))
        raise DataError(
            f"total, squares, n: given {t:g}, {s:g}, {m:g}, but no {m:g} differences within "
            f"+-{bound:g} have this sum and sum of squares. Check the counts, or give `bound`."
        )
