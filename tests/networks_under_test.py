"""Small networks of several styles; inputs are (example, 3, 4)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Functional(nn.Module):
    """Activations as functions and methods, one of them in place."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Linear(12, 9), nn.Linear(9, 7), nn.Linear(7, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.a(torch.flatten(x, 1)), inplace=True)
        x = F.leaky_relu(self.b(x), 0.2).tanh()
        return F.log_softmax(self.c(x), dim=1)


class Skip(nn.Module):
    """A residual connection around a layer."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Linear(12, 9), nn.Linear(9, 9), nn.Linear(9, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.a(x.flatten(1)))
        return self.c(x + F.relu(self.b(x)))


class Shared(nn.Module):
    """One layer called twice."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Linear(12, 9), nn.Linear(9, 9), nn.Linear(9, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.a(x.flatten(1)))
        return self.c(F.relu(self.b(F.relu(self.b(x)))))


class Branching(nn.Module):
    """Control flow that depends on the data: no graph can be traced."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(12, 9), nn.Linear(9, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.a(x.flatten(1)))
        return self.b(x if x.sum() > 0 else -x)


def statistics(norm: nn.modules.batchnorm._BatchNorm) -> nn.Module:
    """A batch norm as after training."""
    for numbers, low in ((norm.running_var, 0.5), (norm.running_mean, -1), (norm.weight, 0.5),
                         (norm.bias, -1)):  # fmt: skip
        numbers.data.uniform_(low, 1.5)
    return norm
