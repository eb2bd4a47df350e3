"""How the layer study's figures look: methods, colours, and the words for proportions."""

from __future__ import annotations

from dataclasses import dataclass

from matplotlib.artist import Artist
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from lashley.methods import SILENCE, ZERO_WEIGHTS
from lashley.plot import style

ORANGE, PINK, SKY = "#E69F00", "#CC79A7", "#56B4E9"  # Okabe and Ito's, as in `style`
DARK_GREY, ZERO_LINE = "0.45", {"color": "0.6", "linewidth": 0.6, "zorder": 0}
CLASS_LOOKS = (
    (style.RED, "s"), (style.BLUE, "^"), (style.GREEN, "D"), (ORANGE, "v"), (PINK, "P"),
)  # fmt: skip


@dataclass(frozen=True)
class MethodLook:
    """How a method is named and drawn, where two methods share a panel."""

    name: str
    colour: str
    marker: str


_LOOKS = {
    str(ZERO_WEIGHTS): MethodLook("weights zeroed (paper)", style.BLUE, "o"),
    str(SILENCE): MethodLook("silenced", style.RED, "s"),
}


def of_method(method: str) -> MethodLook:
    """The look of a method."""
    return _LOOKS.get(method, MethodLook(method, style.GREEN, "D"))


def percent(share: float) -> str:
    """A share of the units, as in "10 %"."""
    return f"{100 * share:g} %"


def line(label: str, **look: object) -> Line2D:
    """A line for the legend."""
    return Line2D([], [], label=label, **({"linewidth": 1.2} | look))  # pyright: ignore[reportArgumentType]


def patch(label: str, colour: str, alpha: float = 1.0) -> Artist:
    """A filled area for the legend."""
    return Patch(facecolor=colour, alpha=alpha, linewidth=0, label=label)


def fitting(longest: int, *texts: str) -> str:
    """The first text that is short enough, or the end of the last."""
    for text in texts:
        if len(text) <= longest:
            return text
    return f"…{texts[-1][1 - longest :]}" if longest > 1 else ""


def clipped(text: str, longest: int) -> str:
    """`text` without its middle where it is longer than `longest` characters."""
    if len(text) <= longest:
        return text
    tail = (longest - 1) // 2
    return f"{text[: longest - 1 - tail]}…{text[len(text) - tail :]}"
