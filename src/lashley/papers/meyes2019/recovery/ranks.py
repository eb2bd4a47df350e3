"""What every retraining makes of each image, epoch by epoch, and contrasts of this."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Int


class RankKey(NamedTuple):
    """What names a run, as columns of the tables."""

    site: str
    experiment: str
    start: str
    instance: int
    iteration: int


_SEPARATOR = "|"
_INTACT = "intact"


@dataclass(frozen=True, eq=False)
class Ranks:
    """Ranks of the true classes; on the same test images in all runs.

    Attributes:
        intact: (image,) of the intact network.
        by_run: (epoch, image) of each run; the first is before the training.
    """

    intact: Int[np.ndarray, " image"]
    by_run: Mapping[RankKey, Int[np.ndarray, "epoch image"]]

    def arrays(self) -> dict[str, np.ndarray]:
        """The same with keys as text, to be written."""
        named = {_SEPARATOR.join(map(str, key)): ranks for key, ranks in self.by_run.items()}
        return {_INTACT: self.intact, **named}

    def change(self, key: RankKey, epoch: int, top: int) -> np.ndarray:
        """(image,) 1 if right when intact and wrong after this many epochs, -1 the other way."""
        ranks = self.by_run[key]
        epoch = epoch if epoch < 0 else min(epoch, len(ranks) - 1)  # a run may end early
        return (self.intact < top).astype(float) - (ranks[epoch] < top)


def ranks_of(arrays: Mapping[str, np.ndarray]) -> Ranks:
    """From what `Ranks.arrays` returned."""
    by_run = {_key(name): ranks for name, ranks in arrays.items() if name != _INTACT}
    return Ranks(arrays[_INTACT], by_run)


def _key(name: str) -> RankKey:
    site, experiment, start, instance, iteration = name.split(_SEPARATOR)
    return RankKey(site, experiment, start, int(instance), int(iteration))
