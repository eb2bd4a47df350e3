"""What pairs add to the sum of their two units, as a square."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.image import AxesImage
from matplotlib.patches import Circle

from lashley.errors import PlotError
from lashley.plot import style
from lashley.plot.canvas import canvas, colour_bar
from lashley.plot.quantities import chosen, drop
from lashley.plot.words import coordinate, signed, units_axis

Array = np.ndarray

MOST_UNITS = 1000  # a side of the square; more would not be told apart
LABEL = "drop of the pair beyond the sum of its two drops (pp)"


@dataclass(frozen=True)
class Excess:
    """Excess of each pair, both ways round.

    Attributes:
        units: (unit,) those that occur in pairs, in increasing order.
        excess_pp: (unit, unit) pp, symmetric; NaN on the diagonal and where a pair is missing.
        significant: (unit, unit) whether the adjusted p is below 0.05.
        strongest: The units of the pair with the largest excess.
        limit: The colour scale runs from -limit to limit, pp; few pairs lie beyond.
        label: What the colours mean.
        unit: Of the excess, after its number; "" if it has none.
    """

    units: tuple[int, ...]
    excess_pp: Array
    significant: Array
    strongest: tuple[int, int]
    limit: float
    label: str = LABEL
    unit: str = " pp"

    @property
    def largest(self) -> float:
        """The excess of the strongest pair, pp."""
        return float(self.excess_pp[tuple(self.units.index(unit) for unit in self.strongest)])

    @property
    def extend(self) -> str:
        """At which end values lie beyond the colour scale, as a colour bar has it."""
        return "min" if np.nanmin(self.excess_pp) < -self.limit else "neither"


def square(interactions: xr.Dataset, measured: str | None = None) -> Excess:
    """The pairs as a square, of a readout other than classification with its change in place of pp.

    The scale ends at the strongest excess or at 98 % of the pairs, whichever is more: two strong
    units share what they can lose, and their large negative excess would pale all others.
    """
    pairs = np.stack([interactions["unit_a"].values, interactions["unit_b"].values]).astype(int)
    units, places = np.unique(pairs, return_inverse=True)
    a, b = places.reshape(pairs.shape)
    name, p, label = _quantity(interactions, measured)
    values = interactions[name].values
    excess_pp = np.full((len(units), len(units)), np.nan)
    excess_pp[a, b] = excess_pp[b, a] = values
    significant = np.zeros(excess_pp.shape, bool)
    significant[a, b] = significant[b, a] = interactions[p].values < 0.05
    best = int(np.argmax(values if label == LABEL else np.abs(values)))
    limit = max(float(np.quantile(np.abs(values), 0.98)), abs(float(values[best]))) or 1.0
    strongest = int(pairs[0, best]), int(pairs[1, best])
    unit = " pp" if label == LABEL else ""
    return Excess(tuple(units.tolist()), excess_pp, significant, strongest, limit, label, unit)


def _quantity(interactions: xr.Dataset, measured: str | None) -> tuple[str, str, str]:
    """The variables of the excess and of its adjusted p, and what the excess is called."""
    if "excess_pp" in interactions:
        drop(measured)
        return "excess_pp", "p_adjusted", LABEL
    names = [str(n).removesuffix("_excess") for n in interactions.data_vars
             if str(n).endswith("_excess") and not str(n).startswith("class_")]  # fmt: skip
    name = chosen(names, measured)
    label = f"change in {name} of the pair beyond the sum of its two changes"
    return f"{name}_excess", f"{name}_excess_p_adjusted", label


def excess(
    interactions: xr.Dataset, ax: Axes | None = None, *, measured: str | None = None
) -> Axes:
    """Draw the excess of each pair over the sum of its two drops, as a square.

    Red: the pair costs more than its units one by one. Dots: the adjusted p is below 0.05. The ring
    is around the largest excess. Grey: no such pair. Of a readout other than classification, red is
    a change further up than the sum of the two, and the ring is around the furthest from 0.

    Args:
        interactions: As `la.interactions` returns them, of one site and method.
        ax: To draw in; None makes a figure.
        measured: Which of several things that the readout measures.

    Returns:
        The Axes.

    Raises:
        PlotError: If they are no interactions, of several sites or methods, or of more than 1,000
            units.
    """
    _check(interactions)
    shown = square(interactions, measured)
    _check_few(len(shown.units))
    with canvas(ax, 135, 116, "compressed") as axes:
        image = draw_square(axes, shown)
        step = -(-len(shown.units) // 25)
        at = np.arange(0, len(shown.units), step)
        labels = [str(shown.units[i]) for i in at]
        axes.set_xticks(at, labels, rotation=90 * (max(map(len, labels)) > 2))
        axes.set_yticks(at, labels)
        name, (a, b) = units_axis(interactions).replace("units", "unit"), shown.strongest
        axes.set(xlabel=name, ylabel=name)
        largest = f"{shown.largest:.2f}" if shown.unit else f"{shown.largest:.3g}"
        axes.set_title(signed(f"Largest excess: units {a} and {b}, {largest}{shown.unit}"))
        colour_bar(axes, image, shown.label, shown.extend)
    return axes


def draw_square(axes: Axes, shown: Excess) -> AxesImage:
    """Draw the square, its dots and its ring, without names and colour bar."""
    n = len(shown.units)
    axes.set_facecolor("0.8")
    image = axes.imshow(shown.excess_pp, cmap=style.DIVERGING, vmin=-shown.limit, vmax=shown.limit)
    rows, columns = np.nonzero(shown.significant)
    size = min(9, 3600 / n**2)
    axes.scatter(columns, rows, s=size, color="black", edgecolors="white", linewidths=size / 20)
    a, b = (shown.units.index(unit) for unit in shown.strongest)
    for x, y in ((a, b), (b, a)):
        ring = Circle((x, y), 0.62, fill=False, color="black", linewidth=1.4, clip_on=False)
        axes.add_patch(ring)
    axes.set(xlim=(-0.5, n - 0.5), ylim=(n - 0.5, -0.5))  # not wider for a ring at the edge
    return image


def _check(interactions: Any) -> None:
    is_dataset = isinstance(interactions, xr.Dataset)
    names = list(map(str, interactions.variables)) if is_dataset else []
    known = any(name == "excess_pp" or name.endswith("_excess") for name in names)
    if not known or not {"unit_a", "unit_b"} <= set(names):
        given = "another dataset" if is_dataset else f"a {type(interactions).__name__}"
        raise PlotError(
            f"interactions: given {given}; allowed is the dataset that la.interactions returns. "
            "Give la.interactions(singles, pairs)."
        )
    if not interactions.sizes.get("ablation"):
        raise PlotError(
            "interactions: given no pairs; allowed are one or more. Evaluate la.pairs(site)."
        )
    for name in ("site", "method"):
        if len(kinds := sorted(set(coordinate(interactions, name)))) > 1:
            raise PlotError(
                f"interactions: given {len(kinds)} {name}s; allowed is one, because a square "
                "does not tell the units of several apart. Select one, such as "
                f"interactions.sel(ablation=interactions.{name} == {kinds[0]!r})."
            )


def _check_few(n_units: int) -> None:
    if n_units > MOST_UNITS:
        raise PlotError(
            f"interactions: given pairs of {n_units:,} units; allowed are up to {MOST_UNITS:,}. "
            "Select some, such as interactions.isel(ablation=interactions.p_adjusted < 0.05)."
        )
