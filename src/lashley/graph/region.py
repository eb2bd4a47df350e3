"""Regions: the nodes that hold the units of a layer one by one, and where they hold them last.

A unit's *point* is the last node that holds it and that all its ways out lead through, as long as
everything in between acts on each number alone, moves numbers, or normalises.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx

from lashley.graph.described import shape_of
from lashley.graph.labels import Labels, combined, lies_along, moved
from lashley.graph.layout import Layout
from lashley.graph.nodes import is_fixed, is_move, op, reads
from lashley.graph.vocabulary import (
    ELEMENTWISE,
    FILLED,
    LENGTHS,
    NORMALISATION,
    REDUCTIONS,
    STANDARDISED,
    STANDARDISING,
)

_OF_TWO = frozenset({"max", "min"})  # of one tensor they are not elementwise


@dataclass(frozen=True)
class Statistic:
    """A value made of a region's numbers over several units, such as their mean.

    Attributes:
        divides: Whether it is a standard deviation or similar.
        length: Whether it is, or comes from, the length of a vector.
        scaled: Whether parameters, one for each unit, scale it.
    """

    divides: bool
    length: bool = False
    scaled: bool = False


@dataclass(frozen=True, eq=False)
class Held:
    """A node that holds units.

    Attributes:
        node: The node itself.
        layout: Where its value holds them.
        between: What leads from the layer to it, without both.
        separable: Whether all of `between` acts on each unit alone.
    """

    node: fx.Node
    layout: Layout
    between: tuple[fx.Node, ...]
    separable: bool


def points(
    source: fx.Node, labels: Labels, width: int, n_units: int, module: fx.GraphModule,
    varies: set[fx.Node],
) -> tuple[Held, ...]:  # fmt: skip
    """Where the units of a node are last held.

    Args:
        source: The node that computes them.
        labels: Those of its value.
        width: Channels of a unit.
        n_units: How many units there are.
        module: The graph.
        varies: Its nodes that depend on the inputs' numbers.
    """
    held = region(source, labels, module, varies)
    found: dict[fx.Node, tuple[list[int], set[fx.Node]]] = {}
    for units, nodes in _groups(held, width, n_units):
        last = _last(source, nodes, held, module, (units, width))
        all_units, ways = found.setdefault(last, ([], set()))
        all_units += units
        ways |= nodes
    return tuple(_held(node, found[node], source, held, width, n_units, module)
                 for node in sorted(found))  # fmt: skip


def region(
    source: fx.Node, labels: Labels, module: fx.GraphModule, varies: set[fx.Node]
) -> dict[fx.Node, Any]:
    """By nodes, in order: the labels of what holds the units, or what is made from them."""
    held: dict[fx.Node, Any] = {source: labels}
    waiting = after(source, module)
    heapq.heapify(waiting)
    while waiting:
        node = heapq.heappop(waiting)
        if node in held:
            continue
        found = _step(node, held, module, varies)
        if found is not None:
            held[node] = found
            for user in after(node, module):
                heapq.heappush(waiting, user)
    return held


def after(node: fx.Node, module: fx.GraphModule) -> list[fx.Node]:
    """The nodes that read a node's numbers and are read themselves."""
    return [user for user in node.users if reads(user, node, module) and _is_read(user, module)]


def _is_read(node: fx.Node, module: fx.GraphModule) -> bool:
    """Whether more than a shape is used of a node; always so for the output."""
    return not node.users or any(reads(user, node, module) for user in node.users)


def _step(
    node: fx.Node, held: Mapping[fx.Node, Any], module: fx.GraphModule, varies: set[fx.Node]
) -> Any:
    name = op(node, module)
    first = held.get(node.args[0]) if node.args and isinstance(node.args[0], fx.Node) else None
    values = [n for n in node.all_input_nodes if n in held or shape_of(n) is not None]
    alone = sum(reads(node, n, module) for n in values) == 1
    if isinstance(first, Statistic) and alone and (name in REDUCTIONS or is_move(node, module)):
        return _part(node, first, module)
    if is_move(node, module):
        return _moved(node, held, module)
    if name in NORMALISATION:
        direction = name == "normalize" and not _is_scaled(node, module)
        return first if isinstance(first, Labels) and not direction else None
    if name in STANDARDISED:
        return (first,) if isinstance(first, Labels) else None
    if name in REDUCTIONS | LENGTHS and isinstance(first, Labels) and alone:
        return Statistic(name in STANDARDISING | LENGTHS, name in LENGTHS)
    if name in ELEMENTWISE or (name in _OF_TWO and len(node.all_input_nodes) == 2):
        return _elementwise(node, name, held, module, varies)
    return None


