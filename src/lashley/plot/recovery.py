"""What comes back, epoch by epoch, when a network is retrained with its ablation held."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from lashley import outcomes as schema
from lashley import stats
from lashley.effects.drops import check_top
from lashley.errors import PlotError
from lashley.plot import style
from lashley.plot.canvas import canvas, legend_above
from lashley.plot.quantities import accuracy
from lashley.recovery import Recovery

Array = np.ndarray


@dataclass(frozen=True)
class RecoveryCurve:
    """The accuracy by epoch.

    Attributes:
        epoch: (epoch,) from 0, before the training.
        percent: (epoch,) accuracy, %.
        low: (epoch,) lower end of its 95 % interval.
        high: (epoch,) upper end.
        intact: Of the intact network, and its interval: three numbers, %.
        start: With what the training began, such as "ablated".
        top: Accuracy among so many first classes.
    """

    epoch: Array
    percent: Array
    low: Array
    high: Array
    intact: tuple[float, float, float]
    start: str
    top: int


def course(recovery: Recovery | xr.Dataset, top: int = 1) -> RecoveryCurve:
    """The numbers of the figure; for the arguments see `recovery`."""
    outcomes = recovery.outcomes if isinstance(recovery, Recovery) else recovery
    _check(outcomes)
    check_top(outcomes, top)
    percent, low, high = _percent(outcomes["rank"].values < top)
    level, least, most = map(float, _percent(outcomes["intact_rank"].values < top))
    start = str(outcomes.attrs.get("start", "ablated"))
    return RecoveryCurve(
        outcomes["epoch"].values, percent, low, high, (level, least, most), start, top
    )


def recovery(recovery: Recovery | xr.Dataset, ax: Axes | None = None, *, top: int = 1) -> Axes:
    """Draw the accuracy by epoch, with the levels of the intact and the ablated network.

    The intervals are Wilson's, 95 %, over the test examples.

    Args:
        recovery: As `la.recover` returns it, or its `outcomes`.
        ax: To draw in; None makes a figure.
        top: 1 for top-1 accuracy, 5 for top-5.

    Returns:
        The Axes.

    Raises:
        PlotError: If it is no recovery.
        OutcomesError: If there are no `top` classes.
    """
    shown = course(recovery, top)
    with canvas(ax, 110, 78) as axes:
        percent, low, high = shown.intact
        axes.axhspan(low, high, color=style.GREY, alpha=0.35, linewidth=0)
        axes.axhline(percent, color=style.BLACK, linewidth=1)
        axes.axhline(shown.percent[0], color=style.RED, linewidth=1, linestyle=(0, (4, 2)))
        axes.errorbar(
            shown.epoch, shown.percent, [shown.percent - shown.low, shown.high - shown.percent],
            color=style.BLUE, marker="o", markersize=3.5, linewidth=1.2, elinewidth=0.8,
            capsize=1.8,
        )  # fmt: skip
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.set(xlabel="epoch", ylabel=f"{accuracy(top)} (%)")
        legend_above(axes, _legend(shown))
    return axes


def _legend(shown: RecoveryCurve) -> list[Any]:
    began = "ablated" if shown.start == "ablated" else f"before training ({shown.start})"
    return [
        style.line(f"intact {shown.intact[0]:.1f} %", color=style.BLACK, linewidth=1),
        style.line(f"retrained {shown.percent[-1]:.1f} %", color=style.BLUE, marker="o",
                   markersize=3.5),
        style.line(f"{began} {shown.percent[0]:.1f} %", color=style.RED, linestyle=(0, (4, 2))),
    ]  # fmt: skip


def _percent(right: Array) -> Array:
    """(3, ...) the share of the last axis that is right, with both ends of its interval, %."""
    part, whole = right.sum(-1), right.shape[-1]
    ends = stats.share_interval(part, np.full(part.shape, whole))
    return 100 * np.array([part / whole, ends.low, ends.high])


def _check(outcomes: Any) -> None:
    if not isinstance(outcomes, xr.Dataset) or "epoch" not in outcomes.coords:
        raise PlotError(
            f"recovery: given a {type(outcomes).__name__}; allowed is what la.recover returns, or "
            "its outcomes, which have epochs. Give la.recover(network, ablation, train, test)."
        )
    schema.check(outcomes)
