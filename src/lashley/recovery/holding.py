"""Numbers that a training must not change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from lashley.errors import TrainingError
from lashley.training.alone import Alone
from lashley.training.population import Together


@dataclass(frozen=True, eq=False)
class Hold:
    """Numbers of one tensor that a training must not change.

    Attributes:
        mask: Which; shaped as the tensor.
        values: What they are, where the mask is true; broadcast to its shape.
    """

    mask: Bool[Tensor, "*shape"]
    values: Tensor


@torch.no_grad()
def put(network: nn.Module, held: Mapping[str, Hold]) -> None:
    """Put held numbers into the network itself.

    Args:
        network: Changed in place.
        held: By names of parameters.
    """
    for name, numbers in held.items():
        tensor = network.get_parameter(name)
        tensor.copy_(torch.where(numbers.mask, numbers.values.to(tensor), tensor))


class Holding:
    """A learner that holds numbers: each step leaves them as they are, and no optimiser sees them.

    Their gradients are 0 before an optimiser looks at them; after each step they are put back, as
    weight decay also moves what has no gradient, and the optimiser's state for them is made 0.
    """

    def __init__(self, learner: Alone | Together, held: Sequence[Mapping[str, Hold]]) -> None:
        """Put the held numbers in place, and hooks on their gradients.

        Args:
            learner: Changed in place.
            held: For each member, by names of parameters.

        Raises:
            TrainingError: If the learner does not have them.
        """
        self._learner, tensors = learner, learner.tensors()
        stacks = _stacked(tensors, held)
        self._numbers = [(tensors[f"state.{name}"], h) for name, h in stacks.items()]
        self._kept = [
            (tensor, stacks[name].mask)
            for (prefix, _, name), tensor in ((n.partition("."), t) for n, t in tensors.items())
            if prefix != "state" and name in stacks and tensor.shape == stacks[name].mask.shape
        ]
        self._hooks = [
            p.register_hook(partial(_without, stacks[name].mask.reshape(p.shape)))
            for name, p in _parameters(learner).items()
            if name in stacks and p.requires_grad
        ]
        self._put_back()

    def step(self, inputs: Tensor, labels: Tensor, lr: float) -> Tensor:
        """Learn from one batch, and hold; the (member,) losses on it before that."""
        losses = self._learner.step(inputs, labels, lr)
        self._put_back()
        return losses

    def tensors(self) -> dict[str, Tensor]:
        """All that training changes, by unique names, each (member, ...)."""
        return self._learner.tensors()

    def close(self) -> None:
        """Take the hooks off the parameters; what is trained after that is not held."""
        for hook in self._hooks:
            hook.remove()

    def __enter__(self) -> Holding:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    @torch.no_grad()
    def _put_back(self) -> None:
        for tensor, held in self._numbers:
            torch.where(held.mask, held.values, tensor, out=tensor)
        for tensor, mask in self._kept:
            tensor.masked_fill_(mask, 0)


def held_norm(
    tensors: Mapping[str, Tensor], held: Sequence[Mapping[str, Hold]]
) -> Float[Tensor, " member"]:
    """How far the held numbers are from what they should be: the norm of the difference.

    Args:
        tensors: Of a learner.
        held: For each member, by names of parameters.

    Returns:
        The L2 norm over all of a member's held numbers, in float64; NaN where it has none.

    Raises:
        TrainingError: If the learner does not have them.
    """
    squares = torch.tensor([0.0 if h else torch.nan for h in held], dtype=torch.float64)
    for name, numbers in _stacked(tensors, held).items():
        off = (tensors[f"state.{name}"] - numbers.values).masked_fill(~numbers.mask, 0)
        squares += off.double().flatten(1).square().sum(1).cpu()
    return squares.sqrt()


def _stacked(tensors: Mapping[str, Tensor], held: Sequence[Mapping[str, Hold]]) -> dict[str, Hold]:
    """What all members hold, by names of parameters: (member, ...) each."""
    _check_members(tensors, held)
    names = dict.fromkeys(name for of_member in held for name in of_member)
    return {n: _stack(n, tensors.get(f"state.{n}"), [h.get(n) for h in held]) for n in names}


def _stack(name: str, tensor: Tensor | None, held: Sequence[Hold | None]) -> Hold:
    shapes = {tuple(h.mask.shape) for h in held if h is not None}
    if tensor is None or shapes != {tuple(tensor.shape[1:])}:
        there = "there is none" if tensor is None else f"it is of shape {tuple(tensor.shape[1:])}"
        raise TrainingError(
            f"held: given {name!r} of shape {shapes.pop()}, but in what is trained {there}; "
            "allowed are its own parameters. Give what `ablated` returned for this network, "
            "without what is frozen."
        )
    none = Hold(torch.zeros_like(tensor[0], dtype=torch.bool), tensor.new_zeros(()))
    each = [none if h is None else h for h in held]
    values = [h.values.to(tensor).expand(tensor.shape[1:]) for h in each]
    return Hold(torch.stack([h.mask.to(tensor.device) for h in each]), torch.stack(values))


def _check_members(tensors: Mapping[str, Tensor], held: Sequence[Mapping[str, Hold]]) -> None:
    members = len(next(iter(tensors.values())))
    if isinstance(held, Mapping) or len(held) != members:
        given = "one mapping" if isinstance(held, Mapping) else f"{len(held)}"
        raise TrainingError(
            f"held: given {given} for {members} networks; allowed is a list with a mapping for "
            "each. Give {} for a network that holds nothing."
        )


def _parameters(learner: Alone | Together) -> Mapping[str, Tensor]:
    """(member, ...) of a population, else as the network holds them."""
    if isinstance(learner, Together):
        return learner.stack.state
    return dict(learner.network.named_parameters())


def _without(mask: Bool[Tensor, "*shape"], gradient: Tensor) -> Tensor:
    """The gradient, 0 where the mask is true."""
    return gradient.masked_fill(mask, 0)
