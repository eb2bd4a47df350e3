"""Bars by class: what one ablation keeps, loses and gains of each class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke
from matplotlib.transforms import ScaledTranslation

from lashley.plot import axis, style
from lashley.plot.canvas import canvas, legend_above, width_of
from lashley.plot.chosen import Which, one
from lashley.plot.quantities import Quantity, check_classes, quantity
from lashley.plot.words import ablation_title, clipped

Array = np.ndarray

MOST_CLASSES = 30  # of more, those that change most
_PAD = 18  # of the title above the legend, points
_MOST_WITH_ROWS = 12  # groups beyond which the numbers under the bars would not fit


@dataclass(frozen=True)
class Row:
    """A line of numbers under the bars, one per group."""

    head: str
    colour: str
    values: Array
    decimals: int = 0


@dataclass(frozen=True)
class Bars:
    """The heights of the bars, one group for all examples and one per class.

    Attributes:
        names: Of the groups, "all" first.
        black: (group,) right after the ablation, % of the group's examples.
        blue: (group,) lost only by the pair, %; stands on black.
        red: (group,) the rest of the net drop, %; stands on blue.
        green: (group,) the net gain as a negative number, %; hangs below zero.
        drop: (group,) net drop, pp; NaN where nothing was ablated.
        low: (group,) lower end of the drop's 95 % interval.
        high: (group,) upper end.
        rows: Numbers to write under the bars.
    """

    names: tuple[str, ...]
    black: Array
    blue: Array
    red: Array
    green: Array
    drop: Array
    low: Array
    high: Array
    rows: tuple[Row, ...] = ()


def with_all(effect: xr.Dataset, name: str) -> Array:
    """(group,) a number of the classes, that of all examples first."""
    return np.array([float(effect[f"overall_{name}"]), *effect[name].values], np.float64)


def group_names(effect: xr.Dataset) -> tuple[str, ...]:
    """All examples, then the classes."""
    return ("all", *effect["class"].values.astype(str).tolist())


def bars_of(effect: xr.Dataset, only: Array | float = 0.0) -> Bars:
    """The bars of one ablation's effects.

    Args:
        effect: Of one ablation, as `lashley.outcomes.at` gives it.
        only: (group,) examples lost only by the pair; red is the rest of the net drop.
    """
    names = ("lost", "gained", "drop_pp", "drop_low_pp", "drop_high_pp")
    lost, gained, drop, low, high = (with_all(effect, name) for name in names)
    total = np.maximum(with_all(effect, "total"), 1)
    intact, net = 100 * with_all(effect, "intact_correct") / total, np.nan_to_num(drop)
    blue = 100 * only / total
    red, green = np.maximum(net - blue, 0), np.minimum(net, 0)
    rows = (Row("lost", style.RED, lost), Row("gained", style.GREEN, gained))
    return Bars(group_names(effect), intact - net, blue, red, green, drop, low, high, rows)


def most_changed(bars: Bars, most: int = MOST_CLASSES) -> Bars:
    """All examples, and the classes with the largest drop or gain: largest drop first."""
    change = np.nan_to_num(bars.drop[1:])
    chosen = np.argsort(-np.abs(change), kind="stable")[:most]
    at = np.array([0, *(1 + chosen[np.argsort(-change[chosen], kind="stable")])])
    names = ("black", "blue", "red", "green", "drop", "low", "high")
    arrays: dict[str, Array] = {name: getattr(bars, name)[at] for name in names}
    return Bars(names=tuple(bars.names[i] for i in at), **arrays)  # pyright: ignore


def interval_on_bars(bars: Bars) -> tuple[Array, Array]:
    """The drop's interval where it is drawn: at the top of black, or at the end of green."""
    gain = bars.green < 0
    intact = bars.black + bars.drop
    low = np.where(gain, bars.low, np.maximum(intact - bars.high, 0))
    high = np.where(gain, bars.high, np.minimum(intact - bars.low, 100))
    return low, high


