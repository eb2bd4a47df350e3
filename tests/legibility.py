"""What can be read in a figure, and where."""

from collections.abc import Callable, Iterable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

from lashley.plot import style


class Drawn(dict[tuple[str, str], Figure]):
    """Figures by shape and name, laid out: all of a shape once one of them is asked for."""

    def __init__(self, figures_of: Callable[[str], Iterable[tuple[str, Figure]]]) -> None:
        super().__init__()
        self.figures_of = figures_of

    def of(self, shape: str) -> dict[str, Figure]:
        """The figures of a shape, by name, in order."""
        if not any(known == shape for known, _ in self):
            for name, figure in self.figures_of(shape):
                with style.styled():
                    figure.draw_without_rendering()
                self[shape, name] = figure
        return {name: figure for (known, name), figure in self.items() if known == shape}

    def __missing__(self, key: tuple[str, str]) -> Figure:
        return self.of(key[0])[key[1]]


def words(figure: Figure) -> list[tuple[str, np.ndarray]]:
    """What can be read in a figure, with left, bottom, right, top in pixels."""
    found = {id(text): text for text in figure.findobj(Text)}
    for axes in figure.findobj(Axes):  # those inside others, too
        for side in (axes.xaxis, axes.yaxis):
            low, high = sorted(side.get_view_interval())
            room = 1e-9 * (high - low)
            for tick in [*side.get_major_ticks(), *side.get_minor_ticks()]:
                if not low - room <= tick.get_loc() <= high + room:
                    for label in (tick.label1, tick.label2):
                        found.pop(id(label), None)
    shown = [text for text in found.values() if text.get_visible() and text.get_text().strip()]
    return [(text.get_text(), np.array(text.get_window_extent().extents)) for text in shown]


def overlaps(boxes: np.ndarray, room: float = 0.5) -> np.ndarray:
    """(box, box) whether two boxes share more than a sliver of `room` pixels."""
    low = np.maximum(boxes[:, None, :2], boxes[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], boxes[None, :, 2:])
    return ((high - low) > room).all(-1) & ~np.eye(len(boxes), dtype=bool)


def assert_nothing_written_overlaps_or_leaves_the_page(figure: Figure) -> None:
    said = words(figure)
    boxes = np.array([box for _, box in said])
    pairs = [(said[i][0], said[j][0]) for i, j in np.argwhere(np.triu(overlaps(boxes)))]
    assert pairs == []
    width, height = figure.bbox.width, figure.bbox.height
    outside = (boxes[:, :2] < -0.5).any(1) | (boxes[:, 2] > width + 0.5) | (boxes[:, 3] > height)
    assert [said[i][0] for i in np.flatnonzero(outside)] == []


def assert_neither_panels_nor_legend_overlap(figure: Figure) -> None:
    parts = [*figure.axes, *figure.legends]
    boxes = np.array([part.get_window_extent().extents for part in parts])
    assert not overlaps(boxes).any()
    assert boxes.min() >= 0
    assert (boxes[:, 2:] <= [figure.bbox.width, figure.bbox.height]).all()
