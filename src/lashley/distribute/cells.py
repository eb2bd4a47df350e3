"""Cells: the tiles of a sweep as tasks, from its record and back into it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from lashley.distribute.ledger import Ledger, costs_of
from lashley.distribute.sweeping import Outcomes
from lashley.distribute.tiles import Tile
from lashley.distribute.work import Task
from lashley.engine import Counts, Record, Which, places
from lashley.planning import CostModel


class Cells:
    """A source of the tiles of a sweep; what the record has already is not handed out.

    Args:
        record: Where outcomes go.
        model: What they cost.
        workers: How many there are.
        report: Called with the outcomes done and all outcomes of ablations.
    """

    def __init__(
        self, record: Record, model: CostModel, workers: int, report: Callable[[int, int], None]
    ) -> None:
        evaluation = record.evaluation
        self._record, self._report = record, report
        self._batches, self._done = record.batches, 0
        self._total = len(evaluation.ablations) * len(evaluation.examples)
        self._counts = Counts(record.n_rows, evaluation.precision)
        self._attrs: dict[str, tuple[int, Mapping[str, Any]]] = {}
        self._in_hand: dict[str, Tile] = {}
        self._again: list[Tile] = []
        sizes = [part.stop - part.start for part in self._batches]
        costs = costs_of(model, evaluation.ablations, sizes)
        self._ledger = Ledger(costs, self._begin(), workers)

    def take(self, worker: int) -> Task | None:
        """As `Source.take`."""
        tile = self._again.pop() if self._again else self._ledger.take(worker)
        if tile is None:
            return None
        self._in_hand[tile.name] = tile
        return Task(tile.name, tile)

    def give_back(self, task: Task) -> None:
        """As `Source.give_back`; the tile stays the same, as its failures are counted by name."""
        self._again.append(self._in_hand.pop(task.name))

    def keep(self, task: Task, result: Outcomes) -> None:
        """Write outcomes; with a precision, see which ablations continue."""
        tile = self._in_hand.pop(task.name)
        for rows, part, values in result.blocks:
            self._record.sink.write(rows, places(self._record.evaluation.at(part)), values)
        self._done += len(tile.rows) * (tile.stop - tile.start)
        if self._record.evaluation.precision is not None:
            self._go_on(tile, result)
        self._keep_attrs(result)

    def leave(self, worker: int) -> None:
        """As `Source.leave`."""
        self._ledger.leave(worker)

    def tell(self, running: Mapping[str, int]) -> None:
        """As `Source.tell`."""
        self._report(min(self._total, self._done + sum(running.values())), self._total)

    def finish(self) -> xr.Dataset:
        """All outcomes, when every tile was kept."""
        self._report(self._total, self._total)
        return self._record.finish(
            _together(self._record.about.attrs, list(self._attrs.values())), self._counts
        )

    def _begin(self) -> np.ndarray:
        """(batch, row) what is ready, after what an earlier call has kept."""
        ready = np.zeros((len(self._batches), self._record.n_rows), bool)
        going = np.arange(self._record.n_rows) > 0  # the intact network comes with any other
        for batch, part in enumerate(self._batches):
            which = self._record.evaluation.at(part)
            known = self._record.known(which)
            known &= known[0]  # without the intact outcomes the others are useless
            ready[batch] = going & ~known
            self._done += int((going & known).sum()) * (part.stop - part.start)
            if self._record.evaluation.precision is not None:
                self._count_kept(which, np.flatnonzero(going & known))
                self._done += self._spared(going & known, part.stop)
                going &= known & self._counts.active
        return ready

    def _count_kept(self, which: Which, rows: np.ndarray) -> None:
        if len(rows):
            ranks = self._record.sink.read(places(which))["rank"]
            self._counts.add(ranks[0], ranks[rows], rows)

    def _go_on(self, tile: Tile, result: Outcomes) -> None:
        """Ablations that are not known precisely enough are measured on the next batch."""
        every = np.arange(self._record.n_rows)
        rows = np.concatenate([every[rows] for rows, _, _ in result.blocks])
        ranks = np.concatenate([values["rank"] for _, _, values in result.blocks])
        ablated = rows > 0
        self._counts.add(ranks[~ablated][0], ranks[ablated], rows[ablated])
        self._done += self._spared(rows[ablated], tile.stop)
        following = self._ledger.batches_of(tile).stop
        again = rows[ablated & self._counts.active[rows]]
        if following < len(self._batches):
            self._ledger.add(again, slice(following, following + 1))

    def _spared(self, rows: np.ndarray, stop: int) -> int:
        """Outcomes of ablations, among some that were counted, that need no further examples."""
        stopped = int(np.count_nonzero(~self._counts.active[rows]))
        return stopped * (len(self._record.evaluation.examples) - stop)

    def _keep_attrs(self, result: Outcomes) -> None:
        """How each worker's engine has worked, and on how many outcomes."""
        before, _ = self._attrs.get(result.worker, (0, {}))
        found = sum(len(next(iter(values.values()))) for _, _, values in result.blocks)
        self._attrs[result.worker] = (before + found, result.attrs)


def _together(
    attrs: Mapping[str, Any], every: Sequence[tuple[int, Mapping[str, Any]]]
) -> dict[str, Any]:
    """One engine's words; numbers over all workers: sums of counts, means of shares."""
    found = dict(attrs)
    for name, value in attrs.items():
        values = [own.get(name, 0) for _, own in every]
        if every and isinstance(value, float):
            found[name] = float(np.average(values, weights=[count for count, _ in every]))
        elif isinstance(value, int):
            found[name] = sum(values)
    return found
