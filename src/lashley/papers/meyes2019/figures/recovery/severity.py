"""The figure that the paper lacks: does what stays lost depend on how much was lost at first?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from lashley.papers.meyes2019.figures.layers import page
from lashley.papers.meyes2019.figures.recovery import runs, starts
from lashley.papers.meyes2019.figures.recovery.recovery_results import RecoveryResults
from lashley.papers.meyes2019.figures.recovery.runs import RunLine
from lashley.plot import style, words

Array = np.ndarray
ByLayer = Mapping[str, Mapping[str, "Drops"]]  # by site and start

_FAR = "from_scratch"  # what may lie far above the others
_NAMES = {
    "intact": "intact, trained\nas long", "redrawn": "ablated units\nredrawn",
    "from_scratch": "from scratch",
}  # fmt: skip
_DIAGONAL: dict[str, Any] = {"color": "0.55", "linewidth": 0.8, "linestyle": (0, (4, 2))}
_ASIDE = 0.32  # how far from the middle of a category its points may lie


@dataclass(frozen=True)
class Drops:
    """For some runs, what was lost before their training and what stays lost, pp.

    Attributes:
        first: (run, 3) before the training: drop and the ends of its 95 % interval.
        last: (run, 3) after the last epoch.
        diverged: (run,) whether the training was given up because it diverged.
    """

    first: Array
    last: Array
    diverged: Array


def drops(found: Sequence[RunLine]) -> Drops:
    """The first and the last epoch of each run."""
    first, last = (
        np.array([[run.drop[at], run.low[at], run.high[at]] for run in found]) for at in (0, -1)
    )
    return Drops(first, last, np.array([run.diverged for run in found], bool))


def by_start(results: RecoveryResults, site: str, top: int) -> dict[str, Drops]:
    """The numbers of one layer: for the instances ("ablated") and for each control."""
    found = {"ablated": runs.instances(results, site, top)} | runs.controls(results, site, top)
    return {start: drops(of) for start, of in found.items() if of}


def against_severity(results: RecoveryResults) -> Figure:
    """Draw a row per accuracy: the instances left, the controls right."""
    rows = [{s: by_start(results, s, top) for s in results.shown} for top in results.tops]
    controls = [c for c in _NAMES if any(c in one for one in rows[0].values())]
    layout = page.PageLayout(4, tallest=50, widest=90, below=5)
    made = page.panels(
        len(rows), 1 + bool(controls), layout,
        title="Remaining drop against the drop right after the ablation, "
        f"{words.percent(results.proportion)} of a layer ablated",
        caption=f"bars: 95 % intervals, over images{_note(rows)}\n{results.caption}",
        legend=_legend(results, rows),
    )  # fmt: skip
    for axes, row, top in zip(made.axes, rows, results.tops, strict=True):
        _draw_row(axes, row, controls, results)
        page.share_y(list(axes), f"top-{top}: drop\nthat remains (pp)")
    for panel, name in zip(made.axes[0], ("Instances", "Controls"), strict=False):
        panel.set_title(name)
    for panel in made.axes[:-1, 1:].flat:
        panel.tick_params(labelbottom=False)
    made.axes[-1, 0].set_xlabel("drop right after the ablation (pp)")
    return made.figure


def _draw_row(axes: Array, row: ByLayer, controls: Sequence[str], results: RecoveryResults) -> None:
    low, high = _range(row)
    for panel in axes:
        panel.set_ylim(low, high)
        panel.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
        panel.axhline(0, **style.ZERO_LINE)
    for site, found in row.items():
        if "ablated" in found:
            _draw_instances(axes[0], found["ablated"], *starts.of_layer(results, site))
    axes[0].set_xlim(left=min(0, axes[0].get_xlim()[0]))
    axes[0].axline((0, 0), slope=1, zorder=0, **_DIAGONAL)
    for panel in axes[1:]:
        _draw_controls(panel, row, controls, results, high)


def _draw_instances(axes: Axes, found: Drops, colour: str, marker: str) -> None:
    (x, x_low, x_high), (y, low, high) = found.first.T, found.last.T
    bars = {"color": colour, "linewidth": 0.7, "alpha": 0.6}
    axes.hlines(y, x_low, x_high, **bars)
    axes.vlines(x, low, high, **bars)
    axes.plot(x, y, marker, color=colour, markersize=3.6)
    cross: dict[str, Any] = starts.DIVERGED | {"markersize": 9, "color": colour}
    axes.plot(x[found.diverged], y[found.diverged], **cross)


def _draw_controls(
    axes: Axes, row: ByLayer, controls: Sequence[str], results: RecoveryResults, top: float
) -> None:
    """A column per control, in it the layers side by side."""
    axes.set_xticks(range(len(controls)), [_NAMES[start] for start in controls])
    axes.set_xlim(-0.6, len(controls) - 0.4)
    share = 2 * _ASIDE / len(row)
    for at, start in enumerate(controls):
        for i, (site, found) in enumerate(row.items()):
            if start in found:
                colour, marker = starts.of_layer(results, site)
                middle, last = at - _ASIDE + (i + 0.5) * share, found[start].last
                _draw_runs(axes, middle, share, last[last[:, 0] < top], colour, marker)
                _say_above(axes, at, i, last[last[:, 0] >= top], colour)


def _draw_runs(
    axes: Axes, middle: float, width: float, last: Array, colour: str, marker: str
) -> None:
    """Each run with its interval, side by side."""
    x = middle + 0.7 * width * np.linspace(-0.5, 0.5, len(last) + 2)[1:-1]
    y, low, high = last.T
    axes.vlines(x, low, high, color=colour, linewidth=0.7, alpha=0.6)
    axes.plot(x, y, marker, color=colour, markersize=2.8)


def _say_above(axes: Axes, at: float, line: int, last: Array, colour: str) -> None:
    """The mean of the runs that lie above the axes, as a number."""
    if len(last):
        axes.annotate(
            f"↑ {last[:, 0].mean():.1f}", (at, 1), (0, -1 - 9 * line), size=7, color=colour,
            xycoords=axes.get_xaxis_transform(), textcoords="offset points", ha="center", va="top",
        )  # fmt: skip


def _range(row: ByLayer) -> tuple[float, float]:
    """Of the drops that remain, pp, with 0; without training from scratch, if there is more."""
    near = [d.last for found in row.values() for start, d in found.items() if start != _FAR]
    ends = np.concatenate([np.zeros(1), *(last.ravel() for last in near)])
    room = 0.07 * max(np.ptp(ends), 0.2)
    return float(ends.min() - room), float(ends.max() + 2 * room)


def _note(rows: Sequence[ByLayer]) -> str:
    ends = [(_range(row)[1], found) for row in rows for found in row.values()]
    above = any(_FAR in found and (found[_FAR].last[:, 0] >= top).any() for top, found in ends)
    return " · ↑: mean of the runs above the range" if above else ""


def _legend(results: RecoveryResults, rows: Sequence[ByLayer]) -> list:
    entries = [*starts.layer_entries(results), style.line("nothing recovered", **_DIAGONAL)]
    if any(d.diverged.any() for row in rows for found in row.values() for d in found.values()):
        entries.append(style.line("diverged", color="0.3", **starts.DIVERGED))
    return entries
