"""Calibration: a few laps of the real engine, sized for the seconds available."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from time import perf_counter

import torch

from lashley.ablations import Ablation
from lashley.engine import TRIALS as ONE_WAY
from lashley.engine import Batch
from lashley.planning.laps import INTACT, Course, Lap

TRIALS = 2 * ONE_WAY  # after which the engine knows the faster of two ways of a suffix
_PAIRS = 2  # of laps, on different examples
_MOST_SITES = 24  # that are sampled
_MOST_SETS = 512  # ablations of a site by one method, in a lap
_PROBE = 0.03  # part of the seconds that one intact pass may take
_LAPS = 0.4  # part of the seconds for the first laps
_SITES = 0.6  # and for what each site needs at any size of lap
_TRIED = 0.5  # part of the seconds after which no more first laps are begun, except two
_LEFT = 0.2  # part of the seconds for the large laps, at least


@dataclass(frozen=True, eq=False)
class Samples:
    """What can be sampled.

    Attributes:
        course: The course, with the engine.
        examples: Those that laps are run on.
        batch: How many the engine takes at once.
        rows: Rows of the outcomes by site, in forward order: the first `n_places` of them differ in
            their method, the others are in random order.
        n_places: Methods by site.
        shares: The part of a forward pass after each site.
        checked: Outcomes that each place is first checked on.
    """

    course: Course
    examples: Batch
    batch: int
    rows: Mapping[str, Sequence[int]]
    n_places: Mapping[str, int]
    shares: Mapping[str, float]
    checked: int


@dataclass(frozen=True, eq=False)
class Laps:
    """What was timed.

    Attributes:
        first: A lap of few ablations, with what is done once.
        pairs: Laps of few and of many ablations.
        intact: Seconds per example of an intact pass.
    """

    first: Lap
    pairs: Sequence[tuple[Lap, Lap]]
    intact: float


def calibrate(work: Samples, seconds: float) -> Laps:
    """Time laps with few ablations of each site, then with many.

    Args:
        work: What to run.
        seconds: About how long; three laps of one site are run in any case.
    """
    start = perf_counter()
    size, intact = _probe(work, _PROBE * seconds)
    sites = _affordable(work, intact, _SITES * seconds)
    load = sum(work.n_places[s] * work.shares[s] for s in sites)
    size = max(1, min(size, int(_LAPS * seconds / ((TRIALS + 1) * intact * (load + 2)))))
    batches = _batches(work, size)
    few = {site: work.rows[site][: work.n_places[site]] for site in sites}
    laps = [_lap(work, batches[0], few)]
    while len(laps) <= TRIALS and (len(laps) < 2 or perf_counter() - start < _TRIED * seconds):
        laps.append(_lap(work, batches[0], few))
    left = max(_LEFT * seconds, seconds - (perf_counter() - start))
    many = _many(work, laps[-1], left / len(batches) - 2 * laps[-1].seconds[INTACT])
    pairs = [(laps[-1], _lap(work, batches[0], many))]
    pairs += [(_lap(work, batch, few), _lap(work, batch, many)) for batch in batches[1:]
              if perf_counter() - start < seconds]  # fmt: skip
    return Laps(laps[0], pairs, intact)


def sampling_order(rows: Mapping[int, Ablation], seed: int) -> list[int]:
    """Rows of a site, ordered so that any first part is like the whole; one of each method first.

    Methods and proportions take turns. In each of these, units are drawn one after another, and
    each brings the ablations of itself with those drawn before. So pairs come together with their
    single units, which saves the engine work.

    Args:
        rows: Ablations of one site, by row.
        seed: Of the order of the units.
    """
    n_units = next(iter(rows.values())).site.n_units
    places = random.Random(seed).sample(range(n_units), n_units)
    alike: dict[tuple, list[int]] = {}
    for row in sorted(rows, key=lambda row: (max(places[u] for u in rows[row].units), row)):
        alike.setdefault((rows[row].method, rows[row].columns.get("proportion")), []).append(row)
    turns = {row: ((i + 0.5) / len(kind), row) for kind in alike.values()
             for i, row in enumerate(kind)}  # fmt: skip
    mixed = sorted(rows, key=turns.__getitem__)
    ahead = {rows[row].method: row for row in reversed(mixed)}.values()
    return [*ahead, *(row for row in mixed if row not in ahead)]


def _lap(work: Samples, batch: Batch, rows: Mapping[str, Sequence[int]]) -> Lap:
    return work.course.lap(batch, chain.from_iterable(rows.values()))


def _batches(work: Samples, size: int) -> list[Batch]:
    """Different examples, in as many batches as pairs of laps; fewer if there are not enough."""
    n = max(1, min(_PAIRS, len(work.examples.labels) // size))
    return [work.examples.take(torch.arange(i * size, (i + 1) * size)) for i in range(n)]


def _probe(work: Samples, allowed: float) -> tuple[int, float]:
    """How many examples an intact pass can take, and its seconds per example."""
    size, most = 1, min(work.batch, len(work.examples.labels))
    work.course.lap(work.examples.take(torch.arange(1)), ())  # the very first pass is slow
    while True:
        spent = work.course.lap(work.examples.take(torch.arange(size)), ()).total
        if size == most or 4 * spent > allowed:
            return size, spent / size
        size = min(most, 4 * size)


def _affordable(work: Samples, intact: float, allowed: float) -> list[str]:
    """Sites at even distances, the last ones if there is no time for all; at least one."""
    every = list(work.rows)
    n = min(len(every), _MOST_SITES)
    some = [every[round(i * (len(every) - 1) / max(1, n - 1))] for i in range(n)]
    some.sort(key=lambda site: work.shares[site])
    chosen = some[:1]
    for site in some[1:]:
        allowed -= work.n_places[site] * work.shares[site] * intact * (work.checked + TRIALS + 1)
        if allowed < 0:
            break
        chosen.append(site)
    return [site for site in every if site in chosen]


def _many(work: Samples, few: Lap, seconds: float) -> dict[str, Sequence[int]]:
    """As many ablations of each site as fit: equal time for each; what one leaves, others use.

    Args:
        work: What to run.
        few: A lap of few ablations.
        seconds: For all of them.
    """
    chosen = {}
    waiting = sorted(few.counts, key=lambda site: few.seconds[site] / few.counts[site])
    while waiting:
        site = waiting.pop(0)
        each = few.seconds[site] / few.counts[site]
        fitting = int(max(0.0, seconds) / (len(waiting) + 1) / each) if each > 0 else _MOST_SETS
        n = max(2 * few.counts[site], min(fitting, _MOST_SETS * work.n_places[site]))
        chosen[site] = work.rows[site][:n]
        seconds -= len(chosen[site]) * each
    return chosen
