"""Maps: every example at its place, coloured by what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke

from lashley import outcomes as schema
from lashley.embedding import Embedding
from lashley.errors import PlotError
from lashley.plot import style
from lashley.plot.canvas import canvas, colour_bar, width_of
from lashley.plot.chosen import Which, one
from lashley.plot.quantities import change, check_ablations, chosen, drop
from lashley.plot.raster import compose, side
from lashley.plot.states import COLOURS, State, changed, counts
from lashley.plot.words import ablation_title

Array = np.ndarray

WORDS = {
    State.RIGHT: "still right",
    State.LOST: "lost (newly wrong)",
    State.GAINED: "gained (newly right)",
    State.WRONG: "still wrong",
}
_MOST_NAMES = 20  # classes; more names would hide the examples


def map(
    outcomes: xr.Dataset,
    points: Embedding | Any,
    ablation: Which | None = None,
    ax: Axes | None = None,
    *,
    images: Any = None,
    measured: str | None = None,
) -> Axes:
    """Draw every example at its place on a map, coloured by what became of it.

    Of a readout other than classification, the colour is the change: red up, blue down. Examples
    that a run to a wanted precision did not need are left out.

    Args:
        outcomes: As `la.evaluate` returns them.
        points: What `la.embed` returns, or (example, 2) places.
        ablation: A `la.Ablation`, or its units where they say enough: 3, (3, 15). None where there
            is only one.
        ax: To draw in; None makes a figure.
        images: (example, height, width) or (example, channel, height, width), bright ink on a dark
            ground, as digits are; drawn in place of dots.
        measured: Which of several things that the readout measures.

    Returns:
        The Axes.

    Raises:
        PlotError: If points or images do not fit the outcomes, or the ablation is not among them.
        OutcomesError: If outcomes are incomplete.
    """
    check_ablations(outcomes)
    outcomes = schema.check(outcomes)
    outcome, n = one(outcomes, ablation), outcomes.sizes["example"]
    places, source = _places(points, n), "t-SNE" if isinstance(points, Embedding) else ""
    inks = None if images is None else _inks(images, n)
    if not schema.is_classification(outcomes):
        name = chosen(schema.measured_names(outcomes), measured)
        return _changes_map(ax, outcome, places, name, source, inks)
    drop(measured)
    known = ~schema.is_missing(outcome["rank"].values)
    with canvas(ax, 120, 134, "compressed") as axes:
        _draw_states(axes, places, np.where(known, changed(outcome), -1), inks)
        _name_classes(axes, outcome, places)
        _frame(axes, source)
        axes.set_title(ablation_title(outcome))
    return axes


def class_places(points: Array, labels: Array, n_classes: int) -> dict[int, tuple[float, float]]:
    """Where the name of each class goes: its example nearest to the median of its examples."""
    places = {}
    for label in range(n_classes):
        own = points[labels == label]
        if len(own):
            nearest = np.argmin(((own - np.median(own, axis=0)) ** 2).sum(1))
            places[label] = (float(own[nearest, 0]), float(own[nearest, 1]))
    return places


def draw(axes: Axes, raster: Array) -> None:
    """Show a raster from `compose`; the axes then run from 0 to 1 as the points do."""
    axes.imshow(raster, extent=(0, 1, 0, 1), interpolation="antialiased")
    _frame(axes, "t-SNE")


def draw_names(
    axes: Axes, places: Mapping[int, tuple[float, float]], names: tuple[str, ...], size: float
) -> None:
    """Write the names of the classes onto a map, readable on any ink."""
    for label, (x, y) in places.items():
        text = axes.text(x, y, names[label], size=size, weight="bold", ha="center", va="center")
        text.set_path_effects([withStroke(linewidth=size / 4, foreground="white")])


def legend(states: Array, words: Mapping[State, str]) -> list[Patch]:
    """One entry per state of the figure, with the number of its examples."""
    found = counts(states)
    return [
        Patch(color=COLOURS[state], label=f"{word}: {found.get(state, 0):,}")
        for state, word in words.items()
    ]


def _frame(axes: Axes, source: str) -> None:
    axes.set(xticks=[], yticks=[])
    axes.text(0.99, 0.99, source, size=7, color="0.35", ha="right", va="top")
    axes.spines[:].set(visible=True, color="0.8")


def _draw_states(axes: Axes, places: Array, states: Array, inks: Array | None) -> None:
    """Draw images or dots; examples whose state is -1 are left out."""
    known = states >= 0
    places, states = places[known], states[known]
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal")
    if inks is not None:
        raster = compose(inks[known], places, states)
        axes.imshow(raster, extent=(0, 1, 0, 1), interpolation="antialiased")
    else:
        for state in sorted(COLOURS):
            x, y = places[states == state].T
            axes.scatter(x, y, s=_dot(axes, places), color=COLOURS[state], linewidths=0)
    axes.legend(
        handles=legend(states, WORDS), ncols=2, loc="upper center", bbox_to_anchor=(0.5, -0.01),
        handlelength=1, frameon=False,
    )  # fmt: skip


def _changes_map(
    ax: Axes | None, outcome: xr.Dataset, places: Array, name: str, source: str, inks: Array | None
) -> Axes:
    """The map of a readout that has no right and wrong."""
    if inks is not None:
        raise PlotError(
            "images: given with outcomes that are neither right nor wrong; allowed are dots. Leave "
            "them out."
        )
    changes = outcome[name].values.astype(float) - outcome[f"intact_{name}"].values
    with canvas(ax, 136, 120, "compressed") as axes:
        _draw_changes(axes, places, changes, name)
        _frame(axes, source)
        axes.set_title(ablation_title(outcome))
    return axes


def _draw_changes(axes: Axes, places: Array, changes: Array, name: str) -> None:
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal")
    order = np.argsort(np.abs(changes), kind="stable")  # the largest on top
    limit = float(np.quantile(np.abs(changes), 0.98)) or float(np.abs(changes).max()) or 1.0
    x, y = places[order].T
    dots = axes.scatter(
        x, y, s=_dot(axes, places), c=changes[order], cmap=style.DIVERGING, vmin=-limit, vmax=limit,
        edgecolors="0.6", linewidths=0.2,
    )  # fmt: skip
    extend = "both" if np.abs(changes).max() > limit else "neither"
    colour_bar(axes, dots, change(name).label.removeprefix("mean "), extend)


def _dot(axes: Axes, places: Array) -> float:
    """The size of a dot, points squared, by how near the examples lie to each other."""
    width = width_of(axes) / 25.4 * 72
    return float(np.clip(0.6 * side(places, 1) * width, 1.5, 7) ** 2)


def _name_classes(axes: Axes, outcomes: xr.Dataset, places: Array) -> None:
    names = tuple(outcomes["class"].values.astype(str).tolist())
    if len(names) <= _MOST_NAMES:
        at = class_places(places, outcomes["label"].values, len(names))
        draw_names(axes, at, names, size=10)


def _places(points: Any, n: int) -> Array:
    """(example, 2) in 0..1."""
    places = np.asarray(points.points if isinstance(points, Embedding) else points)
    if places.shape != (n, 2) or places.dtype.kind not in "fiu" or not np.isfinite(places).all():
        raise PlotError(
            f"points: given {places.dtype} of shape {places.shape}; allowed are ({n}, 2) finite "
            "numbers, a place for each example. Give la.embed(inputs) of the evaluated examples."
        )
    low, high = places.min(0), places.max(0)
    return (places - low) / np.where(high > low, high - low, 1)


def _inks(images: Any, n: int) -> Array:
    """(example, height, width) in 0..1; of colours the mean."""
    inks = np.asarray(images, np.float32)
    if inks.ndim == 4:
        inks = inks.mean(1)
    if inks.ndim != 3 or len(inks) != n or not np.isfinite(inks).all():
        raise PlotError(
            f"images: given shape {np.shape(images)}; allowed are {n} images of finite numbers, "
            "(example, height, width) or (example, channel, height, width). Leave them "
            "out for dots."
        )
    low, high = inks.min(), inks.max()
    return (inks - low) / (high - low if high > low else 1)
