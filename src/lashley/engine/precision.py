"""Precision: an ablation that is known precisely enough needs no further examples."""

from __future__ import annotations

import numpy as np

from lashley.stats import confidence_sequence, precise_enough


class Counts:
    """How many examples each ablation has lost and gained so far, and whether that is enough.

    Args:
        n_rows: Of the outcomes; row 0 is the intact network.
        precision: Wanted half width of the 95 % interval of a drop, in %p; None wants all examples.
    """

    def __init__(self, n_rows: int, precision: float | None):
        self._precision = precision
        self.lost, self.gained, self.seen = (np.zeros(n_rows, np.int64) for _ in range(3))
        self.active = np.ones(n_rows, bool)

    def add(self, ranks: np.ndarray, measured: np.ndarray) -> None:
        """Count a batch.

        Args:
            ranks: (row, example) of the true class; row 0 of the intact network.
            measured: (row,) whether the row's ranks were found.
        """
        if self._precision is None:
            return
        right = ranks == 0
        self.lost[measured] += (right[0] & ~right[measured]).sum(1)
        self.gained[measured] += (~right[0] & right[measured]).sum(1)
        self.seen[measured] += ranks.shape[1]
        interval = confidence_sequence(self.lost[1:], self.gained[1:], self.seen[1:])
        self.active[1:] &= ~precise_enough(interval, self._precision / 100)
