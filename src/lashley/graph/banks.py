"""Banks: products with the matrices of experts, which one parameter (expert, ..., ...) holds.

One product may take all of them, or one; or which of them gets a row is known only when the network
runs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import fx, nn

from lashley.graph.described import shape_of
from lashley.graph.labels import Labels, along, moved
from lashley.graph.nodes import attribute, is_move, op, reads, varying
from lashley.graph.vocabulary import ELEMENTWISE

_PRODUCTS = frozenset({"matmul", "mm", "bmm", "baddbmm", "addmm", "linear", "einsum"})
_GROUPED = frozenset({"grouped_mm", "_grouped_mm", "grouped_mm_fallback"})
_PICKS = frozenset({"getitem", "index", "select"})


@dataclass(frozen=True, eq=False)
class Bank:
    """A product with matrices of experts.

    Attributes:
        node: The product's node.
        source: The product, or what adds the experts' biases to it.
        input: The node whose numbers it mixes.
        parameter: Name of the parameter (expert, ..., ...).
        number: How many experts.
        side: Axis of the units in the parameter, 1 or 2.
        n_units: How many one expert has.
        unit_axis: The units' axis in the value, counted from the end.
        expert: Which expert, if it is a single known one.
        expert_axis: The axis along which the experts lie in the value, counted from the end; None
            if the value is of one expert, its rows are of any, or the experts are summed.
        input_axis: The same in the input.
        told: The node that tells in a run which expert a row belongs to: it picks the matrices, or
            is the product itself; None if that does not depend on the run.
        parameters: Names of the parameters that lead into the units.
    """

    node: fx.Node
    source: fx.Node
    input: fx.Node
    parameter: str
    number: int
    side: int
    n_units: int
    unit_axis: int
    expert: int | None
    expert_axis: int | None
    input_axis: int | None
    told: fx.Node | None
    parameters: tuple[str, ...]

    @property
    def is_summed(self) -> bool:
        """Whether it sums over the experts, so none has an output of its own."""
        return self.expert is None and self.expert_axis is None and self.told is None

    @property
    def by(self) -> Any:
        """What tells which experts are at work, the same for all products of one pass."""
        if self.told is None:
            return self.expert
        if self.told is self.node:
            return _offsets(self.node)
        return _index(self.told)


def banks(module: fx.GraphModule, varies: set[fx.Node]) -> dict[fx.Node, Bank]:
    """The products of a graph with matrices of experts, by nodes.

    Args:
        module: A captured graph, or the record of a run.
        varies: Its nodes that depend on the inputs' numbers.
    """
    found = {node: _bank(node, module, varies) for node in module.graph.nodes}
    return {node: bank for node, bank in found.items() if bank is not None}


def is_known_by_run(module: fx.GraphModule) -> bool:
    """Whether only a run tells which row comes to which expert."""
    return any(bank.told is not None for bank in banks(module, varying(module)).values())


@dataclass(frozen=True, eq=False)
class _Matrices:
    """The matrices as a product reads them: where the parameter's axes lie, counted from the end.

    The first is None for a single matrix, or one for each row.
    """

    parameter: str
    shape: tuple[int, ...]
    axes: tuple[int | None, int, int]
    expert: int | None
    pick: fx.Node | None


def _bank(node: fx.Node, module: fx.GraphModule, varies: set[fx.Node]) -> Bank | None:
    name, shape = op(node, module), shape_of(node)
    if shape is None or name not in _PRODUCTS | _GROUPED:
        return None
    if name == "einsum":
        return _einsum(node, shape, module, varies)
    given = [a for a in (*node.args, *node.kwargs.values()) if isinstance(a, fx.Node)]
    added = given.pop(0) if name in ("baddbmm", "addmm") else None
    if name == "linear" and len(given) > 2:
        added = given[2]
    for place in (1, 0) if len(given) > 1 else ():
        source, matrices = given[1 - place], _matrices(given[place], module)
        if matrices is not None and source in varies:
            return _product(node, name, source, matrices, place, added, module)
    return None


def _product(
    node: fx.Node, name: str, source: fx.Node, matrices: _Matrices, place: int,
    added: fx.Node | None, module: fx.GraphModule,
) -> Bank | None:  # fmt: skip
    """The matrices as the first or the second factor."""
    first, *own = matrices.axes
    rows, shape = -2 if place == 0 or name == "linear" else -1, shape_of(node) or ()
    grouped, unit = name in _GROUPED and _offsets(node) is not None, -2 if place == 0 else -1
    if sorted(own) != [-2, -1] or len(shape) < -unit or (grouped and (place != 1 or first != -3)):
        return None
    axis = None if grouped else first
    if axis is not None and (axis != -3 or shape[-3:-2] != matrices.shape[:1]):
        return None
    told = node if grouped else matrices.pick
    found = Bank(node, node, source, matrices.parameter, matrices.shape[0], 1 + own.index(rows),
                 shape[unit], unit, matrices.expert, axis, axis, told,
                 (matrices.parameter,))  # fmt: skip
    return _with_bias(found, added, module)


def _einsum(
    node: fx.Node, shape: tuple[int, ...], module: fx.GraphModule, varies: set[fx.Node]
) -> Bank | None:
    equation, *given = node.args
    factors = list(given[0]) if given and isinstance(given[0], list | tuple) else given
    written, _, made = str(equation).replace(" ", "").partition("->")
    parts = written.split(",")
    if "." in written or len(parts) != len(factors) or len(made) != len(shape):
        return None
    known = {i: _matrices(f, module) for i, f in enumerate(factors) if isinstance(f, fx.Node)}
    for place, matrices in known.items():
        if matrices is None:
            continue
        first, one, two = (None if a is None else parts[place][a] for a in matrices.axes)
        units = [c for c in (one, two) if c is not None and c in made and c != first]
        inner = [c for c in (one, two) if c is not None and c not in made]
        if len(units) != 1 or len(inner) != 1 or matrices.pick is not None:
            continue
        others = {i: f for i, f in enumerate(factors) if i != place and isinstance(f, fx.Node)
                  and f in varies and inner[0] in parts[i]}  # fmt: skip
        if len(others) != 1 or any(units[0] in p for i, p in enumerate(parts) if i != place):
            continue
        ((other, source),) = others.items()
        lies, read = made.find(first or " "), parts[other].find(first or " ")
        if matrices.expert is None and lies < 0 and read < 0:
            continue
        unit = made.index(units[0]) - len(made)
        found = Bank(
            node, node, source, matrices.parameter, matrices.shape[0],
            1 if units[0] == one else 2, shape[unit], unit, matrices.expert,
            lies - len(made) if lies >= 0 else None,
            read - len(parts[other]) if read >= 0 else None, None, (matrices.parameter,),
        )  # fmt: skip
        return _with_bias(found, None, module)
    return None


def _with_bias(bank: Bank, added: fx.Node | None, module: fx.GraphModule) -> Bank:
    """The same, with the biases that the product itself or the next step adds."""
    known = None if added is None else _biases(added, bank, module)
    if known is not None:
        return replace(bank, parameters=(*bank.parameters, known))
    if bank.is_summed:
        return bank
    axes = (bank.unit_axis, bank.expert_axis)
    current, shape = bank.node, shape_of(bank.node) or ()
    held = [{current: along(shape, axis)} for axis in axes if axis is not None]
    while True:
        users = [user for user in current.users if reads(user, current, module)]
        if len(users) != 1 or not is_move(users[0], module):
            break
        for by in held:
            by[users[0]] = moved(users[0], by, module)
        current = users[0]
    lies = [_only_axis(by[current]) for by in held]
    if len(users) != 1 or op(users[0], module) != "add" or None in lies:
        return bank
    others = [n for n in users[0].all_input_nodes if n is not current]
    known = _biases(others[0], bank, module) if len(others) == 1 else None
    if known is None or shape_of(users[0]) != shape_of(current):
        return bank
    unit, expert = lies[0] or 0, lies[1] if len(lies) > 1 else None
    return replace(bank, source=users[0], parameters=(*bank.parameters, known), unit_axis=unit,
                   expert_axis=expert)  # fmt: skip


def _only_axis(labels: Any) -> int | None:
    """The axis along which labels differ, counted from the end."""
    axes = sorted(labels.axes) if isinstance(labels, Labels) else []
    return axes[0] - labels.tensor.ndim if len(axes) == 1 else None


def _biases(node: fx.Node, bank: Bank, module: fx.GraphModule) -> str | None:
    """The parameter (expert, unit) that a node is, or picks rows of."""
    read = _read(node, module, 2)
    if read is None:
        return None
    name, _, _ = read
    shape = tuple(attribute(module, name).shape)
    return name if shape == (bank.number, bank.n_units) else None


def _matrices(node: fx.Node, module: fx.GraphModule) -> _Matrices | None:
    """What a product reads, if that is a parameter of three axes, moved, or picked from."""
    read = _read(node, module, 3)
    if read is None:
        return None
    name, pick, labels = read
    first, *own = (sorted(part.axes) for part in labels)
    n_axes = labels[0].tensor.ndim
    if any(len(axes) != 1 for axes in own) or len(first) > 1:
        return None
    one, two = (axes[0] - n_axes for axes in own)
    axis, expert, shape = None, None, tuple(attribute(module, name).shape)
    if first:
        axis, slots = first[0] - n_axes, labels[0].slots.flatten()
        if not torch.equal(slots, torch.arange(1, shape[0] + 1)):
            return None
    elif pick is None:
        expert = int(labels[0].slots.flatten()[0]) - 1
    return _Matrices(name, shape, (axis, one, two), expert, pick)


def _read(
    node: fx.Node, module: fx.GraphModule, n_axes: int
) -> tuple[str, fx.Node | None, tuple[Labels, ...]] | None:
    """The parameter of `n_axes` that a node reads, what picks from it, and labels by its axes."""
    chain: list[fx.Node] = []
    current = node
    while current.op in ("call_function", "call_method"):
        first = current.args[0] if current.args else None
        name, alone = op(current, module), len(current.all_input_nodes) == 1
        passes = is_move(current, module) or name in _PICKS or (alone and name in ELEMENTWISE)
        if not passes or not isinstance(first, fx.Node):
            return None
        chain.append(current)
        current = first
    value: Any = attribute(module, str(current.target)) if current.op == "get_attr" else None
    if not isinstance(value, nn.Parameter) or value.ndim != n_axes or min(value.shape) < 2:
        return None
    held = [{current: along(tuple(value.shape), axis)} for axis in range(n_axes)]
    pick, before = None, current
    for step in reversed(chain):
        if pick is None and _is_pick(step, module):
            shape, pick = shape_of(step) or (), step
            first = Labels(torch.ones(()).expand(shape))
            found = [first, *(along(shape, i - n_axes) for i in range(1, n_axes))]
        elif is_move(step, module):
            found = [moved(step, by, module) for by in held]
        else:
            found = [by[before] for by in held]
        for by, labels in zip(held, found, strict=True):
            by[step] = labels
        before = step
    labels = tuple(by[node] for by in held)
    if not all(isinstance(part, Labels) for part in labels):
        return None
    return str(current.target), pick, labels


def _is_pick(step: fx.Node, module: fx.GraphModule) -> bool:
    """Whether a node takes an expert, or one for each row, as the run decides.

    In a record everything taken by a number counts: the number was that of the recorded run.
    """
    index = _index(step) if op(step, module) in _PICKS else None
    if isinstance(index, fx.Node):
        shape = shape_of(index)
        return shape is None or len(shape) <= 1
    taken = step.args[0]
    whole = isinstance(taken, fx.Node) and len(shape_of(taken) or ()) >= 2
    return "key" in step.meta and isinstance(index, int) and whole


def _index(step: fx.Node) -> Any:
    """By what a step takes parts along the first axis; None if it does something else."""
    index: Any = step.args[1] if len(step.args) > 1 else None
    if len(step.args) > 2:  # select(axis, place)
        return step.args[2] if index == 0 else None
    return index[0] if isinstance(index, list | tuple) and len(index) == 1 else index


def _offsets(node: fx.Node) -> Any:
    """For a product by groups of rows, where these end."""
    return node.kwargs.get("offs", node.args[2] if len(node.args) > 2 else None)
