"""An axis of layers, classes or ablations: which of their names fit, and how."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes

from lashley.plot.words import clipped

_CHARACTER, _LINE, _SPACE = 1.75, 3.3, 1.0  # of 7.5 points, mm
_MOST_CHARACTERS = 16


@dataclass(frozen=True)
class Ticks:
    """Where the labels stand.

    Attributes:
        at: Which places are labelled, counted from 0.
        texts: Their labels.
        rotation: In degrees; 90 where labels are long.
        room: What they take below the axes, mm.
    """

    at: tuple[int, ...]
    texts: tuple[str, ...]
    rotation: int
    room: float


def ticks(labels: Sequence[str], width: float) -> Ticks:
    """All labels, upright or rotated; if they still do not fit, every second, third, ...

    Args:
        labels: In their order.
        width: Of the axes, mm.
    """
    texts = [clipped(label, _MOST_CHARACTERS) for label in labels]
    pitch = width / len(texts)
    longest = max(map(len, texts)) * _CHARACTER
    rotated = longest + _SPACE > pitch and longest > 2 * _LINE
    step = int(np.ceil((_LINE if rotated else longest + _SPACE) / pitch))
    at = tuple(range(0, len(texts), step))
    room = longest if rotated else _LINE
    return Ticks(at, tuple(texts[i] for i in at), 90 if rotated else 0, room)


def along(axes: Axes, labels: Sequence[str], width: float, named: bool = True) -> None:
    """Make x the axis of what is labelled, with the labels or with ticks only."""
    shown = ticks(labels, width)
    axes.set_xlim(-0.7, len(labels) - 0.3)
    axes.set_xticks(shown.at, shown.texts if named else [], rotation=shown.rotation)


def along_all(axes: Axes, labels: Sequence[str], width: float) -> bool:
    """The same with every label, if all of them fit; whether they do."""
    pitch = width / len(labels)
    if pitch < _LINE:
        return False
    texts = [clipped(label, _MOST_CHARACTERS) for label in labels]
    axes.set_xlim(-0.7, len(labels) - 0.3)
    axes.set_xticks(range(len(texts)), texts, rotation=rotation(texts, pitch))
    return True


def rotation(labels: Sequence[str], pitch: float) -> int:
    """Of labels that stand `pitch` mm apart, in degrees: 90 where upright ones would meet."""
    return 90 if max(map(len, labels)) * _CHARACTER + _SPACE > pitch else 0


def name(sites: Sequence[str], labels: Sequence[str]) -> str:
    """Of the axis, as in "layer (index in features)" where sites are called "features.33"."""
    prefixes = {site.removesuffix(f".{label}") for site, label in zip(sites, labels, strict=True)}
    numbers = all(label.isdecimal() for label in labels)
    indexed = numbers and len(prefixes) == 1 and not prefixes & set(sites)
    return f"layer (index in {prefixes.pop()})" if indexed else "layer"
