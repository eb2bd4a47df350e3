"""Training one network: the plain loop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lashley.data import as_examples
from lashley.errors import TrainingError, check_progress
from lashley.training.augmentation import check_images
from lashley.training.checkpoint import Checkpoint, identity_of
from lashley.training.checks import check_outputs, copies, on_device
from lashley.training.forward import outputs_of
from lashley.training.loop import CHECKPOINT_SECONDS, Training, run
from lashley.training.recipe import PAPER, SECOND_MOMENT, Recipe


def train(
    network: nn.Module,
    examples: Any,
    recipe: Recipe = PAPER,
    *,
    checkpoint: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> nn.Module:
    """A trained copy of one network: the plain loop that `train_population` has to agree with.

    Args:
        network: Trained from the weights it holds, all modules in train mode; it is not changed
            itself. Parameters that do not require a gradient stay frozen.
        examples: `Examples` or a pair (inputs, labels).
        recipe: How to train.
        checkpoint: A file to write to every few seconds, at the end of a batch, and once at the
            very end, and to continue from. On the same machine and number of threads, the result is
            bit for bit that of an uninterrupted training. A file of another training (other recipe,
            weights or examples), or a damaged one, is ignored and overwritten. The file stays when
            the training is done; delete it when the result is safe.
        progress: Called with (epochs done, epochs in all) after each epoch, and once at the
            beginning when a training continues after the first epoch.

    Returns:
        The trained network, in eval mode.

    Raises:
        DataError: If the inputs are several tensors, or the labels are not classes.
        TrainingError: If the examples do not fit the network or the recipe, the training
            diverges, or the checkpoint cannot be written.
        NetworkError: If a weight is not finite.
    """
    check_progress(progress, TrainingError)
    examples = as_examples(examples)
    (member,) = copies([network])
    inputs, labels = on_device(examples, member)
    check_images(inputs, recipe)
    check_outputs(lambda x: member.eval()(x)[None], inputs, labels)
    learner = learner_of(member.train(), recipe)
    kept = checkpoint and Checkpoint(
        checkpoint,
        identity_of(Alone, member, learner.tensors(), examples, recipe),
        CHECKPOINT_SECONDS,
    )
    run(Training(learner, inputs, labels, recipe), kept, progress)
    learner.optimiser.zero_grad()
    return member.eval()


@dataclass(frozen=True, eq=False)
class Alone:
    """One network and its optimiser; training changes both in place."""

    network: nn.Module
    optimiser: torch.optim.Optimizer
    recipe: Recipe

    def step(self, inputs: Tensor, labels: Tensor, lr: float) -> Tensor:
        """Learn from one batch; the (1,) loss before the step."""
        (group,) = self.optimiser.param_groups
        group["lr"] = lr
        loss = F.cross_entropy(outputs_of(self.network, inputs, self.recipe), labels)
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        return loss.detach()[None]

    def tensors(self) -> dict[str, Tensor]:
        """Everything that training changes, by unique names, each (1, ...)."""
        held = [*self.network.named_parameters(), *self.network.named_buffers()]
        found = {f"state.{n}": v.detach() for n, v in held}
        for name, p in self.network.named_parameters():
            for key, value in self.optimiser.state.get(p, {}).items():
                found[f"{key.removesuffix('_buffer')}.{name}"] = value
        return {name: tensor[None] for name, tensor in found.items()}


def learner_of(network: nn.Module, recipe: Recipe) -> Alone:
    """The network with an optimiser for the parameters that require a gradient."""
    trained = [p for p in network.parameters() if p.requires_grad]
    optimiser = _optimiser(trained, recipe)
    for p in trained:  # as PyTorch's first step behaves, so that it can be kept
        optimiser.state[p] = {name: torch.zeros_like(p) for name in _STATES[recipe.optimiser]}
        if recipe.optimiser == "adamw":
            optimiser.state[p]["step"] = torch.tensor(0.0)
    return Alone(network, optimiser, recipe)


_STATES = {"sgd": ("momentum_buffer",), "adamw": ("exp_avg", "exp_avg_sq")}


def _optimiser(trained: list[nn.Parameter], recipe: Recipe) -> torch.optim.Optimizer:
    if recipe.optimiser == "adamw":
        betas = (recipe.momentum, SECOND_MOMENT)
        return torch.optim.AdamW(trained, recipe.lr, betas, weight_decay=recipe.weight_decay)
    return torch.optim.SGD(
        trained, recipe.lr, recipe.momentum,
        weight_decay=recipe.weight_decay, nesterov=recipe.nesterov,
    )  # fmt: skip