def _part(node: fx.Node, found: Statistic, module: fx.GraphModule) -> Statistic:
    """What is moved or taken from a statistic; of `std_mean` the first part divides."""
    pair = node.args[0]
    if isinstance(pair, fx.Node) and op(pair, module) == "std_mean":
        return Statistic(op(node, module) == "getitem" and node.args[1:] == (0,))
    return found


def _moved(node: fx.Node, held: Mapping[fx.Node, Any], module: fx.GraphModule) -> Any:
    if any(isinstance(held.get(source), Statistic) for source in node.all_input_nodes):
        return None
    found = moved(node, held, module)
    if isinstance(found, tuple):
        return found if any(_has_units(part) for part in found) else None
    return found if _has_units(found) else None


def _has_units(found: Any) -> bool:
    return isinstance(found, Labels) and bool(found.slots.any())


def _elementwise(
    node: fx.Node, name: str, held: Mapping[fx.Node, Any], module: fx.GraphModule,
    varies: set[fx.Node],
) -> Labels | Statistic | None:  # fmt: skip
    inputs = [n for n in node.all_input_nodes if reads(node, n, module)]
    given = [held[n] for n in inputs if n in held]
    own = [part for part in given if isinstance(part, Labels)]
    made = [part for part in given if isinstance(part, Statistic)]
    others = [n for n in inputs if n not in held and op(n, module) not in FILLED]
    if len(own) + len(made) < len(given) or any(n in varies for n in others):
        return None
    of_length = any(part.length for part in made)
    scaled = any(part.scaled for part in made) or _has_gain(node, others, module)
    if not own:
        divides = _is_root(node, name) or any(part.divides for part in made)
        return Statistic(divides, of_length, scaled)
    gained = scaled or _is_scaled(node, module) or any(_gives_gain(n, module) for n in inputs)
    if made and not (_normalises(name, made) and (not of_length or gained)):
        return None
    labels = combined(node, own)
    if labels is None or name in ("batch_norm", "prelu"):
        return labels
    fits = all(lies_along(shape_of(n) or (), labels) for n in others)
    return labels if fits else None


def _normalises(name: str, made: list[Statistic]) -> bool:
    """Whether units are centred by their own mean or divided by their own deviation."""
    divided = name in ("mul", "div", "truediv") and all(part.divides for part in made)
    return divided or (name == "sub" and not any(part.divides for part in made))


def _is_root(node: fx.Node, name: str) -> bool:
    """Whether it is what a normalisation divides or multiplies by."""
    return name in STANDARDISING or (
        name == "pow" and len(node.args) > 1 and node.args[1] in (0.5, -0.5)
    )


def _gives_gain(node: fx.Node, module: fx.GraphModule) -> bool:
    """Whether a node scales a vector by parameters before it is divided by its length."""
    others = [n for n in node.all_input_nodes if is_fixed(n)]
    return len(node.users) == 1 and _has_gain(node, others, module)


def _has_gain(node: fx.Node, others: Sequence[fx.Node], module: fx.GraphModule) -> bool:
    """Whether a node multiplies by parameters, or divides them, one for each unit."""
    by_units = any(torch.Size(shape_of(n) or ()).numel() > 1 for n in others if is_fixed(n))
    return by_units and op(node, module) in ("mul", "multiply", "div", "divide", "truediv")


