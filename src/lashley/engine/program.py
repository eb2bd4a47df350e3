"""The program: a network's graph in one number format, lowered, and what is known of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, fx
from torch.fx.node import map_arg

from lashley.engine.lowering import (
    contiguous_norms,
    fold_batch_norm,
    fold_weights,
    functional_layers,
    map_products,
    widen_output,
)
from lashley.engine.winograd import use_winograd, winograd
from lashley.graph import Captured, retyped
from lashley.graph.batch import Positional, parts_of
from lashley.graph.nodes import op, value_of
from lashley.graph.running import attributes_of, called, last_readers, own_tensors
from lashley.graph.ways import in_front

_RESHAPES = ("view", "reshape", "_unsafe_view")


@dataclass(frozen=True, eq=False)
class Program:
    """A graph to be run.

    Attributes:
        module: The graph and the numbers it uses.
        nodes: By name.
        batch: What `batch_dependence` found, by names of nodes.
        dtype: Of its real numbers.
        last_reader: For each node the position of the node that reads it last.
        attributes: What the graph names of the module, by name.
        position: Of each node in the graph.
    """

    module: fx.GraphModule
    batch: dict[str, Any]
    dtype: torch.dtype
    nodes: dict[str, fx.Node] = field(init=False)
    position: dict[fx.Node, int] = field(init=False)
    last_reader: dict[fx.Node, int] = field(init=False)
    attributes: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        order = {node: i for i, node in enumerate(self.module.graph.nodes)}
        last = {node: order[reader] for node, reader in last_readers(self.module.graph).items()}
        object.__setattr__(self, "position", order)
        object.__setattr__(self, "attributes", attributes_of(self.module, self.module.graph))
        object.__setattr__(self, "last_reader", last)
        object.__setattr__(self, "nodes", {node.name: node for node in order})

    @property
    def output(self) -> fx.Node:
        """The node of the network's output."""
        (node,) = self.module.graph.output_node().all_input_nodes
        return node

    def run(self, inputs: Sequence[Tensor]) -> Tensor:
        """The network's output, without keeping anything else."""
        return fx.Interpreter(self.module).run(*inputs)

    @cached_property
    def before_places(self) -> set[fx.Node]:
        """The nodes that lead to a value that depends on examples' places in the batch."""
        telling = {n for n in self.position if isinstance(self.batch.get(n.name), Positional)}
        return in_front(telling)

    @property
    def has_winograd(self) -> bool:
        """Whether any of its convolutions is Winograd's."""
        return any(node.target is winograd for node in self.position)

    def values(self, names: Iterable[str], inputs: Sequence[Tensor]) -> dict[str, Any]:
        """The values of some nodes, without keeping anything else."""
        wanted, live = set(names), Live(self, tuple(inputs), torch.arange(len(inputs[0])))
        found: dict[str, Any] = {}
        for name, node in self.nodes.items():
            if len(found) == len(wanted):
                break
            value = live.step(node)
            if name in wanted:
                found[name] = value
        return found

    def value(self, node: fx.Node, args: Any, kwargs: Any) -> Any:
        """What a node makes of these arguments."""
        return called(node, self.attributes, args, kwargs)

    def numbers(self, nodes: Iterable[fx.Node]) -> int:
        """The most numbers that one example has in any of the values."""
        found = (part for node in nodes for part in parts_of(self.batch.get(node.name)))
        return max((part.numbers for part in found), default=1)


def run_along(path: Iterable[fx.Node], start: fx.Node, value: Tensor, program: Program) -> Tensor:
    """What some nodes, in order, make of a value of the node before them."""
    interpreter = fx.Interpreter(program.module, garbage_collect_values=False)
    env: dict[fx.Node, Any] = {start: value}
    interpreter.env = env
    for node in path:
        if op(node, program.module) in _RESHAPES:  # whose sizes may depend on the batch
            value = env[node] = value.reshape(-1, *program.batch[node.name].shape[1:])
            continue
        for held in node.all_input_nodes:
            if held.op == "get_attr":
                env[held] = value_of(held, program.module)
        value = env[node] = interpreter.run_node(node)
    return value


