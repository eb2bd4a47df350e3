"""A map of the examples in two dimensions (t-SNE), and how far it can be trusted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import nan

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lashley.errors import DataError

Array = NDArray[np.float64]

_NEIGHBOURS = 10
_EXACT_UP_TO = 20_000  # examples; beyond, exact neighbours take longer than the map itself
_REPORT_EVERY = 25  # iterations; each report computes the divergence anew
_BLOCK = 500  # rows of the distance matrix held at a time


@dataclass(frozen=True, eq=False)
class Embedding:
    """A map of the examples, with its quality.

    Attributes:
        points: (example, 2) float64, each axis scaled from 0 to 1.
        perplexity: That of the map; lower than asked for if there were few examples.
        kl_divergence: What t-SNE minimises; NaN, as `perplexity`, for a map made elsewhere.
        knn_preservation: Mean share of an example's nearest neighbours in the input space that are
            among its nearest in the map, 0 to 1.
        trustworthiness: 1 where no neighbour in the map is far away in the input space.
        neighbours: How many nearest neighbours the last two look at.
    """

    points: Array
    perplexity: float
    kl_divergence: float
    knn_preservation: float
    trustworthiness: float
    neighbours: int

    def numbers(self) -> dict[str, float]:
        """The numbers that say how faithful the map is."""
        names = ("kl_divergence", "knn_preservation", "trustworthiness", "neighbours", "perplexity")
        return {name: getattr(self, name) for name in names}


def embed(
    inputs: ArrayLike,
    *,
    components: int = 30,
    perplexity: float = 40,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Embedding:
    """A t-SNE map of the inputs, after a reduction to their principal components.

    The same inputs and seed give the same points, to the bit on one machine.

    Args:
        inputs: (example, feature); the authors give pixels from 0 to 255.
        components: At most how many principal components the inputs are reduced to.
        perplexity: About how many neighbours each example has; at most a third of the examples.
        seed: Of the reduction and the neighbours.
        progress: Called with (iterations done, iterations in all).

    Raises:
        DataError: If the inputs are not a matrix of finite numbers, are too few or all the same, or
            the components or the perplexity are too low.

    Source: Meyes et al. 2019, section 3.1; van der Maaten and Hinton 2008, JMLR 9:2579.
    """
    from openTSNE import TSNE  # slow to import, as scikit-learn is

    inputs = _matrix(inputs, "inputs")
    _check_enough(len(inputs), _NEIGHBOURS)
    _check_mappable(inputs, components, perplexity)
    perplexity = min(perplexity, (len(inputs) - 1) / 3)
    tsne = TSNE(
        perplexity=perplexity,  # pyright: ignore[reportArgumentType] (any number is)
        neighbors="exact" if len(inputs) <= _EXACT_UP_TO else "annoy",
        n_jobs=1,  # more gain a tenth, and busy-wait where other work runs too
        random_state=seed,
    )
    if progress is not None:
        tsne.callbacks = _reporter(progress, tsne.early_exaggeration_iter + tsne.n_iter)
        tsne.callbacks_every_iters = _REPORT_EVERY
    made = tsne.fit(_reduced(inputs, components, seed))
    points = _scaled(np.asarray(made))
    found = quality(inputs, points)
    return replace(found, perplexity=perplexity, kl_divergence=float(made.kl_divergence))


def quality(inputs: ArrayLike, points: ArrayLike, neighbours: int = _NEIGHBOURS) -> Embedding:
    """A map made elsewhere, with its quality as far as it follows from the points.

    Args:
        inputs: (example, feature) what was mapped.
        points: (example, 2) where it lies; taken as they are, not scaled.
        neighbours: How many nearest neighbours are looked at.

    Raises:
        DataError: If inputs or points are not a matrix of finite numbers, differ in number, or are
            too few.

    Source: Venna and Kaski 2001, ICANN (trustworthiness).
    """
    inputs, points = _matrix(inputs, "inputs"), _matrix(points, "points")
    if points.shape != (len(inputs), 2):
        raise DataError(
            f"points: given shape {points.shape} for {len(inputs)} examples; allowed is "
            f"({len(inputs)}, 2). Give one point for each example, in the same order."
        )
    _check_enough(len(inputs), neighbours)
    ranks = _input_ranks(inputs, points, neighbours)
    n, k = len(inputs), neighbours
    too_far = np.maximum(ranks - k, 0).sum()
    return Embedding(
        points=points,
        perplexity=nan,
        kl_divergence=nan,
        knn_preservation=float((ranks <= k).mean()),
        trustworthiness=float(1 - 2 * too_far / (n * k * (2 * n - 3 * k - 1))),
        neighbours=k,
    )


def _input_ranks(inputs: Array, points: Array, neighbours: int) -> NDArray[np.int64]:
    """(example, neighbour) place in the input space, from 1, of the map's nearest neighbours."""
    from sklearn.neighbors import NearestNeighbors

    near = NearestNeighbors(n_neighbors=neighbours).fit(points).kneighbors(return_distance=False)
    centred = inputs - inputs.mean(axis=0)
    squares = (centred**2).sum(axis=1)
    ranks = np.empty(near.shape, np.int64)
    for rows in np.array_split(np.arange(len(inputs)), -(-len(inputs) // _BLOCK)):
        # squared distances, less the example's own square, which does not change the order
        distances = squares - 2 * centred[rows] @ centred.T
        distances[np.arange(len(rows)), rows] = np.inf
        for place, column in enumerate(near[rows].T):
            own = np.take_along_axis(distances, column[:, None], axis=1)
            ranks[rows, place] = (distances < own).sum(axis=1) + 1
    return ranks


def _reduced(inputs: Array, components: int, seed: int) -> Array:
    from sklearn.decomposition import PCA

    components = min(components, *inputs.shape)
    return PCA(components, random_state=seed).fit_transform(inputs)


def _scaled(points: Array) -> Array:
    low, high = points.min(axis=0), points.max(axis=0)
    return (points - low) / (high - low)


def _reporter(progress: Callable[[int, int], None], iterations: int) -> Callable[..., bool]:
    """What openTSNE calls every few iterations; it counts anew in each of its two phases."""
    done = 0

    def report(iteration: int, error: float, embedding: object) -> bool:
        nonlocal done
        done += _REPORT_EVERY
        progress(done, iterations)
        return False  # True would stop the optimisation

    return report


def _matrix(given: ArrayLike, name: str) -> Array:
    matrix = np.asarray(given, np.float64)
    if matrix.ndim != 2 or not matrix.size:
        raise DataError(
            f"{name}: given shape {matrix.shape}; allowed is (example, feature), at least one of "
            "each. Flatten images with inputs.flatten(1)."
        )
    bad = ~np.isfinite(matrix).all(axis=1)
    if bad.any():
        raise DataError(
            f"{name}: {bad.sum()} of {len(matrix)} examples hold NaN or infinity, the first is "
            f"number {bad.argmax()}. Remove or repair them."
        )
    return matrix


def _check_enough(n: int, neighbours: int) -> None:
    if neighbours < 1 or n <= 2 * neighbours:
        raise DataError(
            f"inputs: given {n} examples for {neighbours} neighbours; allowed are at least 1 "
            f"neighbour and more than twice as many examples, {2 * neighbours + 1} here. Give more "
            "examples."
        )


def _check_mappable(inputs: Array, components: int, perplexity: float) -> None:
    if components < 2 or inputs.shape[1] < 2 or not perplexity > 1:
        raise DataError(
            f"components, perplexity: given {components} and {perplexity} for {inputs.shape[1]} "
            "features; allowed are at least 2 components and features, and a perplexity above 1. "
            "The defaults are the paper's, 30 and 40."
        )
    if (inputs == inputs[0]).all():
        raise DataError(
            "inputs: all examples are the same; a map needs different ones. Check how they were "
            "loaded."
        )
