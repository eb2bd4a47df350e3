"""Bars: accuracy overall and per class, split into what was kept, lost and gained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke
from matplotlib.transforms import ScaledTranslation

from lashley.outcomes import at
from lashley.papers.meyes2019.figures.mlp.cases import only_pair_share
from lashley.papers.meyes2019.figures.mlp.mlp_results import Results
from lashley.plot import style

Array = np.ndarray

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


def intact_bars(results: Results) -> Bars:
    """Figure 2: black is right, red is wrong; together 100 %."""
    right, total = _with_all(results, "intact_correct"), _with_all(results, "total")
    black = 100 * right / total
    none, unknown = np.zeros_like(black), np.full_like(black, np.nan)
    rows = (
        Row("right, %", style.BLACK, black, 1),
        Row("wrong", style.RED, total - right),
    )
    return Bars(_names(results), black, none, 100 - black, none, unknown, unknown, unknown, rows)


def single_bars(results: Results, unit: int) -> Bars:
    """Figures 3 to 7: black + red is the intact accuracy, green a class's net gain."""
    return _changed(results, (unit,), np.zeros(len(results.class_names) + 1))


def pair_bars(results: Results, pair: tuple[int, int]) -> Bars:
    """Figures 12, 13, A.3: as for one unit, with what only the pair loses in blue.

    Blue comes first: red is what is left of the net drop, and never below 0. So black + blue + red
    is the intact accuracy, except where the examples lost only by the pair outnumber the net drop
    because others were gained; there the bar is higher than the intact accuracy by the difference.
    """
    only = at(results.interactions, *pair)["only_pair"].values.astype(float)
    bars = _changed(results, pair, np.concatenate([[only.sum()], only]))
    share = only_pair_share(results.effects, results.interactions)
    where = np.flatnonzero(results.interactions["units"].values == f"{min(pair)},{max(pair)}")[0]
    intact = float(results.effects["overall_intact_correct"])
    shares = np.concatenate([[100 * only.sum() / max(intact, 1)], share[where]])
    return replace(bars, rows=(*bars.rows, Row("only pair, %", style.BLUE, shares, 1)))


def draw(axes: Axes, bars: Bars) -> None:
    """Draw the bars, their intervals, and the numbers under them."""
    x = np.arange(len(bars.names)) + np.where(np.arange(len(bars.names)) > 0, 0.4, 0.0)
    axes.bar(x, bars.black, color=style.BLACK)
    axes.bar(x, bars.blue, bottom=bars.black, color=style.BLUE)
    axes.bar(x, bars.red, bottom=bars.black + bars.blue, color=style.RED)
    axes.bar(x, bars.green, color=style.GREEN)
    low, high = interval_on_bars(bars)
    lines = axes.vlines(x, low, high, color=style.BLACK, linewidth=0.9)
    lines.set_path_effects([withStroke(linewidth=2, foreground="white")])
    floor = np.nanmin([0, *bars.green, *low])
    axes.set(xlim=(-0.65, x[-1] + 0.5), ylim=(floor * 1.1 - (floor < 0), 100))
    axes.spines["bottom"].set_visible(False)
    axes.set(xticks=x, xticklabels=bars.names, ylabel="examples of the class (%)")
    axes.axhline(0, color="black", linewidth=0.6)
    axes.tick_params(axis="x", length=0)
    if len(bars.names) <= _MOST_WITH_ROWS:
        _draw_rows(axes, x, bars.rows)


def interval_on_bars(bars: Bars) -> tuple[Array, Array]:
    """The drop's interval where it is drawn: at the top of black, or at the end of green."""
    gain = bars.green < 0
    intact = bars.black + bars.drop
    low = np.where(gain, bars.low, np.maximum(intact - bars.high, 0))
    high = np.where(gain, bars.high, np.minimum(intact - bars.low, 100))
    return low, high


def _changed(results: Results, units: Sequence[int], only: Array) -> Bars:
    """The bars of an ablation; `only` counts the examples lost only by the pair."""
    effect = at(results.effects, *units)
    total, intact = _with_all(results, "total"), _with_all(results, "intact_correct")
    lost, gained, drop, low, high = (
        np.concatenate([[float(effect[f"overall_{name}"])], effect[name].values])
        for name in ("lost", "gained", "drop_pp", "drop_low_pp", "drop_high_pp")
    )
    black, blue = 100 * (intact - lost + gained) / total, 100 * only / total
    red, green = np.maximum(drop - blue, 0), np.minimum(drop, 0)
    rows = (Row("lost", style.RED, lost), Row("gained", style.GREEN, gained))
    return Bars(_names(results), black, blue, red, green, drop, low, high, rows)


def _with_all(results: Results, name: str) -> Array:
    """(group,) a number of the classes, that of all examples first; no total is 0."""
    numbers = [float(results.effects[f"overall_{name}"]), *results.effects[name].values]
    return np.maximum(np.array(numbers, np.float64), 0 if name != "total" else 1)


def _names(results: Results) -> tuple[str, ...]:
    return ("all", *results.class_names)


def _draw_rows(axes: Axes, x: Array, rows: Sequence[Row]) -> None:
    longest = max(len(label.get_text()) for label in axes.get_xticklabels())
    if longest > 3:
        axes.tick_params(axis="x", rotation=90)
    first = 13 if longest <= 3 else 6 + 5 * longest  # points below the axis
    for i, row in enumerate(rows):
        shift = ScaledTranslation(0, -(first + 9.5 * i) / 72, axes.figure.dpi_scale_trans)
        line, head = axes.get_xaxis_transform() + shift, axes.transAxes + shift
        look = {"color": row.colour, "size": 7, "va": "top"}
        axes.text(-0.02, 0, row.head, ha="right", transform=head, **look)
        for place, value in zip(x, row.values, strict=True):
            text = f"{value:.{row.decimals}f}" if value else "·"
            axes.text(place, 0, text, ha="center", transform=line, **look)
