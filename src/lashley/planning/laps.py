"""Laps: an engine's runs on a sample, with a stopwatch at each site."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from time import perf_counter

import numpy as np

from lashley.engine import Batch, Prepared

INTACT = ""  # in place of a site: the network without ablation


@dataclass(frozen=True, eq=False)
class Lap:
    """One run of some ablations on one batch.

    Attributes:
        n_examples: In the batch.
        seconds: Spent for each site, from the end of the one before; `INTACT` is the first.
        counts: Ablations by site.
        ranks: (example,) by row of the outcomes; row 0 is the intact network.
    """

    n_examples: int
    seconds: Mapping[str, float]
    counts: Mapping[str, int]
    ranks: Mapping[int, np.ndarray]

    @property
    def total(self) -> float:
        """Seconds of the whole lap."""
        return sum(self.seconds.values())


@dataclass(frozen=True, eq=False)
class Course:
    """What laps are run on.

    Attributes:
        prepared: The engine for all ablations.
        sites: The site of each row of the outcomes, by row.
    """

    prepared: Prepared
    sites: Mapping[int, str]

    def lap(self, batch: Batch, rows: Iterable[int]) -> Lap:
        """Run some ablations; an engine's outcomes are in main memory when it hands them over."""
        wanted = set(rows)
        spent: dict[str, float] = {}
        ranks: dict[int, np.ndarray] = {}
        batch.forget()  # what an earlier lap computed must be timed again
        start = perf_counter()
        for rows_found, values in self.prepared.run(batch, {0, *wanted}):
            found = np.r_[rows_found].tolist()
            ranks |= zip(found, values.get("rank", next(iter(values.values()))), strict=True)
            now = perf_counter()
            site = self.sites.get(found[0], INTACT)
            spent[site] = spent.get(site, 0.0) + now - start
            start = now
        return Lap(len(batch.labels), spent, Counter(self.sites[r] for r in wanted), ranks)
