"""Figures 9 and 10: does a unit's weight change tell how much its ablation costs?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.stats import rankdata

from lashley import stats
from lashley.papers.meyes2019.figures.mlp.mlp_results import Population, Results, of_units
from lashley.plot import style
from lashley.plot.labels import beside

Array = np.ndarray

_X_LABEL = "Mann-Whitney p of the weight change (two-sided)"
_Y_LABEL = "drop in accuracy (pp)"
_PLOT = (70, 60)  # mm


@dataclass(frozen=True)
class Scatter:
    """Weight change against drop, a point per unit.

    Attributes:
        p: (unit,) two-sided Mann-Whitney p.
        drop_pp: (unit,) overall drop, pp.
        correlation: Of the two, with bootstrap intervals; None for fewer than three units.
    """

    p: Array
    drop_pp: Array
    correlation: stats.Correlation | None


@dataclass(frozen=True)
class Coefficients:
    """One coefficient per network; a network in which p or the drop is constant has none.

    Attributes:
        pearson: (network,) those that exist.
        spearman: (network,) those that exist.
    """

    pearson: Array
    spearman: Array


def of_network(results: Results) -> Scatter:
    """The units of the network itself (figure 9, left)."""
    p = results.scores["mann_whitney_p"].values
    drop = of_units(results.effects, results.n_units)["overall_drop_pp"].values
    return Scatter(p, drop, _correlation(p, drop, None, results.bootstrap))


def of_population(population: Population, bootstrap: tuple[int, int] = (2000, 0)) -> Scatter:
    """The units of all further networks (figure 9, right); whole networks are resampled."""
    p, drop = population.p.ravel(), population.drop_pp.ravel()
    network = np.repeat(np.arange(len(population.p)), population.p.shape[1])
    groups = network if len(population.p) > 1 else None
    return Scatter(p, drop, _correlation(p, drop, groups, bootstrap))


def coefficients(population: Population) -> Coefficients:
    """Pearson's and Spearman's coefficient of each network (figure 10)."""
    networks = list(zip(population.p, population.drop_pp, strict=True))
    pearson = np.array([_pearson(p, drop) for p, drop in networks])
    spearman = np.array([_pearson(rankdata(p), rankdata(drop)) for p, drop in networks])
    return Coefficients(pearson[~np.isnan(pearson)], spearman[~np.isnan(spearman)])


def scatter(results: Results) -> Figure:
    """Draw figure 9; without a population its left half alone."""
    figure = style.sheet(100, "Weight change and drop, a point per unit", results.caption)
    own = of_network(results)
    axes = style.place(figure, 15, 21, *_PLOT)
    _draw_scatter(axes, own, f"this network, {len(own.p)} units", size=12, alpha=1)
    _draw_labels(axes, own, [results.number(unit) for unit in range(len(own.p))])
    if results.population is not None:
        pooled = of_population(results.population, results.bootstrap)
        axes = style.place(figure, 105, 21, *_PLOT)
        name = f"{len(results.population.p)} further networks, {len(pooled.p)} units"
        _draw_scatter(axes, pooled, name, size=8, alpha=0.5)
    return figure


def densities(results: Results, population: Population) -> Figure:
    """Draw figure 10."""
    found, title = (
        coefficients(population),
        "Correlation of weight change and drop, network by network",
    )
    figure = style.sheet(88, title, results.caption)
    axes = style.place(figure, 17, 12, 156, 60)
    drawn = (("Pearson", found.pearson, style.BLUE), ("Spearman", found.spearman, style.RED))
    for i, (name, values, colour) in enumerate(drawn):
        label = f"{name}, n = {len(values)} networks"
        if len(values) > 1 and np.ptp(values) > 0:
            x = np.linspace(-1.2, 1.2, 481)  # coefficients, and some room for the flanks
            y = stats.density(values, x)
            label += f", mean {values.mean():.2f}, SD {values.std(ddof=1):.2f}"
            axes.plot(x, y, color=colour, label=label.replace("-", "−"))
            axes.fill_between(x, y, color=colour, alpha=0.15, linewidth=0)
        rug = np.full(len(values), 0.1 - 0.06 * i)  # share of the axes' height
        axes.plot(values, rug, "|", color=colour, ms=7, transform=axes.get_xaxis_transform())
    axes.set(xlabel="coefficient over the units of a network", ylabel="density")
    top = axes.get_ylim()[1]
    axes.set(xlim=(-1.05, 1.05), ylim=(-0.16 * top, top))
    axes.set_yticks([tick for tick in axes.get_yticks() if 0 <= tick <= top])
    axes.legend(loc="upper right")
    return figure


def _correlation(
    p: Array, drop: Array, network: Array | None, bootstrap: tuple[int, int]
) -> stats.Correlation | None:
    if len(p) < 3:
        return None
    resamples, seed = bootstrap
    return stats.correlation(p, drop, groups=network, resamples=resamples, seed=seed)


def _pearson(x: Array, y: Array) -> float:
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return float("nan")
    return float(np.corrcoef(x, y)[0, 1])


def correlation_text(found: stats.Correlation | None) -> str:
    """Both coefficients with their intervals, a line each."""
    if found is None or np.isnan(found.pearson):
        return "Pearson n/a\nSpearman n/a"
    text = (
        f"Pearson {found.pearson:.2f} [{found.pearson_low:.2f}, {found.pearson_high:.2f}]\n"
        f"Spearman {found.spearman:.2f} [{found.spearman_low:.2f}, {found.spearman_high:.2f}]"
    )
    return text.replace("-", "−")


def _draw_scatter(axes: Axes, points: Scatter, name: str, size: float, alpha: float) -> None:
    axes.scatter(
        points.p,
        points.drop_pp,
        s=size,
        alpha=alpha,
        color=style.BLACK,
        linewidths=0,
        clip_on=False,
        zorder=3,
    )
    axes.axhline(0, color="0.7", linewidth=0.6, zorder=0)
    axes.set_title(f"{name}\n{correlation_text(points.correlation)}")
    axes.set(xlim=(-0.06, 1.04), xlabel=_X_LABEL, ylabel=_Y_LABEL)


def _draw_labels(axes: Axes, points: Scatter, labels: list[str]) -> None:
    """Write each unit's number beside its point, with a line to it where it stands apart."""
    left, right = axes.get_xlim()
    low, high = axes.get_ylim()
    scale = np.array([_PLOT[0] / (right - left), _PLOT[1] / (high - low)])  # mm per unit
    origin = np.array([left, low])
    places = (np.c_[points.p, points.drop_pp] - origin) * scale
    for place, spot, label in zip(places, beside(places, labels), labels, strict=True):
        (x0, y0), (x, y) = place / scale + origin, spot / scale + origin
        axes.text(x, y, label, size=7, ha="center", va="center", zorder=4)
        if np.hypot(*(spot - place)) > 3.2:
            axes.plot([x0, x0 + 0.55 * (x - x0)], [y0, y0 + 0.55 * (y - y0)], "0.6", lw=0.5)
