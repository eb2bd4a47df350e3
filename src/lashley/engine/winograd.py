"""Winograd's convolution: a 3 x 3 convolution with a quarter of the multiplications.

Four results of a row need six products instead of twelve, and so for the columns. Rounding is about
ten times that of the plain sum, so what it may flip is run again without it. It pays where channels
are many and maps small; which way is faster is measured.

Source: Lavin and Gray 2016, Fast algorithms for convolutional neural networks, F(4 x 4, 3 x 3).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, fx
from torch.nn import functional as F

from lashley.engine.rewriting import hold, take_place
from lashley.graph.batch import Batched
from lashley.graph.layers import Layer, layer, weights

_INTO = [[4, 0, -5, 0, 1, 0], [0, -4, -4, 1, 1, 0], [0, 4, -4, -1, 1, 0],
         [0, -2, -1, 2, 1, 0], [0, 2, -1, -2, 1, 0], [0, 4, 0, -5, 0, 1]]  # fmt: skip
_KERNEL = [[1 / 4, 0, 0], [-1 / 6, -1 / 6, -1 / 6], [-1 / 6, 1 / 6, -1 / 6],
           [1 / 24, 1 / 12, 1 / 6], [1 / 24, -1 / 12, 1 / 6], [0, 0, 1]]  # fmt: skip
_BACK = [[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]]
_LARGEST = 8  # rows or columns of a map; on larger ones moving the numbers costs too much
_FEWEST = 32  # channels
_TRIAL = 64  # examples on which the two ways are timed


def winograd(
    value: Tensor, weight: Tensor, bias: Tensor | None, into: tuple[Tensor, Tensor],
    kernels: Tensor, back: tuple[Tensor, Tensor],
) -> Tensor:  # fmt: skip
    """A convolution with a 3 x 3 kernel, stride 1 and padding 1.

    Args:
        value: (example, channel, row, column), best with its channels last in memory.
        weight: (channel out, channel in, 3, 3), as `conv2d` takes it; only its shape is used.
        bias: (channel out).
        into: (point, row) and (point, column): from a map to the points of its tiles.
        kernels: (point x point, channel in, channel out): the kernel at these points.
        back: (row, point) and (column, point): from the points to the map.
    """
    examples, channels, rows, columns = value.shape
    (down, across), (up, along) = into, back
    points = len(down), len(across)
    tiles = value.permute(0, 2, 3, 1).reshape(examples, rows, columns * channels)
    tiles = torch.matmul(down, tiles).view(-1, columns, channels)
    tiles = torch.matmul(across, tiles).view(examples, -1, channels)
    mixed = torch.bmm(tiles.transpose(0, 1), kernels).transpose(0, 1)
    mixed = torch.matmul(up, mixed.reshape(examples, points[0], -1))
    mixed = torch.matmul(along, mixed.view(-1, points[1], len(weight)))
    mixed = mixed.view(examples, rows, columns, len(weight))
    return (mixed if bias is None else mixed.add_(bias)).permute(0, 3, 1, 2)


def use_winograd(module: fx.GraphModule, shapes: dict[str, Any]) -> int:
    """Turn convolutions into Winograd's if that is measured to be faster.

    Args:
        module: Changed in place; its layers are functions.
        shapes: `Batched` by names of nodes.

    Returns:
        How many.
    """
    count = 0
    for node in list(module.graph.nodes):
        known = layer(node, module)
        given = None if known is None else shapes.get(known.input.name)
        if known is None or not isinstance(given, Batched) or not _fits(known, given, module):
            continue
        weight = weights(known, module)
        parts = _transforms(weight, given.shape[2:])
        if _is_faster(weight, parts, given.shape):
            _put(module, known, parts)
            count += 1
    return count


def _fits(known: Layer, given: Batched, module: fx.GraphModule) -> bool:
    options, weight = known.options or {}, weights(known, module)
    plain = all(_pair(options.get(k, v)) == (v, v) for k, v in
                (("stride", 1), ("padding", 1), ("dilation", 1)))  # fmt: skip
    small = all(2 < length <= _LARGEST for length in given.shape[2:])
    return (
        known.op == "conv" and known.axis == -3 and known.options is not None and plain
        and known.groups == 1 and tuple(weight.shape[2:]) == (3, 3) and small
        and min(weight.shape[:2]) >= _FEWEST
    )  # fmt: skip


def _pair(given: Any) -> tuple[Any, Any]:
    return tuple(given) if isinstance(given, list | tuple) else (given, given)  # pyright: ignore


def _transforms(weight: Tensor, shape: tuple[int, ...]) -> dict[str, Tensor]:
    (down, up), (across, along) = (_of_axis(length) for length in shape)
    kernel = torch.tensor(_KERNEL, dtype=torch.float64)
    points = torch.einsum("ij,fcjk,lk->ilcf", kernel, weight.double().cpu(), kernel)
    points = points.repeat(len(down) // 6, len(across) // 6, 1, 1).flatten(0, 1)
    found = {"down": down, "across": across, "kernels": points, "up": up, "along": along}
    return {name: part.to(weight.device, weight.dtype).contiguous() for name, part in found.items()}


def _of_axis(length: int) -> tuple[Tensor, Tensor]:
    """(point, place) and (place, point) of an axis that is cut into tiles of four places."""
    tiles = -(-length // 4)
    into, back = torch.zeros(6 * tiles, length), torch.zeros(length, 6 * tiles)
    for tile in range(tiles):
        for i in range(6):
            place = 4 * tile + i - 1
            if 0 <= place < length:
                into[6 * tile : 6 * tile + 6, place] = torch.tensor(_INTO)[:, i].float()
        for i in range(min(4, length - 4 * tile)):
            back[4 * tile + i, 6 * tile : 6 * tile + 6] = torch.tensor(_BACK)[i].float()
    return into, back


def _is_faster(weight: Tensor, parts: dict[str, Tensor], shape: tuple[int, ...]) -> bool:
    value = torch.ones((_TRIAL, *shape[1:]), dtype=weight.dtype, device=weight.device)
    value = value.to(memory_format=torch.channels_last)
    into, back = (parts["down"], parts["across"]), (parts["up"], parts["along"])
    kernel = weight.to(memory_format=torch.channels_last)
    quick = _seconds(lambda: winograd(value, weight, None, into, parts["kernels"], back))
    return quick < _seconds(lambda: F.conv2d(value, kernel, None, padding=1))


def _seconds(work: Callable[[], Tensor]) -> float:
    """The shorter of two runs, after one that warms up."""
    times = []
    for _ in range(3):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times[1:])


def _put(module: fx.GraphModule, known: Layer, parts: dict[str, Tensor]) -> None:
    node = known.node
    with module.graph.inserting_before(node):
        held = {name: hold(module, node.name, name, part) for name, part in parts.items()}
        bias = node.args[2] if len(node.args) > 2 else node.kwargs.get("bias")
        new = module.graph.call_function(winograd, (
            known.input, known.held, bias, (held["down"], held["across"]), held["kernels"],
            (held["up"], held["along"]),
        ))  # fmt: skip
    take_place(new, node)
