"""Anatomy: where a network holds the units of its layers, heads and streams."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from torch import fx

from lashley.graph.described import shape_of
from lashley.graph.experts import expert_sources
from lashley.graph.labels import Labels, along, moved
from lashley.graph.layers import Layer, feeds_weights, layer
from lashley.graph.layout import Layout
from lashley.graph.mixing import Mixing, mixing
from lashley.graph.nodes import attribute, is_move
from lashley.graph.recorded import as_recorded
from lashley.graph.recurrent_units import Recurrent
from lashley.graph.region import Held, after, points, region
from lashley.graph.routed import Routed, fixed
from lashley.graph.source import Source
from lashley.graph.sources import embedding_source, head_source, layer_source, recurrent_source
from lashley.graph.sums import Sums

Finder = Callable[[fx.Node, fx.GraphModule, Mixing], Source | None]
"""Tells what units a node computes, if it computes any."""

FINDERS: tuple[Finder, ...] = (recurrent_source, layer_source, head_source, embedding_source)

WEIGHTLESS = frozenset({"head", "residual"})  # kinds of units without weights of their own


@dataclass(frozen=True, eq=False)
class Call:
    """One call of something that holds units.

    Attributes:
        source: The node that computes the units.
        at_source: Where the units are in its value.
        points: The last nodes that hold them one by one: after normalisation and nonlinearity.
            Several if the units part ways, as in the two halves of a gated layer.
        layer: The source as a layer, unless it is attention, a sum, or an embedding.
        recurrent: The source as a step of a recurrent layer, or None.
    """

    source: fx.Node
    at_source: Layout | Routed
    points: tuple[Held, ...]
    layer: Layer | None
    recurrent: Recurrent | None = None

    @property
    def separable(self) -> bool:
        """Whether everything that leads to the points acts on each unit alone."""
        return all(held.separable for held in self.points)

    @property
    def nodes(self) -> tuple[fx.Node, ...]:
        """The source, what leads to the points, and these."""
        found = {self.source}
        for held in self.points:
            found |= {*held.between, held.node}
        return tuple(sorted(found))


@dataclass(frozen=True, eq=False)
class Organ:
    """The units of a module, wherever it is called.

    Attributes:
        name: Of the module.
        kind: As for `Site`.
        n_units: How many there are.
        axis: Their axis at the source, counted from the end.
        calls: In the order of the graph.
        parameters: Names of the parameters that lead into the units.
    """

    name: str
    kind: str
    n_units: int
    axis: int
    calls: tuple[Call, ...]
    parameters: tuple[str, ...]

    @property
    def points(self) -> tuple[Held, ...]:
        """The points of all calls, in order; two may be one node, such as a shared sigmoid."""
        return tuple(held for call in self.calls for held in call.points)


def anatomy(module: fx.GraphModule, known: Mixing | None = None) -> dict[str, Organ]:
    """Everything that holds units, in forward order, without output layers.

    An output layer is one whose units reach the output without being mixed again, in every call.

    Args:
        module: A captured graph.
        known: What `mixing` says about it, if already asked.
    """
    known = known or mixing(module)
    found: dict[str, list[tuple[Source, Call]]] = {}
    for source in _sources(module, known):
        call = _call(source, module, known.varies)
        if not call.points:  # a run that gives it no row, such as an expert that gets none
            continue
        held = call.points[0].node
        if not (feeds_weights(held, module, known.varies) or _is_overwritten(call, module)):
            found.setdefault(_free_name(source, found, module), []).append((source, call))
    return {name: _organ(name, calls) for name, calls in found.items()}


def _is_overwritten(call: Call, module: fx.GraphModule) -> bool:
    """Whether something is written into the units' values in a way that cannot be followed."""
    return any(
        user.target is as_recorded and user.args[0] is held.node
        for held in call.points for user in after(held.node, module)
    )  # fmt: skip


def _free_name(
    source: Source, found: dict[str, list[tuple[Source, Call]]], module: fx.GraphModule
) -> str:
    """The source's name, with a number if units of another kind have it already."""
    name, number = source.name, 0
    while name in found and not _is_same(source, found[name][0][0], module):
        number += 1
        name = f"{source.name}_{number}"
    return name


def _is_same(one: Source, other: Source, module: fx.GraphModule) -> bool:
    """Whether both have the same units; rows and columns of a matrix, or two matrices, do not."""
    sides = {_side(source, module) for source in (one, other)} - {None}
    alike = (one.kind, one.n_units, one.width) == (other.kind, other.n_units, other.width)
    apart = one.parameters and other.parameters and not {*one.parameters} & {*other.parameters}
    return alike and len(sides) < 2 and not apart


def _side(source: Source, module: fx.GraphModule) -> int | None:
    """The axis of its parameter along which a layer has its units; None if that is unclear."""
    known = source.layer
    if known is None or known.held is None:
        return None if known is None else known.unit_axis
    for axis in range(len(shape_of(known.held) or ())):
        labels = _along_parameter(known.held, axis, module)
        if labels is not None and labels.axes == {known.unit_axis}:
            return axis
    return None


def _along_parameter(node: fx.Node, axis: int, module: fx.GraphModule) -> Labels | None:
    """Where a moved parameter holds the places along one of the parameter's axes."""
    if node.op == "get_attr":
        return along(tuple(attribute(module, str(node.target)).shape), axis)
    if not is_move(node, module) or len(node.all_input_nodes) != 1:
        return None
    (inner,) = node.all_input_nodes
    labels = _along_parameter(inner, axis, module)
    found = None if labels is None else moved(node, {inner: labels}, module)
    return found if isinstance(found, Labels) else None


def output_layers(module: fx.GraphModule, known: Mixing) -> list[Layer]:
    """The layers whose units reach the output without being mixed again, in every call."""
    last = (layer(node, module) for node in module.graph.nodes if node not in known.hidden)
    return [one for one in last if one is not None]


def _organ(name: str, calls: list[tuple[Source, Call]]) -> Organ:
    first = calls[0][0]
    parameters = dict.fromkeys(p for source, _ in calls for p in source.parameters)
    return Organ(name, first.kind, first.n_units, first.axis, tuple(call for _, call in calls),
                 tuple(parameters))  # fmt: skip


def _call(source: Source, module: fx.GraphModule, varies: set[fx.Node]) -> Call:
    at_source = source.at or Layout(source.labels.slots, source.width, source.n_units)
    if source.held is not None:
        held = source.held
    elif source.kind in ("head", "recurrent"):
        held = (Held(source.node, fixed(at_source), (), True),)
    else:
        held = points(
            source.node, source.labels, source.width, source.n_units, module, varies
        )  # fmt: skip
    return Call(source.node, at_source, held, source.layer, source.node.meta.get("recurrent"))


def _sources(module: fx.GraphModule, known: Mixing) -> Iterator[Source]:
    """What computes units, in forward order; layers before the sums they are part of."""
    experts = expert_sources(module, known.products, known.varies)
    sums = Sums(module, known.varies, {}, Counter())
    for node in module.graph.nodes:
        if shape_of(node) is None or node not in known.hidden:
            continue
        yield from experts.get(node, ())
        found = next(filter(None, (find(node, module, known) for find in FINDERS)), None)
        found = found or sums.source(node)
        if found is None:
            continue
        if found.kind not in ("head", "embedding"):
            for held, labels in region(node, found.labels, module, known.varies).items():
                if isinstance(labels, Labels):
                    sums.streams[held] = labels
        yield found
