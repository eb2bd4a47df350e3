"""Figures 14 and 15: the drop against the layer, mean and standard deviation over its groups."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lashley.papers.meyes2019.figures.layers import by_layer
from lashley.papers.meyes2019.figures.layers.layer_results import LayerResults
from lashley.plot import style

Array = np.ndarray

LOWER, UPPER = style.BLUE, style.RED


@dataclass(frozen=True)
class Curve:
    """One ablation method and proportion, layer by layer.

    Attributes:
        mean: (site,) drop, mean over the layer's groups, pp.
        low: (site,) lower end of the mean's 95 % interval.
        high: (site,) upper end.
        lower: (site,) mean minus the standard deviation over the groups.
        upper: (site,) mean plus it.
        random: (site,) mean drop of random groups of the same size; NaN where there are none.
    """

    mean: Array
    low: Array
    high: Array
    lower: Array
    upper: Array
    random: Array


def curve(results: LayerResults, proportion: float, method: str, top: int) -> Curve:
    """The numbers of one panel."""
    rows = results.by_layer(results.layers, proportion=proportion, method=method, top=top)
    mean, sd = rows["drop_pp"].to_numpy(float), rows["sd_pp"].to_numpy(float)
    low, high = rows["drop_low_pp"].to_numpy(float), rows["drop_high_pp"].to_numpy(float)
    return Curve(mean, low, high, mean - sd, mean + sd, rows["random_drop_pp"].to_numpy(float))


def drops(results: LayerResults, top: int) -> Figure:
    """Draw figure 14 (`top` 1) or 15 (`top` 5)."""
    percent, low, high = results.intact[top]
    intact = f"intact {percent:.1f} % [{low:.1f}, {high:.1f}]"
    made = by_layer.panels(
        results,
        title=f"Drop in top-{top} accuracy by layer; {intact}",
        note="bars: 95 % interval of the mean, over images",
        legend=_legend(results),
    )
    for axes, proportion, method in by_layer.cells(made, results):
        _draw(axes, curve(results, proportion, method, top))
    by_layer.finish(made, results, "drop (pp)")
    return made.figure


def _draw(axes: Axes, shown: Curve) -> None:
    x = np.arange(len(shown.mean))
    for edge, colour in ((shown.lower, LOWER), (shown.upper, UPPER)):
        axes.fill_between(x, shown.mean, edge, color=colour, alpha=0.18, linewidth=0)
        axes.plot(x, edge, color=colour, linewidth=1, marker="_", markersize=4)
    axes.plot(x, shown.random, color=style.DARK_GREY, linestyle=(0, (3, 2)), linewidth=1.1)
    interval(axes, x, shown.low, shown.high)
    axes.plot(x, shown.mean, color=style.BLACK, linewidth=1.3, marker="o", markersize=3)


def interval(axes: Axes, x: Array, low: Array, high: Array, colour: str = style.BLACK) -> None:
    """Vertical bars from `low` to `high`, with ends."""
    axes.vlines(x, low, high, color=colour, linewidth=0.8)
    for end in (low, high):
        axes.plot(x, end, "_", color=colour, markersize=3.5, markeredgewidth=0.8)


def _legend(results: LayerResults) -> list:
    entries = [
        style.line("mean over the groups", color=style.BLACK, marker="o", markersize=3),
        style.line("mean − SD", color=LOWER, marker="_", markersize=4),
        style.line("mean + SD", color=UPPER, marker="_", markersize=4),
    ]
    if results.has_random:
        entries.append(
            style.line("random groups, mean", color=style.DARK_GREY, linestyle=(0, (3, 2)))
        )
    return entries
