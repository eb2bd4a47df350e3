"""Anatomy: where a network holds the units of its layers and heads."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from torch import fx

from lashley.graph.nodes import (
    Layer,
    is_attention,
    is_elementwise,
    is_normalisation,
    keeps_last_axis,
    layer,
    mixes,
    weights,
)


@dataclass(frozen=True, eq=False)
class Call:
    """One call of a module that holds units.

    Attributes:
        source: The node that computes the units.
        point: The last node that holds them one by one: behind normalisation and nonlinearity.
        between: What leads from the source to the point, both left out.
        separable: Whether all of that acts on each unit alone.
        layer: What the source is, unless it is attention.
    """

    source: fx.Node
    point: fx.Node
    between: tuple[fx.Node, ...]
    separable: bool
    layer: Layer | None


@dataclass(frozen=True, eq=False)
class Organ:
    """The units of a module, wherever it is called.

    Attributes:
        name: Of the module.
        kind: "hidden", "filter" or "head".
        n_units: How many there are.
        axis: Their axis at the points, counted from the end.
        calls: In the order of the graph.
    """

    name: str
    kind: str
    n_units: int
    axis: int
    calls: tuple[Call, ...]


def anatomy(module: fx.GraphModule) -> dict[str, Organ]:
    """Every module that holds units, in forward order, without output layers.

    An output layer is one whose units reach the output without being mixed again.

    Args:
        module: A captured graph.
    """
    found: dict[str, list[tuple[Call, str, int, int]]] = {}
    hidden = _mixed_again(module)
    for node in module.graph.nodes:
        if node not in hidden:
            continue
        known = layer(node, module)
        if known is not None:
            kind, n_units = "hidden" if known.op == "linear" else "filter", _n_units(known, module)
            organ = (_call(known, n_units, module), kind, n_units, known.axis)
            found.setdefault(known.name, []).append(organ)
        elif is_attention(node):
            name = node.meta.get("owner") or node.name
            call = Call(node, node, (), True, None)
            found.setdefault(name, []).append((call, "head", int(node.meta["heads"]), -3))
    return {name: _organ(name, calls) for name, calls in found.items()}


def _organ(name: str, calls: list[tuple[Call, str, int, int]]) -> Organ:
    _, kind, n_units, axis = calls[0]
    return Organ(name, kind, n_units, axis, tuple(call for call, *_ in calls))


def _mixed_again(module: fx.GraphModule) -> set[fx.Node]:
    """The mixing nodes behind which another one lies, on a way to the output."""
    reach: dict[fx.Node, bool] = {}  # whether a mixing node lies behind
    found = set()
    for node in reversed(module.graph.nodes):
        reach[node] = any(reach[user] or mixes(user, module) for user in node.users)
        if reach[node] and mixes(node, module):
            found.add(node)
    return found


def _n_units(known: Layer, module: fx.GraphModule) -> int:
    length = weights(known, module).shape[known.unit_axis]
    return length * known.groups if known.op == "conv_transpose" else length


def _call(known: Layer, n_units: int, module: fx.GraphModule) -> Call:
    node, region = known.node, _region(known, n_units, module)
    point = next(c for c in sorted(region, reverse=True) if _all_lead_through(c, node, region))
    between = tuple(n for n in sorted(region - {node, point}) if point in behind({n}))
    separable = not any(is_normalisation(n, module) for n in (*between, point))
    return Call(node, point, between, separable, known)


def _region(known: Layer, n_units: int, module: fx.GraphModule) -> set[fx.Node]:
    """A layer and what acts behind it on its units alone or normalises them."""
    region, waiting = {known.node}, list(known.node.users)
    while waiting:
        user = waiting.pop()
        if user in region:
            continue
        normalises = is_normalisation(user, module) and user.args[0] in region
        reshapes = known.axis == -1 and keeps_last_axis(user, module, n_units)
        if normalises or reshapes or is_elementwise(user, module, region, n_units):
            region.add(user)
            waiting.extend(user.users)
    return region


def _all_lead_through(candidate: fx.Node, start: fx.Node, region: set[fx.Node]) -> bool:
    """Whether every way from the layer out of the region leads through the candidate."""
    seen, waiting = {candidate}, [start]
    while waiting:
        node = waiting.pop()
        if node not in region:
            return False
        if node not in seen:
            seen.add(node)
            waiting.extend(node.users)
    return True


def behind(starts: set[fx.Node]) -> set[fx.Node]:
    """All nodes that depend on one of the given ones."""
    return reached(starts, lambda node: node.users)


def in_front(ends: set[fx.Node]) -> set[fx.Node]:
    """All nodes that one of the given ones depends on."""
    return reached(ends, lambda node: node.all_input_nodes)


def reached(starts: set[fx.Node], nexts: Callable[[fx.Node], Iterable[fx.Node]]) -> set[fx.Node]:
    """All nodes that steps to the next ones lead to."""
    seen: set[fx.Node] = set()
    waiting = list(starts)
    while waiting:
        new = [node for node in nexts(waiting.pop()) if node not in seen]
        seen.update(new)
        waiting.extend(new)
    return seen
