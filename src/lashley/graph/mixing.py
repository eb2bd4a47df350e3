"""What mixes units in a graph: layers, attention, and products with matrices of experts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import fx

from lashley.graph.banks import Bank, banks
from lashley.graph.heads import Heads, heads_of
from lashley.graph.layers import layer
from lashley.graph.nodes import varying


@dataclass(frozen=True, eq=False)
class Mixing:
    """What mixes units in a graph.

    Attributes:
        varies: The nodes that depend on the inputs' numbers.
        heads: By the nodes that compute them.
        products: The products with matrices of experts.
        hidden: The nodes after which a layer or attention mixes units, on a way to the output; and,
            if such a node is a call of a layer, the nodes of its other calls.
    """

    varies: set[fx.Node]
    heads: Mapping[fx.Node, Heads]
    products: Mapping[fx.Node, Bank]
    hidden: set[fx.Node]


def mixing(module: fx.GraphModule) -> Mixing:
    """What mixes units in a captured graph, or in the record of a run."""
    varies = varying(module)
    known = {node: heads_of(node, module, varies) for node in module.graph.nodes}
    heads = {node: found for node, found in known.items() if found is not None}
    products = banks(module, varies)
    return Mixing(varies, heads, products, _mixed_again(module, heads, products))


def _mixed_again(
    module: fx.GraphModule, heads: Mapping[fx.Node, Heads], products: Mapping[fx.Node, Bank]
) -> set[fx.Node]:
    """The nodes after which a layer or attention mixes units, in at least one call."""
    called = {node: _called(node, module) for node in module.graph.nodes}
    mixing = {n for n, own in called.items() if own is not None or n in heads or n in products}
    reach: set[fx.Node] = set()
    for node in reversed(module.graph.nodes):
        if any(user in reach or user in mixing for user in node.users):
            reach.add(node)
    again = {called[node] for node in reach} - {None}
    return reach | {node for node, own in called.items() if own in again}


def _called(node: fx.Node, module: fx.GraphModule) -> object:
    """The recurrent or other layer that a node is a call of; None if of neither."""
    known = layer(node, module)
    return (known.name, known.parameters) if known else node.meta.get("recurrent")
