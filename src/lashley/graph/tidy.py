"""What does nothing in eval mode is removed from a graph."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, fx, nn

_IDLE = (nn.Identity, nn.modules.dropout._DropoutNd)
_ALIASES = {"detach", "detach_", "lift_fresh", "lift_fresh_copy", "alias"}
_CASTS = {"to", "_to_copy", "float", "double", "half", "bfloat16", "type", "type_as"}


def name_of(node: fx.Node) -> str:
    """The operation's plain name: "relu_" for torch.relu_, the method and aten.relu_.default.

    A called module has no such name.
    """
    if node.op == "call_method":
        return str(node.target)
    if isinstance(node.target, torch._ops.OpOverload):
        return node.target._schema.name.rpartition("::")[2]
    return getattr(node.target, "__name__", "") if node.op == "call_function" else ""


def without_idle(graph: fx.Graph, attributes: Mapping[str, Any]) -> None:
    """Remove dropout, stochastic depth, Identity and detach where they do nothing."""
    for node in list(graph.nodes):
        if does_nothing(node, attributes):
            pass_by(graph, node)


def with_plain_norms(graph: fx.Graph) -> None:
    """Write normalisations that `run_decompositions` split as one operation again."""
    aten = torch.ops.aten
    for node in list(graph.nodes):
        name, args = name_of(node), node.args
        if name == "_native_batch_norm_legit_no_training":
            target = aten.batch_norm.default
            new = (*args[:5], False, *args[5:7], False)
        elif name == "native_layer_norm":
            target, new = aten.layer_norm.default, (*args[:5], False)
        elif name == "native_group_norm":
            target, new = aten.group_norm.default, (args[0], args[6], *args[1:3], args[7], False)
        else:
            continue
        firsts = [user for user in node.users if user.args[1:] == (0,)]
        if len(firsts) < len(node.users):
            continue
        with graph.inserting_before(node):
            whole = graph.call_function(target, new)
        whole.meta = dict(node.meta)
        for user in firsts:
            user.replace_all_uses_with(whole)
            graph.erase_node(user)
        graph.erase_node(node)


def casts_nothing(node: fx.Node, values: Mapping[fx.Node, Any]) -> bool:
    """Whether the node is a conversion that returned the very tensor it was given."""
    first = node.args[0] if node.args else None
    if name_of(node) not in _CASTS or not isinstance(first, fx.Node):
        return False
    return isinstance(values[node], Tensor) and values[node] is values[first]


def without_unused(graph: fx.Graph) -> None:
    """Remove what nobody reads: in a pure graph, checks and leftovers."""
    for node in reversed(list(graph.nodes)):
        if not node.users and node.op not in ("placeholder", "output"):
            graph.erase_node(node)


def does_nothing(node: fx.Node, attributes: Mapping[str, Any]) -> bool:
    """Whether the node's value is its input, whatever that is."""
    if node.op == "call_module":
        module = attributes[str(node.target)]
        return isinstance(module, _IDLE) and not (module.training and hasattr(module, "p"))
    name = name_of(node)
    if name in _ALIASES:
        return True
    return ("drop" in name or name == "stochastic_depth") and _training(node) is False


def _training(node: fx.Node) -> Any:
    """A dropout's training flag; None if it has none."""
    target: Any = node.target
    try:
        names = list(inspect.signature(target).parameters)
    except (TypeError, ValueError):  # built in
        names = []
    place = names.index("training") if "training" in names else 2  # else (input, p, train)
    told = node.args[place] if len(node.args) > place else None
    return node.kwargs.get("training", node.kwargs.get("train", told))


def pass_by(graph: fx.Graph, node: fx.Node) -> None:
    """Let the node's readers read what it reads, and remove it."""
    node.replace_all_uses_with(node.all_input_nodes[0])
    graph.erase_node(node)
