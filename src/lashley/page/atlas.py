"""All pictures of a map in one, in rows: a browser reads one picture much faster than thousands."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from jaxtyping import UInt8


def atlas(images: UInt8[np.ndarray, "example height width *channels"]) -> tuple[np.ndarray, Any]:
    """Pictures in rows, as many per row as there are rows.

    Args:
        images: (example, height, width) of ink, 255 is full; or (example, height, width, 3) RGB.

    Returns:
        The picture, (height, width, channels) uint8: black with the ink as opacity, so that it can
        take any colour; or RGB. And what the explorer is told about it.
    """
    n, height, width = images.shape[:3]
    columns = math.ceil(math.sqrt(n))
    rows = math.ceil(n / columns)
    channels = images.reshape(n, height, width, -1)
    padded = np.zeros((rows * columns, *channels.shape[1:]), np.uint8)
    padded[:n] = channels
    grid = padded.reshape(rows, columns, height, width, -1).transpose(0, 2, 1, 3, 4)
    picture = grid.reshape(rows * height, columns * width, -1)
    is_ink = images.ndim == 3
    if is_ink:
        picture = np.concatenate([np.zeros_like(picture), picture], axis=2)
    return picture, {
        "pictures": n, "columns": columns, "width": width, "height": height,
        "kind": "ink" if is_ink else "colour",
    }  # fmt: skip
