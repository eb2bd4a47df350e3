"""Maps: every example as a small image at its t-SNE place, coloured by what became of it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke
from scipy.spatial import KDTree

from lashley.plot import style
from lashley.plot.states import State, counts

Array = np.ndarray

COLOURS = {
    State.WRONG: style.GREY,
    State.RIGHT: style.BLACK,
    State.GAINED: style.GREEN,
    State.LOST: style.RED,
    State.ONLY_PAIR: style.BLUE,
}


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

    It is 1.5 times the usual distance to the fourth nearest example (on a square grid the fourth
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


def class_places(points: Array, labels: Array, n_classes: int) -> dict[int, tuple[float, float]]:
    """Where the name of each class goes: its example nearest to the median of its examples."""
    places = {}
    for label in range(n_classes):
        own = points[labels == label]
        if len(own):
            nearest = np.argmin(((own - np.median(own, axis=0)) ** 2).sum(1))
            places[label] = (float(own[nearest, 0]), float(own[nearest, 1]))
    return places


def draw(axes: Axes, raster: Array) -> None:
    """Show a raster from `compose`; the axes then run from 0 to 1 as the points do."""
    axes.imshow(raster, extent=(0, 1, 0, 1), interpolation="antialiased")
    axes.set(xticks=[], yticks=[])
    axes.text(0.99, 0.99, "t-SNE", size=7, color="0.35", ha="right", va="top")
    axes.spines[:].set(visible=True, color="0.8")


def draw_names(
    axes: Axes, places: Mapping[int, tuple[float, float]], names: tuple[str, ...], size: float
) -> None:
    """Write the names of the classes onto a map, readable on any ink."""
    for label, (x, y) in places.items():
        text = axes.text(x, y, names[label], size=size, weight="bold", ha="center", va="center")
        text.set_path_effects([withStroke(linewidth=size / 4, foreground="white")])


def legend(states: Array, words: Mapping[State, str]) -> list[Patch]:
    """One entry per state of the figure, with the number of its examples."""
    found = counts(states)
    return [
        Patch(color=COLOURS[state], label=f"{word}: {found.get(state, 0):,}")
        for state, word in words.items()
    ]


def _cropped(images: Array) -> Array:
    """Without the margin that hardly any image has ink in."""
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
