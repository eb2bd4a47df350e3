"""The retrainings of a layer, in order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from lashley.ablations import Ablation
from lashley.designs import random_groups
from lashley.papers.meyes2019.recovery.form import RecoveryPart
from lashley.papers.meyes2019.recovery.ranks import RankKey
from lashley.recovery import Patience, iterated_ablations
from lashley.sites import Site
from lashley.training import Recipe

INSTANCES, ITERATED = "instances", "iterated"


@dataclass(frozen=True)
class RecoveryRun:
    """One retraining.

    Attributes:
        experiment: "instances", or "iterated".
        start: What it begins with: "ablated", or a control.
        instance: From 0.
        iteration: From 1; 0 of instances.
        ablation: What is taken out.
        recipe: How to train; `epochs` are the most.
        stop: When to end earlier.
    """

    experiment: str
    start: str
    instance: int
    iteration: int
    ablation: Ablation
    recipe: Recipe
    stop: Patience | None = None

    @property
    def name(self) -> str:
        """Unique among the runs of its layer; names a folder."""
        return f"{self.experiment}-{self.start}-{self.instance}-{self.iteration}"

    @property
    def is_step(self) -> bool:
        """Whether it continues from the run before it."""
        return self.experiment == ITERATED and self.start == "ablated"

    @property
    def key(self) -> RankKey:
        """What names the run in the study."""
        site = self.ablation.site.name
        return RankKey(site, self.experiment, self.start, self.instance, self.iteration)


def runs_of(site: Site, part: RecoveryPart) -> list[RecoveryRun]:
    """All runs of a layer, the intact one last: it is as long as the longer experiment."""
    runs = [*_instances(site, part), *_iterations(site, part)]
    if "intact" in part.controls:
        first = runs[0]
        longest = max(part.epochs, sum(run.recipe.epochs for run in runs if run.is_step))
        recipe = part.recipe(longest)
        runs.append(replace(first, experiment=ITERATED, start="intact", iteration=1, recipe=recipe))
    return runs


def lanes_of(site: Site, part: RecoveryPart) -> list[list[RecoveryRun]]:
    """The same, in lists: each run of a list needs those before it."""
    runs = runs_of(site, part)
    chain = [run for run in runs if run.experiment == ITERATED]
    alone = [[run] for run in runs if run.experiment == INSTANCES]
    return [*alone, chain] if chain else alone


def as_long(run: RecoveryRun, part: RecoveryPart, epochs: int) -> RecoveryRun:
    """The intact run with as many epochs as the iterations took, at least those of an instance."""
    return replace(run, recipe=part.recipe(max(part.epochs, epochs)))


def _instances(site: Site, part: RecoveryPart) -> Iterator[RecoveryRun]:
    """Each has its own order of the batches, and new weights of its own in the controls."""
    recipe = part.recipe(part.epochs)
    groups = random_groups(site, part.proportion, part.instances, part.seed, part.method)
    for start in ("ablated", *(c for c in part.controls if c != "intact")):
        for i, group in enumerate(groups):
            own = replace(recipe, seed=recipe.seed + i)
            yield RecoveryRun(INSTANCES, start, i, 0, group, own)


def _iterations(site: Site, part: RecoveryPart) -> Iterator[RecoveryRun]:
    """Groups and batch orders differ from those of the instances."""
    if not part.iterations:
        return
    steps = iterated_ablations(site, part.proportion, part.iterations, part.seed + 1, part.method)
    recipe = part.recipe(part.most_epochs)
    for i, ablation in enumerate(steps):
        own = replace(recipe, seed=recipe.seed + part.instances + i)
        yield RecoveryRun(ITERATED, "ablated", 0, i + 1, ablation, own, part.patience)
