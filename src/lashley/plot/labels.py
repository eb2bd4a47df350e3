"""Where the labels of points go, so that they hide neither points nor each other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

Array = np.ndarray

_POINT = (0.6, 0.6)  # half width and half height, mm
_DIGIT = 0.8  # half the width of a digit of 7 points, mm
_TALL = 1.1  # half its height, mm
_ROOM = (0.4, 2.2, 4.0, 6.0)  # between point and label, mm
_TURNS = np.deg2rad([0, 180, 90, 270, 45, 135, 315, 225])


def beside(places: Array, labels: Sequence[str]) -> Array:
    """A place for the label of each point, chosen in order from the lowest point up.

    Args:
        places: (point, 2) in mm from the lower left corner of the axes.
        labels: (point,).

    Returns:
        (point, 2) the middle of each label, mm; right of the left axis.
    """
    boxes = [np.array([*place, *_POINT]) for place in places]
    spots = np.empty((len(places), 2))
    for i in np.argsort(places[:, 1], kind="stable"):
        half = np.array([_DIGIT * len(labels[i]), _TALL])
        spots[i] = _spot(places[i], half, np.array(boxes))
        boxes.append(np.array([*spots[i], *half]))
    return spots


def _spot(place: Array, half: Array, boxes: Array) -> Array:
    """The first candidate clear of all boxes, else the one least in the way."""
    directions = np.c_[np.cos(_TURNS), np.sin(_TURNS)]
    spots = np.concatenate([place + directions * (half + _POINT + room) for room in _ROOM])
    apart = np.abs(spots[:, None] - boxes[:, :2]) - (half + boxes[:, 2:])
    clear = np.where(spots[:, 0] - half[0] > 0, apart.max(2).min(1), -np.inf)
    return spots[np.argmax(clear > 0) if (clear > 0).any() else np.argmax(clear)]
