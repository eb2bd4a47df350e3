"""A layer study that takes seconds: VGG-19 of a sixteenth of the width on generated images."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

from lashley import networks, studies
from lashley.papers.meyes2019.recovery.rows import NAMES
from lashley.studies import RunFolder

from finished import carried_out, made_once

CLASSES = ("ant", "bee <b>", "cat", "dog", "eel", "fox", "gnu")
PER_CLASS = 4
SIDE = 32
PROPORTIONS = (0.1, 0.25)
LEARNT = 5  # training images per class


def generated(folder: Path) -> Path:
    """A study file with images and weights of its own; gives its path."""
    draw_images(folder / "images", PER_CLASS, seed=0)
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


def draw_images(root: Path, per_class: int, seed: int) -> None:
    """Images of noise, in a folder for each class."""
    random = np.random.default_rng(seed)
    for name in CLASSES:
        (root / name).mkdir(parents=True)
        for i in range(per_class):
            pixels = random.integers(0, 256, (SIDE, SIDE, 3), np.uint8)
            Image.fromarray(pixels).save(root / name / f"{i}.png")


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


def with_recovery(folder: Path) -> Path:
    """The tiny layer study with training images and a recovery that takes seconds."""
    content = yaml.safe_load(generated(folder).read_text())
    draw_images(folder / "training", LEARNT, seed=1)
    content["sweep"] |= {"methods": ["zero_weights"], "proportions": [0.25], "random_groups": 1}
    content["recovery"] = {
        "instances": 2, "iterations": 2, "epochs": 2, "most_epochs": 3,
        "stop": {"least": 1, "within": 1, "top": 1}, "training": {"lr": 0.001, "batch_size": 8},
        "validation_images": 7, "images": 21, "root": str(folder / "training"),
    }  # fmt: skip
    (folder / "recovery.yaml").write_text(yaml.safe_dump(content))
    return folder / "recovery.yaml"


def recovery_study(factory: pytest.TempPathFactory) -> Path:
    """The file of that study, once for all tests."""
    return made_once(factory, "recovery", with_recovery) / "recovery.yaml"


def finished_recovery(factory: pytest.TempPathFactory) -> RunFolder:
    """A complete run of it, once for all tests. What it told lies beside its folder."""

    def make(folder: Path) -> None:
        told = []
        study = recovery_study(factory)
        carried_out(study, folder / "run", tell=lambda *now: told.append(now))
        (folder / "told.json").write_text(json.dumps(told))

    return RunFolder(made_once(factory, "recovery-run", make) / "run")


def at_the_recovery(finished: Path, study: studies.StudyForm, folder: Path) -> Path:
    """A copy of a run without its recovery, as a run of the study."""
    shutil.copytree(finished, folder)
    shutil.rmtree(folder / "recovery")
    for name in (*(f"{n}.parquet" for n in NAMES), "claims.parquet", "ranks.npz"):
        (folder / name).unlink()
    content = json.loads((folder / "provenance.json").read_text())
    del content["recovery"]
    (folder / "provenance.json").write_text(json.dumps(content))
    (folder / "study.yaml").write_text(study.to_yaml())
    return folder
