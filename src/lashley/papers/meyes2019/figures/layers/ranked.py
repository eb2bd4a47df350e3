"""Figure 17: all classes sorted by drop; some gain."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lashley.papers.meyes2019.figures.layers import look, page
from lashley.papers.meyes2019.figures.layers.choice import choose_proportions, top_of_classes
from lashley.papers.meyes2019.figures.layers.layer_results import LayerResults, pick
from lashley.plot import style, words

Array = np.ndarray

MOST_NAMED = 20  # classes; more names would not be readable
_LONGEST_NAME = 18
_GAIN, _LOSS = style.GREEN, style.RED


@dataclass(frozen=True)
class Ranked:
    """The classes by their drop after the first method, largest first.

    Attributes:
        names: (class,).
        drop_pp: (class,) mean over the site's groups, pp.
        low: (class,) lower end of the 95 % interval.
        high: (class,) upper end.
        others: (class,) of each further method, the drops of the same classes.
        gain: By method, how many classes have a drop below 0.
    """

    names: tuple[str, ...]
    drop_pp: Array
    low: Array
    high: Array
    others: dict[str, Array]
    gain: dict[str, int]


def ranked(results: LayerResults, site: str, proportion: float, top: int) -> Ranked:
    """The numbers of one panel; classes without images are left out."""
    rows = pick(results.classes, site=site, proportion=proportion, top=top)
    name, *further = results.methods
    tables = {m: pick(rows, method=m).set_index("class_index") for m in results.methods}
    first = tables[name].dropna(subset="drop_pp").sort_index()
    first = first.sort_values("drop_pp", ascending=False, kind="stable")
    drops = {m: t["drop_pp"].reindex(first.index).to_numpy(float) for m, t in tables.items()}
    return Ranked(
        names=tuple(results.class_names[i] for i in first.index),
        drop_pp=drops[name],
        low=first["drop_low_pp"].to_numpy(float),
        high=first["drop_high_pp"].to_numpy(float),
        others={method: drops[method] for method in further},
        gain={method: int((drop < 0).sum()) for method, drop in drops.items()},
    )


def sorted_classes(results: LayerResults) -> Figure:
    """Draw figure 17: a row per site in `results.shown`, a column per proportion."""
    top, proportions = top_of_classes(results.classes), choose_proportions(results.proportions)
    named = len(results.class_names) <= MOST_NAMED
    made = _page(results, len(proportions), top, named)
    for (row, column), axes in np.ndenumerate(made.axes):
        site, proportion = results.shown[row], proportions[column]
        shown = ranked(results, site, proportion, top)
        (_draw_bars if named else _draw_curve)(axes, shown)
        layer = words.clipped(results.label(site), 16)
        heading = f"Layer {layer}, {words.percent(proportion)} ablated\n{gain_text(shown)}"
        axes.set_title(heading, linespacing=1.3)
    (_scale_bars if named else _scale_curves)(made)
    return made.figure


def gain_text(shown: Ranked) -> str:
    """How many classes gain, as in "3 of 10 classes gain; silenced: 1"."""
    (_, count), *others = shown.gain.items()
    rest = [f"; {look.of_method(method).name}: {number:,}" for method, number in others]
    return f"{count:,} of {len(shown.names):,} classes gain{''.join(rest)}"


def _page(results: LayerResults, columns: int, top: int, named: bool) -> page.Panels:
    first, *further = [look.of_method(method).name for method in results.methods]
    n = len(results.class_names)
    order = f"each panel in the order of its drops after “{first}” · " if further else ""
    drawn = "lines" if named else "grey"
    return page.panels(
        len(results.shown), columns, _layout(results, named),
        title=f"The {n:,} classes, sorted by drop in top-{top} accuracy",
        caption=f"{order}{drawn}: 95 % interval over a class's images\n{results.caption}",
        legend=_legend(first, further, named),
    )  # fmt: skip


def _layout(results: LayerResults, named: bool) -> page.PageLayout:
    foot = 4 + page.AXIS_NAME
    if not named:
        return page.PageLayout(foot, tallest=72, widest=110, heading=10)
    names, tallest = _names_width(results), 5 + 4.1 * len(results.class_names)
    foot, below = page.AXIS_NAME, 5  # every row has numbers of its own
    return page.PageLayout(foot, tallest, 110, left=names, gap=names, heading=10, below=below)


def _names_width(results: LayerResults) -> float:
    longest = max(len(words.clipped(name, _LONGEST_NAME)) for name in results.class_names)
    return max(8.0, 5 + 1.55 * longest)


def _draw_bars(axes: Axes, shown: Ranked) -> None:
    """Bars from top to bottom, each with its class's name."""
    y = np.arange(len(shown.names))
    colours = np.where(shown.drop_pp < 0, _GAIN, _LOSS)
    axes.barh(y, shown.drop_pp, height=0.72, color=colours, alpha=0.75)
    axes.hlines(y, shown.low, shown.high, color=style.BLACK, linewidth=0.8)
    for drop in shown.others.values():
        axes.plot(drop, y, "o", color="white", markeredgecolor="black", markersize=3.6)
    axes.axvline(0, color="black", linewidth=0.6)
    axes.set_yticks(y, [words.clipped(name, _LONGEST_NAME) for name in shown.names])
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(y) - 0.4, -0.6)


def _draw_curve(axes: Axes, shown: Ranked) -> None:
    """A filled curve from left to right, for classes too many to be named."""
    x = np.arange(1, len(shown.names) + 1)
    for which, colour in ((shown.drop_pp >= 0, _LOSS), (shown.drop_pp < 0, _GAIN)):
        height = np.where(which, shown.drop_pp, 0)
        axes.fill_between(x, height, step="mid", color=colour, alpha=0.75, linewidth=0)
    axes.fill_between(x, shown.low, shown.high, step="mid", color="black", alpha=0.22, linewidth=0)
    for drop in shown.others.values():
        axes.plot(x, drop, "o", color="black", markersize=1.3, markeredgewidth=0, rasterized=True)
    axes.axhline(0, color="black", linewidth=0.6)
    axes.set_xlim(0.5, len(x) + 0.5)


def _scale_bars(made: page.Panels) -> None:
    for i, row in enumerate(made.axes):
        limits = np.array([axes.get_xlim() for axes in row])
        for axes in row:
            axes.set_xlim(limits[:, 0].min(), limits[:, 1].max())
            axes.set_xlabel("drop (pp)" if i == len(made.axes) - 1 else "")


def _scale_curves(made: page.Panels) -> None:
    for i, row in enumerate(made.axes):
        page.share_y(row, "drop (pp)")
        for axes in row:
            axes.tick_params(labelbottom=i == len(made.axes) - 1)
    for axes in made.axes[-1]:
        axes.set_xlabel("rank of the class")


def _legend(first: str, further: list[str], named: bool) -> list:
    dot = {"color": "white", "markeredgecolor": "black"} if named else {"color": "black"}
    return [
        style.patch(f"{first}: loses", _LOSS, 0.75),
        style.patch(f"{first}: gains", _GAIN, 0.75),
        *(style.line(name, marker="o", linestyle="", markersize=3.5, **dot) for name in further),
    ]
