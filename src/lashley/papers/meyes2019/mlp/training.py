"""The networks of an MLP study, trained in groups: as many as the workplace asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from torch import nn

from lashley import networks
from lashley.data import Examples
from lashley.distribute import Workplace
from lashley.studies.bar import Bar
from lashley.studies.folder import Tell
from lashley.studies.training import Group, Weights, train_groups
from lashley.training import Recipe, train_population

_LEAST = 8  # networks in a group: fewer train in hardly less time
_THREADS = 1  # with more, a member's last bits would depend on how many are in its group


def train_members(
    initial: Mapping[int, nn.Module], examples: Examples, recipe: Recipe, home: Path,
    where: Workplace, tell: Tell,
) -> dict[int, Weights]:  # fmt: skip
    """What networks hold when trained, by seed.

    A group is trained whole, even if some of it is kept already: in a smaller one its networks may
    be rounded differently.

    Args:
        initial: The networks, by seed.
        examples: To learn from.
        recipe: How to train.
        home: Keeps the networks that are trained already, until `clear`.
        where: Who trains them.
        tell: Called with the epochs.
    """
    files = {seed: home / f"seed-{seed}.safetensors" for seed in initial}
    left = {seed for seed, file in files.items() if not file.is_file()}
    parts = [part for part in _parts(list(initial), where.parts) if left.intersection(part)]
    seeds = {f"{part[0]}-{part[-1]}": part for part in parts}

    def keep(group: Group, trained: Sequence[Weights]) -> None:
        for seed, weights in zip(seeds[group.name], trained, strict=True):
            if seed in left:
                networks.write_weights(weights, files[seed])

    if left:
        groups = [
            Group(name, [initial[seed] for seed in part],
                  home.absolute() / f"checkpoint-{part[0]}.safetensors")
            for name, part in seeds.items()
        ]  # fmt: skip
        bar = Bar(tell, f"training {len(initial)} networks", len(groups) * recipe.epochs)
        train_groups(where, train_population, groups, examples, recipe, _THREADS, keep, bar)
    return {seed: networks.read_weights(file) for seed, file in files.items()}


def clear(home: Path) -> None:
    """Remove what only an unfinished training needs."""
    for file in [*home.glob("seed-*.safetensors"), *home.glob("checkpoint*.safetensors")]:
        file.unlink()


def _parts(seeds: Sequence[int], parts: int) -> list[list[int]]:
    """About equally many seeds each, in order."""
    n = max(1, min(parts, len(seeds) // _LEAST))
    return [part.tolist() for part in np.array_split(np.array(seeds, int), n) if len(part)]
