"""Training a population of networks at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap
from torch.nn import functional as F

from lashley.data import as_examples
from lashley.networks import seeded
from lashley.training.checkpoint import identity_of, restore, save
from lashley.training.checks import check_converging, check_outputs, copies, on_device
from lashley.training.recipe import PAPER, Recipe, batches, epoch_seed
from lashley.training.stack import Stack, stacked, unstacked

CHECKPOINT_SECONDS = 5.0


def train_population(
    networks: Sequence[nn.Module],
    examples: Any,
    recipe: Recipe = PAPER,
    *,
    checkpoint: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[nn.Module]:
    """Trained copies of networks of one architecture, trained together on the same batches.

    Each member follows the one that `train` trains alone: to float rounding over the first
    epoch, and as far as rounding does not grow after that. Dropout draws other noise for each
    member, so there the two agree in distribution only. Batch normalisation keeps each member's
    own statistics. Any network that `torch.func.vmap` can map will do.

    Args:
        networks: Trained from the weights they hold, all modules in train mode; themselves left
            as they are. Parameters that do not require a gradient stay frozen.
        examples: `Examples` or a pair (inputs, labels).
        recipe: How to train; the order of the batches is shared by all members.
        checkpoint: A file to write to every few seconds, at the end of an epoch, and to go on
            from: the result is bit for bit that of an undisturbed training. A file of another
            training (other recipe, weights or examples), or a damaged one, is ignored and
            overwritten. The file stays when the training is done; delete it when the result is
            safe.
        progress: Called with (epochs done, epochs in all) after each epoch, and once before the
            first one when a training goes on from a checkpoint.

    Returns:
        The trained networks, in eval mode, in the order given.

    Raises:
        DataError: If the inputs are several tensors, or the labels are no classes.
        TrainingError: If the networks differ in architecture or cannot be vectorised, the examples
            do not fit them, a member diverges, or the checkpoint cannot be written.
        NetworkError: If a weight is not finite.
    """
    examples = as_examples(examples)
    members = copies(networks)
    stack = stacked(members)
    inputs, labels = on_device(examples, members[0])
    inputs = _foldable(inputs)
    check_outputs(lambda x: _outputs(stack, x), inputs, labels)
    stack.skeleton.train()
    identity = identity_of(stack, examples, recipe) if checkpoint else ""
    done = restore(checkpoint, identity, stack) if checkpoint else 0
    if done and progress:
        progress(done, recipe.epochs)
    written = time.monotonic()
    for epoch in range(done, recipe.epochs):
        losses = _epoch(stack, inputs, labels, recipe, epoch)
        check_converging(losses, stack.state.values(), recipe, epoch)
        if checkpoint and time.monotonic() - written >= CHECKPOINT_SECONDS:
            save(checkpoint, identity, stack, epoch + 1)
            written = time.monotonic()
        if progress:
            progress(epoch + 1, recipe.epochs)
    return [unstacked(member, stack, i) for i, member in enumerate(members)]


def _epoch(stack: Stack, inputs: Tensor, labels: Tensor, recipe: Recipe, epoch: int) -> Tensor:
    """Train the stack for one epoch; (member,) sum of the batches' mean losses."""
    seen = []
    with seeded(epoch_seed(recipe, epoch)):
        for batch in batches(len(labels), recipe, epoch):
            losses = _losses(_outputs(stack, inputs[batch]), labels[batch])
            _descend(stack, losses, recipe)
            seen.append(losses.detach())
    return torch.stack(seen).sum(0)


def _descend(stack: Stack, losses: Tensor, recipe: Recipe) -> None:
    """One step of SGD with momentum for every member, from the (member,) losses."""
    trained = [stack.state[name] for name in stack.momenta]
    # A member's loss depends on its own weights only, so the sum's gradient holds each one's.
    gradients = torch.autograd.grad(losses.sum(), trained, materialize_grads=True)
    with torch.no_grad():
        for p, momentum, gradient in zip(trained, stack.momenta.values(), gradients, strict=True):
            momentum.mul_(recipe.momentum).add_(gradient)
            p.sub_(momentum, alpha=recipe.lr)


def _foldable(inputs: Tensor) -> Tensor:
    """The same inputs, such that `torch.matmul` is quicker on them.

    Where the input requires its gradient, it folds the members' first layers into one large
    product, instead of one product per member over repeated inputs: a quarter of an epoch of the
    paper's MLP. That gradient is never asked for, so it is never computed.
    """
    return inputs.detach().requires_grad_() if inputs.is_floating_point() else inputs


def _outputs(stack: Stack, batch: Tensor) -> Tensor:
    """(member, example, class) outputs of all members on the same batch."""
    of_member = vmap(
        lambda state: functional_call(stack.skeleton, state, (batch,)), randomness="different"
    )
    return of_member(dict(stack.state))


def _losses(outputs: Tensor, labels: Tensor) -> Tensor:
    """(member,) mean cross entropy over the batch, from (member, example, class) outputs."""
    # With the classes in the middle; softmax over a short last axis is four times as slow.
    each = F.cross_entropy(outputs.mT, labels.expand(len(outputs), -1), reduction="none")
    return each.mean(1)
