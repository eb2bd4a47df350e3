"""Notes: what outcomes show that a user should know before believing them."""

from __future__ import annotations

import warnings

import numpy as np
import xarray as xr

from lashley import outcomes as schema
from lashley import stats

_NAMED = 5  # classes that are named in a note
_LEVEL = 0.05


def noted(outcomes: xr.Dataset, stacklevel: int) -> xr.Dataset:
    """The outcomes, once the user was warned of what is odd about them."""
    for note in (_empty_classes(outcomes), _at_chance(outcomes)):
        if note:
            warnings.warn(note, stacklevel=stacklevel + 1)
    return outcomes


def n_empty(labels: np.ndarray, n_classes: int) -> int:
    """How many classes have no example."""
    return n_classes - len(np.unique(labels))


def _empty_classes(outcomes: xr.Dataset) -> str:
    """Where classes have no examples."""
    if "class" not in outcomes.sizes:
        return ""
    names = outcomes["class"].values
    empty = np.setdiff1d(np.arange(len(names)), outcomes["label"].values)
    if not len(empty):
        return ""
    some = ", ".join(map(str, names[empty[:_NAMED]])) + ", ..." * (len(empty) > _NAMED)
    return (
        f"examples: {len(empty)} of {len(names)} classes have no example ({some}), so their "
        "effects are NaN."
    )


def _at_chance(outcomes: xr.Dataset) -> str:
    """Where the intact network does not know the classes."""
    if not schema.is_classification(outcomes):
        return ""
    prediction = outcomes["intact_prediction"].values
    seen = ~schema.is_missing(prediction)
    if not seen.any():
        return ""
    found = stats.agreement(
        prediction[seen], outcomes["label"].values[seen], outcomes.sizes["class"]
    )
    if found.p <= _LEVEL or not found.can_tell:
        return ""
    return (
        f"examples: the intact network is right on {found.right} of {found.n} "
        f"({found.right / found.n:.1%}), no better than by chance ({found.by_chance:.1%}), so what "
        "an ablation costs says little. Mislabelled, not normalised as in training, or classes in "
        "another order than the outputs?"
    )
