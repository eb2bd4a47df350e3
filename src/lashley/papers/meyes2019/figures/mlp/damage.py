"""Figures 1 to 7, 12, 13, A.1 to A.4: the bars of an ablation beside the map of its examples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from lashley.outcomes import at
from lashley.papers.meyes2019.figures.mlp import bars
from lashley.papers.meyes2019.figures.mlp.mlp_results import Results
from lashley.plot import maps, style
from lashley.plot.classes import draw_bars
from lashley.plot.states import State, intact_states, pair_states, single_states

Array = np.ndarray

INTACT_WORDS = {State.RIGHT: "right", State.LOST: "wrong"}
SINGLE_WORDS = {
    State.RIGHT: "still right",
    State.LOST: "lost (newly wrong)",
    State.GAINED: "gained (newly right)",
    State.WRONG: "still wrong",
}
PAIR_WORDS = {
    State.RIGHT: "still right",
    State.LOST: "lost already by one",
    State.ONLY_PAIR: "lost only by the pair",
    State.GAINED: "gained (newly right)",
    State.WRONG: "still wrong",
}
_RASTER_SMALL = 1200  # pixels of a map that is drawn at half size


@dataclass(frozen=True)
class DamageLayout:
    """Where bars, map and legend go, in mm from the upper left; the map is a square."""

    bars: tuple[float, float, float, float]
    map: tuple[float, float, float]
    legend: tuple[float, float]
    columns: int
    raster: int = 2000
    names: float = 10


PAGE = DamageLayout((17, 10, 70, 74), (90, 8, 88), (90, 98), 2)
HEIGHT = 117.0


def tsne_map(results: Results) -> Figure:
    """Figure 1: all examples in black, the names of the classes on them."""
    figure = style.sheet(188, f"t-SNE map of {len(results.images):,} examples", results.caption)
    axes = style.place(figure, 6, 9, 168, 168)
    states = np.full(len(results.images), State.RIGHT, np.int8)
    maps.draw(axes, maps.compose(results.images, results.embedding, states, size=2600))
    maps.draw_names(axes, _places(results), results.class_names, size=20)
    return figure


def intact(results: Results) -> Figure:
    """Figure 2: what the intact network gets right and wrong."""
    accuracy = 100 * float(results.effects["overall_intact_correct"])
    accuracy /= float(results.effects["overall_total"])
    title = f"Intact network: {accuracy:.2f} % right"
    figure = style.sheet(HEIGHT, title, results.caption)
    states = intact_states(results.outcomes)
    _panel(figure, results, PAGE, bars.intact_bars(results), states, INTACT_WORDS)
    return figure


def single(results: Results, unit: int) -> Figure:
    """Figures 3 to 7 and A.1: one unit ablated."""
    figure = style.sheet(HEIGHT, _title(results, unit), results.caption)
    states = single_states(results.outcomes, unit)
    _panel(figure, results, PAGE, bars.single_bars(results, unit), states, SINGLE_WORDS)
    return figure


def pair(results: Results, units: tuple[int, int]) -> Figure:
    """Figures 12, 13 and A.3: two units ablated together."""
    excess = float(at(results.interactions, *units)["excess_pp"])
    title = f"{_title(results, *units)}, {abs(excess):.2f} pp "
    title += "above the sum of both" if excess > 0 else "below the sum of both"
    figure = style.sheet(HEIGHT, title, results.caption)
    states = pair_states(results.outcomes, units)
    _panel(figure, results, PAGE, bars.pair_bars(results, units), states, PAIR_WORDS)
    return figure


def weakest(results: Results) -> Figure:
    """Figure A.2: the units with the least effect, one below another."""
    units, pitch = results.cases.weakest, 62.0
    title = f"The {len(units)} units with the least effect"
    figure = style.sheet(12 + pitch * len(units), title, results.caption)
    for i, unit in enumerate(units):
        top = 14 + pitch * i
        place = DamageLayout(
            (17, top, 65, 40), (87, top - 4, 52), (141, top - 4), 1, _RASTER_SMALL, 8
        )
        states = single_states(results.outcomes, unit)
        _panel(figure, results, place, bars.single_bars(results, unit), states, SINGLE_WORDS)
        figure.axes[-2].set_title(_title(results, unit), pad=5)
    return figure


def singles_of_pair(results: Results, units: tuple[int, int]) -> Figure:
    """Figure A.4: the bars of a pair's two units, each ablated alone."""
    title = f"{_capital(results.name(*units))}, each ablated alone"
    figure = style.sheet(94, title, results.caption)
    for left, unit in zip((16, 108), units, strict=True):
        axes = style.place(figure, left, 15, 70, 60)
        draw_bars(axes, bars.single_bars(results, unit))
        axes.set_title(_title(results, unit), pad=5)
    return figure


def _panel(
    figure: Figure,
    results: Results,
    layout: DamageLayout,
    heights: bars.Bars,
    states: Array,
    words: Mapping[State, str],
) -> None:
    draw_bars(style.place(figure, *layout.bars), heights)
    axes = style.place(figure, *layout.map, layout.map[-1])
    raster = maps.compose(results.images, results.embedding, states, layout.raster)
    maps.draw(axes, raster)
    maps.draw_names(axes, _places(results), results.class_names, layout.names)
    full = figure.get_figheight() * 25.4
    figure.legend(
        handles=maps.legend(states, words),
        loc="upper left",
        bbox_to_anchor=(layout.legend[0] / style.WIDTH, 1 - layout.legend[1] / full),
        ncols=layout.columns,
        borderpad=0,
        borderaxespad=0,
        handlelength=1,
    )


def _places(results: Results) -> dict[int, tuple[float, float]]:
    labels = results.outcomes["label"].values
    return maps.class_places(results.embedding, labels, len(results.class_names))


def _title(results: Results, *units: int) -> str:
    effect = at(results.effects, *units)
    drop, low, high = (
        float(effect[f"overall_{name}"]) for name in ("drop_pp", "drop_low_pp", "drop_high_pp")
    )
    what = _capital(results.name(*units))
    return f"{what}: drop {drop:.2f} pp [{low:.2f}, {high:.2f}]".replace("-", "−")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
