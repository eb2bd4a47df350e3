"""The loop that every training goes through: epochs, batches, checkpoints."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from lashley.errors import TrainingError
from lashley.training.augmentation import augmented
from lashley.training.checkpoint import Checkpoint
from lashley.training.checks import check_converging
from lashley.training.noise import drawing, generators, set_generators
from lashley.training.recipe import Recipe, batches, epoch_seed
from lashley.training.schedule import lr_at

CHECKPOINT_SECONDS = 5.0


class Learner(Protocol):
    """What a training changes: one network, or several together."""

    def step(self, inputs: Tensor, labels: Tensor, lr: float) -> Tensor:
        """Learn from one batch; the (member,) losses on it before that."""
        ...

    def tensors(self) -> dict[str, Tensor]:
        """All that `step` changes, each (member, ...): views, filled when a training goes on."""
        ...


@dataclass(frozen=True, eq=False)
class Training:
    """Who learns, from what, and how; inputs and labels are on the learner's device."""

    learner: Learner
    inputs: Tensor
    labels: Tensor
    recipe: Recipe

    @property
    def steps_per_epoch(self) -> int:
        """Batches of an epoch."""
        return math.ceil(len(self.labels) / self.recipe.batch_size)

    def step(self, epoch: int, index: int, batch: Tensor) -> Tensor:
        """Learn from the epoch's batch of this index, the examples `batch`; (member,) losses."""
        shown = augmented(self.inputs[batch], self.recipe, epoch, index)
        per_epoch = self.steps_per_epoch
        lr = lr_at(epoch * per_epoch + index, self.recipe.epochs * per_epoch, self.recipe)
        return self.learner.step(shown, self.labels[batch], lr)


def run(
    training: Training,
    checkpoint: Checkpoint | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Train to the recipe's end, from where the checkpoint stands.

    Args:
        training: Its learner is changed in place.
        checkpoint: Written at the end of a batch whenever it is due.
        progress: Called with (epochs done, epochs in all).

    Raises:
        TrainingError: If a member diverges, or the checkpoint cannot be written.
    """
    tensors, epochs = training.learner.tensors(), training.recipe.epochs
    losses = torch.zeros(len(next(iter(tensors.values()))), device=training.inputs.device)
    state = {**tensors, "losses": losses, **generators(losses.device)}
    done, index = divmod(checkpoint.restore(state) if checkpoint else 0, training.steps_per_epoch)
    if done and progress:
        progress(done, epochs)
    for epoch in range(done, epochs):
        _epoch(training, epoch, index, state, checkpoint)
        index = 0
        _check(training, epoch, losses, checkpoint)
        if progress:
            progress(epoch + 1, epochs)


def _epoch(
    training: Training, epoch: int, first: int, state: Mapping[str, Tensor],
    checkpoint: Checkpoint | None,
) -> None:  # fmt: skip
    """Train on an epoch's batches from the `first` on; `state` is what a checkpoint holds."""
    losses, recipe, per_epoch = state["losses"], training.recipe, training.steps_per_epoch
    with drawing(epoch_seed(recipe, epoch), losses.device):
        if first:
            set_generators(state, losses.device)
        else:
            losses.zero_()
        order = batches(len(training.labels), recipe, epoch)
        for index in range(first, per_epoch):
            losses += training.step(epoch, index, order[index])
            if checkpoint and checkpoint.is_due():
                _check(training, epoch, losses, checkpoint)
                now = {**state, **generators(losses.device)}
                checkpoint.save(now, epoch * per_epoch + index + 1)


def _check(training: Training, epoch: int, losses: Tensor, checkpoint: Checkpoint | None) -> None:
    """See that the training has not diverged; going on from its checkpoint would end alike."""
    try:
        check_converging(losses, training.learner.tensors().values(), training.recipe, epoch)
    except TrainingError:
        if checkpoint:
            checkpoint.discard()
        raise
