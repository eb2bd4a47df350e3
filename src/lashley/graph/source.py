"""What computes units in a graph, before it is known where they are held last."""

from __future__ import annotations

from dataclasses import dataclass

from torch import fx

from lashley.graph.labels import Labels
from lashley.graph.layers import Layer
from lashley.graph.layout import Layout
from lashley.graph.region import Held
from lashley.graph.routed import Routed


@dataclass(frozen=True, eq=False)
class Source:
    """A node that computes units.

    Attributes:
        node: It.
        name: Of the site.
        kind: As of `Site`.
        n_units: How many there are.
        width: Channels of a unit.
        axis: The units' axis, counted from the end.
        labels: Of its value.
        layer: What it is, if it is one.
        parameters: Names of those that lead into the units.
        at: Where its value holds the units, where labels do not say it.
        held: Where they are held last, if that is known already.
    """

    node: fx.Node
    name: str
    kind: str
    n_units: int
    width: int
    axis: int
    labels: Labels
    layer: Layer | None
    parameters: tuple[str, ...]
    at: Layout | Routed | None = None
    held: tuple[Held, ...] | None = None
