"""Training a study's networks, wherever there are workers."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from torch import Tensor, nn

from lashley.data import Examples
from lashley.distribute import Lane, Report, Task, Work, Workplace
from lashley.studies.bar import Bar
from lashley.training import Recipe, train

Weights = Mapping[str, Tensor]
Learn = Callable[..., list[nn.Module]]
"""As `lashley.training.train_population`."""


@dataclass(frozen=True, eq=False)
class Group:
    """Networks that one task trains.

    Attributes:
        name: Of the task.
        networks: With their initial weights.
        checkpoint: A file of their own, to continue from.
    """

    name: str
    networks: Sequence[nn.Module]
    checkpoint: Path


def train_groups(
    where: Workplace, learn: Learn, groups: Sequence[Group], examples: Examples, recipe: Recipe,
    threads: int, keep: Callable[[Group, list[Weights]], None], bar: Bar,
) -> None:  # fmt: skip
    """Train networks, on the CPU; trained ones are handed to `keep` as they come.

    Args:
        where: Who trains them.
        learn: Trains a group: `alone` or `train_population`.
        groups: At least one.
        examples: To learn from.
        recipe: How to train.
        threads: To train with; sums of gradients, and so the last bits, depend on them.
        keep: Called with a group and what its networks hold when trained.
        bar: Of epochs.
    """
    do = partial(_carry_out, learn, recipe)
    work = Work("training", _prepare, do, {"examples": examples}, threads)
    where.carry_out(work, [_lane(g, recipe.epochs, keep, bar) for g in groups], bar.running)


def alone(networks: Sequence[nn.Module], *given: object, **options: object) -> list[nn.Module]:
    """One network, by the plain loop."""
    (network,) = networks
    return [train(network, *given, **options)]  # pyright: ignore[reportArgumentType]


def reachable(checkpoint: Path) -> Path | None:
    """The file, if it can be written from here: a worker may be on another machine."""
    return checkpoint if os.access(checkpoint.parent, os.W_OK) else None


def weights_of(network: nn.Module) -> dict[str, Tensor]:
    """What the network holds, in main memory."""
    return {name: value.cpu() for name, value in network.state_dict().items()}


def _lane(
    group: Group, epochs: int, keep: Callable[[Group, list[Weights]], None], bar: Bar
) -> Lane:
    group.checkpoint.parent.mkdir(parents=True, exist_ok=True)
    keep(group, (yield Task(group.name, group)))
    bar.finish(group.name, epochs)


def _prepare(_device: str, examples: Examples) -> Examples:
    return examples


def _carry_out(
    learn: Learn, recipe: Recipe, examples: Examples, group: Group, report: Report
) -> list[dict[str, Tensor]]:
    trained = learn(
        group.networks, examples, recipe, checkpoint=reachable(group.checkpoint),
        progress=lambda done, _: report(done),
    )  # fmt: skip
    return [weights_of(network) for network in trained]
