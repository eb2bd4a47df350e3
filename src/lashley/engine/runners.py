"""Runners: a group of ablations on the examples it touches, in stacks that fit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor, fx

from lashley.engine.batch import Batch
from lashley.engine.columns import ColumnStacks
from lashley.engine.margins import ENOUGH, RESERVE, chosen, measured
from lashley.engine.plan import Setting, UnitSet
from lashley.engine.program import Live, Program
from lashley.engine.rows import Stacks
from lashley.engine.shortcuts import TouchGroup
from lashley.engine.stacking import Choice, out_of_memory
from lashley.engine.sweeper import RowPlans, Sweeper
from lashley.engine.verdict import Readings
from lashley.graph.running import with_parts

_EMPTY = 16  # examples on which the ablation of no units is compared with the intact network
SAMPLE = 96  # outcomes of a place on which the rounding of the quick way is measured

T = TypeVar("T")


class ColumnRunner:
    """Runs ablations whose suffix is a chain of Linear layers."""

    def __init__(self, sweep: Sweeper, setting: Setting, stacks: ColumnStacks, labels: Tensor):
        self._sweep, self._setting, self._stacks, self._labels = sweep, setting, stacks, labels

    def cells(self, which: Tensor, examples: Tensor) -> Tensor:
        """Logits (cell, class): set `which[i]` of the setting on `examples[i]`."""
        some, places = torch.unique(examples, return_inverse=True)
        sets, rows = torch.unique(which, return_inverse=True)
        run = self._stacks.on(some.to(self._labels.device))
        logits = self._stacked([self._setting.unit_sets[s] for s in sets.tolist()], run, len(some))
        return torch.cat(list(logits))[rows, :, places]

    def empty(self) -> Readings:
        """Outcomes (1, example) of the ablation of no units."""
        return self._sweep.verdict.of_columns(self._stacks.intact(), self._labels)

    def of(self, group: TouchGroup, which: Tensor | None) -> Readings:
        """Outcomes (member, example) of a group, on some examples or on all."""
        labels = self._labels if which is None else self._labels.index_select(0, which)
        if not len(labels):
            return _nothing(len(group.members), self.empty())
        verdict = self._sweep.verdict
        sets = [self._setting.unit_sets[m] for m in group.members]
        found: Readings = {}
        start = 0
        for logits in self._stacked(sets, self._stacks.on(which), len(labels)):
            margins = self._sweep.margins_of(self._setting, sets[start : start + len(logits)])
            _put(found, verdict.of_columns(logits, labels, None, margins), start, len(sets))
            start += len(logits)
        return found

    def _stacked(
        self, sets: Sequence[UnitSet], run: Callable[[Sequence[UnitSet]], Tensor], n_examples: int
    ) -> Iterator[Tensor]:
        budget = self._sweep.budget

        def size() -> int:
            if not self._sweep.savings.stacking:
                return 1
            return budget.columns(self._stacks.plan.numbers * n_examples)

        return _stacked(sets, size, run, budget.shrink)


class Cast(Live):
    """Live values in the format of another program."""

    def __init__(self, live: Live, program: Program):
        self._live, self.program, self._dtype, self.size = live, program, program.dtype, live.size
        self.numbers = live.numbers
        self._values: dict[fx.Node, Any] = {}

    def __getitem__(self, node: fx.Node) -> Any:
        if node not in self._values:
            self._values[node] = self._cast(self._live[self._live.program.nodes[node.name]])
        return self._values[node]

    def _cast(self, value: Any) -> Any:
        if isinstance(value, Tensor):
            return value.to(self._dtype) if value.is_floating_point() else value
        if isinstance(value, tuple | list):
            return with_parts(value, [self._cast(v) for v in value])
        return value


class RowRunner:
    """Runs ablations of any suffix."""

    def __init__(
        self, sweep: Sweeper, setting: Setting, plans: RowPlans, batch: Batch,
        live: tuple[Live, Live | None],
    ):  # fmt: skip
        self._sweep, self._setting, self._plans = sweep, setting, plans
        self._batch, self._verdict = batch, sweep.verdict
        self._fast = Stacks(plans.fast, *live)
        self._quick: Stacks | None = None
        if plans.quick is not None and sweep.quick is not None:
            donors = None if live[1] is None else Cast(live[1], sweep.quick)
            self._quick = Stacks(plans.quick, Cast(live[0], sweep.quick), donors)
            if plans.least is None:
                plans.least = RESERVE * self._error()

    def empty(self) -> Readings:
        """Outcomes (1, example) of the ablation of no units, on the first examples."""
        few = torch.arange(min(_EMPTY, self._fast.live.size), device=self._batch.labels.device)
        return self._verdict.of_rows(self._fast.outputs([()], few, True), self._batch.labels[few])

    def cells(self, which: Tensor, examples: Tensor) -> Tensor:
        """Outputs (cell, ...) in float32: set `which[i]`, in order, on `examples[i]`."""
        return self._cells(self._fast, self._setting.unit_sets, which, examples)

    def _cells(
        self, stacks: Stacks, sets: Sequence[UnitSet], which: Tensor, examples: Tensor
    ) -> Tensor:
        which, examples = (part.to(self._batch.labels.device) for part in (which, examples))

        def run(cells: Sequence[int]) -> Tensor:
            part = slice(cells[0], cells[-1] + 1)
            return stacks.cells(sets, which[part], examples[part])

        return torch.cat(
            list(_stacked(range(len(which)), self._rows, run, self._sweep.budget.shrink))
        )

    def of(self, group: TouchGroup, which: Tensor | None) -> Readings:
        """Outcomes (member, example) of a group, on some examples or on all."""
        sets = [self._setting.unit_sets[m] for m in group.members]
        n = self._fast.live.size if which is None else len(which)
        if not n:
            return _nothing(len(sets), self.empty())
        while True:
            found = self._parts(sets, which, n)
            if self._quick is None or self._run_again(found, sets, which):
                return found  # else rounding is larger than was thought

    def _parts(self, sets: Sequence[UnitSet], which: Tensor | None, n: int) -> Readings:
        limit = self._rows()
        if limit >= n:
            return self._on(sets, which)
        which = torch.arange(n, device=self._batch.labels.device) if which is None else which
        return _joined([self._on(sets, part) for part in which.split(limit)], 1)

    def _rows(self) -> int:
        program = self._sweep.quick or self._sweep.fast
        return self._sweep.budget.rows(self._plans.fast.numbers, program.dtype.itemsize)

    def _on(self, sets: Sequence[UnitSet], which: Tensor | None) -> Readings:
        n = self._fast.live.size if which is None else len(which)
        found: Readings = {}
        start = 0
        while start < len(sets):
            at_once = self._rows() // n if self._sweep.savings.stacking else 1
            part = sets[start : start + max(1, at_once)]
            try:
                _put(found, self._stack(part, which), start, len(sets))
            except Exception as error:
                if not out_of_memory(error):
                    raise
                self._sweep.budget.shrink(len(part) * n, error)
                part = part[:0]
            if not part and n > max(1, self._rows()):
                part = sets[start : start + 1]
                _put(found, self._halves(part, which, n), start, len(sets))
            start += len(part)
        return found

    def _halves(self, part: Sequence[UnitSet], which: Tensor | None, n: int) -> Readings:
        which = torch.arange(n, device=self._batch.labels.device) if which is None else which
        return _joined([self._on(part, half) for half in which.split((n + 1) // 2)], 1)

    def _stack(self, sets: Sequence[UnitSet], which: Tensor | None) -> Readings:
        labels = self._batch.labels if which is None else self._batch.labels[which]
        stacks = self._quick or self._fast
        choice = self._choice(stacks)
        update = bool(stacks.plan.consumers) and choice.way()
        n_rows = len(sets) * len(labels)
        outputs = choice.timed(update, n_rows, lambda: self._outputs(stacks, sets, which, update))
        self._sweep.tally.outcomes += n_rows
        margins = self._quick_margins(sets) if self._quick else self._sweep.margins_of(
            self._setting, sets)  # fmt: skip
        return self._verdict.of_rows(outputs, labels, len(sets), self._plans.least, margins)

    def _quick_margins(self, sets: Sequence[UnitSet]) -> Tensor | None:
        """(set) how far the quick way may be from float32 under each, measured once."""
        if not self._verdict.classifies or self._quick is None:
            return None
        known, found = self._setting.unit_sets, self._plans.margins
        if found is None or not found.covers(known):
            which, examples = chosen(len(known), self._fast.live.size)
            quick = self._cells(self._quick, known, which, examples)
            found = measured(known, which, quick, self.cells(which, examples).double())
            self._plans.margins = found
        own = self._sweep.margins_of(self._setting, sets)  # float32 may be off as well
        return found.of(sets) if own is None else found.of(sets) + own

    def _outputs(
        self, stacks: Stacks, sets: Sequence[UnitSet], which: Tensor | None, update: bool
    ) -> Tensor:
        if not self._sweep.savings.prefix:
            for _ in sets:
                self._sweep.fast.run(self._batch.inputs)
        return stacks.outputs(sets, which, update)

    def _choice(self, stacks: Stacks) -> Choice:
        return self._plans.choices.setdefault(stacks is self._quick, Choice())

    def _run_again(self, found: Readings, sets: Sequence[UnitSet], which: Tensor | None) -> bool:
        """Replace what rounding of the quick way may have flipped by what float32 says.

        Returns:
            Whether that rounding is no larger than was thought.
        """
        cells = (found["rank"] == self._verdict.unknown).nonzero()
        self._sweep.tally.run_again += len(cells)
        small = True
        for i, part in enumerate(cells.split(self._rows()) if len(cells) else ()):
            ablations, places = part.unbind(1)
            examples = places if which is None else which[places]
            outputs = self._fast.cells(sets, ablations, examples)
            margins = self._sweep.margins_of(self._setting, [sets[a] for a in ablations.tolist()])
            block = self._verdict.of_rows(outputs, self._batch.labels[examples], margins=margins)
            for name, value in block.items():
                found[name][ablations, places] = value[0]
            if i == 0:
                small = not self._has_raised(sets, ablations, examples, outputs)
        return small

    def _has_raised(
        self, sets: Sequence[UnitSet], ablations: Tensor, examples: Tensor, outputs: Tensor
    ) -> bool:
        """Whether errors of the quick way are much larger than the sample's; that is remembered."""
        assert self._quick is not None
        quick = self._cells(self._quick, sets, ablations[:SAMPLE], examples[:SAMPLE])
        error = ENOUGH * float((quick.float() - outputs[:SAMPLE]).abs().max())
        raised = error > (self._plans.least or 0)
        if raised:
            self._plans.least = error
        return raised

    def _error(self) -> float:
        """The root mean square error of the quick way in a logit, on a sample of the outcomes."""
        assert self._quick is not None
        sets, n = self._setting.unit_sets, self._fast.live.size
        generator = torch.Generator().manual_seed(0)
        ablations = torch.randint(len(sets), (SAMPLE,), generator=generator).sort().values
        examples = torch.randint(n, (SAMPLE,), generator=generator)
        quick, fast = (self._cells(s, sets, ablations, examples) for s in (self._quick, self._fast))
        return float((quick.float() - fast).square().mean().sqrt())


def _stacked(
    items: Sequence[T], size: Callable[[], int], run: Callable[[Sequence[T]], Tensor],
    shrink: Callable[[int, Exception], None],
) -> Iterator[Tensor]:  # fmt: skip
    """Run sets of units, or cells, in stacks; one that does not fit in memory is cut smaller."""
    start = 0
    while start < len(items):
        part = items[start : start + max(1, size())]
        try:
            outputs = run(part)
        except Exception as error:
            if not out_of_memory(error):
                raise
            shrink(len(part), error)
            continue
        yield outputs
        start += len(part)


def _put(found: Readings, block: Readings, start: int, n_sets: int) -> None:
    """Put some sets' outcomes in their place; memory for all is taken at once."""
    for name, value in block.items():
        if name not in found:
            found[name] = value.new_empty((n_sets, value.shape[1]))
        found[name][start : start + len(value)] = value


def _joined(found: Sequence[Readings], axis: int) -> Readings:
    return {name: torch.cat([f[name] for f in found], axis) for name in found[0]}


def _nothing(n_sets: int, like: Readings) -> Readings:
    """Outcomes of ablations on no examples."""
    return {name: value[:, :0].expand(n_sets, 0) for name, value in like.items()}
