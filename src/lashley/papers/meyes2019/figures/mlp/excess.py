"""The map that the paper lacks: what every pair adds to the sum of its two units."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from lashley.papers.meyes2019.figures.mlp.mlp_results import Results
from lashley.plot import style

Array = np.ndarray


@dataclass(frozen=True)
class Excess:
    """Excess of each pair, both ways round.

    Attributes:
        excess_pp: (unit, unit) pp, symmetric; NaN on the diagonal and where a pair is missing.
        significant: (unit, unit) whether the adjusted p is below 0.05.
        strongest: The pair with the largest excess.
        limit: The colour scale runs from -limit to limit, pp; few pairs lie beyond.
    """

    excess_pp: Array
    significant: Array
    strongest: tuple[int, int]
    limit: float


def excess(interactions: xr.Dataset, n_units: int) -> Excess:
    """The pairs as a square.

    The scale ends at the strongest excess or at 98 % of the pairs, whichever is more: two strong
    units share what they can lose, and their large negative excess would pale all others.
    """
    a, b = interactions["unit_a"].values.astype(int), interactions["unit_b"].values.astype(int)
    values = interactions["excess_pp"].values
    square = np.full((n_units, n_units), np.nan)
    square[a, b] = square[b, a] = values
    significant = np.zeros((n_units, n_units), bool)
    significant[a, b] = significant[b, a] = interactions["p_adjusted"].values < 0.05
    best = int(np.argmax(values))
    limit = max(float(np.quantile(np.abs(values), 0.98)), float(values[best])) or 1.0
    return Excess(square, significant, (int(a[best]), int(b[best])), limit)


def excess_map(results: Results) -> Figure:
    """Draw the square; the strongest pair is ringed."""
    found = excess(results.interactions, results.n_units)
    n, (a, b) = results.n_units, found.strongest
    title = (
        f"Strongest excess: {results.name(a, b)}, {found.excess_pp[a, b]:.2f} pp more than the sum"
    )
    caption = (
        results.caption + " · dot: adjusted p < 0.05 (Benjamini-Hochberg) · ring: the strongest"
    )
    figure = style.sheet(158, title, caption)
    axes = style.place(figure, 16, 10, 132, 132)
    axes.set_facecolor("0.8")
    image = axes.imshow(found.excess_pp, cmap=style.DIVERGING, vmin=-found.limit, vmax=found.limit)
    rows, columns = np.nonzero(found.significant)
    size = min(9, 3600 / n**2)
    axes.scatter(columns, rows, s=size, color="black", edgecolors="white", linewidths=size / 20)
    for x, y in ((a, b), (b, a)):
        axes.add_patch(Circle((x, y), 0.62, fill=False, color="black", linewidth=1.4))
    step = -(-n // 25)
    ticks = np.arange(0, n, step)
    labels = [results.number(int(unit)) for unit in ticks]
    axes.set(xticks=ticks, yticks=ticks, xticklabels=labels, yticklabels=labels)
    axes.set(xlabel="unit", ylabel="unit")
    bar = style.place(figure, 154, 20, 4, 112)
    beyond = np.nanmin(found.excess_pp) < -found.limit
    figure.colorbar(
        image,
        cax=bar,
        extend="min" if beyond else "neither",
        label="drop of the pair beyond the sum of its two drops (pp)",
    )
    return figure
