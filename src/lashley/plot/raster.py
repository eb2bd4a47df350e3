"""Every example as a small image at its place, in one raster image."""

from __future__ import annotations

import numpy as np
from matplotlib.colors import to_rgb
from scipy.spatial import KDTree

from lashley.plot.states import COLOURS, State

Array = np.ndarray


def compose(images: Array, points: Array, states: Array, size: int = 2000) -> Array:
    """One raster image with every example drawn at its place.

    States of a larger number lie on top of smaller ones. Within a state the darkest ink wins, so
    the order of the examples does not matter.

    Args:
        images: (example, height, width) ink in 0..1.
        points: (example, 2) x and y in 0..1, y upwards.
        states: (example,) of `State`.
        size: Side of the raster, pixels.

    Returns:
        (size, size, 3) uint8 on white.
    """
    inks = np.ascontiguousarray(drawn(images, side(points, size)))
    rows, columns = corners(points, inks.shape[1:], size)
    canvas = np.full((size, size, 3), 255, np.float32)
    for state in sorted(set(states.tolist())):
        chosen = np.flatnonzero(states == state)
        cover = _cover(inks[chosen], rows[chosen], columns[chosen], size)
        canvas += cover[..., None] * (
            255 * np.array(to_rgb(COLOURS[State(state)]), np.float32) - canvas
        )
    return np.rint(canvas).astype(np.uint8)


def side(points: Array, size: int) -> float:
    """How large an image is drawn, pixels: small enough that neighbours hide little of it.

    It is 1.5 times the median distance to the fourth nearest example (on a square grid the fourth
    is next door), but between 1/120 of the map, below which nothing is legible, and 1/12.
    """
    if len(points) < 2:
        return size / 12
    distances, _ = KDTree(points).query(points, min(5, len(points)))
    usual = float(np.median(distances[:, -1]))
    return float(np.clip(1.5 * usual * size, size / 120, size / 12))


def drawn(images: Array, side: float) -> Array:
    """The images cropped to what they use, their longer side `side` pixels.

    Returns:
        (example, height, width) float32 ink in 0..1.
    """
    images = _cropped(np.asarray(images, np.float32))
    height, width = images.shape[1:]
    scale = side / max(height, width)
    down, across = (max(1, round(scale * n)) for n in (height, width))
    left, right = _resampling(height, down), _resampling(width, across)
    return np.clip(left @ images @ right.T, 0, 1)


def corners(points: Array, shape: tuple[int, ...], size: int) -> tuple[Array, Array]:
    """The upper left pixel (row, column) of each image: wholly on the map."""
    points = np.clip(points, 0, 1)
    rows = np.rint((1 - points[:, 1]) * (size - shape[0])).astype(int)
    columns = np.rint(points[:, 0] * (size - shape[1])).astype(int)
    return rows, columns


def _cropped(images: Array) -> Array:
    """Without the margin in which hardly any image has ink."""
    ink = images.mean(0) > 0.02
    if not ink.any():
        return images
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    return images[:, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _resampling(before: int, after: int) -> Array:
    """(after, before) linear interpolation that averages where it shrinks; rows sum to 1."""
    reach = max(before / after, 1.0)
    centres = (np.arange(after) + 0.5) * before / after - 0.5
    weights = np.maximum(1 - np.abs(centres[:, None] - np.arange(before)) / reach, 0)
    return (weights / weights.sum(1, keepdims=True)).astype(np.float32)


def _cover(inks: Array, rows: Array, columns: Array, size: int) -> Array:
    cover = np.zeros((size, size), np.float32)
    height, width = inks.shape[1:]
    for ink, row, column in zip(inks, rows.tolist(), columns.tolist(), strict=True):
        spot = cover[row : row + height, column : column + width]
        np.maximum(spot, ink, out=spot)
    return cover
