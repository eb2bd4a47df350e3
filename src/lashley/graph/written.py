"""A call of an operation, written as `torch.fx` writes it."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, fx
from torch.fx.node import map_aggregate

from lashley.graph.calls import operation_of
from lashley.graph.functional import out_of_place
from lashley.graph.running import Refused

_OPAQUE = frozenset({torch.autograd.grad, torch.autograd.backward})
_PLAIN = (str, int, float, bool, complex, type(None), type(...), torch.dtype, torch.device,
          torch.memory_format, torch.layout)  # fmt: skip


def written_down(
    graph: fx.Graph, func: Any, args: Any, kwargs: Any, nodes: Mapping[int, fx.Node]
) -> fx.Node:
    """The call as a node that writes to nothing.

    Args:
        graph: Where it is added.
        func: As a torch function mode is given it.
        args: Those of the call.
        kwargs: The call's keyword arguments.
        nodes: What stands for the tensors among them, by their identity.

    Raises:
        Refused: If it cannot be written this way.
    """
    if func in _OPAQUE:
        raise Refused("an operation that needs more than its arguments")

    def argument(value: Any) -> Any:
        if isinstance(value, Tensor):
            return nodes[id(value)]
        if isinstance(value, _PLAIN):
            return float(value) if isinstance(value, float) else value  # numpy's are floats, too
        raise Refused("an argument that cannot be written in a graph")

    args, kwargs = map_aggregate((args, kwargs), argument)  # pyright: ignore
    node = _called(graph, func, operation_of(func), args, kwargs)
    try:
        twin = out_of_place(node)
    except Refused:
        graph.erase_node(node)
        raise
    if twin is not None:
        node.target, node.args, node.kwargs = twin
    return node


def _called(
    graph: fx.Graph, func: Any, operation: str, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> fx.Node:
    """The call as `torch.fx` writes it."""
    if getattr(func, "__name__", "") == "__get__":
        return graph.call_function(getattr, (args[0], operation))
    if operation.startswith("__"):
        return _operator(graph, operation.strip("_"), args, kwargs)
    if getattr(func, "__module__", None) in (None, "torch._tensor") and hasattr(Tensor, operation):
        return graph.call_method(operation, args, kwargs)
    return graph.call_function(func, args, kwargs)


def _operator(graph: fx.Graph, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> fx.Node:
    names = {"rdiv": "rtruediv", "div": "truediv", "idiv": "itruediv"}
    name = names.get(name, name)
    found = getattr(operator, f"__{name}__", None)
    swapped = getattr(operator, f"__{name[1:]}__", None) if name.startswith("r") else None
    if found is None and swapped is not None and len(args) == 2:
        found, args = swapped, (args[1], args[0])
    if found is None or kwargs:
        raise Refused(f"__{name}__ is not an operator")
    return graph.call_function(found, args)
