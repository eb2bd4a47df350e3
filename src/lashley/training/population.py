"""Training a population of networks at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap
from torch.nn import functional as F

from lashley.data import as_examples
from lashley.errors import TrainingError, check_progress
from lashley.training.augmentation import check_images
from lashley.training.checkpoint import Checkpoint, identity_of
from lashley.training.checks import TOGETHER, check_outputs, copies, on_device
from lashley.training.forward import outputs_of
from lashley.training.loop import CHECKPOINT_SECONDS, Training, run
from lashley.training.recipe import PAPER, Recipe
from lashley.training.stack import Stack, stacked, unstacked


def train_population(
    networks: Sequence[nn.Module],
    examples: Any,
    recipe: Recipe = PAPER,
    *,
    checkpoint: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[nn.Module]:
    """Trained copies of networks of one architecture, trained together on the same batches.

    Each member follows the network that `train` trains alone: to float rounding over the first
    epoch, and after that as long as rounding does not grow. Dropout draws other noise for each
    member, so with it the two agree in distribution only. Batch normalisation keeps each member's
    own statistics. Any network that `torch.func.vmap` can map will do.

    Args:
        networks: Trained from the weights they hold, all modules in train mode; they are not
            changed themselves. Parameters that do not require a gradient stay frozen.
        examples: `Examples` or a pair (inputs, labels).
        recipe: How to train; the batches, their order and their augmentation, are shared by all.
        checkpoint: A file to write to and to continue from, as in `train`.
        progress: Called with (epochs done, epochs in all) after each epoch, and once at the
            beginning when a training continues after the first epoch.

    Returns:
        The trained networks, in eval mode, in the order given.

    Raises:
        DataError: If the inputs are several tensors, or the labels are not classes.
        TrainingError: If the networks differ in architecture or cannot be vectorised, the examples
            do not fit them or the recipe, a member diverges, or the checkpoint cannot be written.
        NetworkError: If a weight is not finite.
    """
    check_progress(progress, TrainingError)
    examples = as_examples(examples)
    check_optimiser(recipe)
    members = copies(networks)
    stack = stacked(members)
    inputs, labels = on_device(examples, members[0])
    check_images(inputs, recipe)
    inputs = _foldable(inputs)
    learner = Together(stack, recipe)
    check_outputs(learner.outputs, inputs, labels, TOGETHER)
    stack.skeleton.train()
    kept = checkpoint and Checkpoint(
        checkpoint,
        identity_of(Together, stack.skeleton, learner.tensors(), examples, recipe),
        CHECKPOINT_SECONDS,
    )
    run(Training(learner, inputs, labels, recipe), kept, progress)
    return [unstacked(member, stack, i) for i, member in enumerate(members)]


def check_optimiser(recipe: Recipe) -> None:
    """Refuse an optimiser that cannot train a population.

    Raises:
        TrainingError: If the optimiser is not SGD.
    """
    if recipe.optimiser != "sgd":
        raise TrainingError(
            f"recipe: given the optimiser {recipe.optimiser!r} for a population; allowed is 'sgd'. "
            "Train each network alone, with la.train."
        )


@dataclass(frozen=True, eq=False)
class Together:
    """A stack of networks; training changes it in place."""

    stack: Stack
    recipe: Recipe

    def step(self, inputs: Tensor, labels: Tensor, lr: float) -> Tensor:
        """Every member learns from one batch; the (member,) losses before the step."""
        losses = _losses(self.outputs(inputs), labels)
        _descend(self.stack, losses, self.recipe, lr)
        return losses.detach()

    def outputs(self, batch: Tensor) -> Tensor:
        """(member, example, class) outputs of all members on the same batch."""
        forward = _one_by_one if self.recipe.autocast else _vectorised
        return outputs_of(partial(forward, self.stack), batch, self.recipe)

    def tensors(self) -> dict[str, Tensor]:
        """Everything that training changes, by unique names."""
        return self.stack.tensors()


def _descend(stack: Stack, losses: Tensor, recipe: Recipe, lr: float) -> None:
    """One step of SGD for every member, as `torch.optim.SGD` does it, from the (member,) losses."""
    trained = [stack.state[name] for name in stack.momenta]
    # A member's loss depends on its own weights only, so the sum's gradient holds each one's.
    gradients = torch.autograd.grad(losses.sum(), trained, allow_unused=True)
    with torch.no_grad():
        for p, momentum, gradient in zip(trained, stack.momenta.values(), gradients, strict=True):
            if gradient is None:  # not used by the network: PyTorch does not decay it either
                continue
            if recipe.weight_decay:
                gradient = gradient.add(p, alpha=recipe.weight_decay)
            momentum.mul_(recipe.momentum).add_(gradient)
            ahead = gradient.add(momentum, alpha=recipe.momentum) if recipe.nesterov else momentum
            p.sub_(ahead, alpha=lr)


def _foldable(inputs: Tensor) -> Tensor:
    """The same inputs, such that `torch.matmul` is quicker on them.

    Where the input requires its gradient, it folds the members' first layers into one large
    product, instead of one product per member over repeated inputs: a quarter of an epoch of the
    paper's MLP. That gradient is never asked for, so it is never computed.
    """
    return inputs.detach().requires_grad_() if inputs.is_floating_point() else inputs


def _vectorised(stack: Stack, batch: Tensor) -> Tensor:
    """(member, example, class) outputs of all members on the same batch."""
    of_member = vmap(
        lambda state: functional_call(stack.skeleton, state, (batch,)), randomness="different"
    )
    return of_member(dict(stack.state))


def _one_by_one(stack: Stack, batch: Tensor) -> Tensor:
    """The same without vmap, which ignores autocast."""
    values = zip(*(v.unbind() for v in stack.state.values()), strict=True)
    states = [dict(zip(stack.state, member, strict=True)) for member in values]
    return torch.stack([functional_call(stack.skeleton, s, (batch.clone(),)) for s in states])


def _losses(outputs: Tensor, labels: Tensor) -> Tensor:
    """(member,) mean cross entropy over the batch, from (member, example, class) outputs."""
    # With the classes in the middle; softmax over a short last axis is four times as slow.
    each = F.cross_entropy(outputs.mT, labels.expand(len(outputs), -1), reduction="none")
    return each.mean(1)
