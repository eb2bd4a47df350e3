"""The map that the paper lacks: what every pair adds to the sum of its two units."""

from __future__ import annotations

from matplotlib.figure import Figure

from lashley.papers.meyes2019.figures.mlp.mlp_results import Results
from lashley.plot import style
from lashley.plot.excess import LABEL, draw_square, square


def excess_map(results: Results) -> Figure:
    """Draw the square; the strongest pair is ringed."""
    found = square(results.interactions)
    n, (a, b) = len(found.units), found.strongest
    title = f"Strongest excess: {results.name(a, b)}, {found.largest:.2f} pp more than the sum"
    caption = (
        results.caption + " · dot: adjusted p < 0.05 (Benjamini-Hochberg) · ring: the strongest"
    )
    figure = style.sheet(158, title, caption)
    axes = style.place(figure, 16, 10, 132, 132)
    image = draw_square(axes, found)
    at = range(0, n, -(-n // 25))
    labels = [results.number(found.units[i]) for i in at]
    axes.set(xticks=at, yticks=at, xticklabels=labels, yticklabels=labels)
    axes.set(xlabel="unit", ylabel="unit")
    bar = style.place(figure, 154, 20, 4, 112)
    figure.colorbar(image, cax=bar, extend=found.extend, label=LABEL)
    return figure
