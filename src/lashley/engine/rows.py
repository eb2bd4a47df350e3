"""Suffixes of any shape: ablations stacked along the batch, as rows (ablation x example)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Int
from torch import Tensor, fx

from lashley.engine.consumers import Consumer, consumers, picked
from lashley.engine.plan import Place, UnitSet
from lashley.engine.program import Program, run_along
from lashley.engine.suffix import Suffix, suffix
from lashley.graph.batch import Batched, Count
from lashley.graph.running import with_parts
from lashley.graph.ways import after

Runs = Sequence[tuple[UnitSet, slice]]  # rows of a stack and the units replaced there


@dataclass(eq=False)
class Rows:
    """How the suffixes of a place are run.

    Attributes:
        place: Where units are replaced.
        program: Which the suffixes are cut from; lowered.
        update: Whether consumers may be updated instead of run.
        compiled: Whether the suffixes go through `torch.compile`.
    """

    place: Place
    program: Program
    update: bool
    compiled: bool

    @cached_property
    def points(self) -> tuple[fx.Node, ...]:
        """Where units are replaced, as nodes of the program."""
        return tuple(self.program.nodes[name] for name in dict.fromkeys(self.place.nodes))

    @cached_property
    def consumers(self) -> tuple[Consumer, ...]:
        """Those that can be updated; none if units are replaced in several calls."""
        if not self.update or len(self.place.nodes) != 1:
            return ()
        axis = self.place.layouts[0].axis
        return () if axis is None else tuple(consumers(self.program, self.points[0], axis))

    @cached_property
    def apart(self) -> bool:
        """Whether each ablation runs alone: a point does not hold examples, and all share it."""
        known = (self.program.batch.get(name) for name in self.place.nodes)
        return not all(isinstance(value, Batched) for value in known)

    @cached_property
    def plain(self) -> Suffix:
        """The suffix from the replaced value on."""
        return self._cut(())

    @cached_property
    def updated(self) -> Suffix:
        """The suffix after the consumers whose output is updated."""
        return self._cut(self.consumers)

    @cached_property
    def numbers(self) -> int:
        """The most numbers that one example has in any value of a suffix."""
        affected = after(set(self.points))
        return self.program.numbers([*self.points, *affected])

    def _cut(self, known: tuple[Consumer, ...]) -> Suffix:
        found = suffix(self.program, self.points, known)
        if self.compiled:
            found.module.compile(dynamic=True)
        return found


@runtime_checkable
class LiveValues(Protocol):
    """The intact network's values on one batch, by nodes.

    Attributes:
        size: How many examples.
        numbers: (example,) their indices among all evaluated examples.
    """

    size: int
    numbers: Tensor

    def __getitem__(self, node: fx.Node) -> Any: ...


class Stacks:
    """The suffixes of a place on one batch.

    Args:
        plan: How they are run.
        live: The intact values of the batch.
        donors: The values that `resample` puts in place, of as many examples; else None.
    """

    def __init__(self, plan: Rows, live: LiveValues, donors: LiveValues | None):
        self.plan, self.live = plan, live
        self._points = plan.points
        nodes = [plan.program.nodes[name] for name in plan.place.nodes]
        self._numbers = {p: [i for i, node in enumerate(nodes) if node is p] for p in nodes}
        self._given = [self._given_at(i, node, donors) for i, node in enumerate(nodes)]
        self._changes = {c.node: self._change(c) for c in plan.consumers}

    def outputs(
        self, unit_sets: Sequence[UnitSet], examples: Int[Tensor, " example"] | None, update: bool
    ) -> Tensor:
        """Outputs (ablation x example, ...) of each ablation on each of the examples, or on all."""
        if self.plan.apart and len(unit_sets) > 1:
            return torch.cat([self.outputs([units], examples, False) for units in unit_sets])
        n = self.live.size if examples is None else len(examples)
        cells = None if examples is None else examples.repeat(len(unit_sets))
        runs = [(units, slice(i * n, (i + 1) * n)) for i, units in enumerate(unit_sets)]
        return self._run(runs, cells, len(unit_sets), update)

    def cells(self, unit_sets: Sequence[UnitSet], which: Tensor, examples: Tensor) -> Tensor:
        """Outputs (cell, ...): ablation `which[i]`, in ascending order, on `examples[i]`."""
        parts = consecutive(which)
        if self.plan.apart:
            alone = [self.outputs([unit_sets[w]], examples[part], False) for w, part in parts]
            return torch.cat(alone)
        return self._run([(unit_sets[w], part) for w, part in parts], examples, 1, True)

    def _run(self, runs: Runs, cells: Tensor | None, times: int, update: bool) -> Tensor:
        chosen = self.plan.updated if update and self.plan.consumers else self.plan.plain
        arguments: list[Any] = [self._replaced(p, runs, cells, times) for p in chosen.starts]
        arguments += [self._after(c, runs, cells, times) for c in chosen.updated]
        arguments += [self._stacked(n, cells, times) for n in chosen.shared]
        arguments += [self._function(p, runs, cells, times) for p in chosen.again]
        return chosen.module(*arguments)

    def _given_at(self, i: int, point: fx.Node, donors: LiveValues | None) -> Tensor | None:
        """Constants, or what the batch's examples are given."""
        place, value = self.plan.place, self.live[point]
        if place.constants is not None:
            return place.constants[i].to(value.device, value.dtype)
        if place.takes_donors:
            assert donors is not None
            return donors[point]
        known = self.plan.program.batch.get(point.name)
        return place.normal(i, known, value, self.live.numbers)

    def _change(self, consumer: Consumer) -> Tensor:
        """What replacing every unit adds to what a consumer reads."""
        (point,) = self._points
        intact = self.live[point]
        value = self.plan.place.new(0, intact, self._given[0])
        one = value.expand(intact.shape if len(value) > 1 else intact[:1].shape)
        replaced = run_along(consumer.path, point, one, self.plan.program)
        return replaced - self.live[consumer.source]

    def _after(
        self, consumer: Consumer, runs: Runs, cells: Tensor | None,
        times: int,
    ) -> Tensor:  # fmt: skip
        """A consumer's output under each ablation, without running it."""
        intact, change = self.live[consumer.node], self._changes[consumer.node]
        n_rows = len(intact) * times if cells is None else len(cells)
        out = _empty(intact, n_rows)
        for units, part in runs:
            if not units:
                out[part] = intact if cells is None else picked(intact, 0, cells[part])
                continue
            places = self.plan.place.layouts[0].places(units).to(change.device)
            features = _features(places, consumer.per)
            own, base = picked(change, consumer.axis, features), intact
            if cells is not None:
                own, base = (picked(v, 0, cells[part]) for v in (own, base))
            torch.add(base, consumer.update(own, features), out=out[part])
        return out

    def _replaced(self, point: fx.Node, runs: Runs, cells: Tensor | None, times: int) -> Tensor:
        """The value of a point, stacked, its units replaced."""
        value = self._stacked(point, cells, times)
        value = value.clone() if value is self.live[point] else value
        return self._function(point, runs, cells, times)(value)

    def _function(
        self, point: fx.Node, runs: Runs, cells: Tensor | None, times: int
    ) -> Callable[[Tensor], Tensor]:
        """What replaces the units of a stacked value of the point, in place."""
        return partial(self._replace, point, runs, cells, times)

    def _replace(
        self, point: fx.Node, runs: Runs, cells: Tensor | None, times: int, value: Tensor
    ) -> Tensor:
        for i in self._numbers[point]:
            self._replace_at(i, self.plan.program.batch.get(point.name), runs, cells, times, value)
        return value

    def _replace_at(
        self, i: int, known: Any, runs: Runs, cells: Tensor | None, times: int, value: Tensor
    ) -> None:
        given, place = self._given[i], self.plan.place
        if not isinstance(known, Batched):
            place.layouts[i].put(value, runs[0][0], place.new(i, value, given))
            return
        varied = None
        if given is not None and place.constants is None:
            varied = self._gathered(given, known, cells, times)
        for units, part in runs:
            if units:
                own = rows_of(value, known, part)
                beside = given if varied is None else rows_of(varied, known, part)
                place.layouts[i].put(own, units, place.new(i, own, beside))

    def _stacked(self, node: fx.Node, cells: Tensor | None, times: int) -> Any:
        n_rows = self.live.size * times if cells is None else len(cells)
        known = self.plan.program.batch[node.name]
        return stacked(
            self.live[node], known, n_rows, lambda v, k: self._gathered(v, k, cells, times)
        )

    def _gathered(self, value: Tensor, known: Batched, cells: Tensor | None, times: int) -> Tensor:
        """The slices of the cells' examples, one after another."""
        if cells is None and times == 1:
            return value
        if cells is None:
            cells = torch.arange(self.live.size, device=value.device).repeat(times)
        return gathered(value, known, cells)


