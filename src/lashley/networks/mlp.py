"""The multi-layer perceptron."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from itertools import pairwise

from torch import nn

from lashley.errors import NetworkError
from lashley.networks.seeding import seeded


def mlp(widths: Sequence[int], *, bias: bool = True, seed: int | None = None) -> nn.Sequential:
    """A multi-layer perceptron with ReLU: layers `fc1`, `fc2`, ..., inputs flattened.

    Weights are PyTorch's default for Linear: uniform in +-1/sqrt(fan_in).

    Args:
        widths: Number of inputs, of each hidden layer's units, and of outputs.
        bias: Whether the layers have biases (the paper's have none).
        seed: Of the initial weights; None draws them from PyTorch's global generator.

    Raises:
        NetworkError: If there are fewer than two widths, or one is below 1.

    Source: Meyes et al. 2019, section 3.1.
    """
    if len(widths) < 2 or any(type(w) is not int or w < 1 for w in widths):
        raise NetworkError(
            f"widths: given {list(widths)}; allowed are two or more whole numbers of at least 1, "
            "for example [784, 20, 10, 10]."
        )
    with seeded(seed):
        modules: list[tuple[str, nn.Module]] = [("flatten", nn.Flatten())]
        for i, (inputs, outputs) in enumerate(pairwise(widths), start=1):
            modules.append((f"fc{i}", nn.Linear(inputs, outputs, bias=bias)))
            modules.append((f"relu{i}", nn.ReLU()))
        return nn.Sequential(OrderedDict(modules[:-1]))
