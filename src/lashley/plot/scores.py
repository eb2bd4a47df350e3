"""The drop of each unit against a score of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from lashley import stats
from lashley.errors import PlotError
from lashley.plot import style
from lashley.plot.canvas import canvas
from lashley.plot.quantities import check_ablations, quantity
from lashley.plot.words import coordinate, listed, site_text, with_interval

Array = np.ndarray


@dataclass(frozen=True)
class Scored:
    """Units with a score and a drop.

    Attributes:
        site: The units' site.
        units: (unit,) their numbers.
        score: (unit,).
        drop: (unit,) or the mean change.
        low: (unit,) lower end of its 95 % interval.
        high: (unit,) upper end.
        score_label: What the score is, with its unit.
        drop_label: What the drop is, with its unit.
        correlation: Of the two, with bootstrap intervals; None for fewer than three units.
    """

    site: str
    units: Array
    score: Array
    drop: Array
    low: Array
    high: Array
    score_label: str
    drop_label: str
    correlation: stats.Correlation | None


def scored(
    scores: xr.Dataset, effects: xr.Dataset, score: str, measured: str | None = None
) -> Scored:
    """The numbers of the figure; for the arguments see `scores`."""
    _check_scores(scores, score)
    check_ablations(effects)
    found = quantity(effects, measured)
    site = str(scores.attrs["site"])
    rows = _single_units(effects, site)
    units = np.array(list(rows))
    drop, low, high = found.overall(effects.isel(ablation=list(rows.values())))
    x = scores[score].sel(unit=units).values.astype(float)
    known = np.isfinite(x) & np.isfinite(drop)
    units, x, drop, low, high = (each[known] for each in (units, x, drop, low, high))
    correlation = stats.correlation(x, drop) if len(x) >= 3 else None
    return Scored(site, units, x, drop, low, high, _label(scores[score]), found.label, correlation)


def scores(
    scores: xr.Dataset,
    effects: xr.Dataset,
    ax: Axes | None = None,
    *,
    score: str,
    measured: str | None = None,
) -> Axes:
    """Draw the drop of each unit against its score, with their rank correlation.

    Spearman's coefficient has a 95 % bootstrap interval, over the units.

    Args:
        scores: As `la.scores` returns them.
        effects: Of single units of the same site, by one method; others are not drawn. Units whose
            score is NaN are left out.
        ax: To draw in; None makes a figure.
        score: Which score, such as "weight_l1".
        measured: Which of several things that the readout measures.

    Returns:
        The Axes.

    Raises:
        PlotError: If there is no such score, or no unit of the site was ablated alone, or units
            were by several methods.
    """
    shown = scored(scores, effects, score, measured)
    with canvas(ax, 100, 82) as axes:
        draw_scores(axes, shown)
        axes.set_title(f"{len(shown.units):,} units of {site_text(shown.site)}: {spearman(shown)}")
    return axes


def draw_scores(axes: Axes, shown: Scored) -> None:
    """Draw the units without a title."""
    thin = float(np.clip(60 / max(len(shown.units), 1), 0.25, 1.0))
    axes.vlines(shown.score, shown.low, shown.high, color=style.GREY, linewidth=thin, zorder=1)
    axes.plot(shown.score, shown.drop, "o", color=style.BLACK, markersize=1.5 + 2.5 * thin,
              markeredgewidth=0)  # fmt: skip
    axes.axhline(0, **style.ZERO_LINE)
    axes.set(xlabel=shown.score_label, ylabel=shown.drop_label)


def spearman(shown: Scored) -> str:
    """The rank correlation with its interval, in words."""
    found = shown.correlation
    if found is None or np.isnan(found.spearman):
        return "Spearman n/a"
    ends = found.spearman, found.spearman_low, found.spearman_high
    return f"Spearman {with_interval(*ends)}"


def _label(score: xr.DataArray) -> str:
    return str(score.attrs.get("long_name", str(score.name).replace("_", " ")))


def _check_scores(scores: Any, score: str) -> None:
    is_dataset = isinstance(scores, xr.Dataset)
    if not is_dataset or "unit" not in scores.sizes:
        given = "another dataset" if is_dataset else f"a {type(scores).__name__}"
        raise PlotError(
            f"scores: given {given}; allowed is the dataset that la.scores returns. Give "
            "la.scores(network, site, examples)."
        )
    names = [str(name) for name in scores.data_vars]
    if score not in names:
        raise PlotError(
            f"score: given {score!r}; allowed is one of {listed(names, 8)}. Choose one, such as "
            f"score={names[0]!r}."
        )


def _single_units(effects: xr.Dataset, site: str) -> dict[int, int]:
    """Where each unit of the site that was ablated alone is on the axis of ablations."""
    of_site, units, methods = (coordinate(effects, n) for n in ("site", "units", "method"))
    rows = [i for i, u in enumerate(units) if of_site[i] == site and "," not in u]
    if not rows:
        raise PlotError(
            f"effects: given no single unit of {site}, the site of the scores; there are ablations "
            f"of {listed(sorted(set(of_site)))}. Evaluate la.singles(site) of the same site."
        )
    if len(kinds := sorted({methods[i] for i in rows})) > 1:
        raise PlotError(
            f"effects: given units ablated by {listed(kinds)}; allowed is one method. Select one, "
            f"such as effects.sel(ablation=effects.method == {kinds[0]!r})."
        )
    return {int(units[i]): i for i in rows}
