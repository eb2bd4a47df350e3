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

_NAMED = {
    "schedule": ("constant", "one_cycle"), "augmentation": ("none", "crops_and_flips"),
    "optimiser": ("sgd", "adamw"),
}  # fmt: skip
SECOND_MOMENT = 0.999  # decay of AdamW's mean of squares


@dataclass(frozen=True)
class Recipe:
    """How to train: SGD with momentum on the cross entropy. The defaults are the paper's MLP's.

    Attributes:
        epochs: Passes over the examples.
        lr: Learning rate; with "one_cycle" its peak.
        momentum: Of the gradient, as in `torch.optim.SGD`; the first beta of AdamW.
        batch_size: Examples per step; the last, smaller batch of an epoch is kept.
        seed: Of the order of the batches, of dropout's noise, and of crops and flips.
        schedule: "constant", or "one_cycle": the learning rate rises from a 25th of `lr` to `lr`
            over the first 30 % of the steps and falls to almost 0 over the rest, both along half
            a cosine, as in `torch.optim.lr_scheduler.OneCycleLR`; the momentum stays.
        weight_decay: Of all parameters that are trained, those of batch norm and biases too, as
            in `torch.optim.SGD`.
        nesterov: Whether the momentum is Nesterov's.
        augmentation: "none", or "crops_and_flips": each image is cropped at random from itself with
            4 pixels of reflection around it, and mirrored half of the time.
        autocast: Whether the layers run in bfloat16 (`torch.autocast`), images with their channels
            last in memory; weights and their updates do not change. Faster where the processor
            multiplies bfloat16.
        optimiser: "sgd", or "adamw" as `torch.optim.AdamW` (whose second beta is 0.999, and whose
            weight decay is its own).

    Raises:
        TrainingError: If a value is out of its range.

    Source: Meyes et al. 2019, section 3.1; Smith and Topin 2018 for one cycle.
    """

    epochs: int = 100
    lr: float = 0.001
    momentum: float = 0.9
    batch_size: int = 256
    seed: int = 0
    schedule: str = "constant"
    weight_decay: float = 0.0
    nesterov: bool = False
    augmentation: str = "none"
    autocast: bool = False
    optimiser: str = "sgd"

    def __post_init__(self) -> None:
        for name, least in {"epochs": 1, "batch_size": 1, "seed": 0}.items():
            value = getattr(self, name)
            whole = isinstance(value, int) and not isinstance(value, bool)
            self._require(name, whole and value >= least, f"a whole number of at least {least}")
        lr, momentum, decay = self.lr, self.momentum, self.weight_decay
        self._require("lr", _is_number(lr) and 0 < lr < math.inf, "a finite number above 0")
        self._require(
            "momentum", _is_number(momentum) and 0 <= momentum < 1, "a number from 0 to below 1"
        )
        self._require(
            "weight_decay", _is_number(decay) and 0 <= decay < math.inf,
            "a finite number of at least 0",
        )  # fmt: skip
        for name, allowed in _NAMED.items():
            self._require(name, getattr(self, name) in allowed, " or ".join(map(repr, allowed)))
        for name in ("nesterov", "autocast"):
            self._require(name, isinstance(getattr(self, name), bool), "True or False")
        self._require("nesterov", not self.nesterov or momentum > 0, "False where momentum is 0")
        sgd = self.optimiser == "sgd"
        self._require("nesterov", not self.nesterov or sgd, "False where the optimiser is not SGD")

    def _require(self, name: str, holds: bool, allowed: str) -> None:
        if not holds:
            raise TrainingError(
                f"{name}: given {getattr(self, name)!r}; allowed is {allowed}. "
                f"Leave it out for the paper's {getattr(Recipe, name)}."
            )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


PAPER = Recipe()


def epoch_seed(recipe: Recipe, epoch: int) -> int:
    """The seed of everything random in an epoch, except the augmentation."""
    return _drawn(np.random.SeedSequence((recipe.seed, epoch)))


def batch_seed(recipe: Recipe, epoch: int, index: int) -> int:
    """The seed of a batch's augmentation."""
    # As a spawn key: after the others, an index of 0 would give the epoch's own seed.
    return _drawn(np.random.SeedSequence((recipe.seed, epoch), spawn_key=(index,)))


def _drawn(sequence: np.random.SeedSequence) -> int:
    return int(sequence.generate_state(1, np.uint64)[0])


def batches(n: int, recipe: Recipe, epoch: int) -> Sequence[Tensor]:
    """The examples' indices, batch by batch: a function of the seed and the epoch alone."""
    generator = torch.Generator().manual_seed(epoch_seed(recipe, epoch))
    return torch.randperm(n, generator=generator).split(recipe.batch_size)
