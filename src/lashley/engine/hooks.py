"""Hooks: for networks that cannot be captured, a full forward pass with hooks at the units.

Several ablations run in one pass, stacked along the batch, where the examples of a batch do not
depend on one another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from lashley.errors import EngineError
from lashley.graph.signature import arguments, logits_of


@dataclass(frozen=True)
class HookPlace:
    """Where a method replaces units, and by what.

    Attributes:
        module: Behind which the units are replaced, in each of its calls.
        axis: Of the units in its output, counted from the end.
        constants: (unit) what stands in their place; None where it is another example's activation.
    """

    module: str
    axis: int
    constants: Tensor | None


def forward(network: nn.Module, inputs: Sequence[Tensor], names: tuple[str, ...]) -> Tensor:
    """The network's logits; it may write to its inputs, so it is given copies."""
    args, kwargs = arguments(network, [part.clone() for part in inputs], names)
    return logits_of(network(*args, **kwargs))


@contextmanager
def hooked(network: nn.Module, module: str, change: Callable[[Tensor], Any]) -> Iterator[None]:
    """Pass a module's output through a function inside; None leaves it as it is."""

    def hook(module: nn.Module, given: Any, returned: Any) -> Any:
        return change(returned)

    handle = network.get_submodule(module).register_forward_hook(hook)
    try:
        yield
    finally:
        handle.remove()


def activations(
    network: nn.Module, module: str, inputs: Sequence[Tensor], names: tuple[str, ...]
) -> list[Tensor]:
    """What a module returns in each of its calls."""
    seen: list[Tensor] = []
    with hooked(network, module, lambda value: seen.append(value.clone())):
        forward(network, inputs, names)
    return seen


def replaced(
    place: HookPlace, unit_sets: Sequence[tuple[int, ...]], donors: Sequence[Tensor] | None
) -> Callable[[Tensor], Tensor]:
    """What puts the constants, or the donors' activations, in place of a stack's units.

    Args:
        place: Where and by what.
        unit_sets: One per ablation in the stack.
        donors: Activations by call, of as many examples as one ablation has; or None.
    """
    calls = iter(range(1 << 30))

    def change(value: Tensor) -> Tensor:
        number = next(calls)  # the value itself is written to, for all that reads it
        parts = value.chunk(len(unit_sets)) if len(unit_sets) > 1 else (value,)
        for units, part in zip(unit_sets, parts, strict=True):
            index = torch.tensor(units, dtype=torch.int64, device=value.device)
            new = _new(place, part, index, None if donors is None else donors[number])
            shape: list[Any] = list(part.shape)
            shape[place.axis] = len(units)
            part.index_copy_(place.axis % value.ndim, index, new.expand(shape))
        return value

    return change


def _new(place: HookPlace, value: Tensor, index: Tensor, donor: Tensor | None) -> Tensor:
    if donor is not None:
        if len(donor) != len(value):
            raise EngineError(
                f"method: 'resample' needs as many activations of other examples, but "
                f"{place.module} holds {len(value)} and {len(donor)}, depending on the data. Use "
                "'mean' or 'silence'."
            )
        return donor.index_select(place.axis % value.ndim, index).to(value.dtype)
    assert place.constants is not None
    constants = place.constants.to(value.device, value.dtype)[index]
    return constants.view([-1 if d == place.axis % value.ndim else 1 for d in range(value.ndim)])
