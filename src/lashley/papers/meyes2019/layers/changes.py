"""What the groups of a layer do to each image, and contrasts of this on the same images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from lashley import stats
from lashley.studies.claim import Measured

ChangeKey = tuple[str, str, str, float, int]
"""Which groups ("all", or those "gaining"), layer, method, proportion, top."""

_SEPARATOR = "|"
_LABEL = "label"


@dataclass(frozen=True, eq=False)
class Changes:
    """For each image, lost - gained averaged over groups; its mean is their drop, as a share.

    Attributes:
        label: (example,) classes.
        by_key: (example,) changes; for "gaining", the sum over the groups.
    """

    label: np.ndarray
    by_key: Mapping[ChangeKey, np.ndarray]

    def arrays(self) -> dict[str, np.ndarray]:
        """The same with keys as text, to be written."""
        named = {_SEPARATOR.join(map(str, key)): values for key, values in self.by_key.items()}
        return {_LABEL: self.label, **named}

    def of(self, layer: str, method: str, proportion: float, top: int) -> np.ndarray:
        """(example,) the mean change over the layer's groups."""
        return self.by_key["all", layer, method, proportion, top].astype(np.float64)

    def gaining(self, method: str, proportion: float) -> Iterator[np.ndarray]:
        """(example,) for each layer, the summed change of groups that gain on the first half."""
        for (which, _, *rest), values in self.by_key.items():
            if (which, *rest) == ("gaining", method, proportion, 1):
                yield values.astype(np.float64)


def halves(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Every other example, to choose on, and the rest, to confirm on."""
    return np.arange(0, n, 2), np.arange(1, n, 2)


def contrast(change: np.ndarray, note: str = "", *, bound: float = 2) -> Measured:
    """The mean of (example,) differences in pp, with its paired interval."""
    ends = stats.paired_interval(change.sum(), (change**2).sum(), len(change), bound=bound)
    return Measured(100 * float(change.mean()), 100 * float(ends.low), 100 * float(ends.high), note)


def least(measured: list[Measured], note: str = "") -> Measured:
    """At least this in all: the smallest of the numbers, of the lower ends, of the upper ends."""
    value, low, high = (min(getattr(m, end) for m in measured) for end in ("value", "low", "high"))
    return Measured(value, low, high, note)
