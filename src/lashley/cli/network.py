"""A network of the user's own, as a command is given it: from code, and examples from a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

from lashley.code import called, named_code
from lashley.data.array_file import arrays_in
from lashley.errors import LashleyError
from lashley.networks import as_network


class Given(NamedTuple):
    """What a callable returns: a network, and examples or None."""

    network: nn.Module
    examples: Any


def network_of(given: str) -> Given:
    """What a callable returns, which a word such as `model.py:make` names.

    Raises:
        CodeError: If there is no such file, module or callable, or the user's own code raises.
        NetworkError: If it does not return a network.
    """
    found = named_code(given, "network")
    made: Any = found if isinstance(found, nn.Module) else called(found, given, "network")
    pair = isinstance(made, tuple) and len(made) == 2
    network, examples = made if pair else (made, None)
    return Given(as_network(network, f"network: {given} returned something else: it"), examples)


def with_examples(given: str) -> Given:
    """The same, of a callable that returns examples too.

    Raises:
        LashleyError: If it returns a network alone; else as `network_of`.
    """
    found = network_of(given)
    if found.examples is None:
        raise LashleyError(
            f"--data: {given} returned only a network, and its structure is found by running a few "
            "examples. Give --data FILE, or return (network, (inputs, labels))."
        )
    return found


def examples_of(path: Path) -> tuple[Any, Any]:
    """Inputs and labels from a .npz or .safetensors file.

    Raises:
        DataError: If there is no such file, it cannot be read, or has no inputs.
    """
    inputs, labels = arrays_in(path, "--data")
    if labels is None:  # sites do not depend on labels
        first = next(iter(inputs.values())) if isinstance(inputs, dict) else inputs
        labels = torch.zeros(len(first), dtype=torch.int64)
    return inputs, labels
