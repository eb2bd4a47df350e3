"""Who holds the weights: shared modules, tied weights, functional calls."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from architectures.case import CLASSES, Case, images, vectors


class SharedConv(nn.Module):
    """One convolution called twice, each time with a norm of its own; one ReLU for all."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.conv = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
        self.one, self.two = nn.BatchNorm2d(4), nn.BatchNorm2d(4)
        self.relu, self.head = nn.ReLU(inplace=True), nn.Linear(4, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.stem(x))
        x = self.relu(self.two(self.conv(self.relu(self.one(self.conv(x))))))
        return self.head(x.mean((2, 3)))


class SharedLinear(nn.Module):
    """One layer called twice, another in between."""

    def __init__(self) -> None:
        super().__init__()
        self.into, self.again, self.between = (nn.Linear(n, 5) for n in (12, 5, 5))
        self.head = nn.Linear(5, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.again(F.relu(self.into(x))))
        return self.head(F.relu(self.again(F.relu(self.between(x)))))


class Tied(nn.Module):
    """Two layers that hold the same weight."""

    def __init__(self) -> None:
        super().__init__()
        self.into, self.one, self.two = nn.Linear(12, 5), nn.Linear(5, 5), nn.Linear(5, 5)
        self.two.weight, self.head = self.one.weight, nn.Linear(5, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.one(F.relu(self.into(x))))
        return self.head(F.silu(self.two(x)))


class Weights(nn.Module):
    """Parameters that are used by a function call."""

    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.weight, self.bias = (
            nn.Parameter(torch.randn(shape)),
            nn.Parameter(torch.randn(shape[0])),
        )


class FunctionalConv(Weights):
    """A convolution and a batch norm, as functions."""

    def __init__(self, *shape: int) -> None:
        super().__init__(*shape)
        self.scale, self.shift = (nn.Parameter(torch.rand(shape[0])) for _ in range(2))
        self.register_buffer("mean", torch.zeros(shape[0]))
        self.register_buffer("var", torch.ones(shape[0]))

    def forward(self, x: Tensor) -> Tensor:
        x = F.conv2d(x, self.weight, self.bias, padding=1)
        x = F.batch_norm(x, self.mean, self.var, self.scale, self.shift, training=False)
        return F.relu(x, inplace=True)


class FunctionalLinear(Weights):
    """A linear layer, as a function."""

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight, self.bias)


class Functional(nn.Module):
    """Every layer is a function call with the parameters of a module."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.fc = FunctionalConv(5, 3, 3, 3), FunctionalLinear(6, 20)
        self.gain, self.head = nn.Parameter(torch.ones(6)), FunctionalLinear(CLASSES, 6)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.flatten(F.adaptive_max_pool2d(self.conv(x), 2), 1)
        x = F.gelu(F.layer_norm(self.fc(x), (6,), self.gain))
        return F.log_softmax(self.head(F.dropout(x, 0.1, self.training)), dim=-1)


CASES = (
    Case("shared convolution", SharedConv, images, ("stem", "conv"),
         notes="conv is called twice, with another norm behind each call"),
    Case("shared linear", SharedLinear, vectors, ("into", "again", "between"),
         notes="again is called twice; between stands in between"),
    Case("tied weights", Tied, vectors, ("into", "one", "two"),
         notes="one.weight is two.weight: zero_weights at one must leave two as it is"),
    Case("functional", Functional, images, ("conv", "fc"),
         notes="the layers are function calls; each has a module that holds its parameters"),
)  # fmt: skip
