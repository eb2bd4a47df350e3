"""Where examples stand on the map: places that a caller gives, or a grid in the order of labels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from lashley.embedding import Embedding
from lashley.errors import DataError


@dataclass(frozen=True, eq=False)
class Places:
    """Places on the map, 0 to 1, y upwards.

    Attributes:
        xy: (example, 2).
        side: Of an example, as a share of the map; None: as their distances say.
        note: What the places mean.
    """

    xy: np.ndarray
    side: float | None
    note: str


def checked_points(points: Any, n: int) -> np.ndarray | None:
    """The points as an array (example, 2); None without any.

    Raises:
        DataError: If they have another shape, or are not finite numbers.
    """
    if points is None:
        return None
    points = points.points if isinstance(points, Embedding) else points
    try:
        own = points.detach().cpu() if isinstance(points, Tensor) else points
        array = np.asarray(own, np.float64)
    except (TypeError, ValueError):
        raise _refused(f"a {type(points).__name__} that holds no numbers", n) from None
    if array.shape != (n, 2):
        raise _refused(f"shape {array.shape}", n)
    if not np.isfinite(array).all():
        raise _refused(f"{int((~np.isfinite(array)).any(1).sum())} points with NaN or infinity", n)
    return array


def _refused(given: str, n: int) -> DataError:
    return DataError(
        f"points: given {given}; allowed is a finite place for each of the {n} examples, of shape "
        f"({n}, 2). Take la.embed(inputs), or leave points out for a grid."
    )


def places_of(points: np.ndarray | None, order: np.ndarray | None, n: int, by: str) -> Places:
    """The places, or else a grid.

    Args:
        points: (example, 2) in any unit.
        order: (example,) what the grid is ordered by; None: the examples' order.
        n: How many examples there are.
        by: The order in words, such as "label".
    """
    if points is not None:
        note = "The places were given with the examples; near means what made them near there."
        return Places(_fitted(points), None, note)
    rank = np.empty(n, np.int64)
    rank[np.arange(n) if order is None else np.argsort(order, kind="stable")] = np.arange(n)
    columns = math.ceil(math.sqrt(n))
    row, column = np.divmod(rank, columns)
    xy = np.stack([column + 0.5, columns - row - 0.5], 1) / columns
    note = f"The examples stand in rows, ordered by {by}; what is near is not alike otherwise."
    return Places(xy, 0.94 / columns, note)


def _fitted(points: np.ndarray) -> np.ndarray:
    """Into the square from 0 to 1, in their proportions."""
    low, high = points.min(0), points.max(0)
    extent = max(float((high - low).max()), 1e-300)
    return (points - (low + high) / 2) / extent + 0.5
