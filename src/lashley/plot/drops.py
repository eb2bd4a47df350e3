"""The drop of each ablation, ranked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from lashley.plot import axis, style
from lashley.plot.canvas import canvas, legend_above, width_of
from lashley.plot.quantities import check_ablations, quantity
from lashley.plot.words import ablation_names, units_axis

Array = np.ndarray

_STRONGEST = 5  # of ablations whose names do not fit, that are named
_CHARACTER = 1.45  # mm
_MOST_BARS = 200  # intervals; more are drawn as a band
_SIDES = (
    (1, "95 % interval above 0", style.RED),
    (0, "around 0", style.DARK_GREY),
    (-1, "below 0", style.GREEN),
)


@dataclass(frozen=True)
class RankedDrops:
    """Ablations by their drop, largest first.

    Attributes:
        label: Of the drop, or of the mean change.
        names: (ablation,).
        units: What the names are, such as "unit of fc1".
        drop: (ablation,).
        low: (ablation,) lower end of the 95 % interval.
        high: (ablation,) upper end.
    """

    label: str
    names: tuple[str, ...]
    units: str
    drop: Array
    low: Array
    high: Array

    @property
    def side(self) -> Array:
        """(ablation,) 1 where the whole interval is above 0, -1 below, else 0."""
        return (self.low > 0).astype(int) - (self.high < 0)


def ranked(effects: xr.Dataset, measured: str | None = None) -> RankedDrops:
    """The numbers of the figure; for the arguments see `drops`."""
    check_ablations(effects)
    found = quantity(effects, measured)
    numbers, names = found.overall(effects), ablation_names(effects)
    order = np.argsort(-numbers[0], kind="stable")
    drop, low, high = numbers[:, order]
    named = tuple(names[i] for i in order)
    return RankedDrops(found.label, named, units_axis(effects), drop, low, high)


def drops(effects: xr.Dataset, ax: Axes | None = None, *, measured: str | None = None) -> Axes:
    """Draw the drop of each ablation with its 95 % interval, largest first.

    Ablations are named on the axis where all names fit (48 in a new figure), else the first
    five below it. The intervals are not adjusted for the number of ablations (`overall_p_adjusted`
    is).

    Args:
        effects: As `la.effects` returns them. Of a readout other than classification, the mean
            change is drawn.
        ax: To draw in; None makes a figure.
        measured: Which of several things that the readout measures.

    Returns:
        The Axes.

    Raises:
        PlotError: If `effects` are none, hold no ablations, or do not have what is `measured`.
    """
    shown = ranked(effects, measured)
    with canvas(ax, 175, 78) as axes:
        _draw(axes, shown)
        _name(axes, shown)
        axes.axhline(0, **style.ZERO_LINE)
        axes.set_ylabel(shown.label)
        legend_above(axes, _legend(shown))
    return axes


def _draw(axes: Axes, shown: RankedDrops) -> None:
    n, x = len(shown.drop), np.arange(len(shown.drop))
    size = float(np.clip(300 / n, 1.4, 3.5))
    if n > _MOST_BARS:
        axes.fill_between(x, shown.low, shown.high, step="mid", color=style.GREY, alpha=0.6,
                          linewidth=0)  # fmt: skip
    for side, _, colour in _SIDES:
        own = shown.side == side
        if n <= _MOST_BARS:
            axes.vlines(x[own], shown.low[own], shown.high[own], color=colour, alpha=0.55,
                        linewidth=0.4 + size / 6)  # fmt: skip
        axes.plot(x[own], shown.drop[own], "o", color=colour, markersize=size, markeredgewidth=0)


def _name(axes: Axes, shown: RankedDrops) -> None:
    """Name all ablations on the axis if their names fit, else ranks from 1, and the first few."""
    n, width = len(shown.names), width_of(axes)
    if axis.along_all(axes, shown.names, width):
        axes.set_xlabel(shown.units)
        return
    axes.set_xlim(-0.02 * n, 1.02 * n)
    ranks = [1, *(int(tick) for tick in MaxNLocator(6, integer=True).tick_values(1, n))]
    ranks = sorted({rank for rank in ranks if 1 <= rank <= n})
    axes.set_xticks([rank - 1 for rank in ranks], [f"{rank:,}" for rank in ranks])
    first = f"first, {shown.units}: {', '.join(shown.names[:_STRONGEST])}"
    name = f"rank among {n:,} ablations"
    axes.set_xlabel(f"{name}\n{first}" if len(first) * _CHARACTER < width else name)


def _legend(shown: RankedDrops) -> list[Any]:
    return [
        style.line(f"{words}: {(shown.side == side).sum():,}", color=colour, marker="o",
                   markersize=3.5, linewidth=0)
        for side, words, colour in _SIDES
    ]  # fmt: skip
