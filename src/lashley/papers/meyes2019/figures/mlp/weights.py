"""Figure 8: the incoming weights of every unit, before and after training."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from lashley.papers.meyes2019.figures.mlp.mlp_results import Results
from lashley.plot import style

Array = np.ndarray

_MOST_UNITS = 96  # more would not be readable on a page
_PANEL = 82.0  # mm


@dataclass(frozen=True)
class Mosaic:
    """Weight images laid out in a grid.

    Attributes:
        image: (height, width) all weight images in one; NaN between them.
        centres: (unit, 2) x of the middle and y of the upper edge of each, pixels.
        shape: Rows and columns of the grid.
        limit: The colour scale runs from -limit to limit.
    """

    image: Array
    centres: Array
    shape: tuple[int, int]
    limit: float


def mosaic(weights: Array, columns: int) -> Mosaic:
    """Lay weight images out in a grid, row by row, with room for two lines above each.

    The scale spans 99.8 % of the weights: a few extreme ones would pale all others.

    Args:
        weights: (unit, height, width).
        columns: Of the grid.
    """
    n, height, width = weights.shape
    rows = -(-n // columns)
    gap, head = max(1, width // 9), max(1, round(width * 0.09 * columns))
    image = np.full((rows * (height + head), columns * (width + gap) - gap), np.nan)
    centres = np.empty((n, 2))
    for i, weight in enumerate(weights):
        top, left = (i // columns) * (height + head) + head, (i % columns) * (width + gap)
        image[top : top + height, left : left + width] = weight
        centres[i] = left + width / 2 - 0.5, top - 0.5
    limit = float(np.quantile(np.abs(weights), 0.998)) or 1.0
    return Mosaic(image, centres, (rows, columns), limit)


def incoming_weights(results: Results) -> Figure:
    """Draw figure 8; the right side carries the p-values of the weight change."""
    shown = min(results.n_units, _MOST_UNITS)
    columns = 5 if shown <= 25 else 8
    before = mosaic(results.initial_weights[:shown], columns)
    after = mosaic(results.weights[:shown], columns)
    tall = _PANEL * after.image.shape[0] / after.image.shape[1]
    of = "" if shown == results.n_units else f" (the first {shown} of {results.n_units} units)"
    figure = style.sheet(
        tall + 36,
        f"Incoming weights before and after training{of}",
        results.caption + " · p: Mann-Whitney, two-sided, before against after",
    )
    p = results.scores["mann_whitney_p"].values
    names = [results.name(unit) for unit in range(shown)]
    _draw(figure, 5, before, names, "before training")
    _draw(
        figure,
        93,
        after,
        [f"{n}\n{p_text(v)}" for n, v in zip(names, p, strict=False)],
        "after training",
    )
    return figure


def p_text(p: float) -> str:
    """A p-value as it is written in a figure."""
    if np.isnan(p):
        return "p n/a"
    return "p < 0.001" if p < 0.001 else f"p = {p:.2g}" if p < 0.1 else f"p = {p:.2f}"


def _draw(figure: Figure, left: float, grid: Mosaic, titles: list[str], heading: str) -> None:
    height = _PANEL * grid.image.shape[0] / grid.image.shape[1]
    axes = style.place(figure, left, 13, _PANEL, height)
    shown = axes.imshow(
        grid.image, cmap=style.DIVERGING, vmin=-grid.limit, vmax=grid.limit, interpolation="nearest"
    )
    axes.set_axis_off()
    axes.set_title(heading)
    for (x, y), title in zip(grid.centres, titles, strict=True):
        axes.text(x, y, title, size=7, ha="center", va="bottom", linespacing=1.05)
    bar = style.place(figure, left + 8, height + 17, _PANEL - 16, 2.5)
    figure.colorbar(shown, cax=bar, orientation="horizontal", extend="both", label="weight")
