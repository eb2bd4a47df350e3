"""Blocks of small networks: inverted residuals, squeeze-excitation, ConvNeXt, channel shuffle."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from architectures.case import CLASSES, Case, images


class SqueezeExcitation(nn.Module):
    """Scales each channel by a number that all channels decide."""

    def __init__(self, width: int, hidden: int, gate: type[nn.Module]) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Conv2d(width, hidden, 1), nn.Conv2d(hidden, width, 1)
        self.gate = gate()

    def forward(self, x: Tensor) -> Tensor:
        scale = self.fc2(F.relu(self.fc1(F.adaptive_avg_pool2d(x, 1))))
        return self.gate(scale) * x


class InvertedResidual(nn.Module):
    """Widen, convolve by depth, scale, narrow; nothing behind the last norm."""

    def __init__(self, act: type[nn.Module], gate: type[nn.Module] | None) -> None:
        super().__init__()
        self.expand = nn.Sequential(nn.Conv2d(4, 6, 1, bias=False), nn.BatchNorm2d(6), act())
        self.depthwise = nn.Sequential(
            nn.Conv2d(6, 6, 3, padding=1, groups=6, bias=False), nn.BatchNorm2d(6), act()
        )
        self.se = nn.Identity() if gate is None else SqueezeExcitation(6, 3, gate)
        self.project = nn.Sequential(nn.Conv2d(6, 4, 1, bias=False), nn.BatchNorm2d(4))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.project(self.se(self.depthwise(self.expand(x))))


class Mobile(nn.Module):
    """A stem, one inverted residual, and two layers behind global average pooling."""

    def __init__(self, act: type[nn.Module], gate: type[nn.Module] | None = None) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, 4, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(4), act()
        )
        self.block = InvertedResidual(act, gate)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc, self.act, self.head = nn.Linear(4, 5), act(), nn.Linear(5, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(self.block(self.stem(x))).squeeze(-1).squeeze(-1)
        return self.head(self.act(self.fc(x)))


class ConvNeXtBlock(nn.Module):
    """Depthwise convolution, then channels last: LayerNorm, two Linears, a scale per channel."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(width, width, 5, padding=2, groups=width)
        self.norm = nn.LayerNorm(width)
        self.fc1, self.fc2 = nn.Linear(width, 6), nn.Linear(6, width)
        self.scale = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(self.depthwise(x).permute(0, 2, 3, 1))
        y = self.scale * self.fc2(F.gelu(self.fc1(y)))
        return x + y.permute(0, 3, 1, 2)


class ConvNeXt(nn.Module):
    """Patches, one block, a norm over what is pooled."""

    def __init__(self) -> None:
        super().__init__()
        self.patches, self.block = nn.Conv2d(3, 4, 2, stride=2), ConvNeXtBlock(4)
        self.norm, self.head = nn.LayerNorm(4), nn.Linear(4, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.norm(self.block(self.patches(x)).mean([-2, -1])))


class Shuffle(nn.Module):
    """Half of the channels pass by; then the halves are shuffled, channel by channel."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.branch = nn.Sequential(nn.Conv2d(4, 4, 3, padding=1, groups=2), nn.ReLU(inplace=True))
        self.last, self.head = nn.Conv2d(8, 5, 1, groups=1), nn.Linear(5, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        one, two = F.relu(self.stem(x)).chunk(2, dim=1)
        x = torch.cat((one, self.branch(two)), dim=1)
        B, C, H, W = x.shape
        x = x.view(B, 2, C // 2, H, W).transpose(1, 2).contiguous().view(B, C, H, W)
        return self.head(F.relu(self.last(x)).mean([2, 3]))


_BLOCK = ("stem.0", "block.expand.0", "block.depthwise.0")
_SE = (*_BLOCK, "block.se.fc1", "block.se.fc2", "block.project.0", "fc")

CASES = (
    Case("inverted residual", partial(Mobile, nn.ReLU6), images,
         (*_BLOCK, "block.project.0", "fc")),
    Case("inverted residual with squeeze-excitation", partial(Mobile, nn.Hardswish, nn.Hardsigmoid),
         images, _SE),
    Case("inverted residual with a sigmoid gate", partial(Mobile, nn.SiLU, nn.Sigmoid), images,
         _SE),
    Case("convnext", ConvNeXt, images,
         ("patches", "block.depthwise", "block.fc1", "block.fc2")),
    Case("channel shuffle", Shuffle, images, ("stem", "branch.0", "last")),
)  # fmt: skip
