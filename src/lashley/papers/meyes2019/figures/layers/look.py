"""How the layer study's figures look: methods and classes."""

from __future__ import annotations

from dataclasses import dataclass

from lashley.methods import SILENCE, ZERO_WEIGHTS
from lashley.plot import style

CLASS_LOOKS = (
    (style.RED, "s"), (style.BLUE, "^"), (style.GREEN, "D"), (style.ORANGE, "v"),
    (style.PINK, "P"),
)  # fmt: skip


@dataclass(frozen=True)
class MethodLook:
    """How a method is named and drawn if two methods share a panel."""

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


def fitting(longest: int, *texts: str) -> str:
    """The first text that is short enough, or the end of the last."""
    for text in texts:
        if len(text) <= longest:
            return text
    return f"…{texts[-1][1 - longest :]}" if longest > 1 else ""
