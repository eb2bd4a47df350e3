"""Running: an evaluation batch by batch, from where it was stopped, to the wanted precision."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import xarray as xr

from lashley.engine.batch import Which
from lashley.engine.precision import Counts
from lashley.engine.prepared import Block, Prepared
from lashley.engine.record import Record, places


@dataclass(frozen=True, eq=False)
class EvaluationRun:
    """An evaluation from its first batch to its last.

    Attributes:
        prepared: Its engine.
    """

    prepared: Prepared

    def to_the_end(
        self, store: str | os.PathLike[str] | None, report: Callable[[int, int], None]
    ) -> xr.Dataset:
        """Find, batch by batch, what is not known yet.

        Args:
            store: A folder for the outcomes, or None.
            report: Called with the outcomes done and all outcomes.
        """
        evaluation = self.prepared.evaluation
        record = Record(evaluation, self.prepared.about, store)
        finished = record.finished
        if finished is not None:
            return finished
        counts, sink = Counts(record.n_rows, evaluation.precision), record.sink
        total, done = record.n_rows * len(evaluation.examples), 0
        for which, following in self._batches(record):
            rows = np.flatnonzero(counts.active & ~record.known(which))
            size = len(evaluation.examples.labels[which])
            done += (record.n_rows - len(rows)) * size
            try:
                for numbers, values in self._found(which, following, rows):
                    sink.write(numbers, places(which), values)
                    done += len(next(iter(values.values()))) * size
                    report(min(done, total), total)
            except KeyboardInterrupt:
                sink.flush()  # what is finished is kept
                raise
            if evaluation.precision is not None:
                active = np.flatnonzero(counts.active[1:]) + 1
                ranks = sink.read(places(which))["rank"]
                counts.add(ranks[0], ranks[active], active)
            if not counts.active[1:].any():
                break
        report(total, total)
        return record.finish(self.prepared.about.attrs, counts)

    def _found(self, which: Which, following: Which | None, rows: np.ndarray) -> Iterator[Block]:
        if len(rows):
            batch = self.prepared.load(which, following)
            yield from self.prepared.run(batch, set(rows.tolist()))

    def _batches(self, record: Record) -> Iterator[tuple[Which, Which | None]]:
        """Which examples, and which ones after them."""
        parts = [record.evaluation.at(part) for part in record.batches]
        yield from zip(parts, [*parts[1:], None], strict=True)
