"""Recurrent modules of a graph replaced by nodes, one for each step: hidden states as values.

Without this a graph calls nn.LSTM and similar modules whole, or aten.lstm if `torch.export` made
it.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, fx, nn

from lashley.graph.recurrent import Recurrence, Steps, carried_out
from lashley.graph.recurrent_calls import RecurrentCall, recurrent_call
from lashley.graph.recurrent_units import Unrolled, mark
from lashley.graph.running import run
from lashley.graph.tidy import name_of, without_unused


def unroll(graph: fx.Graph, attributes: dict[str, Any], inputs: Sequence[Tensor]) -> None:
    """Replace each call of a recurrent module by its steps.

    A node of hidden states has a `Recurrent` in `meta["recurrent"]`; there is one for each step of
    each layer and direction. A module whose steps run along the examples is left unchanged.

    Args:
        graph: Without writes; changed in place.
        attributes: By the names of the graph; parameters of modules are added.
        inputs: An example, to count the steps on.

    Raises:
        Refused: If a module is given a packed sequence, drops at random or is parametrised.
    """
    found = [recurrent_call(graph, node, attributes) for node in list(graph.nodes)]
    calls = [call for call in found if call is not None]
    if not calls:
        return
    few = run(graph, attributes, [tensor.clone() for tensor in inputs])
    more = run(graph, attributes, [torch.cat([tensor, tensor[:1]]) for tensor in inputs])
    asked = [(call, call.asked(few), call.asked(more)) for call in calls]
    done: list[Unrolled] = []
    begun: set[tuple[str, fx.Node]] = set()
    for call, one, other in asked:
        if one == other:
            with graph.inserting_before(call.node):
                done += _replaced(graph, call, one, attributes, begun)
    without_unused(graph)  # so that the last cell state has no unread reader
    mark(done)


def _replaced(
    graph: fx.Graph,
    call: RecurrentCall,
    asked: Recurrence,
    attributes: dict[str, Any],
    begun: set[tuple[str, fx.Node]],
) -> list[Unrolled]:
    """The ways of a call; its node is replaced by theirs.

    `begun` holds the last states of ways that began at 0, with the names of their sites.
    """

    def apply(function: Callable[..., Any], *args: Any) -> fx.Node:
        made = graph.call_function(function, args)
        made.meta["owner"] = call.name
        return made

    names = [call.name + call.end(place) for place in range(len(call.ways))]
    given = [_given(apply, call, place) for place in range(len(call.ways))]
    zero = [s is None or all(_is_zero(n, attributes) for n in s) for s in given]
    states = [None if z else s for s, z in zip(given, zero, strict=True)]
    output, done = carried_out(apply, asked, call.inputs, states, call.ways)
    last = _last(apply, call, done)
    if call.batch_first is not None:
        last = (output, last) if call.nested or not isinstance(last, tuple) else (output, *last)
    _hand_on(graph, call.node, last)
    made = []
    for name, way, state, steps in zip(names, call.ways, states, done, strict=True):
        began = state is None or all((name, node) in begun for node in state)
        begun.update((name, node) for node in steps.last if began)
        made.append(Unrolled(call, name, way, asked, steps, began))
    return made


def _given(
    apply: Callable[..., fx.Node], call: RecurrentCall, place: int
) -> tuple[fx.Node, ...] | None:
    """The state that a way begins with; None begins at 0."""
    states = call.states
    if states is None:
        return None
    if call.kind != "lstm":
        states = (states,)
    elif isinstance(states, fx.Node):
        states = _parts(apply, states, 2)
    if call.batch_first is None:
        return states
    return tuple(_row(apply, node, place) for node in states)


def _parts(apply: Callable[..., fx.Node], node: fx.Node, n: int) -> tuple[fx.Node, ...]:
    if node.target is _joined:
        return node.args  # pyright: ignore
    return tuple(apply(operator.getitem, node, i) for i in range(n))


def _row(apply: Callable[..., fx.Node], node: fx.Node, place: int) -> fx.Node:
    """One way's state from those of all ways."""
    parts = node.args[0] if node.args else None
    if node.target is torch.stack and node.args[1:] == (0,) and isinstance(parts, tuple):
        return parts[place]  # pyright: ignore
    return apply(torch.select, node, 0, place)


def _last(apply: Callable[..., fx.Node], call: RecurrentCall, done: list[Steps]) -> Any:
    """The last states of all ways, as the module returns them."""
    parts = list(zip(*(steps.last for steps in done), strict=True))
    if call.batch_first is not None:
        parts = [(apply(torch.stack, part, 0),) for part in parts]
    states = tuple(part[0] for part in parts)
    return states if call.kind == "lstm" else states[0]


def _hand_on(graph: fx.Graph, node: fx.Node, value: Any) -> None:
    """Give all readers of a node its replacement: a node, or nodes in nested tuples."""
    if isinstance(value, fx.Node):
        node.replace_all_uses_with(value)
    else:
        for user in list(node.users):
            if user.target is operator.getitem and isinstance(user.args[1], int):
                _hand_on(graph, user, value[user.args[1]])
        if node.users:
            node.replace_all_uses_with(_join(graph, value, node.meta))
    graph.erase_node(node)


def _join(graph: fx.Graph, value: Any, meta: dict[str, Any]) -> fx.Node:
    if isinstance(value, fx.Node):
        return value
    made = graph.call_function(_joined, tuple(_join(graph, part, meta) for part in value))
    made.meta = dict(meta)
    return made


def _joined(*parts: Any) -> tuple[Any, ...]:
    return parts


_ZEROS = {"zeros", "zeros_like", "new_zeros"}
_STILL_ZEROS = {
    "to", "_to_copy", "type_as", "float", "cuda", "clone", "contiguous", "detach", "expand",
    "repeat", "view", "reshape", "unsqueeze", "squeeze", "transpose", "permute", "select", "slice",
    "getitem", "requires_grad_",
}  # fmt: skip


def _is_zero(node: fx.Node, attributes: dict[str, Any]) -> bool:
    """Whether a node holds zeros for every example."""
    name = name_of(node)
    if node.op == "get_attr":
        value = attributes[str(node.target)]
        fixed = isinstance(value, Tensor) and not isinstance(value, nn.Parameter)
        return fixed and not value.any()
    if name in _ZEROS:
        return True
    source = node.args[0] if node.args else None
    return name in _STILL_ZEROS and isinstance(source, fx.Node) and _is_zero(source, attributes)
