"""Copies of networks, also of those whose weights `torch.nn.utils` makes anew at each call."""

from __future__ import annotations

import copy
from typing import TypeVar

from torch import Tensor, nn

Network = TypeVar("Network", bound=nn.Module)


def copied(network: Network) -> Network:
    """A deep copy; what was made of the weights is copied as it stands.

    Old weight_norm and prune leave a tensor with a gradient's history on a module, which deepcopy
    refuses; the hook makes it anew at the next call. Others keep such a one as a buffer, as escnn
    keeps the kernels that are made of its weights for eval mode.
    """
    made = [
        value for module in network.modules()
        for value in (*vars(module).values(), *module.buffers(recurse=False))
        if isinstance(value, Tensor) and not value.is_leaf
    ]  # fmt: skip
    return copy.deepcopy(network, {id(tensor): tensor.detach().clone() for tensor in made})
