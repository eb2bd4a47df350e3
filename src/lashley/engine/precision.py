"""Precision: an ablation that is known precisely enough needs no further examples."""

from __future__ import annotations

import numpy as np

from lashley.stats import confidence_sequence, precise_enough


class Counts:
    """How many examples each ablation has lost and gained so far, and whether that is enough.

    Args:
        n_rows: Of the outcomes; row 0 is the intact network.
        precision: Wanted half width of the 95 % interval of a drop, in pp; None wants all examples.
    """

    def __init__(self, n_rows: int, precision: float | None):
        self._precision = precision
        self.lost, self.gained, self.seen = (np.zeros(n_rows, np.int64) for _ in range(3))
        self.active = np.ones(n_rows, bool)

    def add(self, intact: np.ndarray, ranks: np.ndarray, rows: np.ndarray) -> None:
        """Count a batch.

        Args:
            intact: (example,) ranks of the true class by the intact network.
            ranks: (row, example) the same for some rows of the outcomes.
            rows: (row,) which ones; not row 0.
        """
        if self._precision is None:
            return
        before, right = intact == 0, ranks == 0
        self.lost[rows] += (before & ~right).sum(1)
        self.gained[rows] += (~before & right).sum(1)
        self.seen[rows] += ranks.shape[1]
        interval = confidence_sequence(self.lost[rows], self.gained[rows], self.seen[rows])
        self.active[rows] &= ~precise_enough(interval, self._precision / 100)
