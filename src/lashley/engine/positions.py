"""Positions: which numbers of a value count, and along which axis it holds its examples."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from lashley.graph.layout import Layout

_SIZES = (2, 3)  # examples in two runs, which show their axis


class Along(NamedTuple):
    """A value holds `per` slices for each example along `axis`, one example after another."""

    axis: int
    per: int

    def take(self, value: Tensor, which: Tensor) -> Tensor:
        """The slices of some examples."""
        by_example = value.unflatten(self.axis, (-1, self.per))
        return by_example.index_select(self.axis, which.to(value.device)).flatten(
            self.axis, self.axis + 1
        )


def along(
    run: Callable[[list[Tensor]], Mapping[Any, Tensor]], inputs: Sequence[Tensor]
) -> dict[Any, Along]:
    """Along which axis values hold examples, measured; values that hold none are left out.

    Args:
        run: The values for some inputs, by any key.
        inputs: (example, ...) each, repeated if there are fewer than three.
    """
    which = torch.arange(_SIZES[1], device=inputs[0].device) % len(inputs[0])
    few, more = (run([part[which[:n]] for part in inputs]) for n in _SIZES)
    found = {key: _along(few[key].shape, more[key].shape) for key in few.keys() & more.keys()}
    return {key: value for key, value in found.items() if value is not None}


def _along(few: Sequence[int], more: Sequence[int]) -> Along | None:
    differing = [i for i, (a, b) in enumerate(zip(few, more, strict=False)) if a != b]
    if len(few) != len(more) or len(differing) != 1:
        return None
    per, rest = divmod(few[differing[0]], _SIZES[0])
    whole = not rest and more[differing[0]] == per * _SIZES[1]
    return Along(differing[0], per) if whole else None


@dataclass(eq=False)
class Positions:
    """Which positions of the reference count, in any value; it remembers where it cannot tell.

    Attributes:
        counted: Of all reference examples.
        along: By keys of values, where these hold their examples.
        others: By sites, lengths of the values met so far that are not the mask's.
    """

    counted: Bool[Tensor, "reference position"]
    along: Mapping[Hashable, Along]
    others: dict[str, set[int]] = field(default_factory=dict, init=False)

    def weight(
        self, site: str, key: Hashable, value: Tensor, layout: Layout, which: slice
    ) -> Float[Tensor, "*shape"] | None:
        """How much each number of a value counts, to be broadcast to it; None: all count alike.

        An axis as long as the mask holds positions, if neither examples nor units lie along it.

        Args:
            site: Whose units it holds.
            key: Of the value.
            value: Of some reference examples.
            layout: Where it holds the units.
            which: Of the reference examples.
        """
        counted = self.counted[which].to(value.device, torch.float64)
        n, length = counted.shape
        where, shape = self.along.get(key), value.shape
        alone = [i for i in range(value.ndim) if layout.slots.shape[i] == 1 and shape[i] > 1]
        merged = where is not None and where.axis in alone and where.per > 1
        if where is not None and shape[where.axis] == n * where.per:
            alone = [i for i in alone if i != where.axis]
            if merged and where.per == length:
                return counted.reshape([-1 if i == where.axis else 1 for i in range(value.ndim)])
        places = [i for i in alone if shape[i] == length]
        if places:
            return _weight(counted, places, value.ndim, where)
        lengths = {shape[i] for i in alone} | (
            {where.per} if where is not None and merged else set()
        )
        if lengths:
            self.others.setdefault(site, set()).update(lengths)
        return None

    def tell(self) -> None:
        """Warn of the values whose positions are not the mask's."""
        if self.others:
            sites = "; ".join(f"{s}: {', '.join(map(str, sorted(n)))}" for s, n in
                              self.others.items())  # fmt: skip
            warnings.warn(
                f"lashley: counted has {self.counted.shape[1]} positions, but sites hold other "
                f"numbers of them ({sites}), so there all positions count in the mean. Give "
                "counted= a mask of as many positions, and evaluate such sites separately.",
                stacklevel=2,
            )


def _weight(counted: Tensor, places: Sequence[int], ndim: int, where: Along | None) -> Tensor:
    """(example, position) as a value of so many axes: a number counts if all its positions do."""
    rows = counted if where is None else counted.repeat_interleave(where.per, 0)
    weight = rows.new_ones([1] * (1 + ndim))
    for place in places:
        weight = weight * rows.reshape(
            [len(rows), *(rows.shape[1] if i == place else 1 for i in range(ndim))]
        )
    return weight.sum(0) if where is None else weight.transpose(0, 1 + where.axis)[0]
