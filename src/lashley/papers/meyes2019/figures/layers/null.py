"""The figure that the paper lacks: groups of similar units against random groups."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lashley.papers.meyes2019.figures.layers import by_layer, curves, page
from lashley.papers.meyes2019.figures.layers.layer_results import LayerResults, pick
from lashley.plot import style

Array = np.ndarray

_BEYOND = 0.05  # at most this share of the random groups costs as much
_SCALES = (20, 50, 100)  # the strips have one of these, %


@dataclass(frozen=True)
class Against:
    """Groups of similar units compared with random groups of the same size, layer by layer.

    Attributes:
        difference: (site,) mean drop of similar groups minus that of random ones, pp.
        low: (site,) lower end of its interval: the low end of the one minus the high end of the
            other. As both ends are of 95 % intervals, it covers at least 90 %.
        high: (site,) upper end.
        beyond: (site,) share of the similar groups that cost more than 95 % of the random ones.
        chance: (site,) the most that this share is, on average, if similar groups are like random
            ones.
    """

    difference: Array
    low: Array
    high: Array
    beyond: Array
    chance: Array


def against(results: LayerResults, proportion: float, method: str) -> Against:
    """The numbers of one panel."""
    keys = {"proportion": proportion, "method": method, "top": results.tops[0]}
    rows = results.by_layer(results.layers, **keys)
    return Against(
        difference=(rows["drop_pp"] - rows["random_drop_pp"]).to_numpy(float),
        low=(rows["drop_low_pp"] - rows["random_drop_high_pp"]).to_numpy(float),
        high=(rows["drop_high_pp"] - rows["random_drop_low_pp"]).to_numpy(float),
        beyond=_beyond(results, keys),
        chance=by_chance(rows["random_groups"].to_numpy(float)),
    )


def by_chance(random_groups: Array) -> Array:
    """The chance that one more random group costs more than 95 % of the others.

    It would have to be among the first floor(n / 20) + 1 of n + 1. Ties make it rarer.

    Args:
        random_groups: (site,) n; NaN or 0 where there are none.
    """
    there = np.where(random_groups > 0, random_groups, np.nan)
    return (np.floor(_BEYOND * there) + 1) / (there + 1)


def against_random(results: LayerResults) -> Figure:
    """Draw the difference above, the share of groups beyond the random ones below."""
    made = by_layer.panels(
        results,
        title=f"Similar against random units: drop in top-{results.tops[0]} accuracy",
        note="Δ: groups of similar units minus random groups, means; bars: the ends of both 95 % "
        "intervals, so 90 % at least\nbelow: share of groups of similar units that cost more than "
        "95 % of the random groups; dashes: by chance",
        legend=_legend(),
        strip=0.27,
    )
    found = [[against(results, p, m) for m in results.methods] for p in results.proportions]
    for i, row in enumerate(found):
        for j, one in enumerate(row):
            _draw_difference(made.axes[i, j], one)
            _draw_shares(made.strips[i, j], one)
    by_layer.finish(made, results, "Δ drop\n(pp)")
    _scale_strips(made, max(np.nanmax([0, *f.beyond, *f.chance]) for row in found for f in row))
    return made.figure


def _beyond(results: LayerResults, keys: dict[str, object]) -> Array:
    groups = pick(results.effects, design="similar_groups", **keys).dropna(subset="random_share")
    found = groups.assign(rare=1.0 * (groups["random_share"] <= _BEYOND)).groupby("site")
    shares = found.agg(rare=("rare", "mean")).reindex(results.sites)
    return shares["rare"].to_numpy(float)


def _draw_difference(axes: Axes, found: Against) -> None:
    x = np.arange(len(found.difference))
    more, less = found.low > 0, found.high < 0
    parts = ((more, style.RED), (less, style.BLUE), (~more & ~less, style.DARK_GREY))
    for which, colour in parts:
        curves.interval(axes, x[which], found.low[which], found.high[which], colour)
        axes.plot(x[which], found.difference[which], "o", color=colour, markersize=3.5)


def _draw_shares(axes: Axes, found: Against) -> None:
    x, chance = np.arange(len(found.beyond)), 100 * found.chance
    axes.bar(x, 100 * found.beyond, width=0.7, color="0.6")
    axes.hlines(chance, x - 0.42, x + 0.42, color="black", linestyle=(0, (2, 1)), linewidth=0.9)


def _scale_strips(made: page.Panels, highest: float) -> None:
    """The same scale in all strips, no longer than needed."""
    end = next(scale for scale in _SCALES if scale >= 100 * highest or scale == _SCALES[-1])
    for strips in made.strips:
        for axes in strips:
            axes.set(ylim=(0, end), yticks=(0, end))
            axes.tick_params(labelleft=axes is strips[0])
        page.name_y(strips[0], "(%)")


def _legend() -> list:
    return [
        style.line(name, color=colour, marker="o", markersize=3.5, linewidth=0.9)
        for name, colour in (
            ("similar cost more", style.RED),
            ("random cost more", style.BLUE),
            ("interval holds 0", style.DARK_GREY),
        )
    ]
