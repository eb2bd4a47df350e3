"""How all figures look: colours, sizes in millimetres, and how they are written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from lashley.files import written_whole

WIDTH = 180.0  # of a journal page's two columns, mm
PNG_DPI = 200
SVG_DPI = 270  # of the maps inside; everything else in an SVG is vectors

# Okabe and Ito's colours: colour-blind readers can tell them apart too.
BLACK, RED, GREEN, BLUE, GREY = "#000000", "#D55E00", "#009E73", "#0072B2", "#C4C4C4"
ORANGE, PINK, SKY, DARK_GREY = "#E69F00", "#CC79A7", "#56B4E9", "0.45"
DIVERGING = "RdBu_r"
ZERO_LINE: dict[str, Any] = {"color": "0.6", "linewidth": 0.6, "zorder": 0}
LINES = (
    (BLUE, "o"), (RED, "s"), (GREEN, "D"), (ORANGE, "v"), (PINK, "P"), (SKY, "^"), (BLACK, "X"),
    (DARK_GREY, "*"),
)  # fmt: skip

_RC: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],  # comes with matplotlib: the same on every machine
    "font.size": 7.5,
    "axes.titlesize": 8,
    "axes.labelsize": 7.5,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "legend.fontsize": 7.5,
    "legend.frameon": False,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlelocation": "left",
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "svg.hashsalt": "lashley",  # the same figure gives the same bytes
}


@contextmanager
def styled() -> Iterator[None]:
    """Draw in the figures' style inside, whatever the user's matplotlib is set to."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_RC)
        yield


def sheet(height: float, title: str, caption: str) -> Figure:
    """An empty figure of full width: a title at the top, a caption at the foot.

    Args:
        height: In mm.
        title: What the figure shows, in one line.
        caption: Of which study, and how units are counted.
    """
    figure = Figure(figsize=(WIDTH / 25.4, height / 25.4), facecolor="white")
    figure.text(2 / WIDTH, 1 - 2 / height, title, size=9, weight="bold", va="top")
    figure.text(2 / WIDTH, 1.5 / height, caption, size=7, color="0.35", va="bottom")
    return figure


def place(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """Axes at a place given in mm from the figure's upper left corner."""
    full = figure.get_figheight() * 25.4
    return figure.add_axes((left / WIDTH, 1 - (top + height) / full, width / WIDTH, height / full))


def line(label: str, **look: Any) -> Line2D:
    """A line for the legend."""
    known: dict[str, Any] = {"linewidth": 1.2} | look
    return Line2D([], [], label=label, **known)


def patch(label: str, colour: str, alpha: float = 1.0) -> Artist:
    """A filled area for the legend."""
    return Patch(facecolor=colour, alpha=alpha, linewidth=0, label=label)


def save(figure: Figure, folder: Path, name: str) -> tuple[Path, Path]:
    """Write a figure as PNG (200 dpi) and SVG; each file is written whole or not at all.

    Returns:
        The paths of the two files.
    """
    paths = folder / f"{name}.png", folder / f"{name}.svg"
    with styled():
        with written_whole(paths[0]) as draft:
            figure.savefig(draft, dpi=PNG_DPI, metadata={"Software": None})
        with written_whole(paths[1]) as draft:
            figure.savefig(draft, dpi=SVG_DPI, metadata={"Date": None})
    return paths


def in_turn(
    plan: Mapping[str, Callable[..., Figure]], *given: object
) -> Iterator[tuple[str, Figure]]:
    """Each figure of a plan with its name, drawn in this style when asked for."""
    for name, draw in plan.items():
        with styled():
            figure = draw(*given)
        yield name, figure
