"""A batch through the layers, in the number format that the recipe names."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from lashley.training.recipe import Recipe


def outputs_of(forward: Callable[[Tensor], Tensor], batch: Tensor, recipe: Recipe) -> Tensor:
    """The outputs for a batch; as float32 if the layers ran in bfloat16."""
    if not recipe.autocast:
        return forward(batch)
    if batch.ndim == 4:  # pays in bfloat16 only: a fifth of VGG's time
        batch = batch.contiguous(memory_format=torch.channels_last)
    with torch.autocast(batch.device.type, torch.bfloat16):
        return forward(batch).float()
