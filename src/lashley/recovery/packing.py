"""Several values of a batch as one tensor, (example, number), and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from jaxtyping import Shaped
from torch import Tensor


class Packed(NamedTuple):
    """How a value of a batch is packed; in plain types, so that a graph can hold it.

    Attributes:
        axis: Along which the examples lie one after another.
        per: Slices for one example.
        shape: Of the value for one example.
        dtype: Of its numbers.
        in_autocast: Of its numbers under autocast.
        last: Whether its channels come last in memory there, as in the images it is made from.
    """

    axis: int
    per: int
    shape: tuple[int, ...]
    dtype: torch.dtype
    in_autocast: torch.dtype
    last: bool

    @property
    def is_plain(self) -> bool:
        """Whether the value has a row for each example as it is."""
        return (self.axis, self.per) == (0, 1)

    @property
    def is_real(self) -> bool:
        """Whether its numbers are real: those of any format then fit in the widest."""
        return self.dtype.is_floating_point and self.in_autocast.is_floating_point


def pack(values: Sequence[Tensor], parts: Sequence[Packed]) -> Shaped[Tensor, "example number"]:
    """The values side by side, in the widest of their formats."""
    rows = [
        value.movedim(part.axis, 0).unflatten(0, (-1, part.per)).flatten(1)
        for value, part in zip(values, parts, strict=True)
    ]
    return torch.cat(rows, 1)


def unpack(packed: Shaped[Tensor, "example number"], parts: Sequence[Packed]) -> list[Tensor]:
    """The values again: copies, which may be written to."""
    sizes = [torch.Size(part.shape).numel() for part in parts]
    return [_value(rows, part) for rows, part in zip(packed.split(sizes, 1), parts, strict=True)]


def _value(rows: Shaped[Tensor, "example number"], part: Packed) -> Tensor:
    rest = [length for axis, length in enumerate(part.shape) if axis != part.axis]
    return own(rows.reshape(-1, *rest).movedim(0, part.axis), part)


def own(value: Tensor, part: Packed) -> Tensor:
    """A copy, in the number format and the order in memory that the network gives it."""
    autocast = torch.is_autocast_enabled(value.device.type)
    form = torch.channels_last if autocast and part.last else torch.contiguous_format
    return value.to(part.in_autocast if autocast else part.dtype).clone(memory_format=form)


def sized(rows: Shaped[Tensor, "example ..."], size: tuple[Any, ...]) -> int | torch.Size:
    """A whole number base + slope n for n examples from (base, slope), or a shape of several."""
    if size and isinstance(size[0], int):
        return size[0] + size[1] * len(rows)
    return torch.Size(part[0] + part[1] * len(rows) for part in size)


def as_trained(batch: Tensor, autocast: bool) -> Tensor:
    """A copy as the training has it: under autocast, channels of images come last in memory."""
    images = autocast and batch.ndim == 4
    return batch.clone(memory_format=torch.channels_last if images else torch.contiguous_format)


def has_channels_last(value: Tensor) -> bool:
    """Whether it has channels, and these come last in memory."""
    last = value.ndim == 4 and value.is_contiguous(memory_format=torch.channels_last)
    return last and not value.is_contiguous()