def lowered(
    captured: Captured, batch: dict[str, Any], dtype: torch.dtype, device: str, *,
    kept: set[str], fold: bool, channels_last: bool, fewer_products: bool = False,
) -> Program:  # fmt: skip
    """The program of a captured network, for speed.

    Args:
        captured: Not changed.
        batch: From `batch_dependence`, by names of nodes.
        dtype: Of all real numbers in it.
        device: Where it runs.
        kept: Names of nodes whose own value is wanted: these stay.
        fold: Whether to fold batch normalisation and small maps.
        channels_last: Whether images have their channels last in memory.
        fewer_products: Whether to use Winograd's convolution where it is faster.
    """
    own = own_tensors(captured.module)  # as they are, in that format; none is written to
    module = retyped(captured.module, torch.float32, own).to(device)
    fold_weights(module)
    functional_layers(module)
    if fold:
        fold_batch_norm(module, batch, kept)
        map_products(module, batch)
    if fewer_products:
        use_winograd(module, batch)
    if dtype != torch.float32:
        wide, module = module, retyped(module, dtype)
        widen_output(module, wide)
    if channels_last:
        contiguous_norms(module, batch)
        _channels_last(module)
    return _program(module, batch, dtype)


def exact(
    captured: Captured, batch: dict[str, Any], device: str,
    held: Mapping[str, Tensor] | None = None,
) -> Program:  # fmt: skip
    """The program as captured, in float64; with tensors already held in that format, by name."""
    module = retyped(captured.module, torch.float64, held).to(device)
    fold_weights(module)
    return _program(module, batch, torch.float64)


def _program(module: fx.GraphModule, batch: dict[str, Any], dtype: torch.dtype) -> Program:
    for node in module.graph.nodes:
        _reshape(node)
    module.graph.eliminate_dead_code()
    return Program(module, batch, dtype)


def _reshape(node: fx.Node) -> None:
    """A stack may lie in memory differently from the value it stands for, so it has no views."""
    shaped = not any(isinstance(a, torch.dtype) for a in node.args)
    if (node.op, node.target) == ("call_method", "view") and shaped:
        node.target = "reshape"
    if node.target in (torch.ops.aten.view.default, torch.ops.aten._unsafe_view.default):
        node.target = torch.ops.aten.reshape.default


def _channels_last(module: fx.GraphModule) -> None:
    for name, value in module.named_buffers():
        if value.ndim == 4:
            owner, _, part = name.rpartition(".")
            setattr(module.get_submodule(owner), part, value.to(memory_format=torch.channels_last))


class Live:
    """The values of the intact network on one batch, each computed when it is first asked for.

    Args:
        program: The network.
        inputs: (example, ...) of each placeholder.
        numbers: (example,) their indices among all evaluated examples.
    """

    def __init__(self, program: Program, inputs: tuple[Tensor, ...], numbers: Tensor):
        self.program, self.numbers = program, numbers
        holders = [n for n in program.module.graph.nodes if n.op == "placeholder"]
        self._values: dict[fx.Node, Any] = dict(zip(holders, inputs, strict=True))
        self.size = len(inputs[0])
        self._position = 0  # up to which it was advanced

    def __getitem__(self, node: fx.Node) -> Any:
        waiting = [node]
        while waiting:
            current = waiting[-1]
            missing = [n for n in current.all_input_nodes if n not in self._values]
            if current in self._values or not missing:
                waiting.pop()
                if current not in self._values:
                    self._values[current] = self._run(current)
            else:
                waiting.extend(missing)
        return self._values[node]

    def fork(self) -> Live:
        """The same values, to be run on and freed separately."""
        other = copy(self)
        other._values = dict(self._values)
        return other

    def advance(self, position: int) -> None:
        """Run on to a node of the program; free what no node from there on reads."""
        for node in list(self.program.nodes.values())[self._position : position]:
            self.step(node)
        self._position = position

    def output(self) -> Any:
        """The network's output; no value on the way to it is kept."""
        ahead = self.fork()
        ahead.advance(len(self.program.nodes) - 1)  # the last node is "output"
        return ahead[self.program.output]

    def step(self, node: fx.Node) -> Any:
        """Run a node whose inputs were run; free what no node after it reads."""
        value = self[node]
        self.forget(node)
        return value

    def forget(self, node: fx.Node) -> None:
        """Free what no node after this one reads."""
        position = self.program.position[node]
        for source in node.all_input_nodes:
            if self.program.last_reader[source] <= position:
                self._values.pop(source, None)

    def _run(self, node: fx.Node) -> Any:
        args, kwargs = map_arg((node.args, node.kwargs), self._values.__getitem__)
        return self.program.value(node, args, kwargs)
