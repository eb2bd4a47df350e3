"""Chance: whether predictions agree with labels more than they would by accident."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy
from jaxtyping import Integer


@dataclass(frozen=True)
class Agreement:
    """How often predictions are right.

    Attributes:
        right: How many are.
        n: Out of how many.
        by_chance: The share that would be right if predictions and labels had nothing to do with
            each other: each class by its share of the labels times its share of the predictions.
        p: The chance of this many or more, one-sided.
        can_tell: Whether there are enough examples: whether perfect predictions would have a `p` of
            0.05 or less.
    """

    right: int
    n: int
    by_chance: float
    p: float
    can_tell: bool


def agreement(
    prediction: Integer[np.ndarray, " example"], label: Integer[np.ndarray, " example"],
    n_classes: int,
) -> Agreement:  # fmt: skip
    """Predictions against labels, by an exact binomial test.

    Chance is what these predictions would score on shuffled labels (Cohen's kappa is 0 there), not
    the share of the largest class: if one class is 95 %, a network that finds the others at the
    price of some mistakes is below that share, and yet better than chance. If all labels are of one
    class, shuffling says nothing, and all outputs count as equally likely.

    Args:
        prediction: The classes that were predicted.
        label: The true ones.
        n_classes: How many there are.

    Source: chance agreement: Cohen 1960, Educ. Psychol. Meas. 20:37.
    """
    n, right = len(label), int((prediction == label).sum())
    size = max(int(max(prediction.max(), label.max())) + 1, n_classes, 2)
    labels, predictions = (np.bincount(of, minlength=size) / n for of in (label, prediction))
    by_chance, best = float(labels @ predictions), float(labels @ labels)
    if best == 1:
        by_chance = best = 1 / size
    p = float(scipy.stats.binom.sf(right - 1, n, by_chance))
    return Agreement(right, n, by_chance, p, best**n <= 0.05)
