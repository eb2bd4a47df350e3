"""How the grey levels of an image become what a network takes."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from lashley.data.subset import check_whole
from lashley.errors import DataError

IMAGENET_MEAN = (0.485, 0.456, 0.406)  # of the training images
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Transform:
    """How an image becomes numbers, as in torchvision's presets for evaluation.

    Attributes:
        resize: Pixels of the shorter side.
        crop: Pixels of the square that is cut out of the centre.
        mean: Of red, green, blue, from 0 to 1; it is subtracted.
        std: Of red, green, blue; the difference is divided by it.

    Raises:
        DataError: If a value is out of its range.
    """

    resize: int
    crop: int
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __post_init__(self) -> None:
        check_whole("resize", self.resize, "256 is usual.", 1)
        check_whole("crop", self.crop, "Make resize larger.", 1, self.resize)
        _check_colours("mean", self.mean, "finite numbers", lambda value: True)
        _check_colours("std", self.std, "finite numbers above 0", lambda value: value > 0)

    def normalised(self, levels: UInt8[np.ndarray, "y x 3"]) -> Float[Tensor, "3 y x"]:
        """Grey levels as the network takes them."""
        mean, std = (torch.tensor(v).reshape(3, 1, 1) for v in (self.mean, self.std))
        pixels = torch.from_numpy(levels.astype(np.float32)).permute(2, 0, 1)
        return pixels.div_(255).sub_(mean).div_(std)


def _check_colours(
    name: str, given: tuple[float, ...], what: str, is_allowed: Callable[[Any], bool]
) -> None:
    real = [isinstance(v, Real) and math.isfinite(v) and is_allowed(v) for v in given]
    if len(given) != 3 or not all(real):
        raise DataError(
            f"{name}: given {given}; allowed are three {what}, of red, green and blue. Leave it "
            "out for ImageNet's."
        )
