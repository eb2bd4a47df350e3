"""The networks of timm, as the zoo builds them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import torch

from benchmarks.zoo.listed.timm_families import FAMILIES
from benchmarks.zoo.lively import enliven, pictures
from benchmarks.zoo.networks import Entry, Made
from benchmarks.zoo.torchvision_here import declare

declare()
import timm  # noqa: E402

CLASSES = 10


def entries() -> Iterator[Entry]:
    for family, members in FAMILIES.items():
        for name, options in members.items():
            yield Entry(name, "timm", family, partial(_build, name, options))


def _build(name: str, options: dict[str, Any]) -> Made:
    rest = {k: v for k, v in options.items() if k != "size"}
    torch.manual_seed(0)
    network = timm.create_model(name, pretrained=False, num_classes=CLASSES, **rest)
    images = pictures(14, 3, options["size"])
    enliven(network, images)
    return Made(network, images[:12].clone(), images[12:].clone(), None, _first)


def _first(returned: Any) -> torch.Tensor:
    return returned[0] if isinstance(returned, tuple | list) else returned
