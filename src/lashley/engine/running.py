"""Running: an evaluation batch by batch, from where it was stopped, to the wanted precision."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from lashley.engine.batch import Batch
from lashley.engine.building import Built
from lashley.engine.evaluation import Evaluation
from lashley.engine.loading import Loader, Which
from lashley.engine.precision import Counts
from lashley.engine.record import About, Record, loader_of, places

Block = tuple[Any, dict[str, np.ndarray]]
"""Rows of the outcomes, and what was found (row, example) by name."""


@dataclass(frozen=True, eq=False)
class Run:
    """An evaluation whose engine has been built.

    Attributes:
        evaluation: What is asked.
        built: With what.
    """

    evaluation: Evaluation
    built: Built

    def to_the_end(
        self, store: str | os.PathLike[str] | None, report: Callable[[int, int], None]
    ) -> xr.Dataset:
        """Batch by batch, what is not known yet.

        Args:
            store: A folder for the outcomes, or None.
            report: Called with the outcomes done and all outcomes.
        """
        record = Record(self.evaluation, About.of(self.built), store)
        finished = record.finished
        if finished is not None:
            return finished
        counts = Counts(record.n_rows, self.evaluation.precision)
        loader, sink = loader_of(self.evaluation, self.built.together), record.sink
        total, done = record.n_rows * len(self.evaluation.examples), 0
        for which, following in self._batches(record):
            rows = np.flatnonzero(counts.active & ~record.known(which))
            size = len(self.evaluation.examples.labels[which])
            done += (record.n_rows - len(rows)) * size
            try:
                for numbers, values in self._found(loader, (which, following), rows):
                    sink.write(numbers, places(which), values)
                    done += len(next(iter(values.values()))) * size
                    report(min(done, total), total)
            except KeyboardInterrupt:
                sink.flush()  # what is finished is kept
                raise
            if self.evaluation.precision is not None:
                active = np.flatnonzero(counts.active[1:]) + 1
                ranks = sink.read(places(which))["rank"]
                counts.add(ranks[0], ranks[active], active)
            if not counts.active[1:].any():
                break
        report(total, total)
        return record.finish(self.built.attrs(), counts)

    def _found(
        self, loader: Loader, which: tuple[Which, Which | None], rows: np.ndarray
    ) -> Iterator[Block]:
        if len(rows):
            yield from found(self.built, loader.load(*which), set(rows.tolist()))

    def _batches(self, record: Record) -> Iterator[tuple[Which, Which | None]]:
        """Which examples, and which ones after them."""
        parts = [self.evaluation.at(part) for part in record.batches]
        yield from zip(parts, [*parts[1:], None], strict=True)


def found(built: Built, batch: Batch, rows: set[int]) -> Iterator[Block]:
    """What an engine finds for some rows of a batch, block by block.

    Args:
        built: The engine.
        batch: As a loader has loaded it.
        rows: Of the outcomes; row 0 is found in any case.
    """
    for numbers, values in built.engine.run(batch, rows):
        yield _plain(numbers), {name: value.numpy() for name, value in values.items()}


def _plain(rows: tuple[int, ...]) -> Any:
    """Consecutive rows as a slice: that copies nothing."""
    first = rows[0]
    whole = slice(first, first + len(rows))
    return whole if rows == tuple(range(whole.start, whole.stop)) else list(rows)
