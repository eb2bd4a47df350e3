"""The data that claims about recovery are checked against."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats as sps

from lashley.papers.meyes2019.layers.changes import contrast
from lashley.papers.meyes2019.recovery.ranks import RankKey, Ranks
from lashley.studies.claim import Measured


@dataclass(frozen=True)
class Retrained:
    """All retrainings of a study.

    Attributes:
        recovery: A row per run, epoch and top.
        ranks: Of each test image.
    """

    recovery: pd.DataFrame
    ranks: Ranks

    @property
    def top(self) -> int:
        """The paper's top-5, if it was measured."""
        return int(self.recovery["top"].to_numpy().max())

    @property
    def sites(self) -> list[str]:
        """In forward order."""
        return list(self.recovery.sort_values("layer", kind="stable")["site"].unique())

    def label(self, site: str) -> str:
        """What a layer is called."""
        return str(self.recovery.loc[self.recovery["site"] == site, "label"].iloc[0])

    def instances(self, site: str, start: str = "ablated") -> list[RankKey]:
        """The runs of the instances."""
        return self._keys(site, "instances", start)

    def steps(self, site: str) -> list[RankKey]:
        """The iterations, in order."""
        return self._keys(site, "iterated", "ablated")

    def control(self, site: str) -> RankKey | None:
        """The intact network, trained on."""
        found = self._keys(site, "iterated", "intact")
        return found[0] if found else None

    def share(self, key: RankKey) -> float:
        """Share of the layer's filters that this run ablates."""
        return float(self.rows(key)["ablated_share"].iloc[0])

    def rows(self, key: RankKey) -> pd.DataFrame:
        """Of a run in the table."""
        kept = np.ones(len(self.recovery), bool)
        for name, value in key._asdict().items():
            kept &= (self.recovery[name] == value).to_numpy()
        return self.recovery.loc[kept]

    def change(self, keys: list[RankKey], epoch: int, top: int) -> np.ndarray:
        """(run, image) 1 if right when intact and wrong after an epoch, -1 the other way round."""
        return np.array([self.ranks.change(key, epoch, top) for key in keys])

    def _keys(self, site: str, experiment: str, start: str) -> list[RankKey]:
        found = (key for key in self.ranks.by_run if key[:3] == (site, experiment, start))
        return sorted(found, key=lambda key: key[3:])


def mean_over(change: np.ndarray, note: str = "", *, bound: float = 1) -> Measured:
    """The mean of (run, image) changes in pp; its interval is over the images and over the runs."""
    found, n = contrast(change.mean(0), note, bound=bound), len(change)
    if n == 1:
        return found
    drawn = 100 * sps.t.ppf(0.975, n - 1) * change.mean(1).std(ddof=1) / np.sqrt(n)
    below, above = (np.hypot(found.value - end, drawn) for end in (found.low, found.high))
    low = max(float(found.value - below), -100 * bound)
    return Measured(found.value, low, min(float(found.value + above), 100 * bound), note)


def most(measured: list[Measured], note: str = "") -> Measured:
    """At most this in all: the largest of the numbers, of the lower ends, of the upper ends."""
    value, low, high = (max(getattr(m, end) for m in measured) for end in ("value", "low", "high"))
    return Measured(value, low, high, note)
