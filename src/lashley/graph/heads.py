"""Attention heads in a graph, however attention is written: where its output has head and channel.

The output of attention is followed to what reads it. An axis of products that ends up among the
features of the layer there is an axis of heads; one that ends up among its tokens, such as a
window, is not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx

from lashley.graph.described import shape_of
from lashley.graph.labels import Labels, combined, moved
from lashley.graph.layers import layer
from lashley.graph.layout import STRUCTURE
from lashley.graph.nodes import is_attention, is_move, is_pool, op, reads
from lashley.graph.vocabulary import ELEMENTWISE, NORMALISATION

_PRODUCTS = frozenset({"matmul", "bmm", "baddbmm", "einsum"})
_SOFTMAX = frozenset({"softmax", "_softmax", "log_softmax", "safe_softmax", "sparsemax"})
_FAR = 12  # steps from a softmax to the product that reads it


@dataclass(frozen=True, eq=False)
class Heads:
    """The heads that a node computes.

    Attributes:
        labels: Those of its value: which head, and which channel of it.
        number: How many heads.
        width: Channels of a head.
    """

    labels: Labels
    number: int
    width: int


def heads_of(node: fx.Node, module: fx.GraphModule, varies: set[fx.Node]) -> Heads | None:
    """The heads of a node that computes attention; None for any other node, or a single head.

    Args:
        node: One of a captured graph.
        module: The graph.
        varies: Its nodes that depend on the inputs' numbers.
    """
    shape = shape_of(node)
    if shape is None:
        return None
    fused = is_attention(node)
    if not fused and not is_written_out(node, module, varies):
        return None
    shared = _shared_axes(node, module, len(shape))
    found = _by_reader(node, shape, module)
    if found is None:
        return _as_usual(shape) if fused and len(shape) == 4 else None
    outer = {axis: n for axis, n in found.items() if axis in shared}
    inner = {axis: n for axis, n in found.items() if axis not in shared}
    if not outer and fused and len(shape) == 4 and shape[1] == 1:
        outer = {1: 1}  # a single head
    return _made(shape, outer, inner) if outer else None


def is_written_out(node: fx.Node, module: fx.GraphModule, varies: set[fx.Node]) -> bool:
    """Whether a node multiplies values by a softmax over their places."""
    if op(node, module) not in _PRODUCTS:
        return False
    factors = [n for n in node.all_input_nodes if n in varies]
    if len(factors) < 2:
        return False
    return any(_from_softmax(factor, module, varies) for factor in factors)


def _from_softmax(node: fx.Node, module: fx.GraphModule, varies: set[fx.Node]) -> bool:
    """Whether a node is a softmax, or acts on one number by number, or mixes its heads."""
    waiting, seen = [(node, 0)], {node}
    while waiting:
        current, far = waiting.pop()
        name = op(current, module)
        if name in _SOFTMAX:
            return True
        known, mixed = layer(current, module), [n for n in current.all_input_nodes if n in varies]
        passes = name in ELEMENTWISE | NORMALISATION or is_move(current, module)
        mixes_heads = known is not None or (name in _PRODUCTS and len(mixed) == 1)
        if not (passes or mixes_heads) or far >= _FAR:
            continue
        for source in mixed:
            if source not in seen and _is_square(source):
                seen.add(source)
                waiting.append((source, far + 1))
    return False


def _is_square(node: fx.Node) -> bool:
    """Whether a value could hold weights of places for places: it has at least three axes."""
    shape = shape_of(node)
    return shape is not None and len(shape) >= 3


def _shared_axes(node: fx.Node, module: fx.GraphModule, n_axes: int) -> set[int]:
    """The axes along which products are separate, such as examples, windows and heads."""
    if op(node, module) != "einsum":
        return set(range(n_axes - 2))
    equation = str(node.args[0]).replace(" ", "")
    given, _, made = equation.partition("->")
    one, _, other = given.partition(",")
    if "." in equation:
        return set(range(n_axes - 2))
    return {i for i, letter in enumerate(made) if letter in one and letter in other}


def _by_reader(
    node: fx.Node, shape: tuple[int, ...], module: fx.GraphModule
) -> dict[int, int] | None:
    """The axes that end up among the features of the layers that read a node; None if unclear.

    With each, its number of places: those along it repeat with that period.
    """
    coordinates = torch.arange(1, 1 + torch.Size(shape).numel(), dtype=torch.float64)
    for axes, labels in _readers(node, Labels(coordinates.view(shape)), module):
        found = _features(labels, axes, shape)
        if found:
            return found
    return None


def _readers(
    node: fx.Node, labels: Labels, module: fx.GraphModule
) -> Iterator[tuple[set[int], Labels]]:
    """For the layers that read a node: the axes of features there, and labels of what is read."""
    held: dict[fx.Node, Any] = {node: labels}
    waiting = [node]
    while waiting:
        current = waiting.pop(0)
        for user in sorted(current.users):
            if user in held or not reads(user, current, module):
                continue
            known, value = layer(user, module), held[current]
            if known is not None and known.input is current and isinstance(value, Labels):
                n_axes = value.tensor.ndim
                yield {n_axes + known.axis}, value
                continue
            contracted = _contracted(user, current, module)
            if contracted and isinstance(value, Labels):
                yield contracted, value
                continue
            found = _passed(user, current, held, module)
            if found is not None:
                held[user] = found
                waiting.append(user)


def _passed(
    user: fx.Node, current: fx.Node, held: dict[fx.Node, Any], module: fx.GraphModule
) -> Any:
    name = op(user, module)
    if is_move(user, module):
        return moved(user, held, module)
    if name in NORMALISATION or is_pool(user, module):
        same = shape_of(user) == shape_of(current)
        return held[current] if same else None
    if name in ELEMENTWISE and isinstance(held[current], Labels):
        return combined(user, [held[current]])
    return None


def _contracted(user: fx.Node, current: fx.Node, module: fx.GraphModule) -> set[int]:
    """The axes of a factor that an einsum with weights sums over."""
    if op(user, module) != "einsum" or current not in user.args[1:]:
        return set()
    equation = str(user.args[0]).replace(" ", "")
    given, _, made = equation.partition("->")
    parts = given.split(",")
    place = user.args[1:].index(current)
    if "." in equation or place >= len(parts):
        return set()
    return {i for i, letter in enumerate(parts[place]) if letter not in made}


def _features(labels: Labels, features: set[int], shape: tuple[int, ...]) -> dict[int, int]:
    """The axes whose place is the same for all numbers of a feature, but not for all features."""
    flat = labels.tensor.movedim(sorted(features), list(range(len(features))))
    by_feature = flat.reshape(_product(flat.shape[: len(features)]), -1).long() - 1
    found: dict[int, int] = {}
    if bool((by_feature < 0).any()):
        return found
    stride = torch.Size(shape).numel()
    for axis, length in enumerate(shape):
        stride //= length
        place = by_feature // stride % length
        # Axis 0 holds examples, perhaps slices of each, such as windows, and the heads of these.
        for n in _divisors(length // STRUCTURE) if axis == 0 else (length,):
            own = place % n
            alone = bool((own == own[:, :1]).all())
            if n > 1 and alone and bool((own != own[:1]).any()):
                found[axis] = n
                break
    return found


def _divisors(number: int) -> list[int]:
    """Largest first."""
    return [n for n in range(number, 0, -1) if number % n == 0]


def _product(lengths: Any) -> int:
    return int(torch.Size(list(lengths)).numel())


def _as_usual(shape: tuple[int, ...]) -> Heads | None:
    return _made(shape, {1: shape[1]}, {3: shape[3]})


def _made(shape: tuple[int, ...], outer: dict[int, int], inner: dict[int, int]) -> Heads | None:
    """Heads along some axes, their channels along others; with the places of each."""
    number, width = _product(outer.values()), _product(inner.values())
    places: Tensor = torch.zeros((), dtype=torch.float32)
    for axis, length in (outer | inner).items():
        index = torch.arange(shape[axis], dtype=torch.float32) % length
        spread = [-1 if i == axis else 1 for i in range(len(shape))]
        places = places * length + index.view(spread)
    return Heads(Labels((places + 1).expand(shape)), number, width)
