"""Anatomy: where a network holds the units of its layers, heads and streams."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor, fx, nn

from lashley.graph.attention import PROJECTIONS
from lashley.graph.banks import Bank, banks
from lashley.graph.described import shape_of, value_like
from lashley.graph.experts import expert_sources
from lashley.graph.heads import Heads, heads_of
from lashley.graph.labels import Labels, along, moved
from lashley.graph.layout import Layout
from lashley.graph.nodes import (
    Layer,
    attribute,
    feeds_weights,
    held_by,
    is_fixed,
    is_move,
    layer,
    named_after,
    op,
    value_of,
    varying,
)
from lashley.graph.recurrent_units import Recurrent
from lashley.graph.region import Held, after, points, region
from lashley.graph.routed import Routed, fixed
from lashley.graph.routers import chooses
from lashley.graph.source import Source
from lashley.graph.ways import in_front

WEIGHTLESS = frozenset({"head", "residual"})  # kinds of units without weights of their own
_TURNS = frozenset({"t", "T", "mT", "transpose", "swapaxes", "permute"})


@dataclass(frozen=True, eq=False)
class Call:
    """One call of what holds units.

    Attributes:
        source: The node that computes the units.
        at_source: Where the units are in its value.
        points: The last nodes that hold them one by one: after normalisation and nonlinearity.
            Several where the units part ways, such as the two halves of a gated layer.
        layer: What the source is, unless it is attention, a sum, or an embedding.
        recurrent: What it is as a step of a recurrent layer, or None.
    """

    source: fx.Node
    at_source: Layout | Routed
    points: tuple[Held, ...]
    layer: Layer | None
    recurrent: Recurrent | None = None

    @property
    def separable(self) -> bool:
        """Whether all that leads to the points acts on each unit alone."""
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
        kind: As of `Site`.
        n_units: How many there are.
        axis: Their axis at the source, counted from the end.
        calls: In the order of the graph.
        parameters: Names of those that lead into the units.
    """

    name: str
    kind: str
    n_units: int
    axis: int
    calls: tuple[Call, ...]
    parameters: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Mixing:
    """What mixes units in a graph.

    Attributes:
        varies: The nodes that depend on the inputs' numbers.
        heads: By the nodes that compute them.
        products: Those with matrices of experts.
        hidden: The nodes after which units are mixed by a layer or attention, on a way to the
            output; and those of the layers that such a node is another call of.
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


def anatomy(module: fx.GraphModule, known: Mixing | None = None) -> dict[str, Organ]:
    """All that holds units, in forward order, without output layers.

    An output layer is one whose units reach the output without being mixed again, in every call.

    Args:
        module: A captured graph.
        known: What `mixing` says of it, if that was asked already.
    """
    known = known or mixing(module)
    found: dict[str, list[tuple[Source, Call]]] = {}
    for source in _sources(module, known):
        call = _call(source, module, known.varies)
        if not (feeds_weights(call.points[0].node, module) or _is_overwritten(call, module)):
            found.setdefault(_free_name(source, found, module), []).append((source, call))
    return {name: _organ(name, calls) for name, calls in found.items()}


def _is_overwritten(call: Call, module: fx.GraphModule) -> bool:
    """Whether something is written into the units' values in a way that cannot be followed."""
    return any(
        getattr(user.target, "__name__", "") == "as_recorded" and user.args[0] is held.node
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
    """Whether both have the same units; rows of a matrix and its columns, or two, have not."""
    sides = {_side(source, module) for source in (one, other)} - {None}
    alike = (one.kind, one.n_units, one.width) == (other.kind, other.n_units, other.width)
    apart = one.parameters and other.parameters and not {*one.parameters} & {*other.parameters}
    return alike and len(sides) < 2 and not apart


def _side(source: Source, module: fx.GraphModule) -> int | None:
    """Along which axis of its parameter a layer has its units; None where that is not plain."""
    known = source.layer
    if known is None or known.held is None or known.held.op == "get_attr":
        return None if known is None else known.unit_axis
    turned = op(known.held, module) in _TURNS and len(shape_of(known.held) or ()) == 2
    plain = [given.op for given in known.held.all_input_nodes] == ["get_attr"]
    return 1 - known.unit_axis if turned and plain else None


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
    """What computes units, in forward order; layers before the sums that they are part of."""
    varies, heads, products, hidden = known.varies, known.heads, known.products, known.hidden
    experts = expert_sources(module, products, varies)
    sums = _Sums(module, varies, {}, Counter())
    for node in module.graph.nodes:
        if shape_of(node) is None or node not in hidden:
            continue
        yield from experts.get(node, ())
        found = (
            _recurrent_source(node)
            or (None if _told(node, products) else _layer_source(node, module))
            or (_head_source(node, heads[node]) if node in heads else None)
            or _embedding_source(node, module)
            or sums.source(node)
        )
        if found is None:
            continue
        if found.kind not in ("head", "embedding"):
            for held, labels in region(node, found.labels, module, varies).items():
                if isinstance(labels, Labels):
                    sums.streams[held] = labels
        yield found


def _told(node: fx.Node, products: Mapping[fx.Node, Bank]) -> bool:
    """Whether a product's matrix is not the same in every run."""
    return node in products and products[node].told is not None


def _layer_source(node: fx.Node, module: fx.GraphModule) -> Source | None:
    known = layer(node, module)
    if known is None or not known.parameters or _is_of_attention(known):
        return None
    node, known = _with_bias(node, known, module)
    shape = shape_of(node)
    if shape is None:
        return None
    kind = "filter" if known.op.startswith("conv") else "hidden"
    kind = "router" if kind == "hidden" and chooses(node, module) else kind
    return Source(node, known.name, kind, shape[known.axis], 1, known.axis,
                   along(shape, known.axis), known, known.parameters)  # fmt: skip


def _recurrent_source(node: fx.Node) -> Source | None:
    known, shape = node.meta.get("recurrent"), shape_of(node)
    if known is None or shape is None:
        return None
    return Source(node, known.name, "recurrent", known.n_units, 1, -1, along(shape, -1), None,
                   known.parameters)  # fmt: skip


def _with_bias(node: fx.Node, known: Layer, module: fx.GraphModule) -> tuple[fx.Node, Layer]:
    """A layer that adds its own bias in a step of its own, with that step; else as it is.

    What moves numbers may stand between them, as where channels come last, but leaves the units in
    their order.
    """
    owners, shape = {_owner_of(name) for name in known.parameters}, shape_of(node)
    if known.bias is not None or len(owners) != 1 or owners == {""} or shape is None:
        return node, known
    held, labels = node, along(shape, known.axis)
    user = _only_user(held)
    while user is not None and is_move(user, module):
        found = moved(user, {held: labels}, module)
        if not isinstance(found, Labels):
            return node, known
        held, labels, user = user, found, _only_user(user)
    others = [n for n in user.all_input_nodes if n is not held] if user is not None else []
    if user is None or op(user, module) != "add" or len(others) != 1 or not is_fixed(others[0]):
        return node, known
    names = held_by(others[0], module)
    own = all(isinstance(attribute(module, name), nn.Parameter) for name in names)
    if not own or {_owner_of(name) for name in names} != owners or not _is_in_order(labels):
        return node, known
    axis = min(labels.axes) - labels.tensor.ndim
    bias = value_of(others[0], module)
    lengths = {i - bias.ndim: n for i, n in enumerate(bias.shape) if n > 1}
    if len(names) != 1 or lengths != {axis: shape[known.axis]}:
        return node, known
    whole = others[0].op == "get_attr" and bias.ndim == 1
    return user, replace(known, bias=names[0] if whole else "", axis=axis,
                         parameters=(*known.parameters, *names))  # fmt: skip


def _is_in_order(labels: Labels) -> bool:
    """Whether one axis holds the units 1, 2, ..., each once."""
    return len(labels.axes) == 1 and torch.equal(
        labels.slots.flatten(), torch.arange(1, labels.slots.numel() + 1)
    )


def _only_user(node: fx.Node) -> fx.Node | None:
    return next(iter(node.users)) if len(node.users) == 1 else None


def _owner_of(name: str) -> str:
    """Of a parameter: "a.b" of "a.b.weight", and of "a.b/weight", as Keras writes names."""
    return name[: max(name.rfind("."), name.rfind("/"), 0)]


def _is_of_attention(known: Layer) -> bool:
    """Whether a layer is a projection inside `nn.MultiheadAttention`, which is one site whole."""
    return all(name.rpartition(".")[2] in PROJECTIONS for name in known.parameters)


def _head_source(node: fx.Node, found: Heads) -> Source:
    name = node.meta.get("owner") or node.name
    owned = [p for p in _parameters_into(node) if p.rpartition(".")[2] in PROJECTIONS]
    layout = Layout(found.labels.slots, found.width, found.number)
    return Source(node, name, "head", found.number, found.width, layout.axis or -3, found.labels,
                   None, tuple(owned))  # fmt: skip


def _parameters_into(node: fx.Node) -> list[str]:
    """The tensors that a node, or what leads to it from the last layers, reads."""
    return [
        str(n.target) for n in in_front({node})
        if n.op == "get_attr" and str(n.target).startswith(f"{node.meta.get('owner', '')}.")
    ]  # fmt: skip


def _embedding_source(node: fx.Node, module: fx.GraphModule) -> Source | None:
    shape = shape_of(node)
    if op(node, module) != "embedding" or shape is None:
        return None
    if node.op == "call_module":
        name, held = str(node.target), f"{node.target}.weight"
    else:
        tables = [n for n in node.all_input_nodes if is_fixed(n) and _is_table(n)]
        if not tables or not held_by(tables[0], module):
            return None
        held = held_by(tables[0], module)[0]
        name = named_after(held, module)
    return Source(node, name, "embedding", shape[-1], 1, -1, along(shape, -1), None, (held,))


def _is_table(node: fx.Node) -> bool:
    value = value_like(node)
    return isinstance(value, Tensor) and value.ndim == 2 and value.is_floating_point()


@dataclass(frozen=True, eq=False)
class _Sums:
    """The sums of a graph, as they are come by.

    Attributes:
        module: The graph.
        varies: Its nodes that depend on the inputs' numbers.
        streams: Labels of the values that hold the units of layers and sums before.
        numbers: How many sums a module made before.
    """

    module: fx.GraphModule
    varies: set[fx.Node]
    streams: dict[fx.Node, Labels]
    numbers: Counter[str]

    def source(self, node: fx.Node) -> Source | None:
        """A sum of two activations, one of which a layer gives: the channels of a stream."""
        shape = shape_of(node)
        parts = [n for n in node.all_input_nodes if n in self.varies]
        if op(node, self.module) != "add" or len(parts) != 2 or node in self.streams:
            return None
        given = (self.streams.get(n) for n in sorted(parts))  # the stream comes before the branch
        labels = next((found for found in given if _is_whole(found, shape)), None)
        if labels is None or any(shape_of(n) != shape for n in parts):
            return None
        labels = _from_one(labels)
        slots, owner = labels.slots, str(node.meta.get("owner", ""))
        axes = [i for i, length in enumerate(slots.shape) if length > 1]
        axis = axes[0] - slots.ndim if len(axes) == 1 else -1
        adapted = self._adapted(owner)
        name, kind = (owner, "hidden") if adapted else (self._name(owner), "residual")
        return Source(node, name, kind, int(slots.max()), 1, axis, labels, None, adapted)

    def _adapted(self, owner: str) -> tuple[str, ...]:
        """The parameters of a layer with an adapter beside it, if a module is that (peft)."""
        try:
            own = self.module.get_submodule(owner)
        except AttributeError:  # it holds nothing that the graph names
            return ()
        names = [n for n, _ in own.named_parameters(owner)]
        parts = (f"{owner}.base_layer.", f"{owner}.lora_")
        whole = owner and all(any(n.startswith(part) for n in names) for part in parts)
        return tuple(n for n in names if n.startswith(parts)) if whole else ()

    def _name(self, owner: str) -> str:
        number = self.numbers[owner]
        self.numbers[owner] += 1
        return f"{owner}.residual".lstrip(".") + (f"_{number}" if number else "")


def _from_one(labels: Labels) -> Labels:
    """Labels in the same order without gaps: those of one half of a layer are 1, 2, ..., too."""
    found = labels.slots.unique()
    if len(found) == int(found[-1]):
        return labels
    place = torch.searchsorted(found, labels.slots) + 1
    return Labels(place.to(labels.tensor.dtype).expand(labels.tensor.shape))


def _is_whole(labels: Labels | None, shape: tuple[int, ...] | None) -> bool:
    """Whether every number of a value of this shape is a unit's."""
    return labels is not None and labels.tensor.shape == shape and bool((labels.slots > 0).all())


def _mixed_again(
    module: fx.GraphModule, heads: Mapping[fx.Node, Heads], products: Mapping[fx.Node, Bank]
) -> set[fx.Node]:
    """The nodes after which units are mixed by a layer or attention, in one call at least."""
    called = {node: _called(node, module) for node in module.graph.nodes}
    mixing = {n for n, own in called.items() if own is not None or n in heads or n in products}
    reach: set[fx.Node] = set()
    for node in reversed(module.graph.nodes):
        if any(user in reach or user in mixing for user in node.users):
            reach.add(node)
    again = {called[node] for node in reach} - {None}
    return reach | {node for node, own in called.items() if own in again}


def _called(node: fx.Node, module: fx.GraphModule) -> object:
    """What a node is a call of: a recurrent layer or another one; None if of neither."""
    known = layer(node, module)
    return (known.name, known.parameters) if known else node.meta.get("recurrent")
