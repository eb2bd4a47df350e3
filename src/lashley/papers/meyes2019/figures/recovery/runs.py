"""Trainings as the figures see them: accuracy and gap, epoch by epoch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from lashley import stats
from lashley.papers.meyes2019.figures.layers.layer_results import pick
from lashley.papers.meyes2019.figures.recovery.recovery_results import RecoveryResults

Array = np.ndarray


@dataclass(frozen=True)
class Intact:
    """Accuracy of the intact network and its 95 % interval, %."""

    percent: float
    low: float
    high: float


@dataclass(frozen=True)
class RunLine:
    """One training; epoch 0 is the state before it.

    Attributes:
        epoch: (epoch,) counted from 0 within the run.
        total_epoch: (epoch,) counted since the chain of runs began.
        accuracy: (epoch,) %.
        drop: (epoch,) against the intact network, pp.
        low: (epoch,) lower end of the drop's 95 % interval.
        high: (epoch,) upper end.
        share: Of the layer's units, ablated in this run, %.
        diverged: Whether the training was given up because it diverged; earlier epochs are here.
    """

    epoch: Array
    total_epoch: Array
    accuracy: Array
    drop: Array
    low: Array
    high: Array
    share: float
    diverged: bool


@dataclass(frozen=True)
class Spread:
    """Several runs, summed up at each epoch that one of them reached.

    Attributes:
        epoch: (epoch,).
        mean: (epoch,) accuracy over the runs, %.
        least: (epoch,) of the runs.
        most: (epoch,) of the runs.
    """

    epoch: Array
    mean: Array
    least: Array
    most: Array


def instances(
    results: RecoveryResults, site: str, top: int, start: str = "ablated"
) -> tuple[RunLine, ...]:
    """The runs of the instances, in their order."""
    rows = pick(results.recovery, experiment="instances", site=site, top=top, start=start)
    return tuple(_run(pick(rows, instance=i)) for i in sorted(rows["instance"].unique()))


def chain(results: RecoveryResults, site: str, top: int) -> tuple[RunLine, ...]:
    """The iterations of the iterated experiment, in order; of the first chain if there are more."""
    rows = pick(results.recovery, experiment="iterated", site=site, top=top, start="ablated")
    rows = pick(rows, instance=rows["instance"].min())
    return tuple(_run(pick(rows, iteration=i)) for i in sorted(rows["iteration"].unique()))


def intact_control(results: RecoveryResults, site: str, top: int) -> RunLine | None:
    """The intact network, trained as long as the longest experiment; None if that was not done."""
    rows = pick(results.recovery, site=site, top=top, start="intact")
    return _run(pick(rows, instance=rows["instance"].min())) if len(rows) else None


def controls(results: RecoveryResults, site: str, top: int) -> dict[str, tuple[RunLine, ...]]:
    """The controls of the instances by start, none longer than the instances."""
    trained = intact_control(results, site, top)
    found: dict[str, tuple[RunLine, ...]] = {"intact": (trained,) if trained else ()}
    for start in ("redrawn", "from_scratch"):
        found[start] = instances(results, site, top, start)
    end = longest(instances(results, site, top))
    return {start: tuple(until(run, end) for run in of) for start, of in found.items() if of}


def intact(results: RecoveryResults, site: str, top: int) -> Intact:
    """The intact network before any training: what a run has left and what it has lost."""
    first = pick(results.recovery, site=site, top=top).iloc[0]
    percent, total = float(first["accuracy_percent"] + first["drop_pp"]), int(first["total"])
    ends = stats.share_interval(round(percent * total / 100), total)
    return Intact(percent, 100 * float(ends.low), 100 * float(ends.high))


def until(run: RunLine, longest: int) -> RunLine:
    """The same run up to epoch `longest`, as if it had been ended there."""
    kept = run.epoch <= longest
    columns = ("epoch", "total_epoch", "accuracy", "drop", "low", "high")
    diverged = run.diverged and bool(kept.all())
    return replace(run, **{c: getattr(run, c)[kept] for c in columns}, diverged=diverged)


def longest(found: Sequence[RunLine]) -> int:
    """The last epoch that one of the runs reached."""
    return max((int(run.epoch[-1]) for run in found), default=0)


def spread(found: Sequence[RunLine]) -> Spread:
    """Mean and range of some runs."""
    columns = {i: pd.Series(run.accuracy, index=run.epoch) for i, run in enumerate(found)}
    table = pd.DataFrame(columns).sort_index()
    ends = (table.mean(axis=1), table.min(axis=1), table.max(axis=1))
    return Spread(table.index.to_numpy(int), *(end.to_numpy(float) for end in ends))


def _run(rows: pd.DataFrame) -> RunLine:
    rows = rows.sort_values(["iteration", "epoch"])
    names = ("accuracy_percent", "drop_pp", "drop_low_pp", "drop_high_pp")
    return RunLine(
        rows["epoch"].to_numpy(int),
        rows["total_epoch"].to_numpy(int),
        *(rows[name].to_numpy(float) for name in names),
        share=100 * float(rows["ablated_share"].iloc[-1]),
        diverged=str(rows["ended"].iloc[-1]).startswith("diverged"),
    )
