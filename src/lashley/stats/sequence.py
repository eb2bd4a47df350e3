"""Stopping early: a balanced random order, and intervals that hold at any stopping time.

A gambler bets on the next difference d in {-1, 0, 1}. If its mean is m, the bets are fair and the
capital rarely grows: with probability 1 - a it never reaches 1 / a (Ville), however long it is
watched. So the means under which the capital has stayed small are an interval valid at any stopping
time.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Int
from numpy.typing import ArrayLike, NDArray

from lashley.errors import DataError
from lashley.stats.paired import Interval, check_confidence

Array = NDArray[np.float64]

# The share of the capital that is staked, spread over all scales, since the right one depends
# on how many examples change: most of the weight where few do, as few examples are needed there.
_STAKES = 0.95 * 1.6 ** -np.arange(16.0)
_WEIGHTS = 1 / (np.arange(16.0) + 2)
_WEIGHTS /= _WEIGHTS.sum()
_STEPS = 100  # of Newton's method, which needs about 6
_LOWEST = -600.0  # log(1 + mean): a mean of -1 to all digits, short of overflow


def stratified_order(labels: Int[np.ndarray, " example"], seed: int) -> Int[np.ndarray, " example"]:
    """A random order in which every prefix keeps the share of each class.

    In every prefix, no class is a whole example off one common share of its examples. Which class
    comes a little early is drawn anew each time, so no class is favoured.

    Args:
        labels: (example,) classes.
        seed: Of the order within and between the classes.

    Returns:
        (example,) indices: a permutation.

    Raises:
        DataError: If `labels` is not one row of whole numbers.
    """
    labels = np.asarray(labels)
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise DataError(
            f"labels: given {labels.dtype} of shape {labels.shape}; allowed is one whole number "
            "per example. Give the classes as an integer array."
        )
    rng = np.random.default_rng(seed)
    drawn = rng.permutation(len(labels))
    drawn = drawn[np.argsort(labels[drawn], kind="stable")]
    _, first, size = np.unique(labels[drawn], return_index=True, return_counts=True)
    place = np.arange(len(labels)) - np.repeat(first, size)
    return drawn[np.argsort((place + rng.random(len(labels))) / np.repeat(size, size))]


def confidence_sequence(
    lost: ArrayLike, gained: ArrayLike, seen: ArrayLike, confidence: float = 0.95
) -> Interval:
    """Interval for a drop that may be looked at, and used to stop, after any number of examples.

    With probability `confidence` or more, all intervals of one growing sample hold the true drop at
    once, whatever the sample's size. They are 1.6 to 2 times as wide as `paired_interval`. The
    truth is that of the population the examples were drawn from, as in `paired_interval`.

    In a stratified order it is wider than needed: over a block that keeps each class's share, the
    expected capital is a product of class means, which are 1 on average, so it is at most 1. Inside
    a block, and where class sizes do not divide, a class may be an example early or late. That is
    random and never adds up, so it weighs no more than a few single bets.

    Args:
        lost: (...) number of examples right before and wrong after.
        gained: (...) number of examples wrong before and right after.
        seen: (...) number of examples; where it is 0 the interval is everything possible.
        confidence: Between 0 and 1.

    Returns:
        (...) intervals within +-1 that contain (lost - gained) / seen; shares, not percentage
        points.

    Raises:
        DataError: If there are no such counts, or `confidence` is not a share.

    Source: Waudby-Smith and Ramdas 2024, J. R. Stat. Soc. B 86:1 (hedged capital, mixture of bets).
    """
    lost, gained, seen = np.broadcast_arrays(
        *(np.asarray(a, np.float64) for a in (lost, gained, seen))
    )
    _check_counts(lost, gained, seen)
    check_confidence(confidence)
    same = seen - lost - gained
    goal = np.log(2 / (1 - confidence))  # half of the error on each side
    return Interval(_low(lost, same, gained, goal), -_low(gained, same, lost, goal))


def precise_enough(interval: Interval, half_width: float) -> NDArray[np.bool_]:
    """Where an interval is no wider than +-`half_width` (both shares, not percentage points)."""
    return interval.high - interval.low <= 2 * half_width


def _low(lost: Array, same: Array, gained: Array, goal: float) -> Array:
    """(...) the mean at which the log capital of bets on losses is `goal`; below it is higher."""
    low = np.full(lost.shape, -1.0)
    known = lost + same > 0  # else no bet on losses was ever won
    if known.any():
        low[known] = _root(lost[known], same[known], gained[known], goal)
    return low


def _root(lost: Array, same: Array, gained: Array, goal: float) -> Array:
    """(ablation,) the low end, by Newton's method in log(1 + mean).

    There the log capital is convex and falls, so each step after the first comes nearer from below:
    the interval is never too narrow.
    """
    n = lost + same + gained
    mean = (lost - gained) / n
    guess = mean - 3 * np.sqrt(lost + gained + 4) / n  # about where it will be
    at = np.log1p(np.maximum(guess, (mean - 1) / 2))
    for _ in range(_STEPS):
        value, slope = _log_capital(at, lost, same, gained)
        before, at = at, np.maximum(at + (goal - value) / slope, _LOWEST)
        if np.all(np.abs(at - before) < 1e-10):
            break
    return np.expm1(at)


def _log_capital(at: Array, lost: Array, same: Array, gained: Array) -> tuple[Array, Array]:
    """(ablation,) log capital under the mean m, at = log(1 + m), and its slope.

    A stake s multiplies the capital by 1 - s + s (1 + d) / (1 + m) at each example: 1 on average.
    """
    odds = np.exp(-at)[:, None]
    if_lost, if_same = (1 + _STAKES * (d * odds - 1) for d in (2, 1))
    logs = (
        np.log(_WEIGHTS)
        + lost[:, None] * np.log(if_lost)
        + same[:, None] * np.log(if_same)
        + gained[:, None] * np.log1p(-_STAKES)
    )
    highest = logs.max(1, keepdims=True)
    part = np.exp(logs - highest)
    slopes = _STAKES * odds * (2 * lost[:, None] / if_lost + same[:, None] / if_same)
    capital = part.sum(1)
    return highest[:, 0] + np.log(capital), -(part * slopes).sum(1) / capital


def _check_counts(lost: Array, gained: Array, seen: Array) -> None:
    possible = (lost >= 0) & (gained >= 0) & (lost + gained <= seen) & np.isfinite(seen)
    if not possible.all():
        at = tuple(np.argwhere(~possible)[0])
        raise DataError(
            f"lost, gained, seen: given {lost[at]:g}, {gained[at]:g}, {seen[at]:g}; allowed are "
            "counts of at least 0, with lost + gained at most seen. Check the counts."
        )
