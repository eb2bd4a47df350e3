"""Routers: layers whose units choose among others or weigh them."""

from __future__ import annotations

from torch import fx

from lashley.graph.described import shape_of
from lashley.graph.layers import layer
from lashley.graph.nodes import is_move, op, reads
from lashley.graph.vocabulary import ELEMENTWISE

_CHOOSES = frozenset({"topk", "argmax", "sort", "argsort", "argmin"})
_WEIGHS = frozenset({"mul", "matmul", "bmm", "einsum", "linear"})
_WEIGHED = frozenset({"softmax", "log_softmax", "sigmoid", "_softmax"})


def chooses(node: fx.Node, module: fx.GraphModule) -> bool:
    """Whether units are only weighed against one another, to choose or to weigh others: a router's.

    What follows holds a choice of the largest, or a softmax over the units that multiplies other
    values. A softmax that multiplies numbers one by one weighs them against one another only if
    they are summed afterwards.
    """
    waiting, seen, chosen = [(node, "")], {node}, False
    while waiting:
        current, weighed = waiting.pop()
        for user in current.users:
            if user in seen or not reads(user, current, module):
                continue
            name = op(user, module)
            if name in _CHOOSES:
                chosen = True
            elif layer(user, module) is not None:
                return False
            elif weighed == "one by one" and name == "sum":
                chosen = True
            elif weighed and name in _WEIGHS and len(user.all_input_nodes) > 1:
                alone = name == "mul" and len({shape_of(n) for n in user.all_input_nodes}) == 1
                chosen = chosen or not alone
                if alone:
                    seen.add(user)
                    waiting.append((user, "one by one"))
            elif name in ELEMENTWISE | _WEIGHED or is_move(user, module):
                seen.add(user)
                over = name == "softmax" and _is_over_last(user, module)
                waiting.append((user, weighed or ("all" if over else "")))
    return chosen


def _is_over_last(node: fx.Node, module: fx.GraphModule) -> bool:
    """Whether a softmax is taken over the last axis."""
    held = module.get_submodule(str(node.target)) if node.op == "call_module" else None
    axis = getattr(
        held, "dim", node.kwargs.get("dim", node.args[1] if len(node.args) > 1 else None)
    )
    shape = shape_of(node) or ()
    return isinstance(axis, int) and axis in (-1, len(shape) - 1)
