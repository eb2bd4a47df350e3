"""Making a plan: build, time, fit, add up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt
from statistics import mean
from time import perf_counter

import numpy as np
import pandas as pd

from lashley.ablations import Ablation, replacements
from lashley.engine import Prepared, batch_size, check_classes
from lashley.methods import takes_moments
from lashley.outcomes import size_of
from lashley.planning.calibration import Laps, Samples, calibrate
from lashley.planning.fit import Fitted, fit
from lashley.planning.flops import flops
from lashley.planning.model import (
    CostModel,
    counts_by_site,
    equivalents,
    seconds_by_site,
    seconds_of,
    seconds_on,
)
from lashley.planning.planned import Plan
from lashley.planning.sampling import (
    PlannedSweep,
    prepared_for,
    quickest_pass,
    work_of,
)
from lashley.planning.stopping import changed_in, expected_examples
from lashley.readouts import CLASSIFICATION
from lashley.stats import confidence_sequence

_ROUGH = 1.35  # an estimate may be off by this factor
_ROUGHER = 1.0  # and by this much more, times the part of the time at sites without laps
_GUESSED = 1.25  # times this, where the number of examples is estimated too


@dataclass(frozen=True, eq=False)
class Timed:
    """What a plan is added up from.

    Attributes:
        sweep: What is planned.
        prepared: The engine.
        setup: Seconds that building it takes.
        batch: Examples at once.
        rows: Of different ablations.
        work: What could be sampled.
        laps: What was timed.
        fitted: What follows from that.
    """

    sweep: PlannedSweep
    prepared: Prepared
    setup: float
    batch: int
    rows: list[int]
    work: Samples
    laps: Laps
    fitted: Fitted

    @property
    def distinct(self) -> list[Ablation]:
        """Different ablations."""
        return [self.sweep.ablations[row - 1] for row in self.rows]


def planned(sweep: PlannedSweep, seconds: float, devices: int) -> Plan:
    """The plan of a sweep.

    Args:
        sweep: Checked.
        seconds: For the laps, about.
        devices: How many there will be.
    """
    prepared, setup = prepared_for(sweep, seconds)
    return _plan(_found(sweep, prepared, setup, seconds), devices)


def model_of(sweep: PlannedSweep, prepared: Prepared, seconds: float) -> CostModel:
    """What the ablations of a sweep cost with an engine that is already built.

    Args:
        sweep: Checked.
        prepared: For all of its ablations; building is not counted.
        seconds: For the laps, about.
    """
    return _model(_found(sweep, prepared, 0.0, seconds))


def _found(sweep: PlannedSweep, prepared: Prepared, setup: float, seconds: float) -> Timed:
    evaluation = sweep.evaluation
    names = dict.fromkeys(a.site.name for a in sweep.ablations)
    counted = flops(evaluation.network, evaluation.examples, names)
    if evaluation.readout.name == CLASSIFICATION.name:
        check_classes(evaluation.examples, counted.n_outputs)
    rows, batch = prepared.distinct_rows, _batch(prepared, sweep)
    work = work_of(prepared, sweep, rows, counted, batch)
    laps = calibrate(work, seconds)
    fitted = fit(laps, work.shares, quickest_pass(prepared, work.examples, laps))
    return Timed(sweep, prepared, setup, batch, rows, work, laps, fitted)


def _plan(found: Timed, devices: int) -> Plan:
    sweep, distinct, model = found.sweep, found.distinct, _model(found)
    counts = _examples(found)
    seconds = seconds_of(model, distinct, counts)
    off = _off(found, seconds_by_site(model, distinct, counts))
    n = len(sweep.ablations)
    return Plan(
        n_ablations=n,
        n_distinct=len(distinct),
        n_examples=sweep.n_examples,
        examples_per_ablation=float(counts.mean()),
        forward_equivalents=equivalents(distinct, counts, found.work.shares),
        naive_equivalents=n * sweep.n_examples,
        memory=found.prepared.footprint(found.batch),
        disk=size_of(n, sweep.n_examples, found.prepared.about.kinds),
        seconds=seconds,
        low=seconds / off,
        high=seconds * off,
        devices=devices,
        seconds_on_devices=seconds_on(model, distinct, counts, devices, found.batch),
        batch=found.batch,
        precision=sweep.evaluation.precision,
        how=_how(found),
        model=model,
        table=_table(found, model, counts),
    )


def _model(found: Timed) -> CostModel:
    """The model of a sweep, with what depends on all of its ablations at once."""
    sweep, each = found.sweep, found.laps.intact
    setup = found.setup
    means = any(map(takes_moments, replacements(sweep.ablations).values()))
    reference = sweep.evaluation.reference
    if means and reference is not None:
        setup += each * len(reference)  # the activations there
    start = perf_counter()
    sweep.sample.current_fingerprint()
    per_example = (perf_counter() - start) / len(sweep.sample)
    if sweep.evaluation.precision is not None:
        per_example += _look(len(sweep.ablations)) / found.batch
    return CostModel(setup, per_example + found.fitted.per_example, found.fitted.sites)


def _look(n: int) -> float:
    """Seconds of a look at the precision of this many ablations."""
    start = perf_counter()
    confidence_sequence(np.arange(n) % 50, np.arange(n) % 20, np.full(n, 1000))
    return perf_counter() - start


def _examples(found: Timed) -> np.ndarray:
    """(ablation) on how many examples each of the different ablations is run."""
    sweep = found.sweep
    precision = sweep.evaluation.precision
    if precision is None:
        return np.full(len(found.rows), float(sweep.n_examples))
    shares, sampled = found.work.shares, found.fitted.sampled
    nearest = {site: min(sampled, key=lambda s: (abs(shares[s] - shares[site]), s))
               for site in shares}  # fmt: skip
    index = {row: i for i, row in enumerate(found.rows)}
    changed = {index[row]: c for row, c in changed_in(found.laps).items()}
    return expected_examples(
        found.distinct, changed, nearest, precision, sweep.n_examples, found.batch
    )


def _table(found: Timed, model: CostModel, counts: np.ndarray) -> pd.DataFrame:
    shares, by_site = found.work.shares, counts_by_site(found.distinct, counts)
    seconds = seconds_by_site(model, found.distinct, counts)
    return pd.DataFrame({
        "site": list(shares),
        "ablations": [len(by_site[s]) for s in shares],
        "share": list(shares.values()),
        "examples": [mean(by_site[s]) for s in shares],
        "seconds_per_1000": [1000 * model.sites[s].per_outcome for s in shares],
        "seconds": [seconds[s] for s in shares],
        "sampled": [s in found.fitted.sampled for s in shares],
    })  # fmt: skip


def _off(found: Timed, seconds: Mapping[str, float]) -> float:
    """The factor by which the time may be off, either way."""
    total = sum(seconds.values())
    unknown = sum(s for site, s in seconds.items() if site not in found.fitted.sampled)
    off = (_ROUGH + _ROUGHER * unknown / total if total else _ROUGH) * sqrt(found.fitted.noise)
    return off if found.sweep.evaluation.precision is None else off * _GUESSED


def _how(found: Timed) -> str:
    options, attrs = found.sweep.evaluation.options, found.prepared.about.attrs
    dtype = str(options.dtype).removeprefix("torch.")
    return f"engine {attrs['engine']}, {dtype}, {options.device}"


def _batch(prepared: Prepared, sweep: PlannedSweep) -> int:
    """Examples that the sweep will take at once."""
    precision = sweep.evaluation.precision
    size = batch_size(prepared.about, len(sweep.ablations), sweep.n_examples, precision)
    return min(size, sweep.n_examples)
