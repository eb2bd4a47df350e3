"""Which operations an output depends on: what nobody uses reads nothing that counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from benchmarks.zoo.twin.paint import storage_of

# Python may decide by their numbers or shape: they count as used.
_SHOWN = (torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape)


class Flow:
    """All operations of a run, each with those before it that wrote what it reads."""

    def __init__(self) -> None:
        self._before: list[tuple[int, ...]] = []
        self._writer: dict[int, int] = {}  # by memory: the operation that wrote it last
        self._shown: list[int] = []

    def note(
        self, func: Any, args: Any, kwargs: Any, given: Sequence[Tensor], back: Sequence[Tensor]
    ) -> int:
        """Number an operation that has just run.

        Args:
            func: Of PyTorch.
            args: What it was called with.
            kwargs: What it was called with by name.
            given: The tensors in these.
            back: The tensors that it returned.
        """
        number = len(self._before)
        read = {storage_of(t) for t in given}
        self._before.append(tuple({self._writer[a] for a in read if a in self._writer}))
        written = _written(func, args, kwargs)
        for tensor in back:
            if storage_of(tensor) not in read:  # a view leaves its memory as it is
                written.append(tensor)
        for tensor in written:
            self._writer[storage_of(tensor)] = number
        if not back or any(tag in func.tags for tag in _SHOWN):
            self._shown.append(number)
        return number

    def used_for(self, outputs: Sequence[Tensor]) -> set[int]:
        """The operations that lead to outputs; all, if it cannot be seen how these were made."""
        ends = [self._writer.get(storage_of(t)) for t in outputs]
        if None in ends:
            return set(range(len(self._before)))
        used: set[int] = set()
        waiting = [*ends, *self._shown]
        while waiting:
            number = waiting.pop()
            if number not in used:
                used.add(number)
                waiting += self._before[number]
        return used


def _written(func: Any, args: Any, kwargs: Any) -> list[Tensor]:
    """The tensors that an operation writes into."""
    found: list[Tensor] = []
    if func._schema.is_mutable:
        for place, argument in enumerate(func._schema.arguments):
            if argument.alias_info is not None and argument.alias_info.is_write:
                value = args[place] if place < len(args) else kwargs.get(argument.name)
                found += [t for t in tree_leaves(value) if isinstance(t, Tensor)]
    return found
