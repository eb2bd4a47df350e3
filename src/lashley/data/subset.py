"""Random subsets that keep the share of each class."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Int

from lashley.data.classes import may_be_classes
from lashley.data.examples import Examples, as_examples, require_classes
from lashley.data.inputs import take
from lashley.errors import DataError


def subset(examples: Examples, n: int, seed: int = 0) -> Examples:
    """A random subset of examples that keeps the share of each class, as a copy.

    From a class with a share s of the examples it takes n s, rounded up or down at random. All
    examples are equally likely. If `n` is below the number of classes, some are missing.

    Args:
        examples: With classes as labels.
        n: How many.
        seed: Of the choice.

    Returns:
        `n` examples in their original order; the class names are the same.

    Raises:
        DataError: If `n` is below 1 or above the number of examples, or the labels are not classes.
    """
    examples = require_classes(as_examples(examples))
    chosen = stratified(examples.labels.cpu().numpy(), n, seed)
    return Examples(take(examples.inputs, chosen), examples.labels[chosen], examples.class_names)


def drawn(examples: Examples, n: Any, seed: Any, name: str = "n") -> Int[np.ndarray, " chosen"]:
    """The indices of a random subset, ascending; it keeps each class's share if there are classes.

    Args:
        examples: With labels of any form.
        n: How many.
        seed: Of the choice.
        name: What the caller calls `n`.

    Raises:
        DataError: If `n` is below 1 or above the number of examples, or the seed is not allowed.
    """
    labels = examples.labels
    of_classes = may_be_classes(labels)
    strata = labels.cpu().numpy() if of_classes else np.zeros(len(examples), np.int64)
    return stratified(strata, n, seed, name)


def stratified(
    labels: Int[np.ndarray, " example"], n: Any, seed: Any, name: str = "n"
) -> Int[np.ndarray, " chosen"]:
    """The indices that `subset` takes, ascending.

    The examples are laid in a row, class by class and at random within each. They are taken at
    equal steps, from a random start.

    Args:
        labels: Of all examples.
        n: How many.
        seed: Of the choice.
        name: What the caller calls `n`.

    Raises:
        DataError: If `n` is below 1 or above the number of examples, or the seed is not allowed.
    """
    check_whole(name, n, "Leave it out to take all.", 1, len(labels))
    check_whole("seed", seed, "Any will do, such as 0.", 0)
    draw = np.random.default_rng(seed)
    row = draw.permutation(len(labels))
    row = row[np.argsort(labels[row], kind="stable")]
    start = draw.integers(len(labels))
    return np.sort(row[(np.arange(n, dtype=np.int64) * len(labels) + start) // n])


def check_whole(name: str, given: Any, way_out: str, least: int, most: int | None = None) -> None:
    """Refuse what is not a whole number from `least` to `most`.

    Raises:
        DataError: Naming the argument.
    """
    whole = isinstance(given, int | np.integer) and not isinstance(given, bool)
    if not whole or given < least or (most is not None and given > most):
        limits = f"of at least {least}" if most is None else f"from {least:,} to {most:,}"
        raise DataError(f"{name}: given {given!r}; allowed is a whole number {limits}. {way_out}")
