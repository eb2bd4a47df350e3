"""Calls of nn.LSTM, nn.GRU, nn.RNN and their cells in a graph, as either tracer writes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import fx, nn
from torch.nn.utils.parametrize import is_parametrized
from torch.nn.utils.rnn import PackedSequence

from lashley.graph.recurrent import GATES, Recurrence, Way
from lashley.graph.running import Refused
from lashley.graph.tidy import name_of

_MODULES = (nn.LSTM, nn.GRU, nn.RNN, nn.LSTMCell, nn.GRUCell, nn.RNNCell)


@dataclass(frozen=True, eq=False)
class RecurrentCall:
    """A call of a recurrent module, or of the operator that such a module calls.

    Attributes:
        node: The call's node.
        name: The module's name.
        kind: As in `Recurrence`.
        ways: Parameters as nodes, of `get_attr` if they are not computed.
        batch_first: Whether examples come before steps; None for a cell.
        directions: 1 or 2.
        nested: Whether an LSTM's last states come as a pair of their own.
    """

    node: fx.Node
    name: str
    kind: str
    ways: tuple[Way, ...]
    batch_first: bool | None
    directions: int
    nested: bool

    @property
    def inputs(self) -> fx.Node:
        """Those of all steps; of one step for a cell."""
        return self.node.args[0] if self.node.args else self.node.kwargs["input"]  # pyright: ignore

    @property
    def states(self) -> Any:
        """The first states: a node, or a pair for an LSTM; None begins at 0."""
        given = self.node.args[1] if len(self.node.args) > 1 else self.node.kwargs.get("hx")
        return tuple(given) if isinstance(given, list) else given

    def asked(self, values: Mapping[fx.Node, Any]) -> Recurrence:
        """What is computed where nodes have these values.

        Raises:
            Refused: If the inputs are packed.
        """
        inputs = values[self.inputs]
        if isinstance(inputs, PackedSequence):
            raise Refused(f"{self.name} is given a packed sequence (pack_padded_sequence)")
        rows, handed_on = values[self.ways[0].weight_hh].shape
        sizes = (handed_on, rows // GATES[self.kind])[: 2 if self.kind == "lstm" else 1]
        if self.batch_first is None:
            return Recurrence(self.kind, 1, None, 1, sizes)
        time = 1 if self.batch_first and inputs.dim() == 3 else 0
        return Recurrence(self.kind, self.directions, time, inputs.shape[time], sizes)

    def end(self, place: int) -> str:
        """What follows the module's name in the site's name: ".l0", ".l1_reverse" or ""."""
        if len(self.ways) == 1:
            return ""
        layer, back = divmod(place, self.directions)
        return f".l{layer}{'_reverse' * back}"


def recurrent_call(
    graph: fx.Graph, node: fx.Node, attributes: dict[str, Any]
) -> RecurrentCall | None:
    """The call that a node is, or None.

    Args:
        graph: Modules' parameters are added to it as nodes.
        node: Of it.
        attributes: By the names of the graph; parameters of modules are added.

    Raises:
        Refused: If a module is parametrised, or drops hidden states at random.
    """
    if node.op == "call_module":
        module = attributes[str(node.target)]
        if isinstance(module, _MODULES) and is_parametrized(module):
            raise Refused(f"{node.target} is parametrised")
        return _of_module(graph, node, module, attributes) if type(module) in _MODULES else None
    name = name_of(node)
    known = name.removesuffix("_cell") in GATES and node.op == "call_function"
    torchs = isinstance(node.target, torch._ops.OpOverload)
    torchs = torchs or node.target is getattr(torch, name, None)
    return _of_operator(node, name) if known and torchs else None


def _of_module(
    graph: fx.Graph, node: fx.Node, module: Any, attributes: dict[str, Any]
) -> RecurrentCall:
    plain = isinstance(module, nn.RNN | nn.RNNCell)
    lstm = isinstance(module, nn.LSTM | nn.LSTMCell)
    kind = f"rnn_{module.nonlinearity}" if plain else "lstm" if lstm else "gru"
    cell = isinstance(module, nn.RNNCellBase)
    _refuse_dropout(str(node.target), module.training and not cell and module.dropout)
    directions = 2 if not cell and module.bidirectional else 1
    ends = [""] if cell else [
        f"_l{layer}{side}" for layer in range(module.num_layers)
        for side in ("", "_reverse")[:directions]
    ]  # fmt: skip
    with graph.inserting_before(node):
        ways = tuple(_way(graph, node, module, end, attributes) for end in ends)
    batch_first = None if cell else module.batch_first
    return RecurrentCall(node, str(node.target), kind, ways, batch_first, directions, True)


def _way(
    graph: fx.Graph, node: fx.Node, module: nn.Module, end: str, attributes: dict[str, Any]
) -> Way:
    fields = ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr")
    held = {field: getattr(module, f"{field}{end}", None) for field in fields}
    nodes = {}
    for field, value in held.items():
        if value is not None:
            path = f"{node.target}.{field}{end}"
            attributes[path] = value
            nodes[field] = graph.get_attr(path)
            nodes[field].meta["owner"] = str(node.target)
    return Way(**nodes)


def _of_operator(node: fx.Node, name: str) -> RecurrentCall:
    owner, kind = str(node.meta.get("owner") or node.name), name.removesuffix("_cell")
    if name != kind:
        ways = (Way(*node.args[2:6]),)
        return RecurrentCall(node, owner, kind, ways, None, 1, False)
    held, biases, layers, dropout, train, both, batch_first = node.args[2:9]
    if not isinstance(biases, bool):
        raise Refused(f"{owner} is given a packed sequence")
    _refuse_dropout(owner, train and dropout)
    directions = 2 if both else 1
    size = len(held) // (layers * directions)  # pyright: ignore
    fields = ("weight_ih", "weight_hh", *(("bias_ih", "bias_hh") if biases else ()), "weight_hr")
    ways = tuple(
        Way(**dict(zip(fields, held[i : i + size], strict=False)))  # pyright: ignore
        for i in range(0, len(held), size)  # pyright: ignore
    )
    return RecurrentCall(node, owner, kind, ways, bool(batch_first), directions, False)


def _refuse_dropout(name: str, drops: Any) -> None:
    if drops:
        raise Refused(f"{name} drops hidden states at random: it is in training mode")
