"""Sampling: an engine built for the whole sweep, and the few examples it is tried on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from time import perf_counter

import torch

from lashley.ablations import Ablation
from lashley.data import Examples
from lashley.data.inputs import take
from lashley.engine import Batch, Evaluation, Prepared, network_fingerprint, prepare
from lashley.planning.calibration import Laps, Samples, sampling_order
from lashley.planning.flops import Flops
from lashley.planning.laps import Course
from lashley.stats import stratified_order

BUILT_ON = 64  # examples that an engine is built on, at most
_LOADED = 2  # batches of different examples
_AGAIN = 0.1  # part of the seconds for the calibration that a second building may take


@dataclass(frozen=True, eq=False)
class PlannedSweep:
    """What is planned.

    Attributes:
        evaluation: The one whose ablations are planned.
        sample: The first of its examples, by which changes to the data are noticed.
        n_examples: How many it will be run on.
    """

    evaluation: Evaluation
    sample: Examples
    n_examples: int

    @property
    def ablations(self) -> Sequence[Ablation]:
        """All of them."""
        return self.evaluation.ablations

    def some_of_reference(self, n: int) -> Examples | None:
        """This many of the reference examples, if there are any."""
        reference = self.evaluation.reference
        return None if reference is None else sample(reference, n, self.evaluation.seed)


def sample(examples: Examples, n: int, seed: int) -> Examples:
    """Some examples that keep each class's share; without class names: classes may be missing."""
    classes = examples.labels if examples.class_names else torch.zeros(len(examples)).long()
    order = stratified_order(classes.cpu().numpy(), seed)[:n]
    which = torch.from_numpy(order).to(examples.labels.device)
    return Examples(take(examples.inputs, order), examples.labels[which], ())


def prepared_for(sweep: PlannedSweep, seconds: float) -> tuple[Prepared, float]:
    """The engine for all ablations, and how long an evaluation takes to build it.

    The first time in a process is slower, so it is built twice where that is quick.

    Args:
        sweep: What is planned.
        seconds: For the calibration.
    """
    prepared, spent = _prepared(sweep)
    return (prepared, spent) if spent > _AGAIN * seconds else _prepared(sweep)


def work_of(
    prepared: Prepared, sweep: PlannedSweep, rows: Sequence[int], flops: Flops, batch: int
) -> Samples:
    """What a calibration can choose from.

    Args:
        prepared: The engine.
        sweep: What is planned.
        rows: Of different ablations.
        flops: After each site.
        batch: Examples at once.
    """
    by_site: dict[str, dict[int, Ablation]] = {}
    for row in rows:
        ablation = sweep.ablations[row - 1]
        by_site.setdefault(ablation.site.name, {})[row] = ablation
    sites = sorted(by_site, key=lambda site: -flops.share(site))
    seed = sweep.evaluation.seed
    return Samples(
        Course(prepared, {row: sweep.ablations[row - 1].site.name for row in rows}),
        _loaded(prepared, sweep, _LOADED * batch),
        batch,
        {site: sampling_order(by_site[site], seed) for site in sites},
        {site: len({a.method for a in by_site[site].values()}) for site in sites},
        {site: flops.share(site) for site in sites},
        prepared.checked,
    )


def quickest_pass(prepared: Prepared, examples: Batch, laps: Laps) -> float:
    """Seconds per example of a whole pass in the number format of the suffixes.

    Args:
        prepared: The engine.
        examples: As many as a lap runs.
        laps: Those in which the intact outcomes were found.
    """
    run = prepared.quick_pass(examples.take(torch.arange(laps.first.n_examples)))
    if run is None:
        return laps.intact
    times = []
    for _ in range(2):
        start = perf_counter()
        run()
        times.append(perf_counter() - start)
    return min(times) / laps.first.n_examples


def _prepared(sweep: PlannedSweep) -> tuple[Prepared, float]:
    given, start = sweep.some_of_reference(BUILT_ON), perf_counter()
    network_fingerprint(sweep.evaluation.network)  # before an evaluation and, inside, after it
    part = replace(
        sweep.evaluation, examples=sweep.sample, reference=given, counted=None, donors=None
    )
    prepared = prepare(part)
    return prepared, perf_counter() - start


def _loaded(prepared: Prepared, sweep: PlannedSweep, n: int) -> Batch:
    """This many different examples, or as many as there are, where the engine computes."""
    some = sample(sweep.evaluation.examples, n, sweep.evaluation.seed)
    return prepared.load_others(some, sweep.some_of_reference(len(some)))
