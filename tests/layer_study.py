"""A layer study that takes seconds: VGG-19 of a sixteenth of the width on generated images."""

from pathlib import Path

import numpy as np
import torch
import yaml
from PIL import Image

from lashley import networks

CLASSES = ("ant", "bee <b>", "cat", "dog", "eel", "fox", "gnu")
PER_CLASS = 4
SIDE = 32
PROPORTIONS = (0.1, 0.25)


def generated(folder: Path) -> Path:
    """A study file with images and weights of its own; gives its path."""
    random = np.random.default_rng(0)
    for name in CLASSES:
        (folder / "images" / name).mkdir(parents=True)
        for i in range(PER_CLASS):
            pixels = random.integers(0, 256, (SIDE, SIDE, 3), np.uint8)
            Image.fromarray(pixels).save(folder / "images" / name / f"{i}.png")
    networks.save_weights(network(), folder / "weights.safetensors")
    content = {
        "kind": "layers",
        "name": "tiny-layers",
        "title": "A <script>alert('tiny')</script> layer study",
        "data": {"name": "image_folder", "root": str(folder / "images"), "resize": SIDE},
        "network": {
            "width": 1 / 16, "classes": len(CLASSES), "image_size": SIDE,
            "weights": str(folder / "weights.safetensors"),
        },
        "sweep": {
            "proportions": list(PROPORTIONS), "methods": ["zero_weights", "silence"],
            "random_groups": 5, "dtype": "float32",
        },
    }  # fmt: skip
    (folder / "layers.yaml").write_text(yaml.safe_dump(content))
    return folder / "layers.yaml"


def network() -> torch.nn.Module:
    """Initial weights, with batch norms that leave something behind zeroed filters.

    Centred outputs, so that the network does not say the same class of every image.
    """
    found = networks.vgg19_bn(len(CLASSES), 1 / 16, SIDE, seed=0)
    draw = torch.Generator().manual_seed(1)
    found.train()
    with torch.no_grad():
        for module in found.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.bias.copy_(0.3 * torch.randn(module.bias.shape, generator=draw))
                module.momentum = None  # the mean of all batches
        inputs = torch.randn(256, 3, SIDE, SIDE, generator=draw)
        found(inputs)
        found.eval()
        head = found.classifier
        head.weight.copy_(torch.randn(head.weight.shape, generator=draw))
        head.bias.copy_(-found(inputs).mean(0))
    return found
