"""The figure that the paper lacks: how much of the recovery each later layer carries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from lashley.papers.meyes2019.figures.layers import page
from lashley.papers.meyes2019.figures.layers.layer_results import pick
from lashley.papers.meyes2019.figures.recovery import starts
from lashley.papers.meyes2019.figures.recovery.recovery_results import RecoveryResults
from lashley.plot import axis, style, words

Array = np.ndarray

_SAYS = (" ablated: change of weights", " ablated: drop when undone")
_GAP = 14.0  # between the columns, mm
_CONTROL = {"color": "0.3", "marker": "D", "markersize": 3, "markerfacecolor": "none",
            "markeredgewidth": 0.7, "linestyle": ""}  # fmt: skip
_COLUMNS = ("change", "undone_pp", "undone_low_pp", "undone_high_pp")


@dataclass(frozen=True)
class Carried:
    """What the training did to each module, and what undoing that costs.

    Modules that a layer's runs did not train are NaN.

    Attributes:
        modules: Their labels, in forward order.
        ablated: (module,) which one was ablated.
        change: (run, module) norm of the difference / norm before the training, %.
        undone: (run, module) drop when the module alone goes back to what it was, pp.
        low: (module,) mean over the runs of the lower ends of its 95 % intervals.
        high: (module,) of the upper ends.
        control_change: (module,) of the intact network, trained as long as the iterations; NaN
            where it was not.
        control_undone: (module,) the same.
    """

    modules: tuple[str, ...]
    ablated: Array
    change: Array
    undone: Array
    low: Array
    high: Array
    control_change: Array
    control_undone: Array


def trained(results: RecoveryResults) -> pd.Series:
    """Labels of all modules that some run trained, by module, in forward order.

    What is frozen differs by layer; the longest list of modules holds the others.
    """
    rows = pick(results.layers, start="ablated").sort_values("position")
    lists = [of_site.drop_duplicates("module") for _, of_site in rows.groupby("site")]
    every = pd.concat(sorted(lists, key=len, reverse=True)).drop_duplicates("module")
    return pd.Series(every["module_label"].to_numpy(str), index=every["module"])


def carried(results: RecoveryResults, site: str) -> Carried:
    """The numbers of one layer: its instances, or, if there are none, its iterations."""
    rows, modules = pick(results.layers, site=site), trained(results)
    ablated, control = pick(rows, start="ablated"), pick(rows, start="intact")
    instances = pick(ablated, experiment="instances")
    of_run = instances if len(instances) else ablated
    change, undone, low, high = (_by_run(of_run, column, modules.index) for column in _COLUMNS)
    held = control.drop_duplicates("module").set_index("module").reindex(modules.index)
    return Carried(
        modules=tuple(modules),
        ablated=(modules.index.to_numpy() == site),
        change=100 * change,
        undone=undone,
        low=_mean(low),
        high=_mean(high),
        control_change=100 * held["change"].to_numpy(float),
        control_undone=held["undone_pp"].to_numpy(float),
    )


def by_module(results: RecoveryResults) -> Figure:
    """Draw a row per ablated layer: the change left, what undoing it costs right."""
    sites = [s for s in results.shown if len(pick(results.layers, site=s, start="ablated"))]
    found = {site: carried(results, site) for site in sites}
    made = page.panels(
        len(found), 2, _layout(tuple(trained(results))),
        title="What carries the recovery: change of each trained module, and what undoing it costs",
        caption="bars: mean of the runs' 95 % intervals, over images · small dots: single runs · "
        f"shaded: the ablated layer\n{results.caption}",
        legend=_legend(results, sites, list(found.values())),
    )  # fmt: skip
    for axes, (site, one) in zip(made.axes, found.items(), strict=True):
        colour, marker = starts.of_layer(results, site)
        axes[1].vlines(np.arange(len(one.modules)), one.low, one.high, color=colour, linewidth=0.8)
        _draw(axes[0], one.change, one.control_change, colour, marker)
        _draw(axes[1], one.undone, one.control_undone, colour, marker)
        for panel, says, name in zip(axes, _SAYS, ("change (%)", "drop (pp)"), strict=True):
            _finish(panel, one, made.width, named=site == sites[-1])
            panel.set_title(starts.named(results, site, made.width, says))
            page.name_y(panel, name)
        axes[0].set_ylim(bottom=0)
    for panel in made.axes[-1]:
        panel.set_xlabel("trained module")
    return made.figure


def _by_run(rows: pd.DataFrame, column: str, modules: pd.Index) -> Array:
    """(run, module) one column of the table."""
    wide = rows.pivot(
        index=["experiment", "instance", "iteration"], columns="module", values=column
    )
    return wide.reindex(columns=modules).to_numpy(float)


def _mean(values: Array) -> Array:
    """(module,) over the runs; NaN where none has a value."""
    return pd.DataFrame(values).mean().to_numpy(float)


def _draw(axes: Axes, of_run: Array, control: Array, colour: str, marker: str) -> None:
    x = np.arange(of_run.shape[1])
    if len(of_run) > 1:
        small = {"markersize": 1.8, "alpha": 0.5, "markeredgewidth": 0}
        axes.plot(x + 0.22, of_run.T, "o", color=colour, **small)
    axes.plot(x, control, **_CONTROL)
    axes.plot(x, _mean(of_run), marker, color=colour, markersize=3.4)


def _layout(labels: Sequence[str]) -> page.PageLayout:
    """Few modules do not span the page, and long labels have room."""
    width = min(page.PageLayout(0, gap=_GAP).width(2), max(60.0, 8.0 * len(labels)))
    foot = axis.ticks(labels, width).room + page.AXIS_NAME
    return page.PageLayout(foot, tallest=44, widest=width, gap=_GAP)


def _finish(axes: Axes, found: Carried, width: float, named: bool) -> None:
    axis.along(axes, found.modules, width, named)
    axes.axhline(0, **style.ZERO_LINE)
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    for at in np.flatnonzero(found.ablated):
        axes.axvspan(at - 0.5, at + 0.5, color="0.5", alpha=0.16, linewidth=0, zorder=-1)


def _legend(results: RecoveryResults, sites: Sequence[str], found: Sequence[Carried]) -> list:
    several = max(len(one.change) for one in found) > 1
    entries = [
        style.line(
            f"layer {words.clipped(results.label(site), 24)} ablated{', mean' if several else ''}",
            color=colour, marker=marker, markersize=3.4, linestyle="",
        )
        for site in sites
        for colour, marker in [starts.of_layer(results, site)]
    ]  # fmt: skip
    if any(np.isfinite(one.control_change).any() for one in found):
        entries.append(style.line(f"intact, {_epochs(results, 'intact')}", **_CONTROL))
    return entries


def _epochs(results: RecoveryResults, start: str) -> str:
    """How long such runs were trained: "5 epochs"."""
    rows = pick(results.recovery, start=start)
    runs = rows.groupby(["site", "experiment", "instance", "iteration"])
    last = runs["epoch"].transform("max").to_numpy()
    least, most = int(last.min()), int(last.max())
    return f"{least} epochs" if least == most else f"{least} to {most} epochs"
