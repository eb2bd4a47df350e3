"""Cells: the units of a sweep as tasks, from its record and back into it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import xarray as xr

from lashley.distribute.ledger import Ledger, costs_of
from lashley.distribute.sweeping import Outcomes, Part
from lashley.distribute.units import Unit
from lashley.distribute.work import Task
from lashley.engine.loading import Which
from lashley.engine.precision import Counts
from lashley.engine.record import Record, examples_at, order_of, places
from lashley.planning import CostModel


class Cells:
    """A source of the units of a sweep; what the record has already is not handed out.

    Args:
        record: Where outcomes go.
        model: What they cost.
        workers: How many there are.
        report: Called with the outcomes done and all outcomes of ablations.
    """

    def __init__(
        self, record: Record, model: CostModel, workers: int, report: Callable[[int, int], None]
    ) -> None:
        question = record.asked
        self._record, self._report, self._order = record, report, order_of(question)
        self._batches, self._done = record.batches, 0
        self._total = len(question.ablations) * len(question.examples)
        self._counts = Counts(record.n_rows, question.precision)
        self._attrs: dict[str, tuple[int, Mapping[str, Any]]] = {}
        self._in_hand: dict[str, Unit] = {}
        self._again: list[Unit] = []
        sizes = [part.stop - part.start for part in self._batches]
        costs = costs_of(model, question.ablations, sizes)
        self._ledger = Ledger(costs, self._begin(), workers)

    def take(self, worker: int) -> Task | None:
        """As `Source.take`."""
        unit = self._again.pop() if self._again else self._ledger.take(worker)
        if unit is None:
            return None
        self._in_hand[unit.name] = unit
        return Task(unit.name, Part(unit.rows, tuple(self._ledger.parts_of(unit))))

    def give_back(self, task: Task) -> None:
        """As `Source.give_back`; the unit stays as it is, for its failures are counted by name."""
        self._again.append(self._in_hand.pop(task.name))

    def keep(self, task: Task, result: Outcomes) -> None:
        """Write outcomes; with a precision, see which ablations go on."""
        unit = self._in_hand.pop(task.name)
        for rows, part, values in result.blocks:
            self._record.sink.write(rows, places(examples_at(self._order, part)), values)
        self._done += len(unit.rows) * (unit.stop - unit.start)
        if self._record.asked.precision is not None:
            self._go_on(unit, result)
        self._keep_attrs(result)
        self.tell({})

    def leave(self, worker: int) -> None:
        """As `Source.leave`."""
        self._ledger.leave(worker)

    def tell(self, running: Mapping[str, int]) -> None:
        """As `Source.tell`."""
        self._report(min(self._total, self._done + sum(running.values())), self._total)

    def finish(self) -> xr.Dataset:
        """All outcomes, when every unit was kept."""
        self._report(self._total, self._total)
        return self._record.finish(_together(self._attrs.values()), self._counts)

    def _begin(self) -> np.ndarray:
        """(batch, row) what is ready, behind what an earlier call has kept."""
        ready = np.zeros((len(self._batches), self._record.n_rows), bool)
        going = np.arange(self._record.n_rows) > 0  # the intact network comes with any other
        for batch, part in enumerate(self._batches):
            which = examples_at(self._order, part)
            known = self._record.known(which)
            ready[batch] = going & ~known
            ready[batch, 1] |= not known[0] and not ready[batch].any() and going.any()
            self._done += int((going & known).sum()) * (part.stop - part.start)
            if self._record.asked.precision is not None:
                self._count_kept(which, np.flatnonzero(going & known))
                going &= known & self._counts.active
        return ready

    def _count_kept(self, which: Which, rows: np.ndarray) -> None:
        if len(rows):
            ranks = self._record.sink.read(places(which))["rank"]
            self._counts.add(ranks[0], ranks[rows], rows)

    def _go_on(self, unit: Unit, result: Outcomes) -> None:
        """Ablations that are not known precisely enough are measured on the next batch."""
        every = np.arange(self._record.n_rows)
        rows = np.concatenate([every[rows] for rows, _, _ in result.blocks])
        ranks = np.concatenate([values["rank"] for _, _, values in result.blocks])
        ablated = rows > 0
        self._counts.add(ranks[~ablated][0], ranks[ablated], rows[ablated])
        following = self._ledger.batches_of(unit).stop
        again = rows[ablated & self._counts.active[rows]]
        if following < len(self._batches):
            self._ledger.add(again, slice(following, following + 1))

    def _keep_attrs(self, result: Outcomes) -> None:
        """How each worker's engine has worked, and on how many outcomes."""
        before, _ = self._attrs.get(result.worker, (0, {}))
        found = sum(len(next(iter(values.values()))) for _, _, values in result.blocks)
        self._attrs[result.worker] = (before + found, result.attrs)


def _together(attrs: Any) -> dict[str, Any]:
    """One engine's words; numbers over all of them: sums of counts, means of shares."""
    every = list(attrs)
    if not every:
        return {}
    weights = [count for count, _ in every]
    found = dict(every[0][1])
    for name, value in found.items():
        values = [own.get(name, 0) for _, own in every]
        if isinstance(value, float):
            found[name] = float(np.average(values, weights=weights))
        elif isinstance(value, int):
            found[name] = sum(values)
    return found
