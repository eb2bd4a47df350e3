"""Figure 16: the drop against the layer for single classes."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import cycle

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lashley.papers.meyes2019.figures.layers import by_layer, look
from lashley.papers.meyes2019.figures.layers.choice import top_of_classes
from lashley.papers.meyes2019.figures.layers.layer_results import LayerResults, pick
from lashley.plot import style, words

Array = np.ndarray


@dataclass(frozen=True)
class ClassCurves:
    """Drops of some classes, layer by layer, each the mean over the layer's groups.

    Attributes:
        drop_pp: (class, site) pp.
        low: (class, site) lower end of the 95 % interval.
        high: (class, site) upper end.
        mean: (site,) over all images.
    """

    drop_pp: Array
    low: Array
    high: Array
    mean: Array


def class_curves(results: LayerResults, proportion: float, method: str, top: int) -> ClassCurves:
    """The numbers of one panel: the classes named in `results.examples`."""
    keys = {"proportion": proportion, "method": method, "top": top}
    rows = pick(results.classes, **keys)
    which = [results.class_names.index(name) for name in results.examples]
    of_each = [results.by_layer(rows, class_index=index) for index in which]
    drop, low, high = (
        np.array([rows[name].to_numpy(float) for rows in of_each])
        for name in ("drop_pp", "drop_low_pp", "drop_high_pp")
    )
    mean = results.by_layer(results.layers, **keys)["drop_pp"].to_numpy(float)
    return ClassCurves(drop, low, high, mean)


def single_classes(results: LayerResults) -> Figure:
    """Draw figure 16, in the accuracy that `top_of_classes` says."""
    top = top_of_classes(results.classes)
    made = by_layer.panels(
        results,
        title=f"Drop in top-{top} accuracy of {len(results.examples)} single classes by layer",
        note="bars: 95 % interval of a class's mean drop over its images",
        legend=_legend(results),
    )
    for axes, proportion, method in by_layer.cells(made, results):
        _draw(axes, class_curves(results, proportion, method, top))
    by_layer.finish(made, results, "drop (pp)")
    return made.figure


def _draw(axes: Axes, shown: ClassCurves) -> None:
    x = np.arange(len(shown.mean))
    aside = np.linspace(-0.24, 0.24, max(len(shown.drop_pp), 2))  # so that intervals stay apart
    looks = cycle(look.CLASS_LOOKS)
    for drop, low, high, dx in zip(shown.drop_pp, shown.low, shown.high, aside, strict=False):
        colour, marker = next(looks)
        axes.vlines(x + dx, low, high, color=colour, linewidth=0.6, alpha=0.6)
        axes.plot(x + dx, drop, color=colour, marker=marker, markersize=2.8, linewidth=0.9)
    axes.plot(x, shown.mean, color=style.BLACK, marker="o", markersize=3, linewidth=1.5)


def _legend(results: LayerResults) -> list:
    looks = zip(results.examples, cycle(look.CLASS_LOOKS), strict=False)
    entries = [
        style.line(words.clipped(name, 24), color=colour, marker=marker, markersize=4)
        for name, (colour, marker) in looks
    ]
    return [*entries, style.line("all classes", color=style.BLACK, marker="o", markersize=3)]
