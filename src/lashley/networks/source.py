"""Networks from other packages, by the name of what makes them."""

from __future__ import annotations

import importlib
from pathlib import Path

from torch import nn

from lashley.errors import NetworkError
from lashley.networks.weights import read_weights, with_weights


def load(source: str, *, weights: str | Path | None = None) -> nn.Module:
    """The network that `package.module:callable` returns, with weights from a file.

    Args:
        source: For example "torchvision.models:resnet18"; called without arguments.
        weights: A `.safetensors` file, or a state dict saved by `torch.save`.

    Raises:
        NetworkError: If there is no such callable, it does not return a network, or the weights do
            not fit.
    """
    package, _, name = source.partition(":")
    try:
        network = getattr(importlib.import_module(package), name)()
    except (ImportError, AttributeError, ValueError, TypeError) as error:
        raise NetworkError(
            f"network: {source!r} cannot be made ({error}); allowed is 'package.module:callable' "
            "of a callable without arguments. Check that the package is installed."
        ) from error
    if not isinstance(network, nn.Module):
        raise NetworkError(
            f"network: {source!r} returned a {type(network).__name__}; allowed is an nn.Module. "
            "Name a callable that returns the network."
        )
    return network if weights is None else with_weights(network, read_weights(weights))
