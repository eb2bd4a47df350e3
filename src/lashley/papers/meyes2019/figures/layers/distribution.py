"""The figure that the paper lacks: how the drop is distributed over the groups of each layer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lashley.papers.meyes2019.figures.layers import by_layer
from lashley.papers.meyes2019.figures.layers.layer_results import LayerResults
from lashley.plot import style

_MOST_WITH_SHARES = 20  # with more layers the numbers above the boxes would not fit
_COLUMNS = {
    "q25_pp": "q1", "median_pp": "med", "q75_pp": "q3", "q05_pp": "whislo", "q95_pp": "whishi",
}  # fmt: skip


def boxes(results: LayerResults, proportion: float, method: str) -> pd.DataFrame:
    """Of each layer the quartiles, the 5 and 95 % quantiles and the extremes of its groups' drops.

    Returns:
        A row per site, with matplotlib's names of a box's parts, `min_pp`, `max_pp`, and `helped`:
        the share of groups with a drop below 0.
    """
    top = results.tops[0]
    rows = results.by_layer(results.layers, proportion=proportion, method=method, top=top)
    return rows.rename(columns=_COLUMNS).loc[:, [*_COLUMNS.values(), "min_pp", "max_pp", "helped"]]


def distributions(results: LayerResults) -> Figure:
    """Draw a box per layer."""
    shares = len(results.sites) <= _MOST_WITH_SHARES
    note = "box: quartiles, line: median, whiskers: 5 to 95 % of the groups, dots: extremes"
    made = by_layer.panels(
        results,
        title=f"Drop in top-{results.tops[0]} accuracy over the groups of each layer",
        note=note + (" · above: share of groups whose ablation helped (%)" if shares else ""),
        legend=(),
    )
    for axes, proportion, method in by_layer.cells(made, results):
        _draw(axes, boxes(results, proportion, method))
    by_layer.finish(made, results, "drop (pp)")
    for axes, proportion, method in by_layer.cells(made, results) if shares else ():
        _draw_shares(axes, boxes(results, proportion, method))
    return made.figure


def _draw(axes: Axes, found: pd.DataFrame) -> None:
    there = np.flatnonzero(found["med"].notna())
    parts: list[dict[str, Any]] = [dict(found.iloc[i]) | {"fliers": []} for i in there]
    axes.bxp(
        parts,
        positions=there,
        widths=0.55,
        patch_artist=True,
        showfliers=False,
        manage_ticks=False,
        boxprops={"facecolor": style.SKY, "linewidth": 0.6, "alpha": 0.7},
        medianprops={"color": style.BLACK, "linewidth": 1.3},
        whiskerprops={"linewidth": 0.6},
        capprops={"linewidth": 0.6},
    )
    for extreme in ("min_pp", "max_pp"):
        axes.plot(there, found[extreme].iloc[there], "o", color="0.35", markersize=1.6)


def whole(share: float) -> str:
    """In whole percent; a share above 0 is not written as 0."""
    return "<1" if 0 < share < 0.005 else f"{100 * share:.0f}"


def _draw_shares(axes: Axes, found: pd.DataFrame) -> None:
    """Write the shares in a line above the highest point."""
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.13 * (high - low))
    for x, share in enumerate(found["helped"]):
        if np.isfinite(share):
            axes.annotate(
                whole(share), (x, 1), xycoords=axes.get_xaxis_transform(), size=7,
                ha="center", va="top", color=style.GREEN if share > 0 else "0.5",
            )  # fmt: skip
