"""The stage of a layer study that retrains; what is finished is never done again.

Every finished retraining leaves a folder of its own in `recovery/` of the run folder. One in
progress has a checkpoint there, which is removed when the retraining is done. Retrained networks
are not kept, except for the last one of a chain of iterations that is still running.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from lashley import networks
from lashley.distribute import Lane, Task, Work, Workplace
from lashley.errors import RunError
from lashley.files import written_whole
from lashley.papers.meyes2019.recovery import rows
from lashley.papers.meyes2019.recovery.form import RecoveryPart
from lashley.papers.meyes2019.recovery.ranks import Ranks
from lashley.papers.meyes2019.recovery.retraining import Kept, Retraining
from lashley.papers.meyes2019.recovery.runs import RecoveryRun, as_long, lanes_of, runs_of
from lashley.sites import Site
from lashley.studies.bar import Bar
from lashley.studies.folder import Tell

_RANKS = "ranks.npz"


@dataclass(frozen=True)
class RecoveryStage:
    """Which retrainings there are, and where they are kept.

    Attributes:
        part: How to retrain.
        sites: The layers.
        home: The folder of the retrainings.
    """

    part: RecoveryPart
    sites: Sequence[Site]
    home: Path

    def place(self, run: RecoveryRun) -> Path:
        """The folder of a retraining."""
        return self.home / run.ablation.site.name / run.name

    def link(self, run: RecoveryRun, iteration: int) -> Path:
        """The file of the network after an iteration of the run's chain."""
        return self.place(run).with_name(f"after-{iteration}.safetensors")


def retrain(stage: RecoveryStage, work: Work, where: Workplace, tell: Tell) -> None:
    """Carry out all retrainings of the stage that are not done yet."""
    sites = [replace(site, weights=None) for site in stage.sites]  # what travels is small
    plan = [runs for site in sites for runs in lanes_of(site, stage.part)]
    bar = Bar(tell, "recovery", sum(run.recipe.epochs for runs in plan for run in runs))
    where.carry_out(work, [_lane(stage, runs, bar) for runs in plan], bar.running)
    for file in stage.home.glob("*/*.safetensors"):
        file.unlink()


def gathered(stage: RecoveryStage) -> tuple[dict[str, pd.DataFrame], Ranks]:
    """The tables of all retrainings, once they are done.

    Raises:
        RunError: If they belong to different intact networks.
    """
    runs = [run for site in stage.sites for run in runs_of(site, stage.part)]
    tables = {
        name: pd.concat([pd.read_parquet(stage.place(run) / f"{name}.parquet") for run in runs],
                        ignore_index=True)
        for name in rows.NAMES
    }  # fmt: skip
    ranks = [_ranks(stage, run) for run in runs]
    if any(not np.array_equal(found.intact, ranks[0].intact) for found in ranks):
        raise RunError(
            "run: retrainings are of different intact networks, so they do not fit together. "
            "Start again in a new folder."
        )
    by_run = {key: rank for found in ranks for key, rank in found.by_run.items()}
    return tables, Ranks(ranks[0].intact, by_run)


def _ranks(stage: RecoveryStage, run: RecoveryRun) -> Ranks:
    with np.load(stage.place(run) / _RANKS, allow_pickle=False) as found:
        return Ranks(found["intact"], {run.key: found["rank"]})


def _lane(stage: RecoveryStage, runs: Sequence[RecoveryRun], bar: Bar) -> Lane:
    """Runs that follow one another, without those that are done."""
    chain = 0  # epochs of the iterations so far
    for planned in runs:
        run = as_long(planned, stage.part, chain) if planned.start == "intact" else planned
        bar.expect(run.recipe.epochs - planned.recipe.epochs)
        name = f"{run.ablation.site.name}/{run.name}"
        if not stage.place(run).is_dir():
            retraining = _retraining(stage, run, chain)
            _keep(stage, run, (yield Task(name, retraining)))
            _clear(stage, run, retraining.checkpoint)
        epochs = _epochs(stage, run)
        bar.expect(epochs - run.recipe.epochs)
        bar.finish(name, epochs)
        chain += epochs if run.is_step else 0


def _epochs(stage: RecoveryStage, run: RecoveryRun) -> int:
    """How many epochs a finished run took."""
    table = pd.read_parquet(stage.place(run) / "recovery.parquet")
    return int(table["epoch"].to_numpy().max())


def _retraining(stage: RecoveryStage, run: RecoveryRun, chain: int) -> Retraining:
    goes_on = run.is_step and run.iteration > 1
    weights = networks.read_weights(stage.link(run, run.iteration - 1)) if goes_on else None
    checkpoint = stage.place(run).with_name(f"{run.name}.safetensors").absolute()
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    return Retraining(run, weights, chain if run.is_step else 0, checkpoint)


def _keep(stage: RecoveryStage, run: RecoveryRun, found: Kept) -> None:
    """All that is kept of a run, whole or not at all."""
    if found.weights is not None:  # before the tables: what follows needs it
        networks.write_weights(found.weights, stage.link(run, run.iteration))
    with written_whole(stage.place(run)) as draft:
        draft.mkdir()
        for name, table in found.tables.items():
            table.to_parquet(draft / f"{name}.parquet", index=False)
        np.savez_compressed(draft / _RANKS, rank=found.ranks["rank"], intact=found.ranks["intact"])


def _clear(stage: RecoveryStage, run: RecoveryRun, checkpoint: Path) -> None:
    """Remove what only an unfinished run needs."""
    checkpoint.unlink(missing_ok=True)
    stage.link(run, run.iteration - 1).unlink(missing_ok=True)
