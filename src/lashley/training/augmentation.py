"""Augmentation: each image drawn anew in every epoch."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from lashley.errors import TrainingError
from lashley.training.recipe import Recipe, batch_seed

PAD = 4  # pixels


def augmented(batch: Tensor, recipe: Recipe, epoch: int, index: int) -> Tensor:
    """The epoch's batch of this index, as the recipe shows it to the network."""
    if recipe.augmentation == "none":
        return batch
    return crops_and_flips(batch, batch_seed(recipe, epoch, index))


def crops_and_flips(
    images: Float[Tensor, "image channel height width"], seed: int
) -> Float[Tensor, "image channel height width"]:
    """Each image cropped at random from itself with a margin, and mirrored half of the time.

    The margin is the image's reflection: after normalisation no number is known to be black.
    """
    # Drawn on the CPU, so that a training on another device sees the same images.
    generator, device = torch.Generator().manual_seed(seed), images.device
    n, (height, width) = len(images), images.shape[2:]
    top, left = torch.randint(2 * PAD + 1, (2, n), generator=generator).to(device)
    mirrored = torch.randint(2, (n, 1, 1, 1), generator=generator).to(device).bool()
    padded = F.pad(images, (PAD,) * 4, mode="reflect")
    windows = padded.unfold(2, height, 1).unfold(3, width, 1)  # views: nothing is copied
    crops = windows[torch.arange(n, device=device), :, top, left]
    return torch.where(mirrored, crops.flip(3), crops)


def check_images(inputs: Tensor, recipe: Recipe) -> None:
    """Refuse inputs that the recipe's augmentation cannot change."""
    if recipe.augmentation == "none":
        return
    if inputs.ndim != 4 or min(inputs.shape[2:]) <= PAD or not inputs.is_floating_point():
        raise TrainingError(
            f"augmentation: given {recipe.augmentation!r} for inputs of shape "
            f"{tuple(inputs.shape)}, {inputs.dtype}; allowed are images (example, channel, height, "
            f"width) of real numbers, at least {PAD + 1} pixels high and wide. Leave it out for "
            "'none'."
        )
