"""A captured graph in another number format."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.fx.node import map_aggregate
from torch.nn.utils.parametrize import is_parametrized

from lashley.graph.formats import format_in
from lashley.graph.running import assembled, attributes_of, own_tensors


def retyped(
    module: fx.GraphModule, dtype: torch.dtype, held: Mapping[str, Tensor] | None = None
) -> fx.GraphModule:
    """A copy that computes in another floating format.

    The formats written in the graph (`.to(torch.float32)`, `.float()`, the dtype of a filled
    tensor) follow, and so do numbers too large for the new format, such as
    `torch.finfo(torch.float32).min` in a mask.

    Args:
        module: A captured graph.
        dtype: That of its parameters, buffers and constants; the caller's inputs must be in it too.
        held: What it takes in place of copies, by names of the graph; without it, all is copied.
    """
    attributes = attributes_of(module, module.graph)
    copies = _known(attributes, dtype, held or {})
    twins = {name: _twin(value, dtype, copies) for name, value in attributes.items()}
    formats = {torch.float32, torch.complex64, *(t.dtype for t in _inexact(attributes.values()))}
    return assembled(_graph(module.graph, formats, dtype), twins)


def _known(
    attributes: Mapping[str, Any], dtype: torch.dtype, held: Mapping[str, Tensor]
) -> dict[int, Any]:
    """By tensors of a graph, those already held in the wanted format."""
    found: dict[int, Any] = {}
    for name, value in attributes.items():
        own = {name: value}
        if isinstance(value, nn.Module):
            own = {f"{name}.{inner}": tensor for inner, tensor in own_tensors(value).items()}
        for path, tensor in own.items():
            there = held.get(path)
            if there is None or not isinstance(tensor, Tensor):
                continue
            if (there.shape, there.dtype) == (tensor.shape, format_in(tensor.dtype, dtype)):
                found[id(tensor)] = _of_kind(tensor, there.detach())
    return found


def _inexact(values: Any) -> list[Tensor]:
    held = [list(v.parameters()) if isinstance(v, nn.Module) else [v] for v in values]
    found = [t for group in held for t in group if isinstance(t, Tensor)]
    return [t for t in found if t.is_floating_point() or t.is_complex()]


def _twin(value: Any, dtype: torch.dtype, copies: dict[int, Any]) -> Any:
    """A copy of a tensor, or of a module and all its tensors; the same copy for the same one."""
    if value is None or id(value) in copies:
        return value if value is None else copies[id(value)]
    if isinstance(value, nn.Module) and is_parametrized(value):  # cannot be copied piece by piece
        copies[id(value)] = copy.deepcopy(value).to(dtype)
        return copies[id(value)]
    if isinstance(value, nn.Module):
        twin = copies[id(value)] = copy.copy(value)
        for table in ("_parameters", "_buffers", "_modules"):
            held = {k: _twin(v, dtype, copies) for k, v in value.__dict__[table].items()}
            twin.__dict__[table] = held
        return twin
    if isinstance(value, Tensor):
        new = value.detach().to(format_in(value.dtype, dtype), copy=True)
        copies[id(value)] = _of_kind(value, new)
        return copies[id(value)]
    return copy.deepcopy(value)


def _of_kind(value: Tensor, new: Tensor) -> Tensor:
    """A tensor as a parameter, if it stands for one."""
    is_parameter = isinstance(value, nn.Parameter)
    return nn.Parameter(new, requires_grad=False) if is_parameter else new


def _graph(source: fx.Graph, formats: set[torch.dtype], dtype: torch.dtype) -> fx.Graph:
    largest = torch.finfo(dtype).max

    def mapped(value: Any) -> Any:
        if isinstance(value, torch.dtype):
            return format_in(value, dtype) if value in formats else value
        if isinstance(value, float) and largest < abs(value) < float("inf"):
            return largest if value > 0 else -largest
        return value

    graph, new = fx.Graph(), {}
    for node in source.nodes:
        copied = new[node] = graph.node_copy(node, new.__getitem__)
        copied.meta = dict(node.meta)
        copied.args = map_aggregate(copied.args, mapped)  # pyright: ignore
        copied.kwargs = map_aggregate(copied.kwargs, mapped)  # pyright: ignore
        if (copied.op, copied.target) == ("call_method", "float"):
            copied.target, copied.args = "to", (*copied.args[:1], dtype)
    return graph
