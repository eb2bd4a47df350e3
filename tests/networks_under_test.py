"""Networks that the engine's contract is checked on."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def straight_lines() -> dict[str, Callable[[], nn.Module]]:
    """Networks that the fast engine serves, by name; inputs are (example, 3, 4)."""
    return {
        "relu": lambda: nn.Sequential(
            nn.Flatten(), nn.Linear(12, 9), nn.ReLU(), nn.Linear(9, 7), nn.ReLU(), nn.Linear(7, 5)
        ),
        "no bias": lambda: nn.Sequential(
            nn.Flatten(), nn.Linear(12, 9, bias=False), nn.ReLU(), nn.Linear(9, 5, bias=False)
        ),
        "in place": lambda: nn.Sequential(
            nn.Flatten(), nn.ReLU(inplace=True), nn.Linear(12, 9), nn.ReLU(inplace=True),
            nn.Linear(9, 7), nn.SiLU(inplace=True), nn.Linear(7, 5),
        ),
        "sigmoid": lambda: nn.Sequential(
            nn.Flatten(), nn.Linear(12, 9), nn.Sigmoid(), nn.Linear(9, 7), nn.Softplus(),
            nn.Linear(7, 5),
        ),
        "dropout": lambda: nn.Sequential(
            nn.Flatten(), nn.Linear(12, 9), nn.GELU(), nn.Dropout(0.5), nn.Linear(9, 7),
            nn.Dropout(0.5), nn.PReLU(7), nn.Linear(7, 5), nn.LogSoftmax(1),
        ),
        "linear": lambda: nn.Sequential(
            nn.Flatten(), nn.Linear(12, 9), nn.Linear(9, 7), nn.Linear(7, 5)
        ),
        "functional": Functional,
    }  # fmt: skip


def others() -> dict[str, Callable[[], nn.Module]]:
    """Networks that fall back to the reference."""
    return {
        "skip": Skip,
        "shared": Shared,
        "convolution": lambda: nn.Sequential(
            nn.Conv1d(3, 6, 3, padding=1), nn.BatchNorm1d(6), nn.ReLU(inplace=True), nn.Flatten(),
            nn.Linear(24, 5),
        ),
        "layer norm": lambda: nn.Sequential(
            nn.Flatten(), nn.Linear(12, 9), nn.LayerNorm(9), nn.ReLU(), nn.Linear(9, 5)
        ),
    }  # fmt: skip


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
