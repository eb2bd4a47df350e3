"""Convolutions in a line: kinds, groups, normalisations, activations, pooling."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from torch import nn

from architectures.case import CLASSES, Case, images, signals, volumes

_LAYER = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
_NORM = {1: nn.BatchNorm1d, 2: nn.BatchNorm2d, 3: nn.BatchNorm3d}


def norm_relu(axes: int, size: int, bias: bool) -> nn.Module:
    """Convolution, batch norm and ReLU in place, twice; flattened into the output layer."""
    conv, norm = _LAYER[axes], _NORM[axes]
    return nn.Sequential(
        conv(3, 5, 3, padding=1, bias=bias), norm(5), nn.ReLU(inplace=True),
        conv(5, 4, 3, stride=2, padding=1, bias=bias), norm(4), nn.ReLU(inplace=True),
        nn.Flatten(), nn.Linear(4 * (size // 2) ** axes, CLASSES),
    )  # fmt: skip


def pooled(*layers: nn.Module, width: int) -> nn.Module:
    """Layers, then global average pooling and the output layer."""
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, CLASSES))


def activated(activation: Callable[[], nn.Module]) -> nn.Module:
    """Two convolutions with biases and no normalisation."""
    return pooled(
        nn.Conv2d(3, 5, 3, padding=1), activation(),
        nn.Conv2d(5, 4, 3, padding=1), activation(), width=4,
    )  # fmt: skip


def grouped() -> nn.Module:
    """Two groups, then as many filters as inputs in four groups of two."""
    return pooled(
        nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(),
        nn.Conv2d(4, 4, 3, padding=1, groups=2), nn.BatchNorm2d(4), nn.ReLU(),
        nn.Conv2d(4, 8, 3, padding=1, groups=4), nn.ReLU(), width=8,
    )  # fmt: skip


def separable() -> nn.Module:
    """Depthwise and pointwise convolutions."""
    return pooled(
        nn.Conv2d(3, 5, 3, padding=1), nn.ReLU(inplace=True),
        nn.Conv2d(5, 5, 3, padding=1, groups=5, bias=False), nn.BatchNorm2d(5), nn.ReLU6(True),
        nn.Conv2d(5, 4, 1), nn.ReLU6(inplace=True), width=4,
    )  # fmt: skip


def group_norm() -> nn.Module:
    """Normalisations whose statistics are those of the example: units are not on their own."""
    return pooled(
        nn.Conv2d(3, 6, 3, padding=1), nn.GroupNorm(2, 6), nn.ReLU(),
        nn.Conv2d(6, 4, 3, padding=1), nn.GroupNorm(1, 4), nn.ReLU(),
        nn.Conv2d(4, 4, 3, padding=1), nn.InstanceNorm2d(4, affine=True), nn.ReLU(), width=4,
    )  # fmt: skip


def spaced() -> nn.Module:
    """Strides, dilation, padding by reflection and by circles, an even kernel."""
    return pooled(
        nn.Conv2d(3, 5, 3, padding=1, padding_mode="reflect"), nn.ReLU(),
        nn.Conv2d(5, 4, 3, padding=2, dilation=2), nn.ReLU(),
        nn.ReflectionPad2d(1), nn.Conv2d(4, 4, (2, 3), stride=(2, 1)), nn.ReLU(),
        nn.Conv2d(4, 4, 3, padding="same", padding_mode="circular"), nn.ReLU(), width=4,
    )  # fmt: skip


def pooling() -> nn.Module:
    """Pooling of every kind, before and behind normalisation and activation."""
    return nn.Sequential(
        nn.Conv2d(3, 5, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(5, 4, 3, padding=1), nn.AvgPool2d(3, stride=1, padding=1), nn.BatchNorm2d(4),
        nn.ReLU(), nn.Conv2d(4, 4, 3, padding=1), nn.MaxPool2d(3, 1, 1), nn.ReLU(),
        nn.AdaptiveAvgPool2d(2), nn.Dropout2d(0.3), nn.Flatten(), nn.Linear(16, 6), nn.ReLU(),
        nn.Linear(6, CLASSES),
    )  # fmt: skip


def _activated(activation: type[nn.Module]) -> Case:
    name = f"conv {activation.__name__.lower()}"
    return Case(name, partial(activated, activation), images, ("0", "2"))


CASES = (
    Case("conv1d", partial(norm_relu, 1, 8, True), signals, ("0", "3")),
    Case("conv2d", partial(norm_relu, 2, 8, False), images, ("0", "3")),
    Case("conv2d with biases", partial(norm_relu, 2, 8, True), images, ("0", "3")),
    Case("conv3d", partial(norm_relu, 3, 4, False), volumes, ("0", "3")),
    *map(_activated, (nn.ReLU, nn.SiLU, nn.GELU, nn.Hardswish, nn.ReLU6)),
    Case("grouped convolutions", grouped, images, ("0", "2", "5")),
    Case("separable convolutions", separable, images, ("0", "2", "5")),
    Case("group norm", group_norm, images, ("0", "3", "6")),
    Case("strides, dilation, reflection", spaced, images, ("0", "2", "5", "7")),
    Case("pooling", pooling, images, ("0", "3", "7", "13")),
)
