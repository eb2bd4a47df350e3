"""The figure that the paper lacks: the drop against the share ablated, layer by layer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lashley.papers.meyes2019.figures.layers import look, page
from lashley.papers.meyes2019.figures.layers.layer_results import LayerResults, pick
from lashley.plot import style

Array = np.ndarray


@dataclass(frozen=True)
class Growth:
    """How the drop of one site grows with the share ablated.

    Attributes:
        share: (proportion,) units in a group / units of the site, %.
        drop_pp: (proportion,) mean over the groups, pp.
        low: (proportion,) lower end of the mean's 95 % interval.
        high: (proportion,) upper end.
        random: (proportion,) mean drop of random groups.
    """

    share: Array
    drop_pp: Array
    low: Array
    high: Array
    random: Array


def growth(results: LayerResults, site: str, method: str) -> Growth:
    """The numbers of one curve."""
    rows = pick(results.layers, site=site, method=method, top=results.tops[0]).sort_values("size")
    names = ("drop_pp", "drop_low_pp", "drop_high_pp", "random_drop_pp")
    drop, low, high, random = (rows[name].to_numpy(float) for name in names)
    share = 100 * (rows["size"] / rows["n_units"]).to_numpy(float)
    return Growth(share, drop, low, high, random)


def against_share(results: LayerResults) -> Figure:
    """Draw a small panel per layer, one range of y in each row; at a share of 0 the drop is 0."""
    rows, columns = page.tiles(len(results.sites))
    made = page.panels(
        rows, columns, page.PageLayout(4 + page.AXIS_NAME, widest=80),
        title=f"Drop in top-{results.tops[0]} accuracy against the share ablated",
        caption="bars: 95 % interval of the mean, over images · each row has a range of its own\n"
        + results.caption,
        legend=_legend(results),
    )  # fmt: skip
    for site, axes in zip(results.sites, made.axes.flat, strict=False):
        for method in results.methods:
            _draw(axes, growth(results, site, method), look.of_method(method))
        axes.axhline(0, **style.ZERO_LINE)
        label = results.label(site)
        axes.set_title(look.fitting(int(made.width / 1.8), f"Layer {label}", label))
    _name(made, results)
    return made.figure


def _draw(axes: Axes, found: Growth, how: look.MethodLook) -> None:
    share, drop, random = (
        np.concatenate([[0], values]) for values in (found.share, found.drop_pp, found.random)
    )
    axes.plot(share, random, color=how.colour, linewidth=0.9, linestyle=(0, (3, 2)), alpha=0.8)
    axes.vlines(found.share, found.low, found.high, color=how.colour, linewidth=0.8)
    axes.plot(share, drop, color=how.colour, linewidth=1.1)
    axes.plot(found.share, found.drop_pp, how.marker, color=how.colour, markersize=2.8)


def _name(made: page.Panels, results: LayerResults) -> None:
    """One range of y in each row, one of x everywhere; numbers at the left and below."""
    n, (_, columns) = len(results.sites), made.axes.shape
    for row in range(0, n, columns):
        page.share_y(list(made.axes.flat[row : min(row + columns, n)]), "drop (pp)")
    largest = max(axes.get_xlim()[1] for axes in made.axes.flat[:n])
    ticks = spread(100 * np.array(results.proportions), largest, made.width)
    for i, axes in enumerate(made.axes.flat):
        if i >= n:
            axes.remove()
            continue
        below = i + columns >= n
        axes.set_xlim(0, largest)
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks] if below else [])
        axes.set_xlabel("ablated (%)" if below else "")


def spread(values: Array, largest: float, width: float) -> tuple[float, ...]:
    """The values whose labels do not touch one another, the largest first."""
    kept: list[float] = []
    for value in map(float, np.sort(values)[::-1]):
        room = 1.75 * len(f"{value:g}") + 1.5  # mm, a little more than the label
        if not kept or (kept[-1] - value) * width / largest > room:
            kept.append(value)
    return tuple(kept[::-1])


def _legend(results: LayerResults) -> list:
    looks = [look.of_method(method) for method in results.methods]
    entries = [style.line(h.name, color=h.colour, marker=h.marker, markersize=3.5) for h in looks]
    if results.has_random:
        entries.append(style.line("random groups", color=style.DARK_GREY, linestyle=(0, (3, 2))))
    return entries
