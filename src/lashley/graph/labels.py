"""Labels: which unit each number of a value belongs to, followed from node to node.

What moves numbers (a view, a transpose, a split, a concatenation) is run on the labels themselves,
so two spellings of one function give the same labels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.fx.node import map_arg
from torch.utils import _pytree as pytree

from lashley.graph.described import shape_of, value_like
from lashley.graph.nodes import is_fixed, op, value_of

_VIEWS = frozenset({"view", "_unsafe_view"})
_PADS = frozenset({"pad", "constant_pad_nd", "constant_pad1d", "constant_pad2d", "constant_pad3d"})
_CHOSEN = {"getitem": 1, "index": 1, "index_put": 1, "index_select": 2}  # argument: which numbers


@dataclass(frozen=True, eq=False)
class Labels:
    """For each number of a value on the sample, its slot: 1, 2, ...; 0 if it has none.

    A unit of one channel has one slot, a unit of several channels one for each.

    Attributes:
        tensor: In the value's shape; real numbers, since all operations that move numbers take
            these.
    """

    tensor: Tensor

    @cached_property
    def axes(self) -> frozenset[int]:
        """The axes along which labels differ."""
        rest, found = self.tensor, set()
        for axis in range(rest.ndim):
            first = rest.narrow(axis, 0, min(1, rest.shape[axis]))
            if rest.shape[axis] <= 1 or rest.stride(axis) == 0 or bool((rest == first).all()):
                rest = first
            else:
                found.add(axis)
        return frozenset(found)

    @cached_property
    def slots(self) -> Tensor:
        """The labels as whole numbers, of length 1 along axes on which they do not depend."""
        rest = self.tensor
        for axis in set(range(rest.ndim)) - self.axes:
            rest = rest.narrow(axis, 0, min(1, rest.shape[axis]))
        return rest.long().contiguous()

    def units(self, width: int, n_units: int) -> Tensor:
        """(unit,) which units occur at all."""
        there = torch.zeros(n_units + 1, dtype=torch.bool)
        there[(self.slots.flatten() - 1) // width] = True  # none is -1, the last
        return there[:n_units]


def along(shape: tuple[int, ...], axis: int) -> Labels:
    """Labels of a value whose slots lie along one axis, in order."""
    length = shape[axis]
    spread = [length if i == axis % len(shape) else 1 for i in range(len(shape))]
    return Labels(torch.arange(1, length + 1, dtype=torch.float32).view(spread).expand(shape))


def over(shape: tuple[int, ...], outer: int, inner: int) -> Labels:
    """Labels of a value whose units lie along one axis and the channels of each along another."""
    n_axes = len(shape)
    units, channels = shape[outer], shape[inner]
    spread = [[n if i == axis % n_axes else 1 for i in range(n_axes)]
              for n, axis in ((units, outer), (channels, inner))]  # fmt: skip
    first = torch.arange(units, dtype=torch.float32).view(spread[0]) * channels
    second = torch.arange(1, channels + 1, dtype=torch.float32).view(spread[1])
    return Labels((first + second).expand(shape))


def moved(node: fx.Node, held: Mapping[fx.Node, Any], module: nn.Module) -> Any:
    """What a node that moves numbers makes of the labels; None if it cannot be run on them.

    Args:
        node: One of `vocabulary.MOVES`.
        held: `Labels`, or tuples of them, by nodes; other tensors hold no unit.
        module: It holds what the graph calls.
    """

    def given(source: fx.Node) -> Any:
        found = held.get(source)
        if isinstance(found, Labels):
            return found.tensor
        if isinstance(found, tuple):
            return tuple(p.tensor if isinstance(p, Labels) else p for p in found)
        return _without_units(value_like(source))

    args, kwargs = map_arg((node.args, node.kwargs), given)
    try:
        with torch.no_grad():
            place = _CHOSEN.get(op(node, module))
            if place is not None and place < len(args):
                chosen = map_arg(node.args[place], lambda n: _index(n, module))
                args = (*args[:place], chosen, *args[place + 1 :])
            found = _function(node, module)(*args, **kwargs)
            if op(node, module) in _PADS:  # the number that they fill in is not a label
                bare = pytree.tree_map_only(Tensor, torch.zeros_like, (args, kwargs))
                found = found.where(_function(node, module)(*bare[0], **bare[1]) == 0, 0)
            return _labels(found)
    except Exception:  # an index that is a tensor of the sample, and the like
        return None


def _index(node: fx.Node, module: nn.Module) -> Any:
    number = value_like(node)
    if not isinstance(number, Tensor):
        return number
    if not is_fixed(node):
        raise ValueError("which numbers are taken depends on the data")
    return value_of(node, module)


def _of_pairs(labels: Tensor) -> Tensor:
    """The labels of complex numbers by those of their parts, (..., real and imaginary)."""
    real, imaginary = labels.unbind(-1)
    if not torch.equal(real, imaginary):
        raise ValueError("a complex number is made of two units")
    return real


# Both parts of a complex number are its unit's.
_OF_PARTS: dict[str, Callable[..., Tensor]] = {
    "real": lambda labels: labels, "imag": lambda labels: labels,
    "view_as_real": lambda labels: labels.unsqueeze(-1).expand(*labels.shape, 2),
    "view_as_complex": _of_pairs,
}  # fmt: skip


def _function(node: fx.Node, module: nn.Module) -> Callable[..., Any]:
    name = op(node, module)
    name = str(node.args[1]) if name == "getattr" else name
    if name in _OF_PARTS:
        return lambda labels, *_: _OF_PARTS[name](labels)
    if op(node, module) in _VIEWS:  # labels may lie in memory in another way than the numbers
        return lambda value, *size, **named: value.reshape(*size, *named.values())
    if node.op == "call_method":
        return lambda value, *args, **kwargs: getattr(value, str(node.target))(*args, **kwargs)
    if node.op == "call_module":
        return module.get_submodule(str(node.target))
    return node.target  # pyright: ignore[reportReturnType]


def _without_units(value: Any) -> Any:
    if isinstance(value, Tensor):
        return torch.zeros((), dtype=torch.float32).expand(value.shape)
    return tuple(map(_without_units, value)) if type(value) is tuple else value


def _labels(value: Any) -> Any:
    if isinstance(value, Tensor):
        return Labels(value)
    return tuple(map(_labels, value)) if isinstance(value, tuple | list) else None


def combined(node: fx.Node, given: list[Labels]) -> Labels | None:
    """The labels of a node that acts on each number alone; None if it brings units together."""
    shape = shape_of(node)
    if shape is None:
        return None
    try:
        spread = [part.tensor.broadcast_to(shape) for part in given]
    except RuntimeError:
        return None
    alike = all(other is given[0] or torch.equal(spread[0], part)
                for part, other in zip(spread[1:], given[1:], strict=True))  # fmt: skip
    if not alike:
        return None
    return given[0] if given[0].tensor.shape == shape else Labels(spread[0])


def lies_along(value: tuple[int, ...], labels: Labels) -> bool:
    """Whether a value, broadcast to labels, has the same number wherever a unit is.

    Args:
        value: Its shape.
        labels: Those of what it is combined with.
    """
    n_numbers = torch.Size(value).numel()
    if n_numbers == 1:
        return True
    slots, number = torch.broadcast_tensors(labels.slots, torch.arange(n_numbers).view(value))
    there = slots > 0
    pairs = torch.unique(slots[there] * n_numbers + number[there])
    return len(pairs) == len(torch.unique(slots[there]))
