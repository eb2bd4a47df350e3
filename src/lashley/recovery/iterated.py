"""Ablation and recovery, again and again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Unpack

from torch import nn

from lashley.ablations import Ablation
from lashley.designs import random_groups
from lashley.errors import AblationError, OnProgress, TrainingError, check_progress
from lashley.methods import ZERO_WEIGHTS, Method
from lashley.recovery.result import Recovery
from lashley.recovery.single import recover
from lashley.recovery.task import RecoveryOptions
from lashley.sites import Site
from lashley.training.recipe import Recipe

LONG = Recipe(epochs=20)  # the stop rule ends an iteration long before


def iterated_ablations(
    site: Site, proportion: float = 0.25, iterations: int = 5, seed: int = 0,
    method: Method | str = ZERO_WEIGHTS,
) -> list[Ablation]:  # fmt: skip
    """What is ablated after each step, if each step takes out a random group.

    Groups are drawn with replacement across steps, so k steps of 25 % leave about 0.75^k.

    Args:
        site: Of the units.
        proportion: Of the site's units that are drawn at each step; as in `random_groups`.
        iterations: How many steps.
        seed: For the draw.
        method: Of the ablations.

    Returns:
        One ablation per step, of the units drawn up to it, with the columns `iteration` (from 1)
        and `seed`; fewer if a step would leave no unit.

    Source: Meyes et al. 2019, section 3.3.
    """
    units: set[int] = set()
    steps = []
    for number, group in enumerate(random_groups(site, proportion, iterations, seed, method), 1):
        units |= set(group.units)
        if len(units) == site.n_units:
            break
        columns = {"proportion": proportion, "seed": seed, "iteration": number}
        steps.append(Ablation(site, tuple(sorted(units)), method, "iterated", columns))
    return steps


def recover_iterated(
    network: nn.Module,
    ablations: Sequence[Ablation],
    train: Any,
    test: Any,
    recipe: Recipe = LONG,
    *,
    checkpoint: Path | None = None,
    progress: OnProgress | None = None,
    **options: Unpack[RecoveryOptions],
) -> Iterator[Recovery]:
    """Ablate and recover, then ablate more of the recovered network and recover, and so on.

    Args:
        network: Itself left as it is.
        ablations: What is ablated at each step, as `iterated_ablations` lists it; all that was
            ablated before stays so.
        train: As in `recover`.
        test: As in `recover`.
        recipe: For each step; `epochs` at most.
        checkpoint: A folder with a file for each step, to continue from.
        progress: Called with (epochs done, epochs in all) of each step.
        options: Further arguments of `recover`, such as stop=Patience(), the paper's rule, with
            validation examples for it.

    Yields:
        The recovery of each step; drops are against the network given. Each step's batches are
        drawn anew.

    Raises:
        LashleyError: As `recover` does.
        AblationError: If a step gives back a unit that was ablated before.

    Source: Meyes et al. 2019, sections 3.3 and 4.4.
    """
    check_progress(progress, TrainingError)
    _check_steps(ablations)
    current = network
    for step, ablation in enumerate(ablations):
        own = replace(recipe, seed=recipe.seed + step)
        file = checkpoint and Path(checkpoint) / f"{step}.safetensors"
        done = recover(
            current, ablation, train, test, own, checkpoint=file, progress=progress,
            **{"intact": network, **options},
        )  # fmt: skip
        yield done
        current = done.network


def _check_steps(ablations: Sequence[Ablation]) -> None:
    for before, after in pairwise(ablations):
        back = sorted(set(before.units) - set(after.units))
        if back or before.site != after.site:
            raise AblationError(
                f"ablations: a step gives back units of {before.site.name} that were ablated "
                f"before, such as {back[:3]}; allowed are steps of one site that keep all of them. "
                "Take la.iterated_ablations(site), or the unions of your groups."
            )
