"""A network under test: how it is made, what it takes, what should be found in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any

import torch
from torch import Tensor, nn

CLASSES = 4
TOKENS, VOCABULARY, PADDING = 6, 11, 0

Inputs = Tensor | dict[str, Tensor]


@dataclass(frozen=True)
class Case:
    """A network under test.

    Attributes:
        name: What it is, in words.
        make: The network with PyTorch's own random weights.
        inputs: From a number of examples and a seed; a dict is given as keyword arguments.
        sites: Names of the sites in forward order, without the output layer; attention heads
            stand behind the projections into them.
        heads: Of the sites that are attention, how many (query) heads there are.
        projections: Of the sites, the layers into and out of attention heads.
        tracers: Which tracers take the network: "fx" (`torch.fx.Tracer`), "export" (`torch.export`
            with any number of examples, of the network wrapped so as to return its logits).
        notes: What is particular about it.
    """

    name: str
    make: Callable[[], nn.Module]
    inputs: Callable[[int, int], Inputs]
    sites: tuple[str, ...]
    heads: Mapping[str, int] = field(default_factory=dict)
    projections: tuple[str, ...] = ()
    tracers: tuple[str, ...] = ("fx", "export")
    n_classes: int = CLASSES
    notes: str = ""


def logits_of(network: nn.Module, inputs: Inputs) -> Tensor:
    """What a network makes of inputs of either kind, as (example, class)."""
    output: Any = network(**inputs) if isinstance(inputs, dict) else network(inputs)
    return output if isinstance(output, Tensor) else output.logits


def labels_of(inputs: Inputs, n_classes: int) -> Tensor:
    """A class for each example, a simple function of it: its first channel, number, or token."""
    given = next(iter(inputs.values())) if isinstance(inputs, dict) else inputs
    first = given[:, 0].flatten(1) if given.ndim > 2 else given[:, :1]
    if not given.is_floating_point():
        return (first[:, 0] - 1) * n_classes // (VOCABULARY - 1)
    share = torch.special.ndtr(first.mean(1) * first.shape[1] ** 0.5)
    return (share * n_classes).long().clamp(max=n_classes - 1)


def normal(*shape: int) -> Callable[[int, int], Tensor]:
    """Inputs (example, *shape) from the standard normal distribution."""
    return lambda n, seed: torch.randn(n, *shape, generator=torch.Generator().manual_seed(seed))


def tokens(n: int, seed: int) -> Tensor:
    """Inputs (example, token), without padding."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(1, VOCABULARY, (n, TOKENS), generator=generator)


def padded_tokens(n: int, seed: int) -> dict[str, Tensor]:
    """Texts of different lengths, filled up on the right."""
    lengths = torch.arange(n) % (TOKENS - 1) + 2
    mask = (torch.arange(TOKENS) < lengths[:, None]).long()
    return {"input_ids": tokens(n, seed) * mask + PADDING * (1 - mask), "attention_mask": mask}


def pixel_values(n: int, seed: int) -> dict[str, Tensor]:
    """Images as the `transformers` library takes them."""
    return {"pixel_values": images(n, seed)}


vectors, signals, images, volumes = normal(12), normal(3, 8), normal(3, 8, 8), normal(3, 4, 4, 4)


def fan_in(weight: Tensor) -> int:
    """How many inputs a unit of a layer has."""
    return prod(weight.shape[1:])
