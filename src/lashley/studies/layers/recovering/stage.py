"""The stage of a layer study that retrains; what is finished is never done again.

Every finished retraining leaves a folder of its own in `recovery/` of the run folder. One in
progress has a checkpoint there, which goes when the retraining is done. Retrained networks are not
kept, but for the last one of a chain of iterations as long as that goes on.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from torch import nn

from lashley import networks
from lashley.errors import RunError
from lashley.files import written_whole
from lashley.recovery import Recovery, recover
from lashley.recovery.freezing import frozen_by, trained_modules
from lashley.sites import Site
from lashley.studies.folder import Tell
from lashley.studies.layers.recovering import rows
from lashley.studies.layers.recovering.form import RecoveryPart
from lashley.studies.layers.recovering.images import Sets
from lashley.studies.layers.recovering.ranks import Ranks
from lashley.studies.layers.recovering.runs import INSTANCES, Run, as_long, runs_of
from lashley.studies.layers.recovering.undone import not_measured, undone

_RANKS = "ranks.npz"


@dataclass(frozen=True, eq=False)
class Stage:
    """What the retrainings of all layers share.

    Attributes:
        part: How to retrain.
        network: The intact one, where it is to be trained.
        sets: Images.
        layers: Where each layer stands in forward order, by site.
        home: The folder of the retrainings.
        tell: Told of the epochs done.
    """

    part: RecoveryPart
    network: nn.Module
    sets: Sets
    layers: Mapping[str, int]
    home: Path
    tell: Tell


def retrain(stage: Stage, sites: Sequence[Site]) -> None:
    """Carry out all retrainings of these layers that are not done yet."""
    plan = {site.name: runs_of(site, stage.part) for site in sites}
    done, whole = 0, sum(run.recipe.epochs for runs in plan.values() for run in runs)
    for runs in plan.values():
        chain = 0  # epochs of the iterations so far
        for planned in runs:
            is_intact = planned.start == "intact"
            run = as_long(planned, stage.part, chain) if is_intact else planned
            whole += run.recipe.epochs - planned.recipe.epochs
            _once(stage, run, chain if run.is_step else 0, partial(_told, stage, done, whole))
            epochs = _epochs(stage, run)
            done, whole = done + epochs, whole + epochs - run.recipe.epochs
            chain += epochs if run.is_step else 0
    stage.tell("recovery", done, whole)
    for file in stage.home.glob("*/*.safetensors"):
        file.unlink()


def gathered(stage: Stage, sites: Sequence[Site]) -> tuple[dict[str, pd.DataFrame], Ranks]:
    """The tables of all retrainings, which are done.

    Raises:
        RunError: If they are of several intact networks.
    """
    folders = [_place(stage, run) for site in sites for run in runs_of(site, stage.part)]
    tables = {
        name: pd.concat([pd.read_parquet(f / f"{name}.parquet") for f in folders],
                        ignore_index=True)
        for name in rows.NAMES
    }  # fmt: skip
    ranks = [_ranks(stage, run) for site in sites for run in runs_of(site, stage.part)]
    if any(not np.array_equal(found.intact, ranks[0].intact) for found in ranks):
        raise RunError(
            "run: retrainings are of different intact networks, so they do not fit together. "
            "Start again in a new folder."
        )
    by_run = {key: rank for found in ranks for key, rank in found.by_run.items()}
    return tables, Ranks(ranks[0].intact, by_run)


def _ranks(stage: Stage, run: Run) -> Ranks:
    with np.load(_place(stage, run) / _RANKS, allow_pickle=False) as found:
        return Ranks(found["intact"], {run.key: found["rank"]})


def _told(stage: Stage, before: int, whole: int, done: int, _: int) -> None:
    stage.tell("recovery", before + done, whole)


def _place(stage: Stage, run: Run) -> Path:
    return stage.home / run.ablation.site.name / run.name


def _epochs(stage: Stage, run: Run) -> int:
    """How many a finished run took."""
    table = pd.read_parquet(_place(stage, run) / "recovery.parquet")
    return int(table["epoch"].to_numpy().max())


def _once(stage: Stage, run: Run, begun: int, progress: Callable[[int, int], None]) -> None:
    """Carry out a run if it is not done; `begun` epochs were trained before, in a chain."""
    place = _place(stage, run)
    if place.is_dir():
        return
    checkpoint = place.with_name(f"{place.name}.safetensors")
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    part, sets = stage.part, stage.sets
    found = recover(
        _begins_with(stage, run), run.ablation, sets.training, sets.test, run.recipe,
        validation=sets.validation if run.stop else None, stop=run.stop, freeze=part.freeze,
        train_ablated=part.train_ablated, start=run.start, cache_gb=part.cache_gb,
        intact=stage.network, checkpoint=checkpoint, progress=progress,
    )  # fmt: skip
    if run.is_step:  # before the tables: what follows needs it
        networks.save_weights(found.network, _link(stage, run, run.iteration))
    _write(stage, run, found, begun)
    checkpoint.unlink(missing_ok=True)
    _link(stage, run, run.iteration - 1).unlink(missing_ok=True)


def _link(stage: Stage, run: Run, iteration: int) -> Path:
    """The file of the network after an iteration."""
    return stage.home / run.ablation.site.name / f"after-{iteration}.safetensors"


def _begins_with(stage: Stage, run: Run) -> nn.Module:
    if not run.is_step or run.iteration == 1:
        return stage.network
    weights = networks.read_weights(_link(stage, run, run.iteration - 1))
    return networks.with_weights(copy.deepcopy(stage.network), weights)


def _write(stage: Stage, run: Run, found: Recovery, begun: int) -> None:
    """All that is kept of a run, whole or not at all."""
    site, part, test = run.ablation.site, stage.part, stage.sets.test
    frozen = frozen_by(found.network, site, part.freeze, part.train_ablated, test)
    modules = trained_modules(found.network, frozen)
    keys = rows.keys_of(run, stage.layers[site.name], part.proportion)
    back = (
        undone(found, modules, frozen, test, run.recipe, part.cache_gb)
        if _is_shown(run, part) else not_measured(modules)
    )  # fmt: skip
    tables = {
        "recovery": rows.by_epoch(keys, found, begun),
        "recovery_classes": rows.by_class(keys, found),
        "recovery_layers": rows.by_module(keys, found, modules, back),
    }
    outcomes: Any = found.outcomes
    with written_whole(_place(stage, run)) as draft:
        draft.mkdir()
        for name, table in tables.items():
            table.to_parquet(draft / f"{name}.parquet", index=False)
        np.savez_compressed(
            draft / _RANKS, rank=outcomes["rank"].values, intact=outcomes["intact_rank"].values
        )


def _is_shown(run: Run, part: RecoveryPart) -> bool:
    """Whether its modules are undone: of instances, the last iteration and the intact network."""
    if run.start == "ablated":
        last = max(other.iteration for other in runs_of(run.ablation.site, part))
        return run.experiment == INSTANCES or run.iteration == last
    return run.start == "intact"