def _is_scaled(node: fx.Node, module: fx.GraphModule) -> bool:
    """Whether parameters scale what comes from a vector and its length, and nothing else reads it.

    Then it is a normalisation, such as RMS norm; else only a direction is wanted, as for cosines.
    """
    users = after(node, module)
    if len(users) != 1:
        return False
    (user,) = users
    others = [n for n in user.all_input_nodes if n is not node]
    if not all(map(is_fixed, others)) or not (
        is_move(user, module) or op(user, module) in ("mul", "addcmul")
    ):
        return False
    by_units = any(torch.Size(shape_of(n) or ()).numel() > 1 for n in others)
    return by_units or _is_scaled(user, module)


def _groups(
    held: Mapping[fx.Node, Any], width: int, n_units: int
) -> Iterator[tuple[list[int], set[fx.Node]]]:
    """Units that the same nodes hold, and these nodes."""
    nodes = list(held)
    there = torch.stack([_there(held[node], width, n_units) for node in nodes])
    if bool(there.all()):
        yield list(range(n_units)), set(nodes)
        return
    kinds, which = torch.unique(there, dim=1, return_inverse=True)
    for number, column in enumerate(kinds.T):
        if not bool(column.any()):  # other values hold these
            continue
        units = (which == number).nonzero()[:, 0].tolist()
        yield units, {node for node, holds in zip(nodes, column.tolist(), strict=True) if holds}


def _there(found: Any, width: int, n_units: int) -> Tensor:
    """(unit,) which units a value holds or comes from."""
    if isinstance(found, Labels):
        return found.units(width, n_units)
    if isinstance(found, tuple):
        parts = [part.units(width, n_units) for part in found if isinstance(part, Labels)]
        return torch.stack(parts).any(0)
    return torch.ones(n_units, dtype=torch.bool)


def _last(
    source: fx.Node, nodes: set[fx.Node], held: Mapping[fx.Node, Any], module: fx.GraphModule,
    own: tuple[list[int], int],
) -> fx.Node:  # fmt: skip
    """The last of the nodes that all ways from the source lead through.

    Moves at the end change nothing: the node before them is taken. But what they cut away is not
    read, and is not part of the units.
    """
    order = sorted(nodes)
    shared = _shared(order, source, held, module)
    while len(shared) > 1:
        before, last = shared[-2:]
        moves = all(is_move(n, module) for n in order if before < n <= last)
        if not moves or _size(held[last], *own) < _size(held[before], *own):
            break
        shared.pop()
    return shared[-1]


def _size(found: Labels, units: list[int], width: int) -> int:
    """How many numbers of a value belong to units."""
    there = torch.isin((found.slots - 1) // width, torch.tensor(units))
    return int(there.sum()) * (found.tensor.numel() // max(1, there.numel()))


def _shared(
    order: list[fx.Node], source: fx.Node, held: Mapping[fx.Node, Any], module: fx.GraphModule
) -> list[fx.Node]:
    """The nodes that all ways lead through."""
    nodes, found, reach = _leading_on(order, held, module) | {source}, [source], source
    for node in (n for n in order if n in nodes):
        if node > source and not node < reach and isinstance(held[node], Labels):
            found.append(node)
        for user in after(node, module):
            if user in nodes:
                reach = max(reach, user)
            elif user not in held:
                return found
    return found


def _leading_on(
    order: list[fx.Node], held: Mapping[fx.Node, Any], module: fx.GraphModule
) -> set[fx.Node]:
    """The nodes by which the units get out, without parts that others are taken from."""
    own, found = set(order), set()
    for node in reversed(order):
        users = after(node, module)
        if any(user in found or (user not in own and user not in held) for user in users):
            found.add(node)
    return found


def _held(
    node: fx.Node, found: tuple[list[int], set[fx.Node]], source: fx.Node,
    held: Mapping[fx.Node, Any], width: int, n_units: int, module: fx.GraphModule,
) -> Held:  # fmt: skip
    (units, ways), slots = found, held[node].slots
    if len(units) < n_units:
        slots = torch.where(torch.isin((slots - 1) // width, torch.tensor(units)), slots, 0)
    between = tuple(n for n in sorted(ways) if source < n < node)
    mixing = (held[n] for n in (*between, node))
    separable = not any(isinstance(found, Statistic) for found in mixing) and not any(
        op(n, module) in NORMALISATION | STANDARDISED for n in (*between, node)
    )
    return Held(node, Layout(slots, width, n_units), between, separable)
