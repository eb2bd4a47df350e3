"""The figure that the paper lacks: the gap after recovery against the share ablated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lashley.papers.meyes2019.figures.layers import page
from lashley.papers.meyes2019.figures.recovery import runs, starts
from lashley.papers.meyes2019.figures.recovery.recovery_results import RecoveryResults
from lashley.plot import style

Array = np.ndarray

_ASIDE = 1.0  # of the share, %
_PAPER_TOP = 5
_PAPER = (1.0, 4.0)  # pp
_PAPER_SAYS = "paper: < 1 pp at 25 %, < 4 pp at 80 % (top-5)"
_PAPER_LINE = {"color": "0.6", "linewidth": 0.7, "linestyle": (0, (1, 1.5)), "zorder": 0}


@dataclass(frozen=True)
class Gap:
    """What one layer lacks after each iteration, against the intact network.

    Attributes:
        share: (iteration,) of the layer's units, ablated so far, %.
        gap: (iteration, 3) after the last epoch: drop and the ends of its 95 % interval, pp.
        control: (iteration, 3) the same for the intact network, trained for as many epochs; NaN
            where it was not trained that long.
    """

    share: Array
    gap: Array
    control: Array


def gap(results: RecoveryResults, site: str, top: int) -> Gap:
    """The numbers of one curve; without iterations it is empty."""
    steps = runs.chain(results, site, top)
    trained = runs.intact_control(results, site, top)
    ends = [int(step.total_epoch[-1]) for step in steps]
    return Gap(
        np.array([step.share for step in steps]),
        np.array([[step.drop[-1], step.low[-1], step.high[-1]] for step in steps]).reshape(-1, 3),
        np.array([_at(trained, end) for end in ends]).reshape(-1, 3),
    )


def against_share(results: RecoveryResults) -> Figure:
    """Draw a panel per accuracy, all layers in it."""
    tops = results.tops
    rows = [{site: gap(results, site, top) for site in results.shown} for top in tops]
    made = page.panels(
        1, len(tops), page.PageLayout(4 + page.AXIS_NAME, tallest=70, widest=110, gap=14),
        title="Gap to the intact network after recovery, against the share ablated",
        caption=f"bars: 95 % intervals, over images · below 0: better than the intact network\n"
        f"{results.caption}",
        legend=_legend(results, list(rows[0].values())),
    )  # fmt: skip
    for axes, row, top in zip(made.axes[0], rows, tops, strict=True):
        for place, (site, found) in zip(_places(len(row)), row.items(), strict=True):
            _draw(axes, found, place, *starts.of_layer(results, site))
        _finish(axes, top)
    page.name_y(made.axes[0, 0], "gap (pp)")
    return made.figure


def _at(run: runs.RunLine | None, epoch: int) -> tuple[float, float, float]:
    """Drop and interval of a run at an epoch."""
    found = np.flatnonzero(run.total_epoch == epoch) if run else []
    if run is None or not len(found):
        return (np.nan, np.nan, np.nan)
    return float(run.drop[found[0]]), float(run.low[found[0]]), float(run.high[found[0]])


def _places(layers: int) -> Array:
    """How far aside each layer is drawn, so that intervals stay apart."""
    return _ASIDE * (np.arange(layers) - (layers - 1) / 2)


def _draw(axes: Axes, found: Gap, place: float, colour: str, marker: str) -> None:
    x = found.share + place
    bars = {"color": colour, "linewidth": 0.8}
    control, low, high = found.control.T
    axes.vlines(x, low, high, **bars, alpha=0.45)
    axes.plot(
        x, control, color=colour, marker=marker, markersize=3.2, markerfacecolor="white",
        linewidth=0.9, linestyle=(0, (3, 2)), alpha=0.8,
    )  # fmt: skip
    drop, low, high = found.gap.T
    axes.vlines(x, low, high, **bars)
    axes.plot([0, *x], [0, *drop], color=colour, linewidth=1.2)
    axes.plot(x, drop, marker, color=colour, markersize=3.6)


def _finish(axes: Axes, top: int) -> None:
    axes.axhline(0, **style.ZERO_LINE)
    axes.set_title(f"Top-{top}")
    axes.set_xlim(-2, 102)
    axes.set_xlabel("ablated (%)")
    for value in _PAPER if top == _PAPER_TOP else ():
        axes.axhline(value, **_PAPER_LINE)


def _legend(results: RecoveryResults, found: Sequence[Gap]) -> list:
    entries = starts.layer_entries(results, ", recovered")
    if any(np.isfinite(one.control).any() for one in found):
        dashed = {"color": "0.3", "linestyle": (0, (3, 2)), "markerfacecolor": "white"}
        entries.append(
            style.line(starts.CONTROLS["intact"].name, marker="o", markersize=3.2, **dashed)
        )
    if _PAPER_TOP in results.tops:
        entries.append(style.line(_PAPER_SAYS, **_PAPER_LINE))
    return entries
