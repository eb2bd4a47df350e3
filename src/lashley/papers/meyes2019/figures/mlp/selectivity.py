"""Figure 11: is a class held by a few units, or by all of them?"""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from lashley.papers.meyes2019.figures.mlp.mlp_results import Population, Results
from lashley.plot import style
from lashley.scores import selectivity

_EXAMPLES = 4
_BLUES = ("#0072B2", "#56B4E9", "#003F63", "#7A9FC9")
_MARKERS = ("o", "s", "^", "D")


def deviations(results: Results, population: Population) -> Figure:
    """Draw figure 11; the examples are the first networks of the population."""
    found = selectivity(population.class_drop_pp)
    n, x = len(found.per_network), np.arange(len(found.mean))
    figure = style.sheet(88, "How selectively the units hold each class", results.caption)
    axes = style.place(figure, 17, 12, 156, 62)
    for i, line in enumerate(found.per_network[:_EXAMPLES]):
        axes.plot(
            x,
            line,
            color=_BLUES[i],
            marker=_MARKERS[i],
            markersize=3.5,
            linewidth=0.9,
            label=f"network {i + 1}",
        )
    axes.plot(
        x,
        found.mean,
        color=style.BLACK,
        marker="o",
        markersize=4,
        linewidth=2,
        label=f"mean of {n} networks",
    )
    axes.set(xticks=x, xticklabels=results.class_names, xlabel="class", ylim=(0, None))
    axes.set_ylabel("SD of the drop over the units (pp)")
    axes.legend(ncols=_EXAMPLES + 1, loc="lower right", bbox_to_anchor=(1, 1), borderaxespad=0.2)
    return figure
