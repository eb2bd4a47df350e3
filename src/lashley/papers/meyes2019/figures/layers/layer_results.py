"""What the figures of the layer study are drawn from: its tables, and how to read them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from lashley.errors import OutcomesError
from lashley.methods import SILENCE, ZERO_WEIGHTS

_ORDER = (str(ZERO_WEIGHTS), str(SILENCE))  # the paper's first


@dataclass(frozen=True)
class LayerResults:
    """All numbers behind the figures; the tables are tidy, drops in pp, negative where it helped.

    Attributes:
        layers: A row per site, proportion, method and `top`, over its groups.
        classes: The same for each class.
        effects: A row per ablation and `top`.
        constants: A row per filter: what it holds when its weights and bias are 0; may be empty.
        distances: For each site, (unit, unit) distances between normalised weights; may be empty.
        intact: For each `top` the intact accuracy and its 95 % interval, %.
        title: Of the study, for the captions.
        examples: The classes shown one by one in figure 16.
        shown: The sites of figure 17.
        n_images: How many examples every ablation was tested on.
        class_names: In the order of the network's outputs.

    Raises:
        OutcomesError: If `examples` or `shown` name what the tables do not hold.
    """

    layers: pd.DataFrame
    classes: pd.DataFrame
    effects: pd.DataFrame
    constants: pd.DataFrame
    distances: Mapping[str, np.ndarray]
    intact: Mapping[int, tuple[float, float, float]]
    title: str
    examples: tuple[str, ...]
    shown: tuple[str, ...]
    n_images: int
    class_names: tuple[str, ...]

    def __post_init__(self) -> None:
        _check("examples", "class", self.examples, self.class_names)
        _check("shown", "site", self.shown, self.sites)

    @cached_property
    def sites(self) -> tuple[str, ...]:
        """In forward order."""
        return tuple(self.layers.sort_values("layer")["site"].unique())

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """The sites as the axes write them."""
        return tuple(self.by_layer(self.layers)["label"].astype(str))

    @property
    def proportions(self) -> tuple[float, ...]:
        """Shares of a site's units that were ablated, smallest first."""
        return proportions_of(self.layers)

    @property
    def methods(self) -> tuple[str, ...]:
        """The paper's method first."""
        return methods_of(self.layers)

    @property
    def tops(self) -> tuple[int, ...]:
        """1, and 5 where top-5 was counted."""
        return tuple(sorted(int(top) for top in self.layers["top"].unique()))

    @property
    def has_random(self) -> bool:
        """Whether random groups were measured beside those of similar units."""
        return bool(self.layers["random_drop_pp"].notna().to_numpy().any())

    @property
    def caption(self) -> str:
        """What stands at the foot of every figure."""
        images = f"{self.n_images:,} images"
        return f"{self.title} · {images}" if self.title else images

    def by_layer(self, table: pd.DataFrame, **keys: Any) -> pd.DataFrame:
        """The rows that agree with `keys`, one per site in order; NaN where a row is missing."""
        return pick(table, **keys).drop_duplicates("site").set_index("site").reindex(self.sites)

    def label(self, site: str) -> str:
        """A site as the axes write it."""
        return self.labels[self.sites.index(site)]


def pick(table: pd.DataFrame, **keys: Any) -> pd.DataFrame:
    """The rows of `table` that agree with all `keys`."""
    kept = np.ones(len(table), bool)
    for name, value in keys.items():
        kept &= (table[name] == value).to_numpy()
    return table.loc[kept]


def proportions_of(table: pd.DataFrame) -> tuple[float, ...]:
    """The proportions of a table, smallest first."""
    return tuple(sorted(map(float, table["proportion"].unique())))


def methods_of(table: pd.DataFrame) -> tuple[str, ...]:
    """The methods of a table, the paper's first."""
    found = sorted(map(str, table["method"].unique()))
    return tuple(sorted(found, key=lambda m: _ORDER.index(m) if m in _ORDER else len(_ORDER)))


def _check(argument: str, kind: str, given: tuple[str, ...], allowed: tuple[str, ...]) -> None:
    unknown = [name for name in given if name not in allowed]
    if unknown:
        some = ", ".join(allowed[:8]) + (", ..." if len(allowed) > 8 else "")
        raise OutcomesError(
            f"{argument}: given {', '.join(unknown)}; no such {kind} was studied. "
            f"Choose from {some}."
        )
