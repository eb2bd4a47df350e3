"""Sampling: an engine built for the whole sweep, and the few examples it is tried on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter

import torch
from torch import Tensor, nn

from lashley.ablations import Ablation
from lashley.data import Examples
from lashley.data.inputs import take
from lashley.engine.apart import takes_donors
from lashley.engine.batch import Batch
from lashley.engine.building import Built, build
from lashley.engine.case import Options
from lashley.engine.engines import Sweeping
from lashley.engine.guards import network_fingerprint
from lashley.engine.loading import Loader
from lashley.engine.runners import SAMPLE
from lashley.planning.calibration import Laps, Work, sampling_order
from lashley.planning.flops import Flops
from lashley.planning.laps import Course
from lashley.readouts import CLASSIFICATION
from lashley.stats import stratified_order

BUILT_ON = 64  # examples that an engine is built on, at most
_LOADED = 2  # batches of different examples
_CHECKED = 2 * SAMPLE  # outcomes that each place is first checked on, where a quick way is taken
_AGAIN = 0.1  # part of the seconds for the calibration that a second building may take


@dataclass(frozen=True, eq=False)
class Sweep:
    """What is planned.

    Attributes:
        network: In eval mode.
        examples: Of which samples are taken.
        sample: The first of them, by which changes to the data are noticed.
        reference: Examples that activations are taken from, or None.
        ablations: All of them.
        n_examples: That it will be run on.
        precision: Half width in %p, or None.
        options: How it will be run.
        seed: Of the samples.
    """

    network: nn.Module
    examples: Examples
    sample: Examples
    reference: Examples | None
    ablations: Sequence[Ablation]
    n_examples: int
    precision: float | None
    options: Options
    seed: int


def sample(examples: Examples, n: int, seed: int) -> Examples:
    """Some examples, each class in its share; without class names, as classes may be missing."""
    classes = examples.labels if examples.class_names else torch.zeros(len(examples)).long()
    order = stratified_order(classes.cpu().numpy(), seed)[:n]
    which = torch.from_numpy(order).to(examples.labels.device)
    return Examples(take(examples.inputs, order), examples.labels[which], ())


def built_for(sweep: Sweep, seconds: float) -> tuple[Built, float]:
    """The engine for all ablations, and how long an evaluation takes to build it.

    The first time in a process is slower, so it is built twice where that is quick.

    Args:
        sweep: What is planned.
        seconds: For the calibration.
    """
    built, spent = _built(sweep)
    return (built, spent) if spent > _AGAIN * seconds else _built(sweep)


def distinct_rows(built: Built, n_ablations: int) -> list[int]:
    """Rows of the outcomes of which no two are of equal ablations; row i + 1 is of ablation i."""
    if not isinstance(built.engine, Sweeping):
        return list(range(1, n_ablations + 1))
    found = []
    for setting in built.engine.settings:
        pairs = zip(setting.sets, setting.rows, strict=True)
        found += {index: row for index, row in sorted(pairs, reverse=True)}.values()
    return sorted(found)


def work_of(built: Built, sweep: Sweep, rows: Sequence[int], flops: Flops, batch: int) -> Work:
    """What a calibration can choose from.

    Args:
        built: The engine.
        sweep: What is planned.
        rows: Of different ablations.
        flops: Behind each site.
        batch: Examples at once.
    """
    by_site: dict[str, dict[int, Ablation]] = {}
    for row in rows:
        ablation = sweep.ablations[row - 1]
        by_site.setdefault(ablation.site.name, {})[row] = ablation
    sites = sorted(by_site, key=lambda site: -flops.share(site))
    quick = isinstance(built.engine, Sweeping) and built.engine.sweep.quick is not None
    return Work(
        Course(built.engine, {row: sweep.ablations[row - 1].site.name for row in rows}),
        _loaded(sweep, _LOADED * batch),
        batch,
        {site: sampling_order(by_site[site], sweep.seed) for site in sites},
        {site: len({a.method for a in by_site[site].values()}) for site in sites},
        {site: flops.share(site) for site in sites},
        _CHECKED if quick else 0,
    )


def quickest_pass(built: Built, examples: Batch, laps: Laps) -> float:
    """Seconds per example of a whole pass in the number format of the suffixes.

    Args:
        built: The engine.
        examples: As many as in a lap are run.
        laps: In which the intact outcomes were found.
    """
    quick = built.engine.sweep.quick if isinstance(built.engine, Sweeping) else None
    if quick is None:
        return laps.intact
    some = examples.take(torch.arange(laps.first.n_examples))
    inputs = some.to(quick.dtype).inputs
    times = []
    for _ in range(2):
        start = perf_counter()
        with torch.no_grad():
            quick.run(inputs).cpu()
        times.append(perf_counter() - start)
    return min(times) / laps.first.n_examples


def _built(sweep: Sweep) -> tuple[Built, float]:
    some = sweep.sample
    given = sweep.reference and sample(sweep.reference, BUILT_ON, sweep.seed)
    start = perf_counter()
    network_fingerprint(sweep.network)  # before an evaluation and, inside `build`, after it
    built = build(sweep.network, some, given, sweep.ablations, CLASSIFICATION, sweep.options,
                  precision=sweep.precision)  # fmt: skip
    return built, perf_counter() - start


def _loaded(sweep: Sweep, n: int) -> Batch:
    """So many different examples, or as many as there are, where the engine computes."""
    some = sample(sweep.examples, n, sweep.seed)
    donors = _donors(sweep, len(some))
    given = sweep.reference and sample(sweep.reference, len(some), sweep.seed)
    loader = Loader(some, given, donors, torch.device(sweep.options.device))
    return loader.load(slice(0, len(some)), None)


def _donors(sweep: Sweep, n: int) -> Tensor | None:
    if sweep.reference is None or not takes_donors(sweep.ablations):
        return None
    return torch.arange(n) % min(n, len(sweep.reference))
