"""The learning rate, step by step."""

from __future__ import annotations

import math

from lashley.training.recipe import Recipe

RISE = 0.3  # share of the steps
START = 1 / 25  # of the peak
END = START / 10_000


def lr_at(step: int, steps: int, recipe: Recipe) -> float:
    """The learning rate of a step, from 0, of all the training's steps.

    "one_cycle" is PyTorch's `OneCycleLR` with its defaults: along half a cosine up, then down.
    """
    if recipe.schedule == "constant":
        return recipe.lr
    peak, last = RISE * steps - 1, steps - 1
    if step <= peak:
        share = _between(START, 1, step / peak)
    else:
        share = _between(1, END, (step - peak) / (last - peak))
    return recipe.lr * share


def _between(start: float, end: float, way: float) -> float:
    """A value `way` (0 to 1) from start to end, slow at both."""
    return end + (start - end) * (1 + math.cos(math.pi * way)) / 2
