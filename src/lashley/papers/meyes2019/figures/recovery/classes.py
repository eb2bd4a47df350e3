"""The figure that the paper lacks: what each class loses, and how much of it comes back."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lashley.papers.meyes2019.figures.layers import page
from lashley.papers.meyes2019.figures.layers.layer_results import pick
from lashley.papers.meyes2019.figures.recovery import starts
from lashley.papers.meyes2019.figures.recovery.recovery_results import RecoveryResults
from lashley.plot import style, words

Array = np.ndarray

_LINE = 3.6  # of a class, mm
_TALLEST = 92.0  # the most that the lines of a layer may take, mm
_LONGEST_NAME = 24
_LOSS, _GAIN = style.RED, style.GREEN


@dataclass(frozen=True)
class ClassRecovery:
    """Classes of one layer's instances; the one that got the most back comes first.

    Attributes:
        name: (class,).
        before: (class, 3) drop right after the ablation: mean over the instances, least and
            most, pp.
        after: (class, 3) the same after the last epoch.
        lost: (class, 2) wrong that the intact network had right, right after the ablation and
            after the last epoch: mean over the instances, % of the class's images.
        gained: (class, 2) right that the intact network had wrong, %.
    """

    name: Array
    before: Array
    after: Array
    lost: Array
    gained: Array


def class_recovery(results: RecoveryResults, site: str, top: int) -> ClassRecovery:
    """The numbers of one layer; classes without images are left out."""
    keys = {"experiment": "instances", "start": "ablated", "site": site, "top": top}
    rows = pick(results.classes, **keys).dropna(subset="drop_pp")
    ended = rows.groupby("instance")["epoch"].transform("max")
    before = _summed(pick(rows, epoch=0))
    after = _summed(rows.loc[rows["epoch"] == ended]).reindex(before.index)
    came_back = (before["mean"] - after["mean"]).round(6)  # equal if only rounding differs
    order = np.lexsort((after["mean"], -came_back))
    names = rows.drop_duplicates("class_index").set_index("class_index")["class"]
    found = ClassRecovery(
        names.reindex(before.index).to_numpy(str),
        *(part[["mean", "least", "most"]].to_numpy(float) for part in (before, after)),
        *(np.c_[before[name], after[name]] for name in ("lost", "gained")),
    )
    return _of(found, order)


def most_and_least(found: ClassRecovery, count: int) -> ClassRecovery:
    """All classes; if more than `count`, the first and the last half of that many."""
    n = len(found.name)
    half = count // 2
    return found if n <= count else _of(found, np.r_[:half, n - half : n])


def by_class(results: RecoveryResults) -> Figure:
    """Draw a row per layer: the drops left, lost and gained right."""
    whole = {s: class_recovery(results, s, results.top) for s in results.shown}
    whole = {site: found for site, found in whole.items() if len(found.name)}
    count = _most(len(whole))
    shown = {site: most_and_least(found, count) for site, found in whole.items()}
    n = max(len(found.name) for found in whole.values())
    made = page.panels(
        len(shown), 2, _layout(shown),
        title=f"What each class loses and gets back, top-{results.top} accuracy",
        caption=f"in the order of what came back{_some(n, count)} · lines: range over the "
        f"instances\n{results.caption}",
        legend=_legend(),
    )  # fmt: skip
    for axes, (site, found) in zip(made.axes, shown.items(), strict=True):
        colour, _ = starts.of_layer(results, site)
        _draw_drops(axes[0], found, colour)
        _draw_counts(axes[1], found)
        axes[0].set_title(starts.named(results, site, made.width))
        for panel in axes:
            _name_classes(panel, found, panel is axes[0], split=len(found.name) < n)
    _scale(made)
    return made.figure


def _summed(rows: pd.DataFrame) -> pd.DataFrame:
    """Mean and range of the drop over the instances, mean shares lost and gained, by class."""
    shares = rows.assign(**{c: 100 * rows[c] / rows["total"] for c in ("lost", "gained")})
    return shares.groupby("class_index").agg(
        mean=("drop_pp", "mean"), least=("drop_pp", "min"), most=("drop_pp", "max"),
        lost=("lost", "mean"), gained=("gained", "mean"),
    )  # fmt: skip


def _of(found: ClassRecovery, which: Array) -> ClassRecovery:
    return ClassRecovery(**{f.name: getattr(found, f.name)[which] for f in fields(found)})


def _most(rows: int) -> int:
    """How many classes fit in each of so many rows of panels; an even number."""
    room = min(_TALLEST, (page.HIGHEST - 35) / rows - page.TITLE - 5)
    return 2 * int(room / _LINE / 2)


def _some(n: int, count: int) -> str:
    return (
        f": of {n:,} classes the {count // 2} first and the {count // 2} last" if n > count else ""
    )


def _layout(shown: dict[str, ClassRecovery]) -> page.PageLayout:
    names = [words.clipped(name, _LONGEST_NAME) for found in shown.values() for name in found.name]
    tallest = 4 + _LINE * max(len(found.name) for found in shown.values()) + page.TITLE
    left = max(page.LEFT, 5 + 1.65 * max(map(len, names)))
    return page.PageLayout(page.AXIS_NAME, tallest - page.TITLE, left=left, below=5)


def _draw_drops(axes: Axes, found: ClassRecovery, colour: str) -> None:
    y = np.arange(len(found.name))
    looks: tuple[tuple[Array, float, str], ...] = (
        (found.before, -0.16, "white"), (found.after, 0.16, colour),
    )  # fmt: skip
    for (mean, low, high), aside, face in ((part.T, aside, face) for part, aside, face in looks):
        axes.hlines(y + aside, low, high, color=colour, linewidth=0.8)
        axes.plot(mean, y + aside, "o", color=colour, markerfacecolor=face, markersize=3.4)
    axes.axvline(0, **style.ZERO_LINE)


def _draw_counts(axes: Axes, found: ClassRecovery) -> None:
    """Lost to the right, gained to the left; wide and pale before, narrow and full after."""
    y = np.arange(len(found.name))
    for values, colour in ((found.lost, _LOSS), (-found.gained, _GAIN)):
        axes.barh(y, values[:, 0], height=0.8, color=colour, alpha=0.28)
        axes.barh(y, values[:, 1], height=0.4, color=colour)
    axes.axvline(0, color="black", linewidth=0.6)


def _name_classes(axes: Axes, found: ClassRecovery, named: bool, split: bool) -> None:
    n = len(found.name)
    names = [words.clipped(name, _LONGEST_NAME) for name in found.name]
    axes.set_yticks(np.arange(n), names if named else [])
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(n - 0.4, -0.6)
    if split:
        axes.axhline(n // 2 - 0.5, color="0.5", linewidth=0.7, linestyle=(0, (2, 2)))


def _scale(made: page.Panels) -> None:
    """One range of x in each column, named below it."""
    names = ("drop (pp)", "gained · lost (% of the class's images)")
    for column, name in zip(made.axes.T, names, strict=True):
        limits = np.array([axes.get_xlim() for axes in column])
        for axes in column:
            axes.set_xlim(limits[:, 0].min(), limits[:, 1].max())
        column[-1].set_xlabel(name)
    for axes in made.axes[:, 1]:  # what is gained is drawn to the left, but is not negative
        axes.xaxis.set_major_formatter(lambda value, _: f"{abs(value):g}")


def _legend() -> list:
    dot: dict[str, Any] = {"color": "0.3", "marker": "o", "markersize": 3.4, "linewidth": 0.8}
    bars = ((_LOSS, "lost"), (_GAIN, "gained"))
    return [
        style.line("drop right after the ablation", markerfacecolor="white", **dot),
        style.line("drop after recovery", **dot),
        *(style.patch(f"{name} (pale: right after)", colour) for colour, name in bars),
    ]
