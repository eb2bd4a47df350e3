"""The shapes of a graph's values on the sample, kept with its nodes."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, fx


def describe(node: fx.Node, value: Any) -> None:
    """Keep with a node its value's shape; the value itself if it is not a tensor."""
    node.meta["value"] = _like(value)


def value_like(node: fx.Node) -> Any:
    """The node's value on the sample: tensors without their numbers, everything else as it is."""
    return node.meta.get("value")


def shape_of(node: fx.Node) -> tuple[int, ...] | None:
    """The shape on the sample; None if it is not a tensor."""
    value = value_like(node)
    return tuple(value.shape) if isinstance(value, Tensor) else None


def _like(value: Any) -> Any:
    if isinstance(value, Tensor):
        return torch.empty(value.shape, dtype=value.dtype, device="meta")
    if isinstance(value, tuple | list) and not isinstance(value, torch.Size):
        return tuple(_like(part) for part in value)
    return value
