"""Labels as the indices of classes: their form, their range, their names."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from lashley.data.targets import Targets
from lashley.errors import DataError

MOST = 1 << 20  # classes; larger whole numbers are something else
_READOUT = "readout=, a function of outputs and labels"
_PREDICTED = "readout='squared_error'"


def are_indices(labels: Any) -> bool:
    """Whether labels have the form of indices: one whole number or truth value per example."""
    if not isinstance(labels, Tensor) or labels.ndim != 1:
        return False
    return not (labels.is_floating_point() or labels.is_complex())


def may_be_classes(labels: Any) -> bool:
    """Whether labels that nobody has named can be the indices of classes."""
    if not are_indices(labels) or not len(labels):
        return False
    return int(labels.min()) >= 0 and int(labels.max()) < MOST


def names_for(labels: Tensor) -> tuple[str, ...]:
    """Names of the classes up to the largest label: their indices."""
    return tuple(map(str, range(int(labels.max()) + 1)))


def check_form(labels: Any) -> None:
    """Refuse labels that do not have the form of indices.

    Raises:
        DataError: Saying what these labels need.
    """
    if not are_indices(labels):
        parts = isinstance(labels, Targets)
        given = "several tensors" if parts else f"{labels.dtype} of shape {tuple(labels.shape)}"
        raise DataError(
            f"labels: given {given}; allowed for a classification is one whole number per example, "
            f"the index of its class. {_way_out(labels)}"
        )


def check_range(labels: Tensor, n_classes: int) -> None:
    """Refuse indices of classes that do not exist.

    Raises:
        DataError: Saying which labels there are.
    """
    low, high = int(labels.min()), int(labels.max())
    if low >= 0 and high < n_classes:
        return
    way_out = "Name every class, in the order of the network's outputs."
    if low < 0:
        way_out = "Leave out the examples without a class."
    elif (low, high) == (1, n_classes):
        way_out = "If they count from 1, give labels - 1; else name every class."
    raise DataError(
        f"labels: given values from {low} to {high}; with {n_classes} class names, 0 to "
        f"{n_classes - 1} are allowed. {way_out}"
    )


def check_unnamed(labels: Tensor) -> None:
    """Refuse whole numbers that are not indices of classes, where classes are needed.

    Raises:
        DataError: Saying which labels there are.
    """
    if not may_be_classes(labels):
        raise DataError(
            f"labels: given values from {int(labels.min())} to {int(labels.max())}; allowed for a "
            f"classification are indices of classes, from 0 to {MOST - 1}. Leave out the examples "
            f"without a class; other numbers go with {_READOUT}."
        )


def _way_out(labels: Any) -> str:
    """The way out for these very labels."""
    if isinstance(labels, Targets):
        return f"Give the tensor that holds the classes alone, or {_READOUT}."
    if not labels.ndim:
        return "Give as many as there are inputs."
    real = labels.is_floating_point()
    whole = bool((labels == labels.round()).all()) if real else not labels.is_complex()
    cast = ".long()" if real else ""
    if labels.ndim == 1 and whole:
        return f"If they are indices, give labels.long(); numbers to predict go with {_PREDICTED}."
    if labels.ndim == 2 and labels.shape[1] == 1 and whole:
        return f"If they are indices in a column, give labels[:, 0]{cast}; else {_READOUT}."
    if labels.ndim == 2 and _is_one_hot(labels):
        return "They are one-hot: give labels.argmax(1)."
    return (
        f"Numbers to predict go with {_PREDICTED}, next tokens with readout='loss'; several "
        f"classes per example (multi-label) and the like go with {_READOUT}."
    )


def _is_one_hot(labels: Tensor) -> bool:
    """Whether each row has a single 1 among zeros."""
    ones = labels == 1
    return labels.shape[1] > 1 and bool(((ones | (labels == 0)).all(1) & (ones.sum(1) == 1)).all())
