"""Figure 19: ablated and retrained again and again, epoch by epoch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from lashley.papers.meyes2019.figures.layers import page
from lashley.papers.meyes2019.figures.recovery import grid, runs, starts
from lashley.papers.meyes2019.figures.recovery.recovery_results import RecoveryResults
from lashley.papers.meyes2019.figures.recovery.runs import Intact, RunLine
from lashley.plot import style, words

Array = np.ndarray

_STRIP = 0.26  # of a panel's height
_MOST_NAMED = 3  # with more rows the strips are too low for the name of y
_CHARACTER = 1.5  # of 7 points, mm


@dataclass(frozen=True)
class Chain:
    """One layer through the iterations, in one accuracy.

    Attributes:
        epoch: (point,) since the chain began; an ablation is a step within an epoch.
        accuracy: (point,) %; the first is the intact network's.
        ablated: (iteration,) which points are those right after an ablation.
        recovered: (iteration,) which are the last of an iteration.
        share: (iteration,) of the layer's units, ablated so far, %.
        diverged: (iteration,) whether the training was given up because it diverged.
        control: The intact network, trained just as long.
        intact: The network before the first ablation.
    """

    epoch: Array
    accuracy: Array
    ablated: Array
    recovered: Array
    share: Array
    diverged: Array
    control: RunLine | None
    intact: Intact


def chained(results: RecoveryResults, site: str, top: int) -> Chain | None:
    """The numbers of a layer's panel; None if the layer has no iterations."""
    steps = runs.chain(results, site, top)
    if not steps:
        return None
    intact = runs.intact(results, site, top)
    lengths = np.array([len(step.epoch) for step in steps])
    ends = np.cumsum(lengths)
    return Chain(
        epoch=np.concatenate([steps[0].total_epoch[:1], *(step.total_epoch for step in steps)]),
        accuracy=np.concatenate([[intact.percent], *(step.accuracy for step in steps)]),
        ablated=ends - lengths + 1,
        recovered=ends,
        share=np.array([step.share for step in steps]),
        diverged=np.array([step.diverged for step in steps]),
        control=runs.intact_control(results, site, top),
        intact=intact,
    )


def iterated(results: RecoveryResults) -> Figure:
    """Draw figure 19, with the share ablated so far in a strip below each panel."""
    rows = grid.cells(results)
    found = [[chained(results, *cell) for cell in row] for row in rows]
    made = page.panels(
        len(rows), len(rows[0]), page.PageLayout(4 + page.AXIS_NAME, tallest=62, strip=_STRIP),
        title=f"Recovery of {grid.accuracy_name(results)}, "
        f"{words.percent(results.proportion)} of a layer ablated again and again",
        caption="black line, grey band: intact network, 95 % interval · below: share of the "
        f"layer's units ablated so far\n{results.caption}",
        legend=_legend(found),
    )  # fmt: skip
    longest = max([1, *(int(one.epoch[-1]) for row in found for one in row if one)])
    for axes, strips, row, chains in zip(made.axes, made.strips, rows, found, strict=True):
        for panel, strip, (site, _), one in zip(axes, strips, row, chains, strict=True):
            panel.set_title(starts.named(results, site, made.width))
            _scale(panel, strip, longest)
            if one:
                colour, _ = starts.of_layer(results, site)
                _draw(panel, one, colour)
                _draw_share(strip, one, colour, made.width / (1.03 * longest))
        page.share_y(axes, f"top-{row[0][1]} (%)")
        page.share_y(strips, "ablated\n(%)" if len(rows) <= _MOST_NAMED else "(%)")
    for strip in made.strips[-1]:
        strip.tick_params(labelbottom=True)
        strip.set_xlabel("epochs of training in all")
    return made.figure


def _draw(axes: Axes, found: Chain, colour: str) -> None:
    axes.axhspan(found.intact.low, found.intact.high, **starts.BAND)
    axes.axhline(found.intact.percent, **starts.INTACT)
    if found.control:
        as_long = found.control.epoch <= found.epoch[-1]
        control = found.control.epoch[as_long], found.control.accuracy[as_long]
        axes.plot(*control, **starts.CONTROLS["intact"].line)
    axes.plot(found.epoch, found.accuracy, color=colour, linewidth=1, marker=".", markersize=2.5)
    parts = ((found.ablated, "white"), (found.recovered, colour))
    for which, face in parts:
        axes.plot(
            found.epoch[which], found.accuracy[which], "o", color=colour, markerfacecolor=face,
            markersize=3.4,
        )  # fmt: skip
    gone = found.recovered[found.diverged]
    axes.plot(found.epoch[gone], found.accuracy[gone], color=colour, **starts.DIVERGED)


def _draw_share(axes: Axes, found: Chain, colour: str, scale: float) -> None:
    """Steps, each with its number where it is wide enough; `scale` in mm per epoch."""
    begun, ended = found.epoch[found.ablated], found.epoch[found.recovered]
    axes.stairs(found.share, [*begun, ended[-1]], fill=True, color=colour, alpha=0.3)
    for start, end, share in zip(begun, ended, found.share, strict=True):
        text = f"{share:.0f}"
        if (end - start) * scale > _CHARACTER * len(text):
            axes.annotate(
                text, ((start + end) / 2, share), (0, 1), textcoords="offset points", size=7,
                ha="center", va="bottom",
            )  # fmt: skip


def _scale(panel: Axes, strip: Axes, longest: int) -> None:
    for axes in (panel, strip):
        axes.set_xlim(-0.015 * longest, 1.015 * longest)
        axes.xaxis.set_major_locator(MaxNLocator(8, integer=True, min_n_ticks=1))
        axes.tick_params(labelbottom=False)
    panel.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    strip.set(ylim=(0, 125), yticks=(0, 50, 100))


def _legend(found: Sequence[Sequence[Chain | None]]) -> list:
    chains = [one for row in found for one in row if one]
    dot = {"color": "0.3", "marker": "o", "markersize": 3.4, "linestyle": ""}
    entries = [
        style.line("right after an ablation", markerfacecolor="white", **dot),
        style.line("recovered", **dot),
        style.line("intact", **starts.INTACT),
    ]
    if any(one.control for one in chains):
        entries += starts.control_entries(["intact"])
    if any(one.diverged.any() for one in chains):
        entries.append(style.line("diverged after this epoch", color="0.3", **starts.DIVERGED))
    return entries
