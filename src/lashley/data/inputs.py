"""Inputs: one tensor, or tensors by the names of a network's arguments."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from lashley.graph.formats import format_in

Inputs = Tensor | Mapping[str, Tensor]


def map_inputs(inputs: Inputs, change: Callable[[Tensor], Tensor]) -> Inputs:
    """Inputs of the same structure, every tensor changed."""
    if isinstance(inputs, Mapping):
        return {name: change(tensor) for name, tensor in inputs.items()}
    return change(inputs)


def tensors(inputs: Inputs) -> list[Tensor]:
    """The tensors that inputs consist of, in order."""
    return list(inputs.values()) if isinstance(inputs, Mapping) else [inputs]


def take(inputs: Inputs, which: slice | Sequence[int] | np.ndarray | Tensor) -> Inputs:
    """The inputs of some examples: a view for a slice, else a copy."""
    if not isinstance(which, slice | Tensor):
        which = torch.as_tensor(np.asarray(which, np.int64))
    return map_inputs(inputs, lambda tensor: tensor[which])


def varied(inputs: Inputs, size: int) -> Tensor:
    """Indices of the first examples, and of those with most and fewest zeros among whole numbers.

    So a sample of token ids or masks holds the shortest and the longest example.

    Args:
        inputs: As for `Examples`.
        size: How many examples, if there are as many.
    """
    parts = tensors(inputs)
    n = len(parts[0])
    first: list[int] = []
    for part in parts:
        if not part.is_floating_point() and not part.is_complex() and part.ndim > 1:
            zeros = (part == 0).flatten(1).sum(1)
            first += [int(zeros.argmax()), int(zeros.argmin())]
    chosen = list(dict.fromkeys([*first, *range(min(n, size + len(first)))]))[:size]
    return torch.tensor(chosen)


def inputs_to(
    inputs: Inputs,
    device: str | torch.device,
    dtype: torch.dtype | None = None,
    *,
    non_blocking: bool = False,
) -> Inputs:
    """Inputs on a device, those of real and complex numbers in another number format.

    Args:
        inputs: As for `Examples`.
        device: Where to.
        dtype: Of the tensors of real numbers; indices and masks keep theirs. None: as they are.
        non_blocking: Do not wait for the copy, where they come from pinned memory.
    """
    return map_inputs(
        inputs,
        lambda tensor: tensor.to(
            device,
            None if dtype is None else format_in(tensor.dtype, dtype),
            non_blocking=non_blocking,
        ),
    )
