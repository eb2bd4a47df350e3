"""The members of a population as one stack of tensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True, eq=False)
class Stack:
    """The members' tensors, stacked along their first axis; training changes them in place."""

    skeleton: nn.Module
    state: Mapping[str, Tensor]  # parameters and buffers
    momenta: Mapping[str, Tensor]  # of the parameters that are trained

    def tensors(self) -> dict[str, Tensor]:
        """Everything that changes in training, by unique names."""
        kept = {f"state.{n}": v.detach() for n, v in self.state.items()}
        return kept | {f"momentum.{n}": v for n, v in self.momenta.items()}


def stacked(members: Sequence[nn.Module]) -> Stack:
    """The stack of networks of one architecture; the first, in eval mode, is its skeleton."""
    members[0].eval()
    # torch.func.stack_module_state refuses traced networks: each of them has a class of its own.
    parameters = {
        name: _together([m.get_parameter(name) for m in members]).requires_grad_(p.requires_grad)
        for name, p in members[0].named_parameters()
    }
    buffers = {
        name: _together([m.get_buffer(name) for m in members])
        for name, _ in members[0].named_buffers()
    }
    momenta = {n: torch.zeros_like(p) for n, p in parameters.items() if p.requires_grad}
    return Stack(members[0], {**parameters, **buffers}, momenta)


def _together(tensors: Sequence[Tensor]) -> Tensor:
    return torch.stack([tensor.detach() for tensor in tensors])


@torch.no_grad()
def unstacked(member: nn.Module, stack: Stack, index: int) -> nn.Module:
    """`member` itself, holding the values at `index` of the stack."""
    for name, value in [*member.named_parameters(), *member.named_buffers()]:
        value.copy_(stack.state[name][index])
    return member.eval()
