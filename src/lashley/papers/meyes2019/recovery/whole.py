"""Recovery as a whole: what is checked before any work, what is done, what it leaves."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

from lashley.data import Examples
from lashley.designs import random_groups
from lashley.errors import LashleyError, RunError, StudyError
from lashley.papers.meyes2019.layers.study import LayerStudy
from lashley.papers.meyes2019.layers.tables import label_of
from lashley.papers.meyes2019.recovery.choosing import changes_in, chosen, importance
from lashley.papers.meyes2019.recovery.form import RecoveryPart
from lashley.papers.meyes2019.recovery.images import Sets, check_sizes, sets_of
from lashley.papers.meyes2019.recovery.retraining import work
from lashley.papers.meyes2019.recovery.stage import RecoveryStage, gathered, retrain
from lashley.recovery.freezing import frozen_by
from lashley.sites import Site
from lashley.studies.folder import RunFolder
from lashley.studies.stages import Job

_HOME = "recovery"
RANKS = "ranks"


def check(study: LayerStudy, network: nn.Module, sites: Sequence[Site], example: Any) -> None:
    """Check all that can be wrong with a study's recovery before any long work.

    Args:
        study: Which.
        network: Of the study's architecture.
        sites: Its convolutions.
        example: One that it takes.

    Raises:
        StudyError: Naming the key.
        DataError: If the images cannot be loaded.
        AblationError: If the proportion leaves no filter.
    """
    part = study.recovery
    if part is None:
        return
    candidates = _named(part, sites) if part.sites else sites
    for site in candidates:
        random_groups(site, part.proportion, 1)
        try:
            frozen_by(network, site, part.freeze, part.train_ablated, example)
        except LashleyError as error:
            raise StudyError(f"recovery.{error}") from error
    check_sizes(study)


def carry_out(job: Job, network: nn.Module, swept: Examples, sites: Sequence[Site]) -> None:
    """Retrain, and write the tables; what is already done is not done again.

    Args:
        job: The run of a study with the part recovery, which has the tables of the sweep.
        network: Intact.
        swept: The images of the sweep.
        sites: The network's convolutions.

    Raises:
        RunError: If the images changed since the run began.
        DataError: If they cannot be loaded.
    """
    study, folder, part = job.study, job.folder, job.study.recovery
    home = folder.path / _HOME
    costs = _costs(study, folder, swept, sites)
    taken = _named(part, sites) if part.sites else chosen(sites, costs)
    sets = sets_of(study, swept, home / "images", job.tell)
    _keep_provenance(folder, part, sets, {s.name: costs[s.name] for s in taken})
    layers = {site.name: i for i, site in enumerate(sites)}
    threads = folder.json("provenance")["threads"]
    stage = RecoveryStage(part, taken, home)
    retrain(stage, work(part, network, layers, sets, threads), job.where, job.tell)
    tables, ranks = gathered(stage)
    folder.write_arrays(RANKS, ranks.arrays())
    for name, table in tables.items():
        folder.write_table(name, table)
    shutil.rmtree(home / "images", ignore_errors=True)


def _named(part: RecoveryPart, sites: Sequence[Site]) -> list[Site]:
    """The layers that the study names, in forward order.

    Raises:
        StudyError: If there is no such layer.
    """
    names = {site.name for site in sites}
    unknown = [name for name in part.sites or () if name not in names]
    if unknown:
        raise StudyError(
            f"recovery.sites: given {', '.join(unknown)}; allowed are "
            f"{', '.join(site.name for site in sites)}."
        )
    return [site for site in sites if site.name in (part.sites or ())]


def _costs(
    study: LayerStudy, folder: RunFolder, swept: Examples, sites: Sequence[Site]
) -> dict[str, float]:
    """What the layers cost on the first half of the sweep's images; nothing if all are named.

    Raises:
        RunError: If the sweep was on other images.
    """
    part = study.recovery
    if part is None or part.method not in study.sweep.methods:
        return dict.fromkeys((site.name for site in sites), torch.nan)
    changes = changes_in(folder.arrays("changes"))
    if changes.label.tolist() != swept.labels.tolist():
        raise RunError(
            "run: the sweep was on other images than those here now, so its parts would not fit "
            "together. Start again in a new folder."
        )
    labels = {site.name: label_of(site.name) for site in sites}
    return importance(changes, labels, part, study.network.classes)


def _keep_provenance(
    folder: RunFolder, part: RecoveryPart, sets: Sets, costs: Mapping[str, float]
) -> None:
    """Write down what a recovery is made with, or check that it is still the same.

    Raises:
        RunError: If images changed since it began.
    """
    content, named = folder.json("provenance"), vars(sets)
    found = {
        "seeds": {"groups, images": part.seed, "batches, weights": part.training.seed},
        "images": {f"{name} images": len(images) for name, images in named.items()},
        "fingerprints": {f"{name} images": images.fingerprint for name, images in named.items()},
        "layers, with their drop in pp on the first half of the sweep's images":
            {site: None if cost != cost else cost for site, cost in costs.items()},
    }  # fmt: skip
    before = content.setdefault(_HOME, found)["fingerprints"]
    changed = [name for name, value in found["fingerprints"].items() if before[name] != value]
    if changed:
        raise RunError(
            f"run: {', '.join(changed)} of the recovery changed since it began, so its parts would "
            "not fit together. Start again in a new folder."
        )
    folder.write_json("provenance", content)
