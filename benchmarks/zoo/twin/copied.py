"""A copy of a network, and its parameters and buffers by the names of the original."""

from __future__ import annotations

import copy
from collections.abc import Mapping

import torch
from torch import Tensor, nn


def copied(network: nn.Module) -> nn.Module:
    """A copy; what was once computed from parameters and kept is not part of a graph there."""
    kept = [t for module in network.modules() for t in _tensors(module) if not t.is_leaf]
    return copy.deepcopy(network, {id(t): t.detach().clone() for t in kept})


def by_old_names(network: nn.Module, original: nn.Module) -> dict[str, Tensor]:
    """Parameters and buffers of a copy, by all their names in the original.

    Layers of Keras are copied by building them anew, under paths of another root.

    Args:
        network: The copy.
        original: What it was copied from.
    """
    own, old = _held(network), _held(original)
    if own.keys() == old.keys():
        return own
    found: dict[str, Tensor] = {}
    of: dict[int, Tensor] = {}  # by parameter, which may have several names
    left = list({id(p): p for p in own.values()}.values())
    for name, parameter in old.items():
        if id(parameter) not in of:
            same = [p for p in left if _alike(p, parameter)]
            if not same:
                continue
            of[id(parameter)] = same[0]
            left = [p for p in left if p is not same[0]]
        found[name] = of[id(parameter)]
    return found


def kernel_of(site: str, held: Mapping[str, Tensor]) -> str | None:
    """The parameter of a layer of Keras that a site is named after, if it is."""
    ends = tuple(f"{mark}{site}{end}" for mark in "./" for end in ("", "/kernel", "/embeddings"))
    return next((name for name in held if "/" in name and f".{name}".endswith(ends)), None)


def _held(network: nn.Module) -> dict[str, Tensor]:
    return {
        **dict(network.named_buffers(remove_duplicate=False)),
        **dict(network.named_parameters(remove_duplicate=False)),
    }


def _alike(one: Tensor, two: Tensor) -> bool:
    return one.shape == two.shape and torch.equal(one.to(two.dtype), two)


def _tensors(module: nn.Module) -> list[Tensor]:
    own = (*vars(module).values(), *module.buffers(recurse=False))
    return [t for t in own if isinstance(t, Tensor)]
