"""The mean drop by site, with its interval and how much the ablations of a site differ."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from lashley import outcomes as schema
from lashley import stats
from lashley.effects import mean_effect
from lashley.errors import PlotError
from lashley.plot import axis, style
from lashley.plot.canvas import canvas, legend_above, width_of
from lashley.plot.quantities import Quantity, change, check_ablations, chosen, drop, quantity
from lashley.plot.words import coordinate, percent, short_sites, sites_axis

Array = np.ndarray

MOST_LINES = len(style.LINES)


@dataclass(frozen=True)
class SiteLine:
    """The ablations of one design, method and proportion, site by site.

    Attributes:
        name: What tells it from the other lines; "" for a single one.
        place: (site,) which of all sites, counted from 0.
        n: (site,) number of ablations.
        mean: (site,) over the site's ablations.
        low: (site,) lower end of the mean's 95 % interval.
        high: (site,) upper end.
        sd: (site,) standard deviation over the ablations.
    """

    name: str
    place: Array
    n: Array
    mean: Array
    low: Array
    high: Array
    sd: Array


@dataclass(frozen=True)
class SiteLines:
    """Lines over the same sites.

    Attributes:
        label: Of the drop, or of the mean change.
        sites: In the order in which they first occur.
        lines: One or more.
    """

    label: str
    sites: tuple[str, ...]
    lines: tuple[SiteLine, ...]


def by_site(results: xr.Dataset, measured: str | None = None) -> SiteLines:
    """The numbers of the figure; for the arguments see `layers`."""
    check_ablations(results)
    label, summed = _summing(results, measured)
    of_line, of_site = _line_names(results), coordinate(results, "site")
    sites = tuple(dict.fromkeys(of_site))
    rows: dict[str, dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
    for i, (name, site) in enumerate(zip(of_line, of_site, strict=True)):
        rows[name][sites.index(site)].append(i)
    _check_few(list(rows))
    lines = []
    for name, own in rows.items():
        place = sorted(own)
        numbers = np.array([summed(results.isel(ablation=own[i])) for i in place], float)
        n = np.array([len(own[i]) for i in place])
        lines.append(SiteLine(name, np.array(place), n, *numbers.T))
    return SiteLines(label, sites, tuple(lines))


def layers(results: xr.Dataset, ax: Axes | None = None, *, measured: str | None = None) -> Axes:
    """Draw the mean drop of each site's ablations, a line for each design, method and proportion.

    The bars are 95 % intervals of the mean, over the examples. From outcomes they are exact; from
    effects, which do not hold how ablations vary together, they are the mean of the ablations' own
    intervals, which is never too narrow. The band is the standard deviation over the ablations.

    Args:
        results: Outcomes or effects. Sites are drawn in the order in which they first occur, which
            is the forward order where the ablations were listed so.
        ax: To draw in; None makes a figure.
        measured: Which of several things that the readout measures.

    Returns:
        The Axes.

    Raises:
        PlotError: If there are no ablations, more than 8 lines, or not what is `measured`.
        OutcomesError: If outcomes are incomplete.
    """
    shown = by_site(results, measured)
    with canvas(ax, 140, 80) as axes:
        aside = np.linspace(-0.12, 0.12, len(shown.lines)) if len(shown.lines) > 1 else [0.0]
        for line, dx, (colour, marker) in zip(shown.lines, aside, style.LINES, strict=False):
            _draw(axes, line, dx, colour, marker)
        axes.axhline(0, **style.ZERO_LINE)
        axis.along(axes, short_sites(shown.sites)[0], width_of(axes))
        axes.set(xlabel=sites_axis(shown.sites), ylabel=shown.label)
        legend_above(axes, _legend(shown))
    return axes


def _draw(axes: Axes, line: SiteLine, dx: float, colour: str, marker: str) -> None:
    x = line.place + dx
    band = line.mean - line.sd, line.mean + line.sd
    axes.fill_between(x, *band, color=colour, alpha=0.14, linewidth=0)
    axes.errorbar(
        x, line.mean, [line.mean - line.low, line.high - line.mean], color=colour, marker=marker,
        markersize=3.5, linewidth=1.2, elinewidth=0.8, capsize=1.8, capthick=0.8,
    )  # fmt: skip


def _legend(shown: SiteLines) -> list[Any]:
    looks = zip(shown.lines, style.LINES, strict=False)
    entries: list[Any] = [
        style.line(line.name or "mean of the site's ablations", color=colour, marker=marker,
                   markersize=3.5)
        for line, (colour, marker) in looks
    ]  # fmt: skip
    entries.append(
        style.line("95 % interval", color=style.BLACK, linewidth=0, marker="|", markersize=7)
    )
    if any((line.n > 1).any() for line in shown.lines):
        colour = style.LINES[0][0] if len(shown.lines) == 1 else style.BLACK
        entries.append(style.patch("± SD over the ablations", colour, alpha=0.14))
    return entries


def _line_names(results: xr.Dataset) -> list[str]:
    """(ablation,) what sets apart those of a line: design, method, proportion, if they differ."""
    columns = [
        [text.replace("_", " ") for text in coordinate(results, "design")],
        coordinate(results, "method"),
    ]
    if "proportion" in results.coords:
        shares = np.atleast_1d(results["proportion"].values).tolist()
        columns.append([f"{percent(share)} ablated" if share > 0 else "" for share in shares])
    told = [column for column in columns if len(set(column)) > 1]
    if not told:
        return [""] * results.sizes["ablation"]
    return [", ".join(filter(None, parts)) for parts in zip(*told, strict=True)]


def _check_few(names: list[str]) -> None:
    if len(names) > MOST_LINES:
        raise PlotError(
            f"ablations: given {len(names)} different designs, methods and proportions; allowed "
            f"are {MOST_LINES}, a line each. Select some, such as "
            "outcomes.sel(ablation=outcomes.method == 'silence')."
        )


_Numbers = tuple[float, float, float, float]


def _summing(results: Any, measured: str | None) -> tuple[str, Callable[[xr.Dataset], _Numbers]]:
    """What is drawn, and what gives mean, low, high and sd of some of the ablations."""
    if not (isinstance(results, xr.Dataset) and "example" in results.sizes):
        found = quantity(results, measured)
        return found.label, partial(_of_effects, found)
    outcomes = schema.check(results)
    if schema.is_classification(outcomes):
        return drop(measured).label, _of_classification
    name = chosen(schema.measured_names(outcomes), measured)
    return change(name).label, partial(_of_readout, name)


def _of_effects(found: Quantity, effects: xr.Dataset) -> _Numbers:
    each, low, high = found.overall(effects)
    return each.mean(), low.mean(), high.mean(), each.std()


def _of_classification(outcomes: xr.Dataset) -> _Numbers:
    found = mean_effect(outcomes)
    names = ("drop_pp", "drop_low_pp", "drop_high_pp", "sd_pp")
    mean, low, high, sd = (float(found[f"overall_{name}"]) for name in names)
    return mean, low, high, sd


def _of_readout(name: str, outcomes: xr.Dataset) -> _Numbers:
    """The interval is that of the mean over the examples, with the ablations fixed."""
    ablations, examples = (outcomes.sizes[axis] for axis in ("ablation", "example"))
    of_ablation, of_example = np.zeros(ablations), np.zeros(examples)
    intact = outcomes[f"intact_{name}"].values.astype(float)
    for rows, columns in schema.tiles(outcomes):
        changed = outcomes[name].isel(ablation=rows, example=columns).values - intact[columns]
        of_ablation[rows] += changed.sum(1) / examples
        of_example[columns] += changed.sum(0) / ablations
    ends = stats.mean_interval(of_example.sum(), (of_example**2).sum(), examples)
    return of_example.mean(), float(ends.low), float(ends.high), of_ablation.std()
