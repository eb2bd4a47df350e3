"""The figure that the paper lacks: how far the units' normalised weights lie apart, by site."""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import squareform

from lashley.papers.meyes2019.figures.layers import look, page
from lashley.papers.meyes2019.figures.layers.layer_results import LayerResults
from lashley.plot import style

Array = np.ndarray

UNRELATED = sqrt(2)  # the distance of two weight vectors at right angles
_LEFT, _GAP, _BAR = 4.0, 3.0, 16.0  # mm; the last right of the panels, for the colour bar
_FINEST = 128  # squares along a side; more cannot be seen at this size


def by_likeness(distances: Array) -> Array:
    """The order of the units that puts like beside like: the leaves of average linkage.

    Args:
        distances: (unit, unit), symmetric.

    Returns:
        (unit,) a permutation.
    """
    if len(distances) < 3:
        return np.arange(len(distances))
    between = squareform(distances, checks=False)
    return leaves_list(linkage(between, method="average"))


def reach(distances: Mapping[str, Array]) -> float:
    """How far the colours reach below and above the distance of unrelated units.

    The mean over the sites of the range that 99 % of their distances stay within.
    """
    between = [squareform(d, checks=False) for d in distances.values() if len(d) > 1]
    within = [np.quantile(np.abs(values - UNRELATED), 0.99) for values in between]
    return float(np.mean(within)) if within and np.mean(within) > 0 else 1.0


def square(distances: Array) -> Array:
    """The distances in the order of likeness, without the diagonal, at most 128 along a side.

    With more units, the mean over blocks of neighbouring units is taken.
    """
    order, n = by_likeness(distances), len(distances)
    values = np.array(distances[np.ix_(order, order)], np.float64)
    np.fill_diagonal(values, np.nan)
    block = -(-n // _FINEST)
    rows = -(-n // block)
    padded = np.full((rows * block, rows * block), np.nan)
    padded[:n, :n] = values
    blocks = padded.reshape(rows, block, rows, block)
    there = np.isfinite(blocks).sum((1, 3))
    with np.errstate(invalid="ignore"):
        return np.nansum(blocks, (1, 3)) / there


def matrices(results: LayerResults) -> Figure:
    """Draw a small square per site, all in one colour scale."""
    sites = [site for site in results.sites if site in results.distances]
    rows, columns = page.tiles(len(sites))
    limit = reach(results.distances)
    caption = (
        "units ordered by average linkage, like beside like; in brackets: how many · "
        f"white: weights at right angles (√2)\n{results.caption}"
    )
    side = _side(rows, columns, caption)
    made = page.panels(
        rows, columns, page.PageLayout(1, side, side, left=_LEFT, gap=_GAP), caption=caption,
        title="Distances between the normalised incoming weights of a layer's units",
    )  # fmt: skip
    colours = ScalarMappable(Normalize(UNRELATED - limit, UNRELATED + limit), "RdBu")
    for axes, site in zip(made.axes.flat, sites, strict=False):
        values = square(results.distances[site])
        axes.imshow(values, cmap=colours.cmap, norm=colours.norm, interpolation="none")
        axes.set(xticks=[], yticks=[], facecolor="0.85")
        axes.spines[:].set_visible(False)
        label = results.label(site)
        text = f"{label} ({len(results.distances[site])})"
        axes.set_title(look.fitting(int(side / 1.8), f"Layer {text}", text, label))
    for axes in made.axes.flat[len(sites) :]:
        axes.remove()
    tall = rows * (side + page.TITLE) - page.TITLE
    _draw_bar(made.figure, colours, _LEFT + columns * (side + _GAP), min(60.0, tall))
    return made.figure


def _side(rows: int, columns: int, caption: str) -> float:
    """Of a square, mm: as large as the page allows, and 90 at most."""
    across = (style.WIDTH - _LEFT - _BAR) / columns - _GAP
    down = (page.HIGHEST - page.HEAD - page.caption_room(caption) - 1) / rows - page.TITLE
    return min(across, down, 90)


def _draw_bar(figure: Figure, colours: ScalarMappable, left: float, tall: float) -> None:
    axes = style.place(figure, left, page.HEAD + page.TITLE, 3, tall)
    bar = figure.colorbar(colours, cax=axes, extend="both")
    bar.set_label("Euclidean distance")
