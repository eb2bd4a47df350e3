"""Other ways round: dense concatenation, and a U with long skips."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from architectures.case import CLASSES, Case, images


class DenseLayer(nn.Module):
    """Reads all that came before it: norm, ReLU, 1 x 1, norm, ReLU, 3 x 3."""

    def __init__(self, width: int, growth: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.BatchNorm2d(width), nn.BatchNorm2d(4)
        self.relu = nn.ReLU(inplace=True)
        self.conv1 = nn.Conv2d(width, 4, 1, bias=False)
        self.conv2 = nn.Conv2d(4, growth, 3, padding=1, bias=False)

    def forward(self, earlier: list[Tensor]) -> Tensor:
        x = self.relu(self.norm1(torch.cat(earlier, 1)))
        return self.conv2(self.relu(self.norm2(self.conv1(x))))


class Dense(nn.Module):
    """A dense block of two layers, a transition, and global average pooling."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, padding=1, bias=False)
        self.layers = nn.ModuleList(DenseLayer(4 + 3 * i, 3) for i in range(2))
        self.transition = nn.Sequential(
            nn.BatchNorm2d(10), nn.ReLU(inplace=True), nn.Conv2d(10, 5, 1, bias=False),
            nn.AvgPool2d(2),
        )  # fmt: skip
        self.norm, self.head = nn.BatchNorm2d(5), nn.Linear(5, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        features = [self.stem(x)]
        for layer in self.layers:
            features.append(layer(features))
        x = F.relu(self.norm(self.transition(torch.cat(features, 1))), inplace=True)
        return self.head(F.adaptive_avg_pool2d(x, (1, 1)).flatten(1))


class U(nn.Module):
    """Down by max pooling and up again, with two long skips; the map of logits is averaged."""

    def __init__(self, transposed: bool) -> None:
        super().__init__()
        self.down1, self.down2, self.bottom = _double(3, 4), _double(4, 5), _double(5, 6)
        self.pool = nn.MaxPool2d(2)
        self.up2, self.up1 = _up(6, transposed), _up(4, transposed)
        self.merge2, self.merge1 = _double(6 + 5, 4), _double(4 + 4, 4)
        self.head = nn.Conv2d(4, CLASSES, 1)

    def forward(self, x: Tensor) -> Tensor:
        one = self.down1(x)
        two = self.down2(self.pool(one))
        x = self.bottom(self.pool(two))
        x = self.merge2(torch.cat([self.up2(x), two], dim=1))
        x = self.merge1(torch.cat([one, self.up1(x)], dim=1))
        return self.head(x).mean(dim=(2, 3))


def _double(width: int, out: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(width, out, 3, padding=1, bias=False), nn.BatchNorm2d(out), nn.ReLU(inplace=True)
    )


def _up(width: int, transposed: bool) -> nn.Module:
    if transposed:
        return nn.ConvTranspose2d(width, width, 2, stride=2)
    return nn.Upsample(scale_factor=2, mode="bilinear")


_U = ("down1.0", "down2.0", "bottom.0", "merge2.0", "merge1.0")

CASES = (
    Case("dense block", Dense, images,
         ("stem", "layers.0.conv1", "layers.0.conv2", "layers.1.conv1", "layers.1.conv2",
          "transition.2"), notes="the stem is read by every layer behind it"),
    Case("u-net transposed", partial(U, True), images, (*_U[:3], "up2", "merge2.0", "up1", _U[4])),
    Case("u-net upsampled", partial(U, False), images, _U),
)  # fmt: skip
