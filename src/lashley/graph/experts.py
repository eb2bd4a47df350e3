"""Experts: the units that their matrices make, in products (`banks.py`) one after another.

An expert is the pass through two or more products, all with its matrices. Its output is that of the
last one; if that sums over the experts at once, so that none has an output, the expert is what the
sum reads from it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import fx

from lashley.graph.banks import Bank
from lashley.graph.described import shape_of
from lashley.graph.labels import Labels, along, combined, moved, over
from lashley.graph.layers import Layer
from lashley.graph.layout import Layout
from lashley.graph.nodes import is_move, op, reads
from lashley.graph.region import Held, points
from lashley.graph.routed import Routed, ended, picked
from lashley.graph.source import Source
from lashley.graph.vocabulary import ELEMENTWISE, NORMALISATION
from lashley.graph.ways import after

Banks = Mapping[fx.Node, Bank]


def expert_sources(
    module: fx.GraphModule, banks: Banks, varies: set[fx.Node]
) -> dict[fx.Node, list[Source]]:
    """The units of experts, by the nodes that compute them.

    Args:
        module: A captured graph, or the record of a run.
        banks: Its products with matrices of experts.
        varies: Its nodes that depend on the inputs' numbers.
    """
    found: dict[fx.Node, list[Source]] = {}
    steps = _in_step(module, banks)
    for bank in banks.values():
        if bank.told is not None and bank.node in steps:
            own = _held_of_rows(bank, steps[bank.node], module, varies)
            found.setdefault(bank.source, []).extend(_of_rows(bank, own, module) if own else ())
        elif bank.told is None and bank.expert_axis is not None:
            found.setdefault(bank.source, []).extend(_side_by_side(bank, module, varies))
    for last in _last(module, banks):
        for source in _experts(last, steps, module, varies):
            found.setdefault(source.node, []).append(source)
    return found


# --- hidden units ---------------------------------------------------------------------------------


def _layer(bank: Bank, expert: int, module: fx.GraphModule) -> Layer:
    (held,) = [n for n in module.graph.nodes
               if n.op == "get_attr" and n.target == bank.parameter][:1]  # fmt: skip
    return Layer(bank.node, bank.input, "linear", _name(bank, expert), "", "", bank.side - 1,
                 bank.unit_axis, held, parameters=bank.parameters, part=expert)  # fmt: skip


def _name(bank: Bank, expert: int) -> str:
    return f"{bank.parameter.removesuffix('.weight')}[{expert}]"


def _hidden(
    bank: Bank, expert: int, labels: Labels, at: Any, held: Sequence[Held], module: fx.GraphModule
) -> Source:
    return Source(
        bank.source, _name(bank, expert), "hidden", bank.n_units, 1, bank.unit_axis, labels,
        _layer(bank, expert, module), bank.parameters, at, tuple(held),
    )  # fmt: skip


def _side_by_side(bank: Bank, module: fx.GraphModule, varies: set[fx.Node]) -> Iterator[Source]:
    """All experts are in one value."""
    number, n_units, shape = bank.number, bank.n_units, shape_of(bank.source) or ()
    labels = over(shape, bank.expert_axis or 0, bank.unit_axis)
    every = points(bank.source, labels, 1, number * n_units, module, varies)
    at = Layout(labels.slots, 1, number * n_units)
    for expert in range(number):
        own = [replace(h, layout=_part(h.layout, expert, n_units)) for h in every]
        own = [h for h in own if bool(h.layout.slots.any())]
        yield _hidden(bank, expert, labels, _part(at, expert, n_units), own, module)


def _part(layout: Layout, expert: int, n_units: int) -> Layout:
    """The units of one expert in a layout that holds those of all."""
    slots = layout.slots
    own = (slots > expert * n_units) & (slots <= (expert + 1) * n_units)
    return Layout(torch.where(own, slots - expert * n_units, 0), 1, n_units)


@dataclass(frozen=True, eq=False)
class _Steps:
    """All calls of one product in a record, one per pass, with rows of any expert.

    Attributes:
        banks: In order.
        by_key: All calls of the record, by their keys without the number.
    """

    banks: tuple[Bank, ...]
    by_key: Mapping[Any, list[fx.Node]]

    def includes(self, node: fx.Node) -> bool:
        """Whether a call comes once in each pass, before the next expert is named."""
        key = node.meta.get("key")
        found = self.by_key.get(key and key.every, [])
        if len(found) != len(self.banks):
            return False
        told = [bank.told for bank in self.banks if bank.told is not None]
        if len(told) != len(found):
            return False
        before = all(t < n or t is n for t, n in zip(told, found, strict=True))
        return before and all(n < t for n, t in zip(found, told[1:], strict=False))


def _in_step(module: fx.GraphModule, banks: Banks) -> dict[fx.Node, _Steps]:
    """By the call with most rows, the calls of a product that learns its experts in a run."""
    by_key: dict[Any, list[fx.Node]] = {}
    for node in module.graph.nodes:
        if "key" in node.meta:
            by_key.setdefault(node.meta["key"].every, []).append(node)
    found: dict[fx.Node, _Steps] = {}
    for nodes in by_key.values():
        own = [banks[n] for n in nodes if n in banks and banks[n].told is not None]
        steps = _Steps(tuple(own), by_key)
        alike = len({(b.parameter, b.told.meta["key"].every) for b in own if b.told}) == 1
        if len(own) == len(nodes) and alike and steps.includes(own[0].told):  # pyright: ignore
            most = max(own, key=lambda bank: (shape_of(bank.source) or (0,))[0])
            if all(steps.includes(n) for n in (most.node, most.source)):
                found[most.node] = steps
    return found


def _held_of_rows(
    bank: Bank, steps: _Steps, module: fx.GraphModule, varies: set[fx.Node]
) -> list[Held]:
    """Where the units of any expert are last held, by rows along axis 0; [] if that is unclear."""
    shape = shape_of(bank.source) or ()
    n_rows, unit = (shape or (0,))[0], bank.unit_axis % max(1, len(shape))
    if not n_rows or not unit:
        return []
    labels = over(shape, unit, 0)
    found = [_by_row(h, n_rows, bank.n_units) for h in
             points(bank.source, labels, n_rows, bank.n_units, module, varies)]  # fmt: skip
    whole = [h for h in found if h is not None and steps.includes(h.node)]
    return whole if len(whole) == len(found) else []


def _by_row(held: Held, n_rows: int, n_units: int) -> Held | None:
    """The same for any number of rows; None if rows are no longer one after another there."""
    slots = held.layout.slots
    if slots.shape[0] != n_rows:
        return None
    first = torch.where(slots[:1] > 0, (slots[:1] - 1) // n_rows + 1, 0)
    rows = torch.arange(1, n_rows + 1).view(-1, *[1] * (slots.ndim - 1))
    wanted = torch.where(first > 0, (first - 1) * n_rows + rows, 0)
    same = torch.equal(slots, wanted)
    return replace(held, layout=Layout(first, 1, n_units)) if same else None


def _routed(bank: Bank, inner: Layout, experts: Sequence[int]) -> Routed:
    assert bank.told is not None
    of = ended if bank.told is bank.node else picked
    return Routed(inner, tuple(experts), bank.told.meta["key"].every, of)


def _at_source(bank: Bank) -> Layout:
    return Layout(along(shape_of(bank.source) or (), bank.unit_axis).slots, 1, bank.n_units)


def _of_rows(bank: Bank, held: Sequence[Held], module: fx.GraphModule) -> Iterator[Source]:
    """Rows are of any expert."""
    labels, at = along(shape_of(bank.source) or (), bank.unit_axis), _at_source(bank)
    for expert in range(bank.number):
        own = [replace(h, layout=_routed(bank, h.layout, [expert])) for h in held]
        yield _hidden(bank, expert, labels, _routed(bank, at, [expert]), own, module)


# --- experts --------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Last:
    """The last products of experts.

    Attributes:
        banks: One, or one for each expert.
        parameters: Those of all products of the experts.
    """

    banks: tuple[Bank, ...]
    parameters: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class _Trail:
    """A value that comes from products alone.

    Attributes:
        experts: Labels of the value's experts, or what tells them.
        banks: The products.
    """

    experts: Any
    banks: frozenset[Bank]


def _last(module: fx.GraphModule, banks: Banks) -> Iterator[_Last]:
    trails = _trails(module, banks)
    fed = {bank: trails[bank.input].banks for bank in banks.values() if bank.input in trails
           and _reads(bank, trails[bank.input].experts)}  # fmt: skip
    feeding = frozenset().union(*fed.values())
    groups: dict[Any, list[Bank]] = {}
    for bank in fed:
        if bank not in feeding:
            key = bank.parameter if bank.expert is not None else bank
            groups.setdefault(key, []).append(bank)
    for group in groups.values():
        before, waiting = set(group), list(group)
        while waiting:
            new = fed.get(waiting.pop(), frozenset()) - before
            before |= new
            waiting += new
        names = dict.fromkeys(n for b in banks.values() if b in before for n in b.parameters)
        if _stand_alone(group):
            yield _Last(tuple(group), tuple(names))


def _trails(module: fx.GraphModule, banks: Banks) -> dict[fx.Node, _Trail]:
    """Values that come from products, with only elementwise steps or normalisations between."""
    found: dict[fx.Node, _Trail] = {}
    for node in module.graph.nodes:
        if node in banks:
            if not banks[node].is_summed:
                found[node] = _Trail(_tag(banks[node]), frozenset({banks[node]}))
            continue
        given = [found[n] for n in node.all_input_nodes if n in found and reads(node, n, module)]
        if not given:
            continue
        experts = _joined(node, given, found, module)
        if experts is not None:
            found[node] = _Trail(experts, frozenset().union(*(t.banks for t in given)))
    return found


def _tag(bank: Bank) -> Any:
    if bank.told is not None:
        return bank.by
    shape = shape_of(bank.node) or ()
    if bank.expert is not None:
        return Labels(torch.full((), 1.0 + bank.expert).expand(shape))
    axis = bank.expert_axis if bank.source is bank.node else -3
    return along(shape, axis or 0)


def _joined(
    node: fx.Node, given: Sequence[_Trail], found: Mapping[fx.Node, _Trail], module: fx.GraphModule
) -> Any:
    moves, name = is_move(node, module), op(node, module)
    if not (moves or name in ELEMENTWISE | NORMALISATION):
        return None
    first = given[0].experts
    if not isinstance(first, Labels | tuple):
        return first if all(t.experts is first or t.experts == first for t in given) else None
    labels = [t.experts for t in given]
    if moves:
        given_by = {n: found[n].experts for n in node.all_input_nodes if n in found}
        return moved(node, given_by, module)
    if not all(isinstance(part, Labels) for part in labels):
        return None
    return combined(node, labels)


def _reads(bank: Bank, experts: Any) -> bool:
    """Whether a product reads for each expert that expert's own part."""
    if bank.told is not None or not isinstance(experts, Labels):
        same = not isinstance(experts, Labels | tuple) and bank.told is not None
        return same and (experts is bank.by or experts == bank.by)
    if bank.expert is not None:
        return bool((experts.slots == bank.expert + 1).all())
    if bank.input_axis is None or experts.axes != {bank.input_axis % experts.tensor.ndim}:
        return False
    return torch.equal(experts.slots.flatten(), torch.arange(1, bank.number + 1))


