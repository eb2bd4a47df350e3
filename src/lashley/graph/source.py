"""What computes units in a graph, before it is known where they are held last."""

from __future__ import annotations

from dataclasses import dataclass

from torch import fx

from lashley.graph.labels import Labels
from lashley.graph.nodes import Layer


@dataclass(frozen=True, eq=False)
class Source:
    """A node that computes units."""

    node: fx.Node
    name: str
    kind: str
    n_units: int
    width: int
    axis: int
    labels: Labels
    layer: Layer | None
    parameters: tuple[str, ...]
