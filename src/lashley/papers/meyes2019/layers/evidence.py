"""The data that claims about layers are checked against."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from lashley.papers.meyes2019.layers.changes import Changes


@dataclass(frozen=True)
class Evidence:
    """The data that claims are checked against, of one method.

    Attributes:
        layers: Means over the groups of each layer.
        classes: The same, class by class.
        constants: What zeroed filters hold.
        changes: Of each image.
        method: Which one.
    """

    layers: pd.DataFrame
    classes: pd.DataFrame
    constants: pd.DataFrame
    changes: Changes
    method: str

    @property
    def labels(self) -> list[str]:
        """Of the layers, in forward order."""
        return list(self.layers.label.unique())

    def layer(self, top: int, proportion: float) -> pd.DataFrame:
        """The rows of the layers, by label."""
        return self.layers.query("top == @top and proportion == @proportion").set_index("label")

    def change(self, layer: str, proportion: float, top: int = 1) -> np.ndarray:
        """(example,) the mean change over the layer's groups."""
        return self.changes.of(layer, self.method, proportion, top)

    def all_layers(self, proportion: float, top: int) -> np.ndarray:
        """(layer, example) the same of all layers."""
        return np.array([self.change(label, proportion, top) for label in self.labels])
