"""Networks in training after an ablation: one alone, or several as one stack."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from lashley.recovery.begin import Start
from lashley.recovery.freezing import Frozen, to_train_mode
from lashley.recovery.holding import Hold, Holding, held_norm
from lashley.training.alone import learner_of
from lashley.training.population import Together
from lashley.training.recipe import Recipe
from lashley.training.stack import Stack, stacked, unstacked


@dataclass(frozen=True, eq=False)
class Trainees:
    """Copies of networks, changed in place by training them.

    Attributes:
        starts: The whole networks, and what is held in them.
        trained: (member) the part that is trained: the networks themselves, or what comes after
            their frozen prefix.
        frozen: What does not change in them.
        learner: Trains them.
        stack: Of the trained parts if they are trained together.
    """

    starts: Sequence[Start]
    trained: Sequence[nn.Module]
    frozen: Frozen
    learner: Holding
    stack: Stack | None

    def settle(self) -> None:
        """Put what was learnt into the networks, and them into eval mode."""
        if self.stack is not None:
            for i, part in enumerate(self.trained):
                unstacked(part, self.stack, i)
        for start, part in zip(self.starts, self.trained, strict=True):
            start.network.eval()
            part.eval()

    def resume(self) -> None:
        """Put them into the mode that they are trained in."""
        for start, part in zip(self.starts, self.trained, strict=True):
            part.train()
            to_train_mode(start.network, self.frozen)

    def release(self) -> None:
        """Make them plain networks again, which can be trained in any way."""
        self.settle()
        self.learner.close()
        for start in self.starts:
            as_given = dict(start.before.named_parameters())
            for name, parameter in start.network.named_parameters():
                parameter.requires_grad_(as_given[name].requires_grad)
                parameter.grad = None

    def state(self) -> dict[str, Tensor]:
        """Weights and statistics as they are, by unique names, each (member, ...)."""
        return {n: v for n, v in self.learner.tensors().items() if n.startswith("state.")}

    @torch.no_grad()
    def put_back(self, state: dict[str, Tensor]) -> None:
        """Make the state what it was."""
        for name, tensor in self.state().items():
            tensor.copy_(state[name])

    def held_norm(self) -> list[float]:
        """(member) how far what is to be held has moved; NaN where nothing is. After `settle`."""
        found = []
        for start in self.starts:
            tensors = {f"state.{n}": p.detach()[None] for n, p in start.network.named_parameters()}
            found.append(float(held_norm(tensors, [start.watched])))
        return found


def trainees(
    starts: Sequence[Start], parts: Sequence[nn.Module], frozen: Frozen, recipe: Recipe
) -> Trainees:
    """Networks ready to be trained; several are trained as one stack.

    Args:
        starts: Their networks are changed in place by the training.
        parts: What is trained of these networks.
        frozen: What does not change in them.
        recipe: How to train.
    """
    stack = stacked(parts) if len(parts) > 1 else None
    learner = Together(stack, recipe) if stack else learner_of(parts[0], recipe)
    held = [_held(start, part, frozen) for start, part in zip(starts, parts, strict=True)]
    team = Trainees(starts, parts, frozen, Holding(learner, held), stack)
    team.resume()
    return team


def _held(start: Start, part: nn.Module, frozen: Frozen) -> dict[str, Hold]:
    """What is held, by the names that the trained part has for it.

    What is frozen may come before that part.
    """
    names = {id(p): name for name, p in part.named_parameters()}
    own = dict(start.network.named_parameters())
    return {
        names.get(id(own[name]), name): numbers for name, numbers in start.held.items()
        if id(own[name]) in names or name not in frozen.tensors
    }  # fmt: skip
