"""Rewrites that make a graph faster; what it computes changes by rounding only.

Folding: in eval mode a batch normalisation is an affine map of each channel, and goes into the
weights of the layer before it. Small maps: a convolution over a map smaller than its kernel is a
matrix product with fewer multiplications. In place: a ReLU may overwrite what nothing else reads.
"""

from __future__ import annotations

import math
from itertools import product
from typing import Any

import torch
from torch import Tensor, fx
from torch.nn import functional as F

from lashley.engine.rewriting import hold, take_place
from lashley.engine.winograd import winograd
from lashley.graph.batch import Batched
from lashley.graph.layers import Layer, layer
from lashley.graph.nodes import op, value_of

_CONVOLUTIONS = {-2: F.conv1d, -3: F.conv2d, -4: F.conv3d}
_FRESH = ("linear", "conv1d", "conv2d", "conv3d")  # these return memory of their own


def map_product(value: Tensor, matrix: Tensor, bias: Tensor | None, shape: list[int]) -> Tensor:
    """A two-dimensional convolution over a small map, as one matrix product.

    Args:
        value: (example, channel, row, column).
        matrix: (row x column x channel in, row x column x channel out).
        bias: (row x column x channel out).
        shape: Channels, rows and columns of the result.
    """
    flat = value.permute(0, 2, 3, 1).reshape(len(value), -1)  # no copy where channels come last
    mixed = flat @ matrix if bias is None else torch.addmm(bias, flat, matrix)
    return mixed.view(len(value), *shape[1:], shape[0]).permute(0, 3, 1, 2)


def fold_weights(module: fx.GraphModule) -> None:
    """Compute weights once if forward computes them anew each time."""
    for node in list(module.graph.nodes):
        known = layer(node, module)
        for part, made in (("weight", known.held), ("bias", known.held_bias)) if known else ():
            if made is not None and made.op != "get_attr":
                with module.graph.inserting_before(node):
                    folded = hold(module, f"folded_{node.name}", part, value_of(made, module))
                node.replace_input_with(made, folded)


def functional_layers(module: fx.GraphModule) -> None:
    """Call every Linear and convolution as a function of its weights."""
    for node in list(module.graph.nodes):
        known = layer(node, module)
        if known is not None and known.op != "conv_transpose" and node.op == "call_module":
            held: Any = module.get_submodule(str(node.target))
            if known.op == "linear" or known.options is not None:
                _replace_layer(module, known, held.weight, held.bias)


def fold_batch_norm(module: fx.GraphModule, shapes: dict[str, Any], kept: set[str]) -> None:
    """Fold each batch normalisation into the layer that feeds it and nothing else.

    Args:
        module: Changed in place; its layers are functions.
        shapes: `Batched` by names of nodes.
        kept: Names of nodes whose own value is wanted.
    """
    for node in list(module.graph.nodes):
        source = node.args[0] if node.args else None
        if op(node, module) != "batch_norm" or not isinstance(source, fx.Node):
            continue
        known = layer(source, module)
        if known is None or len(source.users) > 1 or source.name in kept or known.unit_axis:
            continue
        if known.op == "conv_transpose" or not _on_channels(shapes.get(node.name), known):
            continue
        scale, shift = _affine(node, module)
        weight, bias = _weights(known, module)
        weight = weight.double() * scale.view(-1, *[1] * (weight.ndim - 1))
        shift = shift if bias is None else shift + scale * bias.double()
        kind = value_of(_weight_node(source), module).dtype
        _replace_layer(module, known, weight.to(kind), shift.to(kind), node)


def map_products(module: fx.GraphModule, shapes: dict[str, Any]) -> None:
    """Turn convolutions over small maps into matrix products, if that takes fewer multiplications.

    Args:
        module: Changed in place; its layers are functions.
        shapes: `Batched` by names of nodes.
    """
    for node in list(module.graph.nodes):
        known = layer(node, module)
        if known is None or known.op != "conv" or known.axis != -3 or known.options is None:
            continue
        given, made = shapes.get(known.input.name), shapes.get(node.name)
        if not (isinstance(given, Batched) and isinstance(made, Batched)) or known.groups != 1:
            continue
        weight, bias = _weights(known, module)
        named = isinstance(known.options.get("padding"), str)
        if named or math.prod(given.shape[2:]) >= math.prod(weight.shape[2:]):
            continue
        matrix = _as_matrix(weight, given.shape[1:], made.shape[1:], known.options)
        spread = None if bias is None else bias.repeat(math.prod(made.shape[2:]))
        with module.graph.inserting_before(node):
            parts: list[fx.Node | None] = [hold(module, node.name, "matrix", matrix)]
            parts.append(None if spread is None else hold(module, node.name, "spread", spread))
            args = (known.input, *parts, list(made.shape[1:]))
            new = module.graph.call_function(map_product, args)
        take_place(new, node)


def contiguous_norms(module: fx.GraphModule, batch: dict[str, Any]) -> None:
    """Let group norms read images in the usual order: with channels last they round far more.

    findings/torch-group-norm-channels-last.sh shows how much.
    """
    for node in list(module.graph.nodes):
        if op(node, module) != "group_norm":
            continue
        given = node.all_input_nodes[0]
        with module.graph.inserting_before(node):
            usual = module.graph.call_method("contiguous", (given,))
        usual.meta = dict(given.meta)
        node.replace_input_with(given, usual)
        batch[usual.name] = batch.get(given.name)
    module.recompile()


