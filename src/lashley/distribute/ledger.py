"""The ledger of a sweep: which outcomes are left, who has them in hand, where they go.

A cell is one ablation on one batch. Cells are ready, in hand, or done; with a precision the cell of
the next batch becomes ready when the one before is done and the ablation needs more examples.
Tiles are cut from the ready cells when a worker asks: large ones first, then smaller and smaller,
so that all workers end together (guided self-scheduling, Polychronopoulos and Kuck 1987). A worker
stays with its batch as long as that has cells, in forward order: the prefix it has computed serves
the next tile too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lashley.ablations import Ablation
from lashley.distribute.tiles import Tile
from lashley.planning import CostModel

LEAST, MOST = 0.5, 60.0  # rough seconds of a tile: shorter, the call costs; longer, a fault
_TINY = 1e-9  # seconds: nothing is free, so cost tells what is left
_SHARE = 4  # parts of what is left, for each worker, that a tile takes


@dataclass(frozen=True, eq=False)
class Costs:
    """What cells cost, in seconds.

    Attributes:
        of_rows: (row,) seconds per example; row 0 is the intact network.
        order: (row,) rows in the order in which a pass reaches their sites.
        sizes: (batch,) examples.
    """

    of_rows: np.ndarray
    order: np.ndarray
    sizes: np.ndarray


def costs_of(model: CostModel, ablations: Sequence[Ablation], sizes: Sequence[int]) -> Costs:
    """Of a sweep.

    Args:
        model: With its sites in forward order.
        ablations: Rows 1, 2, ... of the outcomes.
        sizes: Examples of each batch.
    """
    places = {site: i for i, site in enumerate(model.sites)}
    each = [model.per_example, *(model.sites[a.site.name].per_outcome for a in ablations)]
    where = [-1, *(places[a.site.name] for a in ablations)]
    return Costs(np.maximum(each, _TINY), np.argsort(where, kind="stable"), np.asarray(sizes))


class Ledger:
    """Hands out tiles.

    Args:
        costs: Of the sweep.
        ready: (batch, row) what is ready to be found.
        workers: How many workers there are.
    """

    def __init__(self, costs: Costs, ready: np.ndarray, workers: int) -> None:
        self._costs, self._workers = costs, max(1, workers)
        self._each = costs.of_rows[costs.order]
        self._ready = ready[:, costs.order]  # from here on rows lie in forward order
        self._left = np.array([self._each[row].sum() for row in self._ready]) * costs.sizes
        self._held: dict[Any, int] = {}  # the batch that a worker is on
        self._edges = np.concatenate([[0], np.cumsum(costs.sizes)])

    @property
    def seconds_left(self) -> float:
        """Of work that is ready."""
        return float(self._left.sum())

    def take(self, worker: Any) -> Tile | None:
        """The next tile for a worker; None if there is nothing ready."""
        batch = self._batch_for(worker)
        if batch is None:
            return None
        self._held[worker] = batch
        wanted = self.seconds_left / (_SHARE * self._workers)
        wanted = min(MOST, max(LEAST, wanted))
        which = self._first(batch, wanted)
        last = batch + 1
        spent = self._seconds(batch, which)
        while last < len(self._ready) and self._is_alike(batch, last, which):
            spent += self._seconds(last, which)
            if spent > wanted:
                break
            last += 1
        self._mark(slice(batch, last), which, False)
        rows = tuple(np.sort(self._costs.order[which]).tolist())
        start, stop = (int(self._edges[edge]) for edge in (batch, last))
        return Tile(rows, start, stop, 0 if last == batch + 1 else int(self._costs.sizes[batch]))

    def add(self, rows: np.ndarray, batches: slice) -> None:
        """Make these rows of these batches ready."""
        self._mark(batches, np.flatnonzero(np.isin(self._costs.order, rows)), True)

    def leave(self, worker: Any) -> None:
        """A worker is gone."""
        self._held.pop(worker, None)

    def batches_of(self, tile: Tile) -> slice:
        """Which batches a tile covers."""
        start, stop = np.searchsorted(self._edges, (tile.start, tile.stop)).tolist()
        return slice(start, stop)

    def _batch_for(self, worker: Any) -> int | None:
        """The worker's own while that has cells, else one that nobody holds, else the longest."""
        own = self._held.get(worker)
        if own is not None and self._left[own]:
            return own
        some = np.flatnonzero(self._left)
        if not len(some):
            return None
        taken = {batch for other, batch in self._held.items() if other != worker}
        free = [int(batch) for batch in some if int(batch) not in taken]
        return free[0] if free else int(some[np.argmax(self._left[some])])

    def _first(self, batch: int, wanted: float) -> np.ndarray:
        """Ready rows of a batch, as places in forward order, for this long; at least one."""
        ready = np.flatnonzero(self._ready[batch])
        ends = np.cumsum(self._each[ready]) * self._costs.sizes[batch]
        return ready[: max(1, int(np.searchsorted(ends, wanted)))]

    def _is_alike(self, batch: int, other: int, which: np.ndarray) -> bool:
        """Whether all ready rows of a batch are taken, and the same are ready in another."""
        whole = np.count_nonzero(self._ready[batch]) == len(which)
        same = np.count_nonzero(self._ready[other]) == len(which)
        return whole and same and bool(self._ready[other][which].all())

    def _seconds(self, batch: int, which: np.ndarray) -> float:
        return float(self._each[which].sum() * self._costs.sizes[batch])

    def _mark(self, batches: slice, which: np.ndarray, ready: bool) -> None:
        self._ready[batches, which] = ready
        part = self._ready[batches]
        self._left[batches] = (part @ self._each) * self._costs.sizes[batches]
