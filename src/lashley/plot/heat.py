"""The drop by class and site, or by class and ablation of one site, as a heat map."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from lashley.errors import PlotError
from lashley.plot import axis, style
from lashley.plot.canvas import canvas, colour_bar, width_of
from lashley.plot.quantities import check_ablations, check_classes, quantity
from lashley.plot.words import (
    ablation_names,
    clipped,
    coordinate,
    short_sites,
    sites_axis,
    units_axis,
)

Array = np.ndarray

_BAR = 14.0  # of the colours with its numbers, mm
_LINE = 3.3  # of 7.5 points, mm


@dataclass(frozen=True)
class HeatMap:
    """What a heat map shows.

    Attributes:
        label: Of the drop, or of the mean change.
        rows: (class,) names.
        columns: (column,) names of sites, or of the ablations of one site.
        units: What the columns are.
        drop: (class, column) NaN for a class without examples.
    """

    label: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    units: str
    drop: Array

    @property
    def limit(self) -> float:
        """The colours run from -limit to limit."""
        known = np.abs(self.drop[np.isfinite(self.drop)])
        return float(known.max(initial=0)) or 1.0


def by_class_and_site(effects: xr.Dataset, measured: str | None = None) -> HeatMap:
    """The numbers of the figure; for the arguments see `heat`."""
    check_ablations(effects)
    found = quantity(effects, measured)
    check_classes(effects)
    drop = found.by_class(effects)[0]
    rows = tuple(effects["class"].values.astype(str).tolist())
    of_site = np.array(coordinate(effects, "site"))
    sites = tuple(dict.fromkeys(of_site.tolist()))
    if len(sites) == 1:
        names, units = tuple(ablation_names(effects)), units_axis(effects)
        return HeatMap(found.label, rows, names, units, drop.T)
    _check_one_kind(effects)
    means = np.stack([drop[of_site == site].mean(0) for site in sites], axis=1)
    names, label = tuple(short_sites(sites)[0]), f"mean {found.label.removeprefix('mean ')}"
    return HeatMap(label, rows, names, sites_axis(sites), means)


def heat(effects: xr.Dataset, ax: Axes | None = None, *, measured: str | None = None) -> Axes:
    """Draw the drop by class and site: the mean over each site's ablations.

    Of a single site each ablation has a column. Blue: the class gains; grey: it has no examples.

    Args:
        effects: As `la.effects` returns them, of examples with classes; of several sites by one
            design, method and proportion.
        ax: To draw in; None makes a figure.
        measured: Which of several things that the readout measures.

    Returns:
        The Axes.

    Raises:
        PlotError: If `effects` are none, have no classes, or mix what must not be averaged.
    """
    shown = by_class_and_site(effects, measured)
    height, width = shown.drop.shape
    size = np.clip(45 + 7 * width, 90, 170), np.clip(30 + 4.4 * height, 75, 150)
    with canvas(ax, *size) as axes:
        axes.set_facecolor("0.8")
        image = axes.imshow(shown.drop, cmap=style.DIVERGING, vmin=-shown.limit, vmax=shown.limit,
                            aspect="auto", interpolation="nearest")  # fmt: skip
        axis.along(axes, shown.columns, width_of(axes) - _BAR)
        axes.set_xlim(-0.5, width - 0.5)
        step = -(-height * _LINE // size[1])
        at = np.arange(0, height, int(step))
        axes.set_yticks(at, [clipped(shown.rows[i], 18) for i in at])
        axes.set(xlabel=shown.units, ylabel="class")
        colour_bar(axes, image, shown.label)
    return axes


def _check_one_kind(effects: xr.Dataset) -> None:
    """Means are of ablations by one design, method and proportion."""
    for name in ("design", "method", "proportion"):
        if name in effects.coords and len(set(kinds := coordinate(effects, name))) > 1:
            first = kinds[0] if name == "proportion" else repr(kinds[0])
            raise PlotError(
                f"effects: given ablations of several sites that differ in {name}; allowed is one "
                f"{name}, for each column is a mean. Select one, such as "
                f"effects.sel(ablation=effects.{name} == {first})."
            )
