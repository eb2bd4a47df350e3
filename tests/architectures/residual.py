"""Residual blocks: pre-activation and basic, with projections and without parameters."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from architectures.case import CLASSES, Case, images


class Around(nn.Module):
    """A stem, blocks, global average pooling, and the output layer."""

    def __init__(self, *blocks: nn.Module, width: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, padding=1, bias=False)
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Linear(width, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.blocks(self.stem(x)).mean((2, 3)))


class PreActivation(nn.Module):
    """Normalisation and ReLU come first; a projection reads what is behind them."""

    def __init__(self, width: int, out: int, stride: int = 1) -> None:
        super().__init__()
        self.bn1, self.bn2 = nn.BatchNorm2d(width), nn.BatchNorm2d(out)
        self.conv1 = nn.Conv2d(width, out, 3, stride, 1, bias=False)
        self.conv2 = nn.Conv2d(out, out, 3, padding=1, bias=False)
        self.shortcut = nn.Conv2d(width, out, 1, stride, bias=False) if out != width else None

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(x))
        skip = x if self.shortcut is None else self.shortcut(y)
        return self.conv2(F.relu(self.bn2(self.conv1(y)))) + skip


class InPlaceFirst(nn.Module):
    """The ReLU in place also changes what the skip reads."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.relu = nn.ReLU(inplace=True)
        self.conv1 = nn.Conv2d(width, width, 3, padding=1)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv2(self.relu(self.conv1(self.relu(x))))


class Basic(nn.Module):
    """The block of ResNet-18, with what the skip does given."""

    def __init__(self, width: int, out: int, stride: int, shortcut: nn.Module | None) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width, out, 3, stride, 1, bias=False)
        self.bn1, self.relu = nn.BatchNorm2d(out), nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(out, out, 3, padding=1, bias=False)
        self.bn2, self.shortcut = nn.BatchNorm2d(out), shortcut

    def forward(self, x: Tensor) -> Tensor:
        identity = x
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        if self.shortcut is not None:
            identity = self.shortcut(x)
        out += identity
        return self.relu(out)


class Padded(nn.Module):
    """The shortcut without parameters: every other pixel, and channels of zeros around."""

    def __init__(self, by: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.by = by

    def forward(self, x: Tensor) -> Tensor:
        return self.by(x[:, :, ::2, ::2])


def _pad(x: Tensor) -> Tensor:
    return F.pad(x, (0, 0, 0, 0, 1, 1))


def _join(x: Tensor) -> Tensor:
    return torch.cat([x, torch.zeros_like(x[:, :2])], dim=1)


def basic(shortcut: Callable[[], nn.Module] | None = None) -> nn.Module:
    """A block that keeps the width, and one that widens if there is a shortcut."""
    relu = nn.Sequential(nn.BatchNorm2d(4), nn.ReLU(inplace=True))
    if shortcut is None:
        return Around(relu, Basic(4, 4, 1, None), Basic(4, 4, 1, None), width=4)
    return Around(relu, Basic(4, 4, 1, None), Basic(4, 6, 2, shortcut()), width=6)


def _projection() -> nn.Module:
    return nn.Sequential(nn.Conv2d(4, 6, 1, 2, bias=False), nn.BatchNorm2d(6))


_BASIC = ("stem", "blocks.1.conv1", "blocks.1.conv2", "blocks.2.conv1", "blocks.2.conv2")
_PRE = ("stem", "blocks.0.conv1", "blocks.0.conv2")

CASES = (
    Case("pre-activation", lambda: Around(PreActivation(4, 4), width=4), images, _PRE,
         notes="the stem feeds the skip and the block"),
    Case("pre-activation with projection",
         lambda: Around(PreActivation(4, 4), PreActivation(4, 6, 2), width=6), images,
         (*_PRE, "blocks.1.shortcut", "blocks.1.conv1", "blocks.1.conv2")),
    Case("pre-activation in place", lambda: Around(InPlaceFirst(4), width=4), images, _PRE,
         notes="the ReLU in place changes what the skip reads"),
    Case("basic residual", basic, images, _BASIC),
    Case("basic residual with projection", partial(basic, _projection), images,
         (*_BASIC, "blocks.2.shortcut.0")),
    Case("padded shortcut", partial(basic, partial(Padded, _pad)), images, _BASIC),
    Case("padded shortcut by cat", partial(basic, partial(Padded, _join)), images, _BASIC),
)  # fmt: skip
