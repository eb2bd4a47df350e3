"""Targets of several parts, which are taken and moved together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Targets:
    """Several tensors (example, ...) that a readout compares outputs with.

    It is indexed along the examples as a tensor is: `targets[:10]`, `len(targets)`.

    Attributes:
        parts: As they were given, in a tuple or by name; what a readout is given.
    """

    parts: tuple[Tensor, ...] | Mapping[str, Tensor]

    @property
    def by_name(self) -> dict[str, Tensor]:
        """The tensors, those of a tuple under "0", "1", ...."""
        if isinstance(self.parts, Mapping):
            return dict(self.parts)
        return {str(i): part for i, part in enumerate(self.parts)}

    @property
    def device(self) -> torch.device:
        """Where they are."""
        return next(iter(self.by_name.values())).device

    def __len__(self) -> int:
        return len(next(iter(self.by_name.values())))

    def __getitem__(self, which: Any) -> Targets:
        return self.each(lambda part: part[which])

    def each(self, change: Callable[[Tensor], Tensor]) -> Targets:
        """The same, every tensor changed."""
        if isinstance(self.parts, Mapping):
            return Targets({name: change(part) for name, part in self.parts.items()})
        return Targets(tuple(change(part) for part in self.parts))

    def to(self, *args: Any, **kwargs: Any) -> Targets:
        """As `Tensor.to`."""
        return self.each(lambda part: part.to(*args, **kwargs))

    def index_select(self, dim: int, index: Tensor) -> Targets:
        """As `Tensor.index_select`."""
        return self.each(lambda part: part.index_select(dim, index))


def each(labels: Tensor | Targets, change: Callable[[Tensor], Tensor]) -> Any:
    """Labels of the same structure, every tensor changed."""
    return labels.each(change) if isinstance(labels, Targets) else change(labels)


def labels_by_name(labels: Tensor | Targets) -> dict[str, Tensor]:
    """The tensors of labels, under "labels" or "labels.0", "labels.box", ...."""
    if isinstance(labels, Targets):
        return {f"labels.{name}": part for name, part in labels.by_name.items()}
    return {"labels": labels}


def as_given(labels: Any) -> Any:
    """What a readout is given: a tensor, or the parts in a tuple or by name."""
    return labels.parts if isinstance(labels, Targets) else labels
