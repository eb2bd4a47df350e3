"""The page of the layer study's figures: panels in rows and columns, a legend above, all in mm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import ScaledTranslation

from lashley.plot import style

HIGHEST = 230.0  # the most that a page may be
LEFT, RIGHT, GAP = 18.0, 4.0, 6.0
HEAD, LEGEND_LINE, TITLE = 8.5, 4.2, 6.5
AXIS_NAME = 5.0
_Y_NAME = 10.8  # for the name of y, left of the panels
_ABOVE_STRIP = 3.4


@dataclass(frozen=True)
class PageLayout:
    """Room for the parts of a page, in mm.

    Attributes:
        foot: Below each column, for labels and the name of the axis.
        tallest: A panel with its strip, if there is room.
        widest: A panel, if there is room.
        strip: The strip's share of the panel's height; 0 for no strips.
        left: Left of the panels.
        gap: Between columns.
        heading: Above every row, for titles.
        below: Below every row, for numbers of its own.
    """

    foot: float
    tallest: float = 46.0
    widest: float = 160.0
    strip: float = 0.0
    left: float = LEFT
    gap: float = GAP
    heading: float = TITLE
    below: float = 0.0

    def width(self, columns: int) -> float:
        """Of a panel."""
        room = style.WIDTH - self.left - RIGHT - self.gap * (columns - 1)
        return min(self.widest, room / columns)


@dataclass(frozen=True)
class Panels:
    """Empty panels of equal size.

    Attributes:
        figure: The one they belong to.
        axes: (row, column) the panels.
        strips: (row, column) small axes below the panels; empty if none were asked for.
        width: Of a panel, mm.
    """

    figure: Figure
    axes: np.ndarray
    strips: np.ndarray
    width: float


def panels(
    rows: int,
    columns: int,
    layout: PageLayout,
    *,
    title: str,
    caption: str,
    legend: Sequence[Artist] = (),
) -> Panels:
    """Lay panels out on a page of full width that is as high as they need.

    If a page cannot hold them, they become lower.

    Args:
        rows: Of panels.
        columns: Of panels.
        layout: Sizes and distances.
        title: Of the figure.
        caption: At its foot.
        legend: Handles, above the panels.
    """
    entries, lines = _legend_shape(legend)
    head, foot = HEAD + LEGEND_LINE * lines, layout.foot + caption_room(caption)
    around = layout.heading + layout.below
    height = min(layout.tallest, (HIGHEST - head - foot) / rows - around)
    width, pitch = layout.width(columns), height + around
    figure = style.sheet(head + rows * pitch + foot, title, caption)
    _draw_legend(figure, legend, entries, layout.left)
    shape = (rows, columns if layout.strip else 0)
    axes, strips = np.empty((rows, columns), object), np.empty(shape, object)
    upper = height * (1 - layout.strip) - _ABOVE_STRIP * bool(layout.strip)
    for row, column in np.ndindex(rows, columns):
        x, y = layout.left + column * (width + layout.gap), head + row * pitch + layout.heading
        axes[row, column] = style.place(figure, x, y, width, upper)
    for row, column in np.ndindex(*shape):
        x, y = layout.left + column * (width + layout.gap), head + (row + 1) * pitch - layout.below
        strip = height * layout.strip
        strips[row, column] = style.place(figure, x, y - strip, width, strip)
    return Panels(figure, axes, strips, width)


def share_y(row: Sequence[Axes], name: str) -> None:
    """One range of y for panels side by side; the first carries the numbers and the name."""
    limits = np.array([axes.get_ylim() for axes in row])
    for axes in row:
        axes.set_ylim(limits[:, 0].min(), limits[:, 1].max())
        axes.tick_params(labelleft=axes is row[0])
    name_y(row[0], name)


def name_y(axes: Axes, name: str) -> None:
    """Write the name of y at the same distance from all panels, whatever their numbers."""
    scale = axes.figure.dpi_scale_trans
    aside = ScaledTranslation(-_Y_NAME / 25.4, 0, scale)
    axes.set_ylabel(name)
    axes.yaxis.set_label_coords(0, 0.5, axes.transAxes + aside)


def caption_room(caption: str) -> float:
    """What the caption's lines take at the foot of the page, mm."""
    return 4.0 + 3.1 * len(caption.splitlines())


def tiles(count: int) -> tuple[int, int]:
    """Rows and columns of about a square that holds `count` panels."""
    columns = int(np.ceil(np.sqrt(count)))
    return -(-count // columns), columns


def _legend_shape(handles: Sequence[Artist]) -> tuple[int, int]:
    """Columns and lines: one line, or as few as fit columns of the longest entry."""
    if not handles:
        return 1, 0
    widths = [13 + 1.4 * len(str(handle.get_label())) for handle in handles]
    fit = sum(widths) <= style.WIDTH - LEFT
    columns = len(handles) if fit else max(1, int((style.WIDTH - LEFT) // max(widths)))
    return columns, -(-len(handles) // columns)


def _draw_legend(figure: Figure, handles: Sequence[Artist], columns: int, left: float) -> None:
    full = figure.get_figheight() * 25.4
    if handles:
        figure.legend(
            handles=handles,
            loc="upper left",
            bbox_to_anchor=(left / style.WIDTH, 1 - HEAD / full),
            ncols=columns,
            borderpad=0,
            borderaxespad=0,
            columnspacing=1.5,
            handlelength=1.8,
        )