def widen_output(module: fx.GraphModule, wide: fx.GraphModule) -> None:
    """Compute the output layer, if it is a Linear, in the format of another copy of the graph.

    The logits decide: rounding them to the 8 bits of bfloat16 would leave the most doubt.

    Args:
        module: Changed in place.
        wide: The same graph in the wider format.
    """
    (node,), (twin,) = (m.graph.output_node().all_input_nodes for m in (module, wide))
    known, other = layer(node, module), layer(twin, wide)
    if known is None or other is None or known.op != "linear" or known.unit_axis:
        return
    weight, bias = _weights(other, wide)
    with module.graph.inserting_before(node):
        value = module.graph.call_method("to", (known.input, weight.dtype))
        parts: list[fx.Node | None] = [hold(module, f"wide_{node.name}", "weight", weight)]
        parts.append(None if bias is None else hold(module, f"wide_{node.name}", "bias", bias))
        new = module.graph.call_function(F.linear, (value, *parts))
    take_place(new, node)


def relu_in_place(module: fx.GraphModule, own: set[fx.Node]) -> None:
    """Let a ReLU overwrite the fresh output of a layer that nothing else reads.

    Args:
        module: Changed in place.
        own: Placeholders whose values may be overwritten as well.
    """
    for node in module.graph.nodes:
        source = node.args[0] if node.args else None
        if not isinstance(source, fx.Node) or op(node, module) not in ("relu", "relu_"):
            continue
        fresh = (
            source in own
            or source.target in (map_product, winograd)
            or op(source, module) in _FRESH
        )
        if fresh and len(source.users) == 1:
            node.op, node.target = "call_function", torch.relu_
            node.args, node.kwargs = (source,), {}


def _as_matrix(
    weight: Tensor, into: tuple[int, ...], out: tuple[int, ...], options: dict[str, Any]
) -> Tensor:
    """(row x column x channel in, row x column x channel out): the weights between numbers."""
    steps, pads, gaps = (_pair(options.get(k, v)) for k, v in
                         (("stride", 1), ("padding", 0), ("dilation", 1)))  # fmt: skip
    channels, filters = weight.shape[1], weight.shape[0]
    matrix = weight.new_zeros(into[1], into[2], channels, out[1], out[2], filters)
    kernel = [(i, j) for i in range(weight.shape[2]) for j in range(weight.shape[3])]
    for row, column, (i, j) in product(range(out[1]), range(out[2]), kernel):
        r = row * steps[0] - pads[0] + i * gaps[0]
        c = column * steps[1] - pads[1] + j * gaps[1]
        if 0 <= r < into[1] and 0 <= c < into[2]:
            matrix[r, c, :, row, column, :] = weight[:, :, i, j].T
    return matrix.view(into[1] * into[2] * channels, -1)


def _pair(given: Any) -> tuple[int, int]:
    return (given[0], given[-1]) if isinstance(given, list | tuple) else (given, given)


def _weights(known: Layer, module: fx.GraphModule) -> tuple[Tensor, Tensor | None]:
    nodes = known.node.args
    bias = nodes[2] if len(nodes) > 2 else None
    weight = value_of(_weight_node(known.node), module)
    return weight, value_of(bias, module) if isinstance(bias, fx.Node) else None


def _weight_node(node: fx.Node) -> fx.Node:
    weight = node.args[1]
    assert isinstance(weight, fx.Node)
    return weight


def _on_channels(value: Any, known: Layer) -> bool:
    """Whether the layer's units lie where batch normalisation has its channels."""
    return isinstance(value, Batched) and len(value.shape) + known.axis == 1


def _affine(node: fx.Node, module: fx.GraphModule) -> tuple[Tensor, Tensor]:
    """Scale and shift (channel) of a batch normalisation in eval mode, in float64."""
    if node.op == "call_module":
        held: Any = module.get_submodule(str(node.target))
        mean, var, weight, bias = held.running_mean, held.running_var, held.weight, held.bias
        eps = held.eps
    else:
        mean, var, weight, bias, eps = _functional_norm(node, module)
    scale = torch.rsqrt(var.double() + eps)
    scale = scale if weight is None else scale * weight.double()
    shift = -mean.double() * scale
    return scale, shift if bias is None else shift + bias.double()


def _functional_norm(node: fx.Node, module: fx.GraphModule) -> tuple[Any, ...]:
    aten = hasattr(node.target, "_schema")
    names = ("weight", "bias", "running_mean", "running_var") if aten else (
        "running_mean", "running_var", "weight", "bias")  # fmt: skip
    places = dict(zip(names, node.args[1:5], strict=False)) | dict(node.kwargs)
    parts = {n: places.get(n) for n in names}
    tensors = {n: value_of(v, module) if isinstance(v, fx.Node) else None for n, v in parts.items()}
    eps = node.kwargs.get("eps", node.args[7] if len(node.args) > 7 else 1e-5)
    return (*(tensors[n] for n in ("running_mean", "running_var", "weight", "bias")), eps)


def _replace_layer(
    module: fx.GraphModule, known: Layer, weight: Tensor, bias: Tensor | None,
    place: fx.Node | None = None,
) -> None:  # fmt: skip
    """Put a call with these weights in place of the layer, or of the node after it."""
    place = place or known.node
    with module.graph.inserting_before(place):
        parts: list[fx.Node | None] = [hold(module, place.name, "weight", weight)]
        parts.append(None if bias is None else hold(module, place.name, "bias", bias))
        function = F.linear if known.op == "linear" else _CONVOLUTIONS[known.axis]
        new = module.graph.call_function(function, (known.input, *parts), known.options or {})
    take_place(new, place)
    if place is not known.node:
        module.graph.erase_node(known.node)
