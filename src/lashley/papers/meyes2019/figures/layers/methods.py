"""The figure that the paper lacks: zeroed weights against silence, the same groups both ways."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lashley.methods import SILENCE, ZERO_WEIGHTS
from lashley.papers.meyes2019.figures.layers import by_layer
from lashley.papers.meyes2019.figures.layers.layer_results import LayerResults, pick
from lashley.plot import style

_QUANTILES = {"q05": 0.05, "q25": 0.25, "median": 0.5, "q75": 0.75, "q95": 0.95}


def differences(results: LayerResults, proportion: float, top: int) -> pd.DataFrame:
    """Drop after zeroing the weights minus drop after silencing, paired group by group.

    Returns:
        A row per site: `mean` of the groups' differences in pp, and their quantiles `q05`, `q25`,
        `median`, `q75`, `q95`.
    """
    keys = {"design": "similar_groups", "proportion": proportion, "top": top}
    rows = pick(results.effects, **keys)
    drop = rows.pivot(index=["site", "anchor"], columns="method", values="drop_pp")
    difference = (drop[str(ZERO_WEIGHTS)] - drop[str(SILENCE)]).groupby("site")
    found = {name: difference.quantile(q) for name, q in _QUANTILES.items()}
    return pd.DataFrame({"mean": difference.mean()} | found).reindex(results.sites)


def against_silence(results: LayerResults) -> Figure:
    """Draw the differences by layer, a column per `top`."""
    made = by_layer.panels(
        results,
        title="Drop after zeroing the weights minus drop after silencing the same groups",
        note="above 0: zeroing the weights, as the paper does, costs more than silencing the units",
        legend=_legend(),
        columns=[f"top-{top}" for top in results.tops],
    )
    for row, proportion in enumerate(results.proportions):
        for column, top in enumerate(results.tops):
            _draw(made.axes[row, column], differences(results, proportion, top))
    by_layer.finish(made, results, "zeroed −\nsilenced (pp)")
    return made.figure


def _draw(axes: Axes, found: pd.DataFrame) -> None:
    x = np.arange(len(found))
    axes.vlines(x, found["q05"], found["q95"], color="0.4", linewidth=0.8)
    axes.vlines(x, found["q25"], found["q75"], color=style.SKY, linewidth=4)
    axes.plot(x, found["mean"], "o", color=style.BLACK, markersize=3)


def _legend() -> list:
    return [
        style.line("mean over the groups", color="black", marker="o", markersize=3.5, linestyle=""),
        style.line("middle half of the groups", color=style.SKY, linewidth=4),
        style.line("5 to 95 % of the groups", color="0.4", linewidth=0.8),
    ]  # fmt: skip
