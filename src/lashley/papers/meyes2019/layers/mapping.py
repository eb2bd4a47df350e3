"""The map of a layer study's examples, with a small picture of each.

It maps what the network's last layer reads: distances of pixels mean little for photographs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor, nn
from torch.nn.functional import interpolate

from lashley.data import Examples
from lashley.data.cifar10 import CIFAR10_MEAN, CIFAR10_STD
from lashley.data.examples import require_tensor
from lashley.data.image_transform import IMAGENET_MEAN, IMAGENET_STD
from lashley.data.subset import stratified
from lashley.graph.copies import copied as copy_of
from lashley.papers.meyes2019.layers.study import LayerMapPart
from lashley.studies.folder import RunFolder, Tell
from lashley.studies.mapped import ABSENT, mapped
from lashley.studies.stages import Job

SIDE = 32  # pixels of a picture, at most
_COLOURS = {
    "cifar10": (CIFAR10_MEAN, CIFAR10_STD),
    "image_folder": (IMAGENET_MEAN, IMAGENET_STD),
}
_BATCH = 32  # in VGG-19's first layers so many images of 224 pixels take over 1 GB


def is_done(folder: RunFolder) -> bool:
    """Whether the pictures are there, and the map or the reason why it is missing."""
    if not folder.has("images.npz", "embedding.json"):
        return False
    return folder.has("embedding.npy") or ABSENT in folder.json("embedding")


def carry_out(job: Job, network: nn.Module, swept: Examples) -> None:
    """Write `images.npz`, `embedding.npy` and `embedding.json`, as far as they are missing.

    If the examples are too few or too alike for a map, `embedding.json` says so under `absent`.

    Args:
        job: The run.
        network: Intact.
        swept: The examples of the sweep.
    """
    study, folder = job.study, job.folder
    part, inputs = study.embedding, require_tensor(swept)
    chosen = stratified(swept.labels.cpu().numpy(), min(part.images, len(swept)), part.seed)
    if not folder.has("images.npz"):
        batches = _batches(inputs, chosen, partial(job.tell, "pictures"))
        small = [pictures(batch, *_COLOURS[study.data.name]) for batch in batches]
        folder.write_arrays("images", {"images": np.concatenate(small), "example": chosen})
    if not is_done(folder):
        batches = _batches(inputs, chosen, partial(job.tell, "last hidden values"))
        _embed(part, folder, last_hidden(network, batches, job.where.here), job.tell)


def pictures(
    inputs: Float[Tensor, "example 3 y x"], mean: tuple[float, ...], std: tuple[float, ...]
) -> UInt8[np.ndarray, "example h w 3"]:
    """Images as a person sees them, at most 32 x 32 pixels, each the average of an area.

    Args:
        inputs: As the network takes them: (grey level / 255 - mean) / std.
        mean: Of red, green, blue.
        std: Of red, green, blue.
    """
    centre, scale = (torch.tensor(v).reshape(3, 1, 1) for v in (mean, std))
    levels = (inputs.cpu() * scale + centre) * 255
    small = interpolate(levels, size=[min(n, SIDE) for n in inputs.shape[-2:]], mode="area")
    return small.round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).numpy()


@torch.no_grad()
def last_hidden(
    network: nn.Module, batches: Iterable[Tensor], device: str = "cpu"
) -> Float[np.ndarray, "example feature"]:
    """What the network's last Linear layer reads, in the order in which the layers are called.

    Args:
        network: With a Linear layer; a copy of it runs, in eval mode.
        batches: Of inputs, at least one.
        device: Where to run the copy.
    """
    copied, read, found = copy_of(network).to(device).eval(), [], []
    for module in copied.modules():
        if isinstance(module, nn.Linear):
            module.register_forward_pre_hook(lambda _, inputs: read.append(inputs[0]))
    for batch in batches:
        copied(batch.to(device))
        found.append(read[-1].flatten(1).cpu())
        read.clear()
    return torch.cat(found).numpy()


def _embed(part: LayerMapPart, folder: RunFolder, hidden: np.ndarray, tell: Tell) -> None:
    found = mapped(hidden, part, folder, tell)
    if found is not None:
        folder.write_array("embedding", found.points)
        folder.write_json("embedding", found.numbers())


def _batches(
    inputs: Tensor, chosen: Int[np.ndarray, " chosen"], tell: Callable[[int, int], None]
) -> Iterator[Tensor]:
    """The chosen inputs, a few at a time: all of them may lie on the disk."""
    for start in range(0, len(chosen), _BATCH):
        tell(start, len(chosen))
        yield inputs[torch.from_numpy(chosen[start : start + _BATCH])]
    tell(len(chosen), len(chosen))
