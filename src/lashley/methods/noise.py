"""Noise: the activation plus a random number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
import xxhash
from jaxtyping import Float
from torch import Tensor

from lashley.methods.method import Method
from lashley.methods.numbers import checked, seeded
from lashley.methods.replacement import Function, Replacement
from lashley.sites import Site


@dataclass(frozen=True)
class Noise(Method):
    """The activation plus a normal random number, at the same place as `Silence`.

    Every example has numbers of its own, drawn from seed, site and the example's place among those
    that are evaluated: the same in every engine and in batches of any size.

    Attributes:
        sd: Standard deviation, as a multiple of the unit's own over the reference (each channel's,
            if a unit has several); 0 leaves the units as they are.
        seed: Of the draw.

    Raises:
        AblationError: If `sd` is not a finite number of at least 0, or the seed is not allowed.
    """

    alias: ClassVar[str] = "noise"
    sd: float
    seed: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "sd", checked("noise", "sd", self.sd, least=0.0))
        object.__setattr__(self, "seed", seeded("noise", self.seed))

    def replacement(self, site: Site) -> Replacement:
        """See `Method`."""
        return Function(self._noisy, seed=self.seed, needs_spread=True)

    def _noisy(self, activation: Tensor, spread: Tensor, normal: Tensor) -> Tensor:
        return activation + self.sd * spread * normal


def normal(
    seed: int, site: str, call: int, numbers: Sequence[int], size: int
) -> Float[Tensor, "example number"]:
    """The standard normal numbers of some examples, in float64.

    Args:
        seed: Of the draw.
        site: The site's name.
        call: Which of the values that hold the site's units, counted from 0.
        numbers: The examples' places among those that are evaluated.
        size: How many each has. They belong to the first channel of the first unit at all its
            positions in order, then to its second channel, and so on.
    """
    own = xxhash.xxh3_64_intdigest(site.encode())
    drawn = [np.random.default_rng((seed, own, call, n)).standard_normal(size) for n in numbers]
    return torch.from_numpy(np.stack(drawn)) if drawn else torch.zeros(0, size).double()
