"""Intervals and p-values of paired outcomes: the same examples before and after."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from lashley.errors import DataError

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    """The two ends of an interval or of an array of intervals."""

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
        DataError: If no `n` differences within +-bound have such sums, or `confidence` is not a
            share.

    Source: Bonett and Price 2012, J. Educ. Behav. Stat. 37:479.
    """
    total, squares, n = (np.asarray(a, np.float64) for a in (total, squares, n))
    _check_sums(total, squares, n, bound)
    check_confidence(confidence)
    mean = total / (n + 2)
    variance = np.maximum((squares + 2 * bound**2) / (n + 2) - mean**2, 0)
    half = scipy.stats.norm.ppf((1 + confidence) / 2) * np.sqrt(variance / (n + 2))
    observed = np.divide(total, n, out=np.zeros_like(mean), where=n > 0)
    low = np.minimum(mean - half, observed)
    high = np.maximum(mean + half, observed)
    return Interval(np.maximum(low, -bound), np.minimum(high, bound))


def mean_interval(
    total: ArrayLike, squares: ArrayLike, n: ArrayLike, confidence: float = 0.95
) -> Interval:
    """Student's t interval for the mean of paired differences of any size, for a fixed sample.

    Exact for normal differences. It does not hold at a stopping time that depends on the data.

    Args:
        total: (...) sum of the differences.
        squares: (...) sum of their squares.
        n: (...) number of examples; below 2 the interval is everything.
        confidence: Between 0 and 1.

    Returns:
        (...) intervals around total / n, in units of the differences.

    Raises:
        DataError: If no `n` differences have such sums, or `confidence` is not a share.
    """
    total, squares, n = np.broadcast_arrays(
        *(np.asarray(a, np.float64) for a in (total, squares, n))
    )
    _check_sums(total, squares, n)
    check_confidence(confidence)
    known = n >= 2
    size = np.where(known, n, 2)
    mean = total / size
    variance = np.maximum(squares - total * mean, 0) / (size - 1)
    half = scipy.stats.t.ppf((1 + confidence) / 2, size - 1) * np.sqrt(variance / size)
    return Interval(np.where(known, mean - half, -np.inf), np.where(known, mean + half, np.inf))


def share_interval(part: ArrayLike, whole: ArrayLike, confidence: float = 0.95) -> Interval:
    """Wilson's interval for a share.

    Args:
        part: (...) counts.
        whole: (...) what they are counted of; where it is 0 the interval is 0 to 1.
        confidence: Between 0 and 1.

    Returns:
        (...) intervals within 0 to 1.

    Raises:
        DataError: If a part exceeds its whole, or `confidence` is not a share.

    Source: Wilson 1927, J. Am. Stat. Assoc. 22:209.
    """
    part, whole = np.broadcast_arrays(np.asarray(part, np.float64), np.asarray(whole, np.float64))
    check_confidence(confidence)
    if not np.all((part >= 0) & (part <= whole)):
        raise DataError(
            f"part, whole: given {part.ravel()[:3]} of {whole.ravel()[:3]}; allowed are counts "
            "from 0 to the whole. Check the counts."
        )
    z = scipy.stats.norm.ppf((1 + confidence) / 2)
    n = np.maximum(whole, 1)
    middle = (part + z**2 / 2) / (n + z**2)
    half = z / (n + z**2) * np.sqrt(part * (n - part) / n + z**2 / 4)
    low = np.where(part > 0, np.maximum(middle - half, 0), 0.0)  # not a rounding error above it
    high = np.where(part < whole, np.minimum(middle + half, 1), 1.0)
    return Interval(low, high)


def sign_p(lost: ArrayLike, gained: ArrayLike) -> Array:
    """McNemar's exact two-sided p-value: are losses and gains equally likely?

    Args:
        lost: (...) number of examples right before and wrong after.
        gained: (...) number of examples wrong before and right after.

    Returns:
        (...) p-values, 1 where nothing changed.
    """
    lost, gained = np.asarray(lost, np.int64), np.asarray(gained, np.int64)
    return np.minimum(1.0, 2 * scipy.stats.binom.cdf(np.minimum(lost, gained), lost + gained, 0.5))


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
    return 2 * scipy.stats.norm.sf(np.abs(total) / np.sqrt(np.maximum(squares, 1e-300)))


def benjamini_hochberg(p: ArrayLike) -> Array:
    """P-values adjusted for the false discovery rate among all of them.

    Args:
        p: (...) p-values; NaN stays NaN and does not count.

    Source: Benjamini and Hochberg 1995, J. R. Stat. Soc. B 57:289.
    """
    p = np.array(p, np.float64)
    known = ~np.isnan(p)
    if known.any():
        p[known] = scipy.stats.false_discovery_control(p[known])
    return p


def check_confidence(confidence: float) -> None:
    """Refuse what is not a share, such as a number in percent."""
    if not 0 < confidence < 1:
        raise DataError(f"confidence: given {confidence:g}; allowed is 0 to 1, as in 0.95.")


def _check_sums(total: Array, squares: Array, n: Array, bound: float | None = None) -> None:
    """Refuse sums that no differences have; without a bound those may be of any finite size."""
    total, squares, n = np.broadcast_arrays(*np.atleast_1d(total, squares, n))
    room = 1 + 1e-9  # sums of floats may miss the bound by rounding
    small = np.isfinite(squares) if bound is None else squares <= bound**2 * n * room
    possible = small & np.isfinite(total) & (total**2 <= n * squares * room) & (n >= 0)
    if not possible.all():
        t, s, m = (a[tuple(np.argwhere(~possible)[0])] for a in (total, squares, n))
        what, way = ("finite differences", "Check the sums.") if bound is None else (
            f"differences within +-{bound:g}", "Check the counts, or give `bound`.")  # fmt: skip
        raise DataError(
            f"total, squares, n: given {t:g}, {s:g}, {m:g}, but no {m:g} {what} have this sum and "
            f"sum of squares. {way}"
        )
