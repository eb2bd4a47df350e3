"""Figure 18: what each instance has recovered, epoch by epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from lashley.papers.meyes2019.figures.layers import page
from lashley.papers.meyes2019.figures.recovery import grid, runs, starts
from lashley.papers.meyes2019.figures.recovery.recovery_results import RecoveryResults
from lashley.papers.meyes2019.figures.recovery.runs import Intact, RunLine, Spread
from lashley.plot import style, words

Array = np.ndarray

_FAR = "from_scratch"  # what may lie far below the others
_MARGIN = 0.07


@dataclass(frozen=True)
class Recovering:
    """One layer in one accuracy.

    Attributes:
        instances: The recoveries.
        controls: By their start, up to the last epoch of the instances.
        intact: The network before the ablation.
    """

    instances: tuple[RunLine, ...]
    controls: Mapping[str, Spread]
    intact: Intact


def recovering(results: RecoveryResults, site: str, top: int) -> Recovering:
    """The numbers of a layer's panels."""
    controls = runs.controls(results, site, top)
    return Recovering(
        runs.instances(results, site, top),
        {start: runs.spread(of) for start, of in controls.items()},
        runs.intact(results, site, top),
    )


def near(found: Recovering) -> tuple[float, float]:
    """The range of accuracies from epoch 1 on, %, with the intact network's.

    Training from scratch is left out: it may lie far below all others.
    """
    values = [run.accuracy[run.epoch >= 1] for run in found.instances]
    for start, control in found.controls.items():
        later = control.epoch >= 1
        values += [control.least[later], control.most[later]] if start != _FAR else []
    everything = np.concatenate([[found.intact.percent], *values])
    return float(everything.min()), float(everything.max())


def recovery_by_epoch(results: RecoveryResults) -> Figure:
    """Draw figure 18: left from epoch 0, right from epoch 1 on."""
    rows = grid.cells(results)
    found = [[recovering(results, *cell) for cell in row] for row in rows]
    columns = len(rows[0])
    made = page.panels(
        len(rows), 2 * columns, page.PageLayout(4 + page.AXIS_NAME, gap=10, widest=76),
        title=f"Recovery of {grid.accuracy_name(results)}, "
        f"{words.percent(results.proportion)} of a layer ablated",
        caption=f"{_note(found)}\n{results.caption}",
        legend=_legend(results, found),
    )  # fmt: skip
    for axes, row, numbers in zip(made.axes, rows, found, strict=True):
        _draw_row(axes, row, numbers, results, made.width)
    _name_epochs(made)
    return made.figure


def _draw_row(
    axes: Array,
    row: Sequence[grid.Cell],
    found: Sequence[Recovering],
    results: RecoveryResults,
    width: float,
) -> None:
    """The whole ranges left, the late epochs right; each half has its own range."""
    whole, late = np.split(axes, 2)
    longest = max(runs.longest(one.instances) for one in found)
    for half, first in ((whole, 0), (late, 1)):
        for panel, (site, _), one in zip(half, row, found, strict=True):
            _draw(panel, one, first, *starts.of_layer(results, site))
            panel.set_xlim(first - 0.25, max(longest, 1) + 0.25)
            panel.set_title(starts.named(results, site, width, ", zoom" if first else ""))
    low, high = zip(*map(near, found), strict=True)
    room = _MARGIN * max(max(high) - min(low), 0.2)
    for panel in late:
        panel.set_ylim(min(low) - room, max(high) + room)
    page.share_y(list(whole), f"top-{row[0][1]} (%)")
    page.share_y(list(late), "")


def _draw(axes: Axes, found: Recovering, first: int, colour: str, marker: str) -> None:
    axes.axhspan(found.intact.low, found.intact.high, **starts.BAND)
    axes.axhline(found.intact.percent, **starts.INTACT)
    for start, control in found.controls.items():
        how = starts.CONTROLS[start]
        axes.plot(control.epoch[first:], control.mean[first:], **how.line)
        ends = control.epoch[first:], control.least[first:], control.most[first:]
        axes.vlines(*ends, color=how.colour, linewidth=0.6)
    for run in found.instances:
        late = run.epoch[first:], run.accuracy[first:]
        axes.plot(*late, color=colour, marker=marker, markersize=2.4, linewidth=0.9, alpha=0.85)
        if run.diverged:
            axes.plot(*(values[-1:] for values in late), color=colour, **starts.DIVERGED)


def _name_epochs(made: page.Panels) -> None:
    for axes in made.axes.flat:
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=1))
        axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
        axes.tick_params(labelbottom=axes in made.axes[-1])
    for half, name in zip(np.split(made.axes[-1], 2), ("epoch", "epoch, from 1 on"), strict=True):
        for axes in half:
            axes.set_xlabel(name)


def _note(found: Sequence[Sequence[Recovering]]) -> str:
    note = "black line, grey band: intact network, 95 % interval"
    if any(one.controls for row in found for one in row):
        note += " · controls: mean and range"
    if any(_lies_below(one) for row in found for one in row):
        note += " · from scratch lies below the zoom"
    return note


def _lies_below(found: Recovering) -> bool:
    later = found.controls[_FAR].mean[1:] if _FAR in found.controls else np.zeros(0)
    return bool((later < near(found)[0]).any())


def _legend(results: RecoveryResults, found: Sequence[Sequence[Recovering]]) -> list:
    several = max(len(one.instances) for row in found for one in row) > 1
    entries = starts.layer_entries(results, ", each instance" if several else "")
    entries.append(style.line("intact", **starts.INTACT))
    entries += starts.control_entries([s for row in found for one in row for s in one.controls])
    if any(run.diverged for row in found for one in row for run in one.instances):
        entries.append(style.line("diverged after this epoch", color="0.3", **starts.DIVERGED))
    return entries
