"""Values whose rows belong to experts, where only a run tells which row to which."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Inexact, Int
from torch import Tensor

from lashley.graph.calls import CallKey
from lashley.graph.layout import Layout


@dataclass(frozen=True, eq=False)
class Routed:
    """Where such a value holds units: the counterpart of `Layout`.

    Attributes:
        inner: Where one expert's channels are in the rows that came to it, along axis 0.
        experts: The experts whose units they are. With one expert, its channels are the units; with
            several, each is a unit.
        key: The key of the calls that tell which expert a row belongs to.
        of: What a call tells, from its arguments: the expert, or that of each row.
    """

    inner: Layout
    experts: tuple[int, ...]
    key: CallKey
    of: Callable[[Any, Any], Int[Tensor, "*row"]]

    axis: int | None = None  # no axis holds units alone

    @property
    def n_units(self) -> int:
        """How many units the site has."""
        return self.inner.n_units if self._is_one else len(self.experts)

    @property
    def width(self) -> int:
        """Channels of a unit."""
        return 1 if self._is_one else self.inner.n_units

    @property
    def _is_one(self) -> bool:
        return len(self.experts) == 1

    def spread(self, by_slot: Float[Tensor, " slot"]) -> Float[Tensor, " slot"]:
        """The same: where a number goes is known only in a run."""
        return by_slot

    def put(
        self, value: Tensor, units: Sequence[int], by_slot: Tensor, told: Int[Tensor, "*row"]
    ) -> None:
        """Put a number for each slot in the units' place in a value, in place.

        Args:
            value: One of a run.
            units: Which units.
            by_slot: A number for each channel of each unit.
            told: What the call of the same run told.
        """
        for expert, new in zip(self.experts, by_slot.view(len(self.experts), -1), strict=True):
            inner = units if self._is_one else range(self.inner.n_units)
            if not (self._is_one or expert in units):
                continue
            rows = _rows(told, expert, value)
            part = value[rows]
            self.inner.put(part, list(inner), self.inner.spread(new))
            value[rows] = part

    def sums(self, value: Tensor, told: Int[Tensor, "*row"]) -> Inexact[Tensor, "3 slot"]:
        """As for `Layout`, over the rows that came to the units' experts."""
        return torch.cat([self.inner.sums(value[_rows(told, e, value)]) for e in self.experts], 1)


def fixed(layout: Layout | Routed) -> Layout:
    """That of a graph: no tracer accepts what only a run can tell."""
    assert isinstance(layout, Layout)
    return layout


def _rows(told: Int[Tensor, "*row"], expert: int, value: Tensor) -> Bool[Tensor, " row"]:
    """Which rows of a value came to an expert."""
    return (told.to(value.device) == expert).expand(len(value))


def picked(args: Any, kwargs: Any) -> Int[Tensor, "*row"]:
    """The numbers by which a call takes parts of a parameter."""
    index = args[-1]
    return torch.as_tensor(index[0] if isinstance(index, tuple | list) else index)


def ended(args: Any, kwargs: Any) -> Int[Tensor, " row"]:
    """Where the groups of rows of a product end."""
    ends = kwargs["offs"] if "offs" in kwargs else args[2]
    rows = torch.arange(len(args[0]), device=ends.device, dtype=ends.dtype)
    return torch.searchsorted(ends, rows, right=True)
