"""What people write: views, in-place methods, outputs and inputs of other kinds, control flow."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from architectures.case import CLASSES, Case, Inputs, images, vectors


class Views(nn.Module):
    """Shapes taken apart and put together in many ways."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.mix = nn.Conv2d(3, 4, 3, padding=1), nn.Linear(16, 6)
        self.fc, self.head = nn.Linear(24, 6), nn.Linear(4, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(torch.relu(self.conv(x)), 2)
        B, C, H, W = x.shape
        x = torch.relu(self.mix(x.reshape(B, C, H * W)))  # (example, channel, mixed)
        x = self.fc(x.permute(0, 2, 1).contiguous().view(x.size(0), -1)).tanh()
        one, two = torch.split(x, [2, 4], dim=1)
        return self.head(two + torch.stack([one, one], dim=2).flatten(1))


class InPlace(nn.Module):
    """Methods that write into their tensor."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
        self.fc, self.head = nn.Linear(4, 5), nn.Linear(5, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv1(x).relu_()
        y = self.conv2(x).mul_(2).clamp_(min=-1)
        y += x
        x = self.fc(y.mean((2, 3)))
        torch.relu_(x)
        return self.head(x).add_(0.5)


@dataclass
class Output:
    """What a network of the `transformers` library returns, in short."""

    logits: Tensor
    hidden: Tensor


class WithOutput(nn.Module):
    """Returns an object with `.logits`."""

    def __init__(self) -> None:
        super().__init__()
        self.fc, self.head = nn.Linear(12, 6), nn.Linear(6, CLASSES)

    def forward(self, x: Tensor) -> Output:
        hidden = F.relu(self.fc(x))
        return Output(self.head(hidden), hidden)


class Keywords(nn.Module):
    """Two inputs by name and one that is optional."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.right, self.head = nn.Linear(12, 5), nn.Linear(3, 5), nn.Linear(5, CLASSES)

    def forward(self, left: Tensor, right: Tensor, scale: Tensor | None = None) -> Tensor:
        x = F.relu(self.left(left)) + torch.sigmoid(self.right(right))
        return self.head(x if scale is None else x * scale)


class ControlFlow(nn.Module):
    """Python decides by the values; each example's result is its own all the same."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.head = nn.Linear(12, 6), nn.Linear(6, 6), nn.Linear(6, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        x = self.a(x)
        if bool((x < 0).any()):
            x = x.clamp(min=0)
        x = self.b(x)
        while bool((x.abs() > 4).any()):
            x = x.clamp(-4, 4)
        return self.head(x)


class Routed(nn.Module):
    """Each of an example's parts goes to the expert that a router chooses."""

    def __init__(self) -> None:
        super().__init__()
        self.router = nn.Linear(4, 2)
        self.experts = nn.ModuleList(
            nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 6)) for _ in range(2)
        )
        self.head = nn.Linear(6, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        parts = x.flatten(1).view(-1, 4)
        choice = self.router(parts).argmax(1)
        out = torch.zeros(len(parts), 6, dtype=x.dtype, device=x.device)
        for number, expert in enumerate(self.experts):
            chosen = choice == number
            if chosen.any():
                out[chosen] = expert(parts[chosen])
        return self.head(out.view(len(x), -1, 6).mean(1))


def keywords(n: int, seed: int) -> Inputs:
    """A dict of two tensors."""
    generator = torch.Generator().manual_seed(seed)
    shapes = {"left": (n, 12), "right": (n, 3)}
    return {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}


CASES = (
    Case("views", Views, images, ("conv", "mix", "fc"),
         notes="mix acts along pixels, for each channel; fc reads its units interleaved"),
    Case("in-place methods", InPlace, images, ("conv1", "conv2", "fc")),
    Case("output object", WithOutput, vectors, ("fc",)),
    Case("dict of inputs", Keywords, keywords, ("left", "right"),
         tracers=("export",), notes="to fx the optional input is a tensor, whatever its default"),
    Case("control flow", ControlFlow, vectors, ("a", "b"), tracers=()),
    Case("routed experts", Routed, images,
         ("router", "experts.0.0", "experts.0.2", "experts.1.0", "experts.1.2"), tracers=(),
         notes="an expert sees some rows only, 48 parts per example; row i is not example i"),
)  # fmt: skip
