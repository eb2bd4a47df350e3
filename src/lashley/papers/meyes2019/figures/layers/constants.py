"""The figure that the paper lacks: what zeroed filters hold after batch normalisation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lashley.papers.meyes2019.figures.layers import by_layer, page
from lashley.papers.meyes2019.figures.layers.layer_results import LayerResults, pick
from lashley.plot import style

Array = np.ndarray

_CONSTANT, _MEAN = style.RED, "0.45"
_LOW, _HIGH = -0.19, 0.19  # where the two strips of a layer stand


@dataclass(frozen=True)
class Left:
    """What the channels of one site hold, zeroed and intact.

    Attributes:
        constant: (unit,) when the filter's weights and bias are 0.
        mean: (unit,) mean activation of the intact channel.
        above_zero: Share of the filters whose constant is above 0.
        above_mean: Share whose constant is above the intact channel's mean.
    """

    constant: Array
    mean: Array
    above_zero: float
    above_mean: float


def left_after_zeros(results: LayerResults, site: str) -> Left:
    """The numbers of one layer; empty, with shares of NaN, if it has no constants."""
    rows = pick(results.constants, site=site)
    constant = rows["constant"].to_numpy(float)
    mean = rows["mean_activation"].to_numpy(float)
    if not len(rows):
        return Left(constant, mean, np.nan, np.nan)
    return Left(constant, mean, float((constant > 0).mean()), float((constant > mean).mean()))


def constants(results: LayerResults) -> Figure:
    """Draw the shares above, and below the constants beside the intact means, a dot per filter."""
    made = page.panels(
        1, 1, by_layer.layout(results, 1, strip=0.7, tallest=112),
        title="What a filter holds after batch normalisation when its weights are zeroed",
        caption=f"a dot per filter; lines: medians\n{results.caption}",
        legend=_legend(),
    )  # fmt: skip
    shares, strips = made.axes[0, 0], made.strips[0, 0]
    found = [left_after_zeros(results, site) for site in results.sites]
    _draw_shares(shares, found)
    _draw_strips(strips, found)
    shares.set(ylim=(0, 100), yticks=(0, 50, 100))
    by_layer.name_layers(made, results)
    page.name_y(shares, "filters (%)")
    page.name_y(strips, "activation")
    return made.figure


_DOT = {"marker": "o", "linestyle": "", "markersize": 3.5}


def _draw_shares(axes: Axes, found: list[Left]) -> None:
    x = np.arange(len(found))
    zero, mean = (
        100 * np.array([getattr(f, n) for f in found]) for n in ("above_zero", "above_mean")
    )
    axes.bar(x + _LOW, zero, width=0.36, color=style.ORANGE)
    axes.bar(x + _HIGH, mean, width=0.36, color=_CONSTANT)


def _draw_strips(axes: Axes, found: list[Left]) -> None:
    rng = np.random.default_rng(0)  # dots are spread the same way every time
    for i, one in enumerate(found):
        if len(one.constant):
            _draw_strip(axes, i + _LOW, one.constant, _CONSTANT, rng)
            _draw_strip(axes, i + _HIGH, one.mean, _MEAN, rng)


def _draw_strip(
    axes: Axes, at: float, values: Array, colour: str, rng: np.random.Generator
) -> None:
    x = at + rng.uniform(-0.14, 0.14, len(values))
    size = float(np.clip(20 / np.sqrt(len(values)), 1.5, 3))
    axes.plot(
        x, values, "o", color=colour, markersize=size, markeredgewidth=0, alpha=0.6, rasterized=True
    )
    axes.hlines(np.median(values), at - 0.17, at + 0.17, color="black", linewidth=1.2)


def _legend() -> list:
    return [
        style.line("constant, zeroed filter", color=_CONSTANT, **_DOT),
        style.line("mean activation, intact", color=_MEAN, **_DOT),
        style.patch("constant > 0", style.ORANGE),
        style.patch("constant > mean", _CONSTANT),
    ]  # fmt: skip
