"""What the zoo holds: networks by name, each built on request."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn


@dataclass(frozen=True, eq=False)
class Made:
    """A network that is ready.

    Attributes:
        network: In eval mode, its weights drawn (`lively.enliven`).
        inputs: 12 examples, a tensor or tensors by name.
        reference: 2 others.
        output: Which part of what the network returns is its output, as `la.evaluate` takes it.
        pick: The same as a function.
    """

    network: nn.Module
    inputs: Any
    reference: Any
    output: Any
    pick: Callable[[Any], Tensor]


@dataclass(frozen=True)
class Entry:
    """A network of the zoo.

    Attributes:
        name: Its own.
        library: Where it is from.
        family: The one that it belongs to.
        build: Makes it.
    """

    name: str
    library: str
    family: str
    build: Callable[[], Made]


def call(network: nn.Module, inputs: Any) -> Any:
    """What the network returns; tensors by name are its keyword arguments."""
    return network(**inputs) if isinstance(inputs, dict) else network(inputs)


def entries() -> Mapping[str, Entry]:
    """All of them, by name."""
    from benchmarks.zoo import far, timm_networks, transformers_networks

    found: dict[str, Entry] = {}
    for module in (timm_networks, transformers_networks, far):
        for entry in module.entries():
            if entry.name in found:
                raise ValueError(f"two networks are called {entry.name}")
            found[entry.name] = entry
    return found
