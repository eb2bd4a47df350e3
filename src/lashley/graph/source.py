"""What computes units in a graph, before it is known where they are last held."""

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
        node: The node itself.
        name: The site's name.
        kind: As for `Site`.
        n_units: How many there are.
        width: Channels of a unit.
        axis: The units' axis, counted from the end.
        labels: Those of its value.
        layer: The node as a layer, if it is one.
        parameters: Names of the parameters that lead into the units.
        at: Where its value holds the units, if labels do not say it.
        held: Where they are last held, if already known.
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
