"""Ablations of several places in one pass: rows join the stack where their own place is reached.

A deep network of few units costs little to compute and much to walk through, so it is walked
through once. The first rows are those of the intact network; rows that join were the same until
then. The slow twin is a separate suffix for each place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor, fx
from torch.fx.node import map_arg

from lashley.engine.plan import Place, UnitSet
from lashley.engine.program import Live, Program
from lashley.engine.rows import consecutive, gathered, rows_of, stacked
from lashley.graph.batch import Batched, Count, Positional
from lashley.graph.ways import after, in_front

ChangesAt = list[tuple["Join", int, slice, UnitSet]]  # by which call of a place; rows, units there


@dataclass(frozen=True, eq=False)
class Join:
    """Cells of one place.

    Attributes:
        place: Where units are replaced, in values that hold examples.
        unit_sets: Sets of units.
        which: (cell) one of these sets, in ascending order.
        examples: (cell) on which it is ablated.
    """

    place: Place
    unit_sets: Sequence[UnitSet]
    which: Int[Tensor, " cell"]
    examples: Int[Tensor, " cell"]


def can_join(place: Place, program: Program) -> bool:
    """Whether all that it changes holds examples, and nothing after it tells their places."""
    return all(
        isinstance(program.batch.get(name), Batched)
        and program.nodes[name] not in program.before_places
        for name in place.nodes
    )


def first_of(place: Place, program: Program) -> int:
    """Where in the program a place begins."""
    return min(program.position[program.nodes[name]] for name in place.nodes)


def outputs_of(joins: Sequence[Join], live: Live, donors: Live | None) -> list[Tensor]:
    """Outputs (cell, ...) of the intact network on all examples, then those of each join.

    Args:
        joins: In any order; the result is empty if there are none.
        live: The intact values.
        donors: The values that `resample` puts in place, of as many examples; else None.
    """
    if not joins:
        return []
    order = sorted(range(len(joins)), key=lambda i: first_of(joins[i].place, live.program))
    outputs = _Pass([joins[i] for i in order], live, donors).outputs()
    intact, *parts = outputs.split([live.size, *(len(joins[i].which) for i in order)])
    by_join = dict(zip(order, parts, strict=True))
    return [intact, *(by_join[i] for i in range(len(joins)))]


class _Pass:
    """One walk through a program; `joins` in the order of their places."""

    def __init__(self, joins: Sequence[Join], live: Live, donors: Live | None):
        self._live, self._program = live, live.program
        device = joins[0].examples.device
        own = [join.examples for join in joins]
        self._cells = torch.cat([torch.arange(live.size, device=device), *own])
        self._changes: dict[fx.Node, ChangesAt] = {}
        self._rows: dict[int, int] = {}  # of the stack, from a position on
        start = live.size
        for join in joins:
            self._add(join, start)
            start += len(join.which)
            self._rows[first_of(join.place, self._program)] = start
        self._drawn_normal: dict[tuple[Place, int], Tensor | None] = {}
        self._held: dict[fx.Node, tuple[Any, int]] = {}  # with the rows it had when it was made
        drawn = {self._node(name) for join in joins if join.place.takes_donors
                 for name in join.place.nodes}  # fmt: skip
        self._donors = donors.fork() if donors is not None and drawn else None
        begin = first_of(joins[0].place, self._program)  # they were run up to here
        self._drawn = {node for node in drawn | in_front(drawn)
                       if self._program.position[node] >= begin}  # fmt: skip

    def _node(self, name: str) -> fx.Node:
        return self._program.nodes[name]

    def _add(self, join: Join, start: int) -> None:
        for i, name in enumerate(join.place.nodes):
            changes = self._changes.setdefault(self._node(name), [])
            for unit_set, part in consecutive(join.which):
                units = join.unit_sets[unit_set]
                if units:
                    changes.append((join, i, slice(start + part.start, start + part.stop), units))

    def outputs(self) -> Tensor:
        program, rows = self._program, self._live.size
        affected = after(set(self._changes))
        for position, node in enumerate(program.nodes.values()):
            if node.op == "output":
                break
            if node in affected:
                self._held[node] = self._run(node, rows), rows
            elif node in self._changes:
                self._held[node] = self._live[node], self._live.size
            rows = self._rows.get(position, rows)
            if self._donors is not None and node in self._drawn:
                self._donors[node]
            if node in self._changes:
                self._held[node] = self._changed(node, rows), rows
            self._forget(node)
        return self._read(program.output, rows)

    def _forget(self, node: fx.Node) -> None:
        position = self._program.position[node]
        for source in (node, *node.all_input_nodes):
            if self._program.last_reader[source] <= position:
                self._held.pop(source, None)
        if self._donors is not None:
            self._donors.forget(node)

    def _run(self, node: fx.Node, rows: int) -> Any:
        args, kwargs = map_arg((node.args, node.kwargs), lambda source: self._read(source, rows))
        return self._program.value(node, args, kwargs)

    def _read(self, node: fx.Node, rows: int) -> Any:
        """A value with this many rows."""
        known = self._program.batch.get(node.name)
        if isinstance(known, Count):
            return known.of(rows)  # without the value that it counts
        if isinstance(known, Positional):
            return self._run(node, rows)
        if node not in self._held:  # no place reaches it
            cells = self._cells[:rows]
            return stacked(self._live[node], known, rows, lambda v, k: gathered(v, k, cells))
        value, before = self._held[node]
        if before < rows:
            value = stacked(value, known, rows, partial(self._more, self._cells[before:rows]))
            self._held[node] = value, rows
        return value

    @staticmethod
    def _more(cells: Tensor, value: Tensor, known: Batched) -> Tensor:
        """A stack and the rows that join it, which are as in the intact network."""
        return torch.cat([value, gathered(value, known, cells)], known.axis)

    def _changed(self, node: fx.Node, rows: int) -> Tensor:
        known = self._program.batch[node.name]
        before = self._held[node][0]
        value = self._read(node, rows)
        value = value.clone() if value is before else value
        for join, i, part, units in self._changes[node]:
            own = rows_of(value, known, part)
            new = join.place.new(i, own, self._given(join, i, part, known, own))
            join.place.layouts[i].put(own, units, new)
        return value

    def _given(
        self, join: Join, i: int, part: slice, known: Batched, like: Tensor
    ) -> Tensor | None:
        """Constants, or what the examples of some cells are given."""
        place = join.place
        if place.constants is not None:
            return place.constants[i].to(like.device, like.dtype)
        if place.takes_donors:
            assert self._donors is not None
            found = self._donors[self._node(place.nodes[i])]
        else:
            found = self._normal(place, i, known, like)
        return None if found is None else gathered(found, known, self._cells[part])

    def _normal(self, place: Place, i: int, known: Batched, like: Tensor) -> Tensor | None:
        """The normal numbers of all examples of the batch."""
        if (place, i) not in self._drawn_normal:
            found = place.normal(i, known, like, self._live.numbers)
            self._drawn_normal[place, i] = found
        return self._drawn_normal[place, i]
