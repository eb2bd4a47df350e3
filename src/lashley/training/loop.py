"""The loop that every training goes through: epochs, batches, checkpoints."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from lashley.errors import DivergenceError
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
        """Learn from one batch; the (member,) losses before the step."""
        ...

    def tensors(self) -> dict[str, Tensor]:
        """All that `step` changes, each (member, ...): views, filled when a training continues."""
        ...


class Onlooker(Protocol):
    """Looks at the learner epoch by epoch, and may end the training."""

    def tensors(self) -> dict[str, Tensor]:
        """What it has written down: filled when a training continues."""
        ...

    def look(self, epochs: int, losses: Tensor) -> None:
        """Called after this many epochs, first after 0, with the epoch's mean (member,) losses.

        Raises:
            DivergenceError: If what it sees is not finite.
        """
        ...

    def enough(self, epochs: int) -> bool:
        """Whether the training ends after this many epochs."""
        ...


class _Unwatched:
    def tensors(self) -> dict[str, Tensor]:
        return {}

    def look(self, epochs: int, losses: Tensor) -> None:
        pass

    def enough(self, epochs: int) -> bool:
        return False


@dataclass(frozen=True, eq=False)
class Training:
    """Who learns, from what, and how; inputs and labels are on the learner's device."""

    learner: Learner
    inputs: Tensor
    labels: Tensor
    recipe: Recipe

    @property
    def steps_per_epoch(self) -> int:
        """How many batches an epoch has."""
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
    watch: Onlooker | None = None,
) -> int:
    """Train to the recipe's end, from the checkpoint on.

    Args:
        training: Its learner is changed in place.
        checkpoint: Written at the end of a batch whenever it is due, and once at the very end.
        progress: Called with (epochs done, epochs in all).
        watch: Looks on, and may end the training early.

    Returns:
        How many epochs were trained, including those before the checkpoint.

    Raises:
        DivergenceError: If a member diverges.
        TrainingError: If the checkpoint cannot be written.
    """
    watch = watch or _Unwatched()
    tensors, epochs = training.learner.tensors(), training.recipe.epochs
    losses = torch.zeros(len(next(iter(tensors.values()))), device=training.inputs.device)
    state = {**tensors, **watch.tensors(), "losses": losses, **generators(losses.device)}
    per_epoch = training.steps_per_epoch
    steps = checkpoint.restore(state) if checkpoint else 0
    done, index = divmod(steps, per_epoch)
    if not steps:
        watch.look(0, losses)
    elif done and progress:
        progress(done, epochs)
    while done < epochs and not watch.enough(done):
        _epoch(training, done, index, state, checkpoint)
        with _discarding(checkpoint):
            _check(training, done, losses)
            watch.look(done + 1, losses / per_epoch)
        done, index = done + 1, 0
        ends = done == epochs or watch.enough(done)
        if checkpoint and (ends or checkpoint.is_due()):
            checkpoint.save(state, done * per_epoch)
        if progress:
            progress(done, epochs)
    return done


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
            is_last = index + 1 == per_epoch  # the watch has to see the epoch's end first
            if checkpoint and not is_last and checkpoint.is_due():
                with _discarding(checkpoint):
                    _check(training, epoch, losses)
                now = {**state, **generators(losses.device)}
                checkpoint.save(now, epoch * per_epoch + index + 1)


def _check(training: Training, epoch: int, losses: Tensor) -> None:
    """Check that the training has not diverged."""
    check_converging(losses, training.learner.tensors().values(), training.recipe, epoch)


@contextmanager
def _discarding(checkpoint: Checkpoint | None) -> Iterator[None]:
    """A training that diverges leaves no checkpoint: continuing would end the same way."""
    try:
        yield
    except DivergenceError:
        if checkpoint:
            checkpoint.discard()
        raise
