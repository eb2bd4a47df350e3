"""How the values of a graph depend on the batch, measured by running it with two sizes of batch.

A suffix runs many ablations stacked along the batch. For this, every value must hold its examples
one after another along one axis, and none may depend on its neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import Any

import torch
from torch import Tensor, fx

from lashley.graph.running import attributes_of, walked

SIZES = (2, 3)  # examples in the two batches; the smaller one begins the larger one
_TOLERANCE = 1e-3  # of the largest number; rounding differs with the size of a batch


@dataclass(frozen=True)
class Batched:
    """A tensor that holds `per` slices for each example along `axis`, one example after another.

    Attributes:
        axis: The axis of the examples.
        per: How many slices one example has.
        numbers: How many one example has, over all axes.
        shape: Of a batch of one example.
    """

    axis: int
    per: int
    shape: tuple[int, ...]

    @property
    def numbers(self) -> int:
        """How many numbers one example has."""
        return int(torch.Size(self.shape).numel())


@dataclass(frozen=True)
class Count:
    """A whole number that depends on the size n of the batch: base + slope n."""

    base: int
    slope: int

    def of(self, size: int) -> int:
        """Its value in a batch of this many examples."""
        return self.base + self.slope * size


@dataclass(frozen=True)
class Positional:
    """A tensor that depends on the places of examples in the batch, such as a range of indices."""


def parts_of(known: Any) -> list[Batched]:
    """The parts of a value, which may be a tuple, that hold examples."""
    if isinstance(known, tuple):
        return [part for own in known for part in parts_of(own)]
    return [known] if isinstance(known, Batched) else []


class NotBatched(Exception):
    """A value mixes examples or does not hold them one after another."""


def batch_dependence(module: fx.GraphModule, inputs: tuple[Tensor, ...]) -> dict[fx.Node, Any]:
    """How each node's value depends on the batch.

    That is `Batched`, `Count`, `Positional`, a tuple of them, or None if the batch does not matter.
    The third run has the examples of the second in another order.

    Args:
        module: A captured graph.
        inputs: (example, ...) each, three examples or more.

    Raises:
        NotBatched: Naming the first node whose value cannot be stacked.
    """
    first, second = ([part[:size] for part in inputs] for size in SIZES)
    attributes = attributes_of(module, module.graph)
    runs = [
        walked(module.graph, attributes, batch, pure=False)
        for batch in (first, second, [part.roll(1, 0) for part in second])
    ]
    found: dict[fx.Node, Any] = {}
    for steps in zip(*runs, strict=True):  # side by side: only what is read later is kept
        node = steps[0][0]
        found[node] = _dependence(node, *(values[node] for _, values in steps))
    (output,) = module.graph.output_node().all_input_nodes
    if not isinstance(found[output], Batched) or found[output].axis or found[output].per != 1:
        raise NotBatched("the output does not have one row for each example")
    return found


def _dependence(node: fx.Node, small: Any, large: Any, rolled: Any) -> Any:
    if isinstance(small, Tensor):
        return _of_tensor(node, small, large, rolled)
    if isinstance(small, tuple | list):
        if len(small) != len(large):
            raise NotBatched(f"{node.name} has another length in another batch")
        parts = tuple(_dependence(node, *v) for v in zip(small, large, rolled, strict=True))
        return parts if any(part is not None for part in parts) else None
    if isinstance(small, int) and not isinstance(small, bool):
        slope = (large - small) // (SIZES[1] - SIZES[0])
        return Count(small - slope * SIZES[0], slope) if slope else None
    return None


def _of_tensor(
    node: fx.Node, small: Tensor, large: Tensor, rolled: Tensor
) -> Batched | Positional | None:
    differing = [i for i, (a, b) in enumerate(zip(small.shape, large.shape, strict=True)) if a != b]
    if not differing:
        if not _close(small, large):
            raise NotBatched(f"{node.name} depends on several examples at once")
        return None
    axis = differing[0]
    per, rest = divmod(small.shape[axis], SIZES[0])
    if len(differing) > 1 or rest or large.shape[axis] != per * SIZES[1]:
        raise NotBatched(f"{node.name} does not hold its examples along one axis")
    if not _close(small, large.narrow(axis, 0, per * SIZES[0])):
        raise NotBatched(f"in {node.name} an example depends on the others of its batch")
    rest = per * (SIZES[1] - 1)  # all examples except the last, which comes first in the third run
    shifted = (rolled.narrow(axis, per, rest), large.narrow(axis, 0, rest))
    first = (rolled.narrow(axis, 0, per), large.narrow(axis, rest, per))
    if not (_close(*shifted) and _close(*first)):
        return Positional()
    shape = (*small.shape[:axis], per, *small.shape[axis + 1 :])
    return Batched(axis, per, tuple(shape))


def _close(one: Tensor, other: Tensor) -> bool:
    if not (one.is_floating_point() or one.is_complex()):
        return torch.equal(one, other)
    apart, scale = (_largest(part) for part in (one - other, one))
    if isfinite(apart):
        return apart <= _TOLERANCE * scale
    return _close_where_finite(one, other)


def _largest(value: Tensor) -> float:
    return float(torch.linalg.vector_norm(value.detach(), torch.inf)) if value.numel() else 0.0


def _close_where_finite(one: Tensor, other: Tensor) -> bool:
    finite = torch.isfinite(one) & torch.isfinite(other)
    near = (one - other).abs() <= _TOLERANCE * _largest(one[finite])
    return bool((near | (one == other) | (~finite & one.isnan() & other.isnan())).all())
