"""What a layer study will take, before anything runs."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from lashley import data, networks
from lashley.data import Examples
from lashley.errors import StudyError
from lashley.papers.meyes2019.layers.run import (
    ablations_of,
    class_names_of,
    examples_of,
    filters_of,
    given_network,
    network_of,
)
from lashley.papers.meyes2019.layers.study import LayerNetworkPart, LayerStudy
from lashley.papers.meyes2019.recovery.images import check_sizes
from lashley.planning import plan
from lashley.studies.kind import Forecast

_RANDOM = "with random weights, so at most: more outcomes are within rounding and run again"
_SAMPLE = 64  # images that are decoded for the calibration


def forecast(study: LayerStudy, device: str, devices: int, seconds: float) -> Forecast:
    """What the ablations of a study will take.

    Args:
        study: Which.
        device: Where to evaluate the network.
        devices: How many of them.
        seconds: For the calibration, about.
    """
    class_names_of(study)  # refuses what does not fit together
    network, notes = _network(study)
    examples, n, further = _examples(study)
    sweep = study.sweep
    found = plan(
        network, examples, ablations_of(filters_of(study, network), sweep),
        precision=sweep.precision, dtype=getattr(torch, sweep.dtype), seed=sweep.seed,
        device=device, devices=devices, seconds=seconds, n_examples=n,
    )  # fmt: skip
    shown = min(found.n_examples, study.embedding.images)
    mapped = f"a map of {shown:,} images: a pass over them, and t-SNE"
    return Forecast(found, (*notes, *further, mapped, *_recovery(study)))


def _recovery(study: LayerStudy) -> list[str]:
    """What the recovery takes, in epochs; how long these are depends on the chosen layers."""
    part = study.recovery
    if part is None:
        return []
    instances = part.instances * part.epochs * len({"ablated", *part.controls} - {"intact"})
    iterations = part.iterations * part.most_epochs
    longest = max(part.epochs, iterations) if "intact" in part.controls else 0
    whole = part.n_layers * (instances + iterations + longest)
    images, tested = check_sizes(study)
    note = (
        f"the recovery is not in the time: {whole:,} epochs at most on {images:,} images, each "
        f"followed by {tested:,} test images"
    )
    if study.data.name == "cifar10":
        return [note]
    swept_too = study.data.images is None  # then the test images are decoded for the sweep already
    decoded = images + part.validation_images + (0 if swept_too else tested)
    size = decoded * 3 * 4 * study.network.image_size**2 / 1e9
    return [note, f"its decoded images take {size:,.1f} GB more of the disk, or of the memory"]


def _network(study: LayerStudy) -> tuple[nn.Module, list[str]]:
    """The network, or one of its shape, and notes on it."""
    part = study.network
    if part.weights == "train":
        return _untrained(part), [f"{_RANDOM}; the training comes on top"]
    if part.weights == "imagenet" and not networks.imagenet_is_here():
        return _untrained(part), [f"{_RANDOM}; the official ones are 548 MB to download"]
    return given_network(part), []


def _untrained(part: LayerNetworkPart) -> nn.Module:
    """Random weights, and batch norms that give zeroed filters a constant, as trained ones do.

    With the initial ones zeroing would be silencing, and half of the ablations equal to others.
    """
    network = network_of(part)
    with networks.seeded(part.seed):
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                nn.init.normal_(module.bias, std=0.3)
    return network


def _examples(study: LayerStudy) -> tuple[Examples, int, list[str]]:
    """Some examples, how many there will be, and notes on them."""
    part = study.data
    if part.name == "cifar10":
        examples = examples_of(study, None, lambda *_: None)
        return examples, len(examples), []
    there, _ = data.look_into(str(part.root), class_names=part.class_names)
    n = part.images or there
    if n > there:
        raise StudyError(
            f"data.images: given {n}; allowed are 1 to {there:,}, as many as there are in "
            f"{part.root}. Leave it out for all."
        )
    few = part.model_copy(update={"images": min(n, _SAMPLE)})
    examples = examples_of(study.model_copy(update={"data": few}), None, lambda *_: None)
    size = n * 3 * 4 * study.network.image_size**2 / 1e9
    note = f"decoded images take {size:,.1f} GB more of the disk of the run folder while it runs"
    where = f"{n:,} images below {Path(str(part.root))}; decoding them is not in the time"
    return examples, n, [where, note]