def _stand_alone(group: Sequence[Bank]) -> bool:
    """Whether the products of a group cover all experts, and none reads another."""
    if group[0].expert is None:
        return True
    inputs, later = {bank.input for bank in group}, after({bank.source for bank in group})
    own = sorted(bank.expert for bank in group if bank.expert is not None)
    return own == list(range(group[0].number)) and not inputs & later


def _experts(
    last: _Last, steps: Mapping[fx.Node, _Steps], module: fx.GraphModule, varies: set[fx.Node]
) -> Iterator[Source]:
    for bank in last.banks:
        made = _expert(bank, last, steps, module, varies)
        if made is not None:
            yield made


def _expert(
    bank: Bank, last: _Last, steps: Mapping[fx.Node, _Steps], module: fx.GraphModule,
    varies: set[fx.Node],
) -> Source | None:  # fmt: skip
    owner = bank.parameter.rpartition(".")[0]
    node, number, width = bank.source, bank.number, bank.n_units
    shape = shape_of(node) or ()
    held, at = None, None
    if bank.is_summed:
        node, shape = bank.input, shape_of(bank.input) or ()
        if _adds_elsewhere(bank, module):
            return None
        labels = over(shape, bank.input_axis or 0, _inner_axis(bank, shape))
        width = int(labels.slots.max()) // number
        at = Layout(labels.slots, width, number)
        held = (Held(node, at, (), True),)
    elif bank.told is not None:
        if bank.node not in steps:
            return None
        own = _held_of_rows(bank, steps[bank.node], module, varies)
        if not own:
            return None
        inner = _at_source(bank)
        whole = own[0] if len(own) == 1 else Held(node, inner, (), True)
        at = _routed(bank, inner, range(number))
        held = (replace(whole, layout=_routed(bank, whole.layout, range(number))),)
        labels = along(shape, bank.unit_axis)
    elif bank.expert is not None:
        labels = along(shape, bank.unit_axis)
        labels = Labels(labels.tensor + bank.expert * width)
    else:
        labels = over(shape, bank.expert_axis or 0, bank.unit_axis)
    return Source(node, owner or "experts", "expert", number, width, bank.unit_axis, labels, None,
                  last.parameters, at, held)  # fmt: skip


def _inner_axis(bank: Bank, shape: tuple[int, ...]) -> int:
    """The axis of a summed product's input along which an expert's own units lie."""
    equation, *_ = bank.node.args
    parts = str(equation).replace(" ", "").partition("->")
    factors = bank.node.args[1:]
    factors = factors[0] if isinstance(factors[0], list | tuple) else factors
    letters = parts[0].split(",")[list(factors).index(bank.input)]
    expert = letters[bank.input_axis or 0]
    (inner,) = [i for i, c in enumerate(letters) if c not in parts[2] and c != expert]
    return inner - len(shape)


def _adds_elsewhere(bank: Bank, module: fx.GraphModule) -> bool:
    """Whether the experts seem to have biases that are summed separately."""
    owner = bank.parameter.rpartition(".")[0]
    return any(
        tuple(p.shape) == (bank.number, bank.n_units) and name.rpartition(".")[0] == owner
        for name, p in module.named_parameters()
    )
