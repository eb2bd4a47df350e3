"""Layouts: where a value holds the units of a site, and how others are put in their place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Bool, Inexact, Int
from torch import Tensor

STRUCTURE = 3  # examples of the sample on which layouts are found


@dataclass(frozen=True, eq=False)
class Layout:
    """Where a value holds units.

    Attributes:
        slots: For each number of the value 1 + unit * width + channel, 0 if it belongs to no unit;
            of length 1 along axes that do not matter. If a value holds several slices for each
            example along one axis, those of the sample's examples.
        width: Channels of a unit.
        n_units: How many the site has.
    """

    slots: Int[Tensor, "*shape"]
    width: int
    n_units: int

    @cached_property
    def owner(self) -> Int[Tensor, "*shape"]:
        """Which unit each number belongs to, -1 if to none; of length 1 along constant axes."""
        found = torch.where(self.slots > 0, (self.slots - 1) // self.width, -1)
        for axis in range(found.ndim):
            first = found.narrow(axis, 0, 1)
            found = first if bool((found == first).all()) else found
        return found

    @cached_property
    def axis(self) -> int | None:
        """The axis along which units lie, counted from the end; None if there are several.

        An axis that also holds examples, axis 0 or one that repeats for each example, does not
        count.
        """
        axes = [i for i, length in enumerate(self.owner.shape) if length > 1]
        if len(axes) != 1 or not axes[0] or self._repeats(axes[0]):
            return None
        return axes[0] - self.owner.ndim

    def _repeats(self, axis: int) -> bool:
        length = self.owner.shape[axis]
        flat = self.owner.flatten()
        return length % STRUCTURE == 0 and torch.equal(
            flat, flat[: length // STRUCTURE].repeat(STRUCTURE)
        )

    @cached_property
    def is_plain(self) -> bool:
        """Whether unit i is the i-th along the axis."""
        found = self.owner.flatten()
        return self.axis is not None and torch.equal(found, torch.arange(self.n_units))

    @cached_property
    def _places(self) -> tuple[Tensor, ...]:
        """By units: their indices along the axis."""
        flat = self.owner.flatten()
        return tuple((flat == unit).nonzero()[:, 0] for unit in range(self.n_units))

    def places(self, units: Sequence[int]) -> Int[Tensor, " place"]:
        """Where units lie along the axis."""
        if self.is_plain:
            return torch.tensor(units, dtype=torch.int64)
        found = [self._places[unit] for unit in units]
        return torch.cat(found) if found else torch.zeros(0, dtype=torch.int64)

    def mask(self, units: Sequence[int], shape: Sequence[int]) -> Bool[Tensor, "*shape"]:
        """Which numbers of a value of this shape belong to units; to be broadcast to it."""
        owner = fitted(self.owner, shape)
        return torch.isin(owner, torch.tensor(list(units), dtype=torch.int64))

    def spread(self, by_slot: Inexact[Tensor, " slot"]) -> Inexact[Tensor, "*shape"]:
        """A number for each slot as a value, to be broadcast; 0 where there is no unit."""
        padded = torch.cat([by_slot.new_zeros(1), by_slot])
        return padded[self.slots.to(by_slot.device)]

    def put(self, value: Tensor, units: Sequence[int], new: Tensor) -> None:
        """Put the units' numbers of `new` in their place in a value, in place.

        Args:
            value: Of any number of examples.
            units: Which.
            new: Broadcast to the value, except its examples' slices.
        """
        if not len(units):
            return
        if self.axis is None:
            mask = self.mask(units, value.shape).to(value.device)
            value.copy_(torch.where(mask, fitted(new, value.shape).to(value.dtype), value))
            return
        axis = self.axis % value.ndim
        places = self.places(units).to(value.device)
        part = new.index_select(axis, places) if new.shape[axis] > 1 else new
        shape = list(value.shape)
        shape[axis] = len(places)
        value.index_copy_(axis, places, part.to(value.dtype).expand(shape))

    def sums(
        self, value: Tensor, counted: Bool[Tensor, "*shape"] | None = None
    ) -> Inexact[Tensor, "3 slot"]:
        """Sums over examples and positions: of the numbers, of their squared sizes, and the counts.

        All in float64.

        Args:
            value: Of some examples.
            counted: Which of its numbers count, to be broadcast to it; None: all.
        """
        slots = fitted(self.slots, value.shape).to(value.device)
        weight = None if counted is None else counted.to(value.device).expand(value.shape)
        wide = value.to(torch.complex128 if value.is_complex() else torch.float64)
        numbers = wide if weight is None else wide * weight
        over = [i for i in range(value.ndim) if slots.shape[i] == 1]
        squares = numbers * wide.conj()
        total, squares = (n.sum(over, keepdim=True) if over else n for n in (numbers, squares))
        if weight is None:
            share = value.numel() // max(1, total.numel())
            count = torch.full_like(total, share)
        else:
            count = weight.double().sum(over, keepdim=True) if over else weight.double()
        found = torch.zeros(3, 1 + self.n_units * self.width, dtype=wide.dtype)
        found = found.to(value.device)
        sums = torch.stack([n.flatten().to(wide.dtype) for n in (total, squares, count)])
        found.index_add_(1, slots.flatten(), sums)
        return found[:, 1:]

    def first(self, value: Tensor) -> Inexact[Tensor, " slot"]:
        """One number of each slot; NaN for a slot that the value does not hold."""
        slots = fitted(self.slots, value.shape).to(value.device)
        for axis in range(value.ndim):
            value = value.narrow(axis, 0, 1) if slots.shape[axis] == 1 else value
        found = value.new_full((1 + self.n_units * self.width,), torch.nan)
        found[slots.flatten()] = value.flatten()
        return found[1:]


def fitted(slots: Tensor, shape: Sequence[int]) -> Tensor:
    """Slices of the sample's examples, or a value made from them, for the examples of `shape`.

    Raises:
        ValueError: If the shapes do not match.
    """
    for axis, (own, wanted) in enumerate(zip(slots.shape, shape, strict=True)):
        if own in (1, wanted):
            continue
        per = own // STRUCTURE
        if own % STRUCTURE or wanted % per:
            raise ValueError(f"units found in a value of {tuple(slots.shape)}, not {tuple(shape)}")
        slots = _for_examples(slots, axis, per, wanted // per)
    return slots


def _for_examples(slots: Tensor, axis: int, per: int, n: int) -> Tensor:
    """The slices of n examples along an axis, from those of the sample.

    Slices of each example lie together, or the first ones of all, the second ones of all, ...

    Raises:
        ValueError: If they lie in neither way.
    """
    for lengths, examples in (((STRUCTURE, per), axis), ((per, STRUCTURE), axis + 1)):
        parts = slots.unflatten(axis, lengths)
        first = parts.narrow(examples, 0, 1)
        if bool((parts == first).all()):
            return first.repeat_interleave(n, examples).flatten(axis, axis + 1)
    raise ValueError(f"examples lie in another order along axis {axis} of {tuple(slots.shape)}")