def consecutive(which: Int[Tensor, " cell"]) -> list[tuple[int, slice]]:
    """The number in each run of equal ones, and where that run is."""
    found, lengths = torch.unique_consecutive(which, return_counts=True)
    ends = lengths.cumsum(0).tolist()
    parts = map(slice, [0, *ends[:-1]], ends)
    return list(zip(found.tolist(), parts, strict=True))


def stacked(
    value: Any, known: Any, n_rows: int, of_rows: Callable[[Tensor, Batched], Tensor]
) -> Any:
    """A value for a stack of this many rows.

    Args:
        value: On a batch.
        known: How it depends on the batch, by `batch_dependence`.
        n_rows: Of the stack.
        of_rows: What becomes of a tensor that holds examples.
    """
    if isinstance(known, Batched):
        return of_rows(value, known)
    if isinstance(known, Count):
        return known.of(n_rows)
    if isinstance(known, tuple):
        parts = zip(value, known, strict=True)
        return with_parts(value, [stacked(v, k, n_rows, of_rows) for v, k in parts])
    return value


def rows_of(value: Tensor, known: Batched, part: slice) -> Tensor:
    """The slices of some rows of a stack, one after another; a view."""
    return value.narrow(known.axis, part.start * known.per, (part.stop - part.start) * known.per)


def gathered(value: Tensor, known: Batched, cells: Int[Tensor, " cell"]) -> Tensor:
    """The slices of the cells' examples, one after another."""
    if known.per == 1:
        return picked(value, known.axis, cells)
    parts = value.unflatten(known.axis, (-1, known.per))
    return parts.index_select(known.axis, cells).flatten(known.axis, known.axis + 1)


def _empty(like: Tensor, n_rows: int) -> Tensor:
    shape = (n_rows, *like.shape[1:])
    if like.ndim == 4 and like.is_contiguous(memory_format=torch.channels_last):
        return torch.empty(
            shape, dtype=like.dtype, device=like.device, memory_format=torch.channels_last
        )
    return torch.empty(shape, dtype=like.dtype, device=like.device)


def _features(places: Tensor, per: int) -> Tensor:
    if per == 1:
        return places
    return (places[:, None] * per + torch.arange(per, device=places.device)).flatten()
