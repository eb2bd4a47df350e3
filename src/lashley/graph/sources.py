"""Which node computes units by itself: layers, recurrent layers, heads, embeddings."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, fx, nn

from lashley.graph.attention import PROJECTIONS
from lashley.graph.described import shape_of, value_like
from lashley.graph.labels import Labels, along, moved
from lashley.graph.layers import Layer, layer, named_after
from lashley.graph.layout import Layout
from lashley.graph.mixing import Mixing
from lashley.graph.nodes import attribute, held_by, is_fixed, is_move, op, value_of
from lashley.graph.routers import chooses
from lashley.graph.source import Source
from lashley.graph.ways import in_front


def layer_source(node: fx.Node, module: fx.GraphModule, known: Mixing) -> Source | None:
    """A layer: outputs of a linear one, filters of a convolution, scores of a router."""
    product, found = known.products.get(node), layer(node, module)
    if product is not None and product.told is not None:  # another matrix in each run
        return None
    if found is None or not found.parameters or _is_of_attention(found):
        return None
    node, found = _with_bias(node, found, module)
    shape = shape_of(node)
    if shape is None:
        return None
    kind = "filter" if found.op.startswith("conv") else "hidden"
    kind = "router" if kind == "hidden" and chooses(node, module) else kind
    return Source(node, found.name, kind, shape[found.axis], 1, found.axis,
                   along(shape, found.axis), found, found.parameters)  # fmt: skip


def recurrent_source(node: fx.Node, module: fx.GraphModule, known: Mixing) -> Source | None:
    """One step of a recurrent layer, as `unrolled` writes it."""
    step, shape = node.meta.get("recurrent"), shape_of(node)
    if step is None or shape is None:
        return None
    return Source(node, step.name, "recurrent", step.n_units, 1, -1, along(shape, -1), None,
                   step.parameters)  # fmt: skip


def _with_bias(node: fx.Node, known: Layer, module: fx.GraphModule) -> tuple[fx.Node, Layer]:
    """A layer that adds its own bias in a separate step, with that step; else unchanged.

    Moves of numbers may come between them, as when channels come last, if the units stay in order.
    """
    owners, shape = {_owner_of(name) for name in known.parameters}, shape_of(node)
    if known.bias is not None or len(owners) != 1 or shape is None:
        return node, known
    held, labels = _moved_on(node, along(shape, known.axis), module)
    step = _only_user(held)
    added = None if step is None else _added(step, held, module)
    if step is None or added is None or not _is_in_order(labels):
        return node, known
    names = held_by(added, module)
    own = len(names) == 1 and isinstance(attribute(module, names[0]), nn.Parameter)
    if not own or {_owner_of(names[0])} != owners:
        return node, known
    bias, axis = value_of(added, module), min(labels.axes) - labels.tensor.ndim
    if {i - bias.ndim: n for i, n in enumerate(bias.shape) if n > 1} != {axis: shape[known.axis]}:
        return node, known
    whole = added.op == "get_attr" and bias.ndim == 1
    return step, replace(known, bias=names[0] if whole else "", axis=axis,
                         parameters=(*known.parameters, *names))  # fmt: skip


def _moved_on(node: fx.Node, labels: Labels, module: fx.GraphModule) -> tuple[fx.Node, Labels]:
    """The last of what only moves a value's numbers, and where the units are there."""
    user = _only_user(node)
    found = moved(user, {node: labels}, module) if user and is_move(user, module) else None
    if user is None or not isinstance(found, Labels):
        return node, labels
    return _moved_on(user, found, module)


def _added(step: fx.Node, node: fx.Node, module: fx.GraphModule) -> fx.Node | None:
    """What a step adds to a value, if that is all it does and no input leads there."""
    others = [n for n in step.all_input_nodes if n is not node]
    if op(step, module) != "add" or len(others) != 1 or not is_fixed(others[0]):
        return None
    return others[0]


def _is_in_order(labels: Labels) -> bool:
    """Whether one axis holds the units 1, 2, ..., each once."""
    return len(labels.axes) == 1 and torch.equal(
        labels.slots.flatten(), torch.arange(1, labels.slots.numel() + 1)
    )


def _only_user(node: fx.Node) -> fx.Node | None:
    return next(iter(node.users)) if len(node.users) == 1 else None


def _owner_of(name: str) -> str:
    """A parameter's owner: "a.b" for "a.b.weight", and for "a.b/weight", as Keras writes names."""
    return name[: max(name.rfind("."), name.rfind("/"), 0)]


def _is_of_attention(known: Layer) -> bool:
    """Whether a layer is a projection inside `nn.MultiheadAttention`, which is a single site."""
    return all(name.rpartition(".")[2] in PROJECTIONS for name in known.parameters)


def head_source(node: fx.Node, module: fx.GraphModule, known: Mixing) -> Source | None:
    """Attention, whose units are its heads."""
    found = known.heads.get(node)
    if found is None:
        return None
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


def embedding_source(node: fx.Node, module: fx.GraphModule, known: Mixing) -> Source | None:
    """A table that is looked up: its channels."""
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
