"""What a run folder says, in the form that figures and claims use; no network is run."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from lashley import networks
from lashley import outcomes as schema
from lashley.effects import effects, interactions
from lashley.papers.meyes2019.figures.mlp import PAPER, Population, Results, choose
from lashley.studies.folder import RunFolder
from lashley.studies.loading import study_of

CLEAN = "clean"
PUBLISHED = "published"
_SHOWN = {
    (False, CLEAN): [],
    (True, CLEAN): ["the authors' network"],
    (True, PUBLISHED): ["the authors' network, as published: ablated on binarised digits"],
}


def member(number: int) -> str:
    """The name of a network of the population in outcomes and tables; numbers from 1."""
    return f"population-{number:02d}"


@dataclass(frozen=True)
class MlpEvaluation:
    """Outcomes of singles and pairs on one version of the examples, summed up.

    Attributes:
        name: "clean" or "published".
        outcomes: Singles first, then pairs.
        effects: Of all of them.
        interactions: Of the pairs.
    """

    name: str
    outcomes: xr.Dataset
    effects: xr.Dataset
    interactions: xr.Dataset


def evaluation(name: str, outcomes: xr.Dataset) -> MlpEvaluation:
    """Effects and interactions of outcomes that hold singles and pairs."""
    singles, pairs = (of_design(outcomes, design) for design in ("singles", "pairs"))
    return MlpEvaluation(name, outcomes, effects(outcomes), interactions(singles, pairs))


def of_design(measured: xr.Dataset, design: str) -> xr.Dataset:
    """The part of outcomes or effects that belongs to one design."""
    return measured.isel(ablation=measured["design"].values == design)


def halves(found: MlpEvaluation) -> tuple[MlpEvaluation, MlpEvaluation]:
    """The same on every other example, and on the rest: choose on one, confirm on the other."""
    first, second = (found.outcomes.isel(example=slice(start, None, 2)) for start in (0, 1))
    return evaluation(found.name, first), evaluation(found.name, second)


def evaluations(folder: RunFolder) -> dict[str, MlpEvaluation]:
    """All evaluations of the network under study in a run folder: clean and as published."""
    return {
        name: evaluation(name, schema.open_saved(folder.outcomes, name))
        for name in (CLEAN, PUBLISHED)
        if schema.is_saved(folder.outcomes, name)
    }


def population_effects(folder: RunFolder) -> list[xr.Dataset]:
    """Effects of the single ablations of each further network."""
    count = study_of(folder).population.networks
    names = [member(i) for i in range(1, count + 1)]
    return [effects(schema.open_saved(folder.outcomes, name)) for name in names]


def results(folder: RunFolder, found: MlpEvaluation) -> Results:
    """All numbers behind the figures, from the run folder alone."""
    study, scores = study_of(folder), folder.table("scores")
    images = folder.arrays("images")["images"] / 255
    state, initial = (
        networks.read_weights(folder.path / f"networks/{name}.safetensors")
        for name in ("trained", "initial")
    )
    weight = f"{study.ablation.site}.weight"
    shape = images.shape[1:] if study.ablation.site == "fc1" else (1, state[weight].shape[1])
    own = scores.query("network == 'main'").drop(columns=["network", "site"]).set_index("unit")
    authors = study.network.weights == "authors"
    return Results(
        outcomes=found.outcomes,
        effects=found.effects,
        interactions=found.interactions,
        scores=own.to_xarray(),
        weights=state[weight].numpy().reshape(-1, *shape),
        initial_weights=initial[weight].numpy().reshape(-1, *shape),
        images=images,
        embedding=folder.array("embedding"),
        population=_population(folder),
        cases=PAPER if authors else choose(found.effects, found.interactions),
        first_unit=study.figures.first_unit,
        bootstrap=(study.scores.resamples, study.scores.seed),
        title=", ".join([study.name, *_SHOWN[authors, found.name]]),
    )


def _population(folder: RunFolder) -> Population:
    scores, found = folder.table("scores"), population_effects(folder)
    names = [member(i) for i in range(1, len(found) + 1)]
    p = [scores.query("network == @name").sort_values("unit").mann_whitney_p for name in names]
    return Population(
        p=np.array(p),
        drop_pp=np.array([e["overall_drop_pp"].values for e in found]),
        class_drop_pp=np.array([e["drop_pp"].values for e in found]),
    )
