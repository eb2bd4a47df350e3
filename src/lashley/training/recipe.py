"""The recipe of a training, and the order of its batches."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lashley.errors import TrainingError


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


@dataclass(frozen=True)
class Recipe:
    """How to train: SGD with momentum on the cross entropy. The defaults are the paper's.

    Attributes:
        epochs: Passes over the examples.
        lr: Learning rate.
        momentum: Of the gradient, as in `torch.optim.SGD`.
        batch_size: Examples per step; the last, smaller batch of an epoch is kept.
        seed: Of the order of the batches, and of dropout's noise.

    Raises:
        TrainingError: If a value is out of its range.

    Source: Meyes et al. 2019, section 3.1.
    """

    epochs: int = 100
    lr: float = 0.001
    momentum: float = 0.9
    batch_size: int = 256
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least in {"epochs": 1, "batch_size": 1, "seed": 0}.items():
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < least:
                raise TrainingError(
                    f"{name}: given {value!r}; allowed is a whole number of at least {least}. "
                    f"Leave it out for the paper's {getattr(Recipe, name)}."
                )
        if not (_is_number(self.lr) and 0 < self.lr < math.inf):
            raise TrainingError(
                f"lr: given {self.lr!r}; allowed is a finite number above 0. "
                f"Leave it out for the paper's {Recipe.lr}."
            )
        if not (_is_number(self.momentum) and 0 <= self.momentum < 1):
            raise TrainingError(
                f"momentum: given {self.momentum!r}; allowed is a number from 0 to below 1. "
                f"Leave it out for the paper's {Recipe.momentum}."
            )


PAPER = Recipe()


def epoch_seed(recipe: Recipe, epoch: int) -> int:
    """The seed of all that is random in an epoch."""
    return int(np.random.SeedSequence((recipe.seed, epoch)).generate_state(1, np.uint64)[0])


def batches(n: int, recipe: Recipe, epoch: int) -> Sequence[Tensor]:
    """The examples' indices, batch by batch: a function of the seed and the epoch alone."""
    generator = torch.Generator().manual_seed(epoch_seed(recipe, epoch))
    return torch.randperm(n, generator=generator).split(recipe.batch_size)
