"""Copies of networks, even of those that hold tensors with a gradient history."""

from __future__ import annotations

import copy
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

Network = TypeVar("Network", bound=nn.Module)
_COPIED = (torch.strided, torch.sparse_coo)  # layouts that deepcopy knows, no compressed ones


def copied(network: Network) -> Network:
    """A deep copy; what was computed with a gradient history is copied as it is.

    Old weight_norm and prune leave such a tensor on a module, and a forward pass with gradients or
    `.eval()` may leave others anywhere in the network; deepcopy refuses them.
    """
    with _Detaching():
        return copy.deepcopy(network)


class _Detaching(TorchFunctionMode):
    """Copies tensors without their gradient history, and sparse ones as they are."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is not Tensor.__deepcopy__ or (args[0].is_leaf and args[0].layout in _COPIED):
            return func(*args, **(kwargs or {}))
        tensor, memo = args
        memo[id(tensor)] = tensor.detach().clone()
        return memo[id(tensor)]
