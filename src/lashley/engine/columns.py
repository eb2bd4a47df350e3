"""Suffixes of Linear layers and unit-wise steps, stacked as (ablation, feature, example).

In this layout matrix products write, and reductions over the classes read, whole vectors: for small
layers that is several times as fast as rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Float, Inexact, Int
from torch import Tensor, fx
from torch.nn import functional as F

from lashley.engine.consumers import Consumer, consumers
from lashley.engine.plan import Place
from lashley.engine.program import Live, Program, run_along
from lashley.engine.shortcuts import updated_consumer
from lashley.graph.batch import Batched
from lashley.graph.layers import layer
from lashley.graph.nodes import is_elementwise, op, value_of

Step = Callable[[Tensor], Tensor]  # (ablation, feature, example) to the same, used up
_SOFTMAX = {"softmax": F.softmax, "log_softmax": F.log_softmax}


@dataclass(frozen=True, eq=False)
class Columns:
    """How the suffixes of a place are run.

    Attributes:
        place: Where units are replaced.
        program: Which the suffixes are cut from.
        consumer: The one Linear that reads the units.
        weight: (feature, unit) its weights, with a last column of zeros for unused slots.
        steps: What follows the consumer.
        numbers: The most features of any value.
    """

    place: Place
    program: Program
    consumer: Consumer
    weight: Tensor
    steps: tuple[Step, ...]
    numbers: int


def columns(place: Place, program: Program) -> Columns | None:
    """The suffixes of a place as columns, if all after it is Linear, unit-wise or a softmax."""
    point, layout = program.nodes[place.nodes[0]], place.layouts[0]
    if len(place.nodes) > 1 or place.constants is None or not layout.is_plain:
        return None
    found = consumers(program, point, -1) if layout.axis == -1 else []
    if len(found) != 1:
        return None
    (consumer,) = found
    known = layer(consumer.node, program.module)
    flat = program.batch[point.name]
    if consumer.source is not point or len(point.users) > 1 or len(flat.shape) != 2:
        return None
    if known is None or known.op != "linear" or consumer.node.target is not F.linear:
        return None
    chain = _chain(consumer.node, program)
    if chain is None:
        return None
    weight = value_of(_held(consumer.node), program.module)
    padded = torch.cat([weight, torch.zeros_like(weight[:, :1])], 1)
    steps = tuple(_step(node, program) for node in chain)
    return Columns(
        place, program, consumer, padded, steps, program.numbers([consumer.node, *chain])
    )


class ColumnStacks:
    """The suffixes of a place on one batch.

    Args:
        plan: From `columns`.
        live: The intact values of the batch.
    """

    def __init__(self, plan: Columns, live: Live):
        assert plan.place.constants is not None
        self.plan = plan
        units = live[plan.program.nodes[plan.place.nodes[0]]]
        change = (plan.place.constants[0].to(units.device, units.dtype) - units).T
        mixed = live[plan.consumer.node].T
        self._live = torch.cat([change, torch.zeros_like(change[:1]), mixed])

    def intact(self) -> Float[Tensor, "1 class example"]:
        """Logits of the ablation of no units."""
        n_features = len(self.plan.weight)
        return self._rest(self._live[None, -n_features:].clone())

    def on(
        self, examples: Int[Tensor, " example"] | None
    ) -> Callable[[Sequence[tuple[int, ...]]], Tensor]:
        """Sets of units to logits (ablation, class, example), on some of the examples or on all."""
        live = self._live if examples is None else self._live.index_select(1, examples)
        change, mixed = live.split([self.plan.weight.shape[1], len(self.plan.weight)])
        return partial(self._run, change, mixed)

    def _run(
        self, change: Inexact[Tensor, "unit example"], mixed: Inexact[Tensor, "feature example"],
        unit_sets: Sequence[tuple[int, ...]],
    ) -> Float[Tensor, "ablation class example"]:  # fmt: skip
        units = _padded(unit_sets, self.plan.weight.shape[1] - 1).to(mixed.device)
        return self._rest(updated_consumer(mixed, self.plan.weight, change, units))

    def _rest(self, stacked: Tensor) -> Tensor:
        for step in self.plan.steps:
            stacked = step(stacked)
        return stacked


def _chain(start: fx.Node, program: Program) -> list[fx.Node] | None:
    """The nodes from a node to the output, if each reads only the one before it."""
    chain = []
    node = start
    while node is not program.output:
        if len(node.users) != 1:
            return None
        (user,) = node.users
        value = program.batch.get(user.name)
        if (
            not isinstance(value, Batched)
            or len(value.shape) != 2
            or (value.axis, value.per) != (0, 1)
        ):
            return None
        if not _is_step(user, node, program):
            return None
        chain.append(user)
        node = user
    return chain


def _is_step(node: fx.Node, source: fx.Node, program: Program) -> bool:
    name = op(node, program.module)
    if name in _SOFTMAX:
        return _softmax_axis(node, program) in (1, -1)
    if node.target is F.linear:
        return node.args[0] is source
    plain = name == "prelu" or node.all_input_nodes == [source]  # parameters lie along the units
    return plain and name != "batch_norm" and is_elementwise(node, program.module, {source})


def _step(node: fx.Node, program: Program) -> Step:
    """A node as a function of stacks."""
    name = op(node, program.module)
    if name in _SOFTMAX:
        return lambda value: _SOFTMAX[name](value, dim=1)
    if name == "relu":
        return torch.relu_  # a stack is the engine's own: no copy needed
    if node.target is F.linear:
        weight, bias = value_of(_held(node), program.module), None
        if isinstance(node.args[2], fx.Node):
            bias = value_of(node.args[2], program.module)
        return lambda value: _linear(value, weight, bias)
    (source,) = (n for n in node.all_input_nodes if n.op != "get_attr")
    return lambda value: run_along([node], source, value, program)


def _linear(value: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    weights = weight.expand(len(value), *weight.shape)
    if bias is None:
        return torch.bmm(weights, value)
    return torch.baddbmm(bias[:, None], weights, value)


def _softmax_axis(node: fx.Node, program: Program) -> int | None:
    if node.op == "call_module":
        return getattr(program.module.get_submodule(str(node.target)), "dim", None)
    given = node.kwargs.get("dim", node.args[1] if len(node.args) > 1 else None)
    return given if isinstance(given, int) else None


def _held(node: fx.Node) -> fx.Node:
    weight = node.args[1]
    assert isinstance(weight, fx.Node)
    return weight


def _padded(unit_sets: Sequence[tuple[int, ...]], unused: int) -> Int[Tensor, "ablation slot"]:
    longest = max(1, max(map(len, unit_sets)))  # a set may be empty
    return torch.tensor([[*units, *[unused] * (longest - len(units))] for units in unit_sets])
