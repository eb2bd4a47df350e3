"""Linear consumers: where units feed one layer, its output changes by W[:, S] (v_S - h_S).

The slow twin is running the layer on the replaced units.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx
from torch.nn import functional as F

from lashley.engine.lowering import map_product
from lashley.engine.program import Program
from lashley.engine.winograd import winograd
from lashley.graph.batch import Batched
from lashley.graph.layers import layer, weights
from lashley.graph.nodes import is_elementwise, is_pool, op, value_of

_CONVOLUTIONS = {3: F.conv1d, 4: F.conv2d, 5: F.conv3d}


@dataclass(frozen=True, eq=False)
class Consumer:
    """A layer that mixes the units of a point, with what lies between.

    Attributes:
        node: The layer.
        source: What it reads.
        path: From the point to the source: pools and the like, which act on each channel alone.
        update: From the change of the source (example, unit x per, ...) and these units (slot) to
            the change of the layer's output.
        axis: Of the units in the source.
        per: Neighbours along that axis that belong to one unit.
    """

    node: fx.Node
    source: fx.Node
    path: tuple[fx.Node, ...]
    update: Callable[[Tensor, Tensor], Tensor]
    axis: int
    per: int


def consumers(program: Program, point: fx.Node, axis: int) -> list[Consumer]:
    """The layers that read a point, directly or through what acts on each channel alone.

    Args:
        program: Whose layers are functions.
        point: A node of it.
        axis: Of the units at the point, counted from the end.
    """
    value = program.batch.get(point.name)
    if not isinstance(value, Batched) or (value.axis, value.per) != (0, 1):
        return []
    found: list[Consumer] = []
    waiting: list[tuple[fx.Node, int, int, tuple[fx.Node, ...]]] = [
        (point, len(value.shape) + axis, 1, ())
    ]
    while waiting:
        node, units, per, path = waiting.pop()
        for user in node.users:
            made = program.batch.get(user.name)
            if not isinstance(made, Batched) or (made.axis, made.per) != (0, 1):
                continue
            update = _update(user, node, units, per, program)
            step = _step(user, node, units, per, program)
            if update is not None:
                found.append(Consumer(user, node, path, update, units, per))
            elif step is not None:
                waiting.append((user, *step, (*path, user)))
    return found


def picked(value: Tensor, axis: int, index: Tensor) -> Tensor:
    """`index_select` that keeps the channels last in memory."""
    if value.ndim != 4 or not value.is_contiguous(memory_format=torch.channels_last):
        return value.index_select(axis, index)
    return value.permute(0, 2, 3, 1).index_select((0, 3, 1, 2)[axis], index).permute(0, 3, 1, 2)


def _update(
    node: fx.Node, source: fx.Node, units: int, per: int, program: Program
) -> Callable[[Tensor, Tensor], Tensor] | None:
    if node.target is map_product and units == 1 and per == 1:
        return _map_update(node, program)
    if node.target is winograd and units == per == 1:
        weight = value_of(_held(node, 1), program.module)
        return lambda change, features: F.conv2d(
            change, picked(weight, 1, features), None, padding=1
        )
    known = layer(node, program.module)
    if known is None or known.input is not source:
        return None
    value, weight = program.batch[source.name], weights(known, program.module)
    if known.op == "linear" and units == len(value.shape) - 1:
        weight = weight.T if known.unit_axis == 0 else weight
        weight = weight.contiguous()  # (unit x per, out)
        return lambda change, features: change @ weight.index_select(0, features)
    if known.op == "conv" and known.groups == 1 and known.options is not None and units == per == 1:
        convolve, options = _CONVOLUTIONS[weight.ndim], known.options
        return lambda change, features: convolve(
            change, picked(weight, 1, features), None, **options
        )
    return None


def _map_update(node: fx.Node, program: Program) -> Callable[[Tensor, Tensor], Tensor]:
    shape: Any = node.args[3]
    channels = program.batch[_held(node, 0).name].shape[1]
    held = value_of(_held(node, 1), program.module)
    by_channel = held.view(-1, channels, held.shape[1]).transpose(0, 1).contiguous()

    def update(change: Tensor, features: Tensor) -> Tensor:
        flat = change.permute(0, 2, 3, 1).reshape(len(change), -1)
        part = by_channel.index_select(0, features).transpose(0, 1).reshape(flat.shape[1], -1)
        return (flat @ part).view(len(flat), *shape[1:], shape[0]).permute(0, 3, 1, 2)

    return update


def _held(node: fx.Node, place: int) -> fx.Node:
    argument = node.args[place]
    assert isinstance(argument, fx.Node)
    return argument


def _step(
    node: fx.Node, source: fx.Node, units: int, per: int, program: Program
) -> tuple[int, int] | None:
    """Axis and neighbours of the units after a node that acts on each channel alone, or None."""
    value, made = program.batch[source.name], program.batch[node.name]
    if is_elementwise(node, program.module, {source}):
        return (units, per) if value.shape == made.shape else None
    if units != 1 or value.axis != 0 or len(value.shape) < 3:
        return None
    name = op(node, program.module)
    if is_pool(node, program.module) and len(made.shape) == len(value.shape) >= 3 and per == 1:
        return units, per
    if name == "mean" and per == 1:
        dims: Any = node.args[1] if len(node.args) > 1 else node.kwargs.get("dim")
        axes = {d % len(value.shape) for d in dims} if isinstance(dims, list | tuple) else set()
        return (units, per) if axes == set(range(2, len(value.shape))) else None
    flattened = len(made.shape) == 2 and made.numbers == value.numbers
    if name in ("flatten", "view", "reshape") and flattened:
        return units, per * (value.numbers // value.shape[1])
    return None