def classes(
    effects: xr.Dataset,
    ablation: Which | None = None,
    ax: Axes | None = None,
    *,
    measured: str | None = None,
) -> Axes:
    """Draw what one ablation keeps, loses and gains of each class.

    Black and red together are the accuracy of the intact network, red is what is lost of it; green,
    below 0, is what a class gains (black then stands above the intact accuracy by as much). The
    lines are 95 % intervals of the drop. Of more than 30 classes those that change most are drawn.
    Of a readout other than classification, the mean change by class is.

    Args:
        effects: As `la.effects` returns them, of examples with classes.
        ablation: A `la.Ablation`, or its units where they say enough: 3, (3, 15). None where there
            is only one.
        ax: To draw in; None makes a figure.
        measured: Which of several things that the readout measures.

    Returns:
        The Axes.

    Raises:
        PlotError: If `effects` are none, have no classes, or do not have this ablation.
    """
    found = quantity(effects, measured)
    check_classes(effects)
    effect = one(effects, ablation)
    with canvas(ax, 130, 84) as axes:
        if "drop_pp" in effect:
            bars = bars_of(effect)
            few = len(bars.names) <= MOST_CLASSES + 1
            draw_bars(axes, bars if few else most_changed(bars))
            legend_above(axes, _legend())
        else:
            few = _draw_changes(axes, effect, found)
        if not few:
            n = effects.sizes["class"]
            axes.set_xlabel(f"the {MOST_CLASSES} of {n:,} classes that change most")
        axes.set_title(f"{ablation_title(effect)}\n{found.said(effect)}", pad=_PAD)
    return axes


def draw_bars(axes: Axes, bars: Bars) -> None:
    """Draw the bars, their intervals, and the numbers under them."""
    x = _places(len(bars.names))
    axes.bar(x, bars.black, color=style.BLACK)
    axes.bar(x, bars.blue, bottom=bars.black, color=style.BLUE)
    axes.bar(x, bars.red, bottom=bars.black + bars.blue, color=style.RED)
    axes.bar(x, bars.green, color=style.GREEN)
    low, high = interval_on_bars(bars)
    lines = axes.vlines(x, low, high, color=style.BLACK, linewidth=0.9)
    lines.set_path_effects([withStroke(linewidth=2, foreground="white")])
    floor = np.nanmin([0, *bars.green, *low])
    axes.set(ylim=(floor * 1.1 - (floor < 0), 100), ylabel="examples of the class (%)")
    _name_groups(axes, bars.names)
    if len(bars.names) <= _MOST_WITH_ROWS:
        _draw_rows(axes, x, bars.rows)


def _places(n: int) -> Array:
    """(group,) where the groups stand: the first, of all examples, apart."""
    return np.arange(n) + np.where(np.arange(n) > 0, 0.4, 0.0)


def _name_groups(axes: Axes, names: Sequence[str]) -> None:
    x = _places(len(names))
    axes.spines["bottom"].set_visible(False)
    axes.set(xlim=(-0.65, x[-1] + 0.5), xticks=x)
    axes.set_xticklabels([clipped(name, 18) for name in names])
    axes.axhline(0, color="black", linewidth=0.6)
    axes.tick_params(axis="x", length=0)
    crowded = len(names) > _MOST_WITH_ROWS and axis.rotation(names, width_of(axes) / len(names))
    if max(map(len, names)) > 3 or crowded:
        axes.tick_params(axis="x", rotation=90)


def _draw_changes(axes: Axes, effect: xr.Dataset, found: Quantity) -> bool:
    """Draw the mean change by class; whether all classes are shown."""
    mean, low, high = (with_all(effect, name) for name in found.variables)
    order = np.argsort(-np.abs(np.nan_to_num(mean[1:])), kind="stable")[:MOST_CLASSES]
    few = len(order) == len(mean) - 1
    at = np.array([0, *(1 + (np.sort(order) if few else order))])
    x, colours = _places(len(at)), np.where(mean[at] > 0, style.RED, style.BLUE)
    axes.bar(x, mean[at], color=colours)
    ends = [mean[at] - low[at], high[at] - mean[at]]
    axes.errorbar(x, mean[at], ends, color=style.BLACK, fmt="none", elinewidth=0.9, capsize=1.8)
    _name_groups(axes, [group_names(effect)[i] for i in at])
    axes.set_ylabel(found.label)
    return few


def _legend() -> list[Any]:
    return [
        style.patch("kept", style.BLACK),
        style.patch("lost, net", style.RED),
        style.patch("gained, net", style.GREEN),
    ]


def _draw_rows(axes: Axes, x: Array, rows: Sequence[Row]) -> None:
    longest = max(len(label.get_text()) for label in axes.get_xticklabels())
    first = 13 if longest <= 3 else 6 + 5 * longest  # points below the axis
    for i, row in enumerate(rows):
        shift = ScaledTranslation(0, -(first + 9.5 * i) / 72, axes.figure.dpi_scale_trans)
        line, head = axes.get_xaxis_transform() + shift, axes.transAxes + shift
        look = {"color": row.colour, "size": 7, "va": "top"}
        axes.text(-0.02, 0, row.head, ha="right", transform=head, **look)
        for place, value in zip(x, row.values, strict=True):
            text = f"{value:.{row.decimals}f}" if value else "·"
            axes.text(place, 0, text, ha="center", transform=line, **look)
