"""Settling: what rounding could have flipped is decided in float64, under its own ablation."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lashley.engine.batch import Batch
from lashley.engine.joined import Join, can_join, first_of, outputs_of
from lashley.engine.margins import chosen, errors, largest, measured
from lashley.engine.plan import Setting
from lashley.engine.program import Live
from lashley.engine.rows import Stacks, consecutive
from lashley.engine.sweeper import Sweeper
from lashley.engine.verdict import Readings
from lashley.errors import EngineError

_AT_ONCE = 1 << 24  # numbers in the largest value of one pass
_LOOKED_AT = 96  # of the settled outcomes, to see whether the margin was large enough


@dataclass(frozen=True, eq=False)
class Ran:
    """A setting that was run on a batch in float32.

    Attributes:
        setting: Which one.
        cells: Outputs (cell, ...) of these sets (cell), in ascending order, on examples (cell).
    """

    setting: Setting
    cells: Callable[[Tensor, Tensor], Tensor]


def settle_intact(sweep: Sweeper, batch: Batch, found: Readings) -> int:
    """Find out the outcomes of the intact network that are not known yet.

    Args:
        sweep: As it was run.
        batch: In float32.
        found: (1, example) by name, filled in in place.

    Returns:
        How many there were.
    """
    if not sweep.verdict.classifies:
        return 0
    which = (found["rank"][0] == sweep.verdict.unknown).nonzero()[:, 0]
    for part in which.split(_size(sweep)) if len(which) else ():
        some = batch.take(part).to(torch.float64)
        _put(sweep, found, torch.zeros_like(part), part, sweep.exact.run(some.inputs), some)
    return len(which)


def decided(
    sweep: Sweeper, batch: Batch, ran: Sequence[Ran], found: Callable[[Ran], Readings]
) -> list[Readings]:
    """Outcomes (set, example) by name of each setting, in main memory; nothing remains unknown.

    Args:
        sweep: As it was run.
        batch: In float32.
        ran: Settings.
        found: The outcomes of one of them, as far as float32 decides them by the margins.
    """
    if not sweep.verdict.classifies:
        return [found(one) for one in ran]
    look_at(sweep, batch, ran)
    known = [found(one) for one in ran]
    left = list(range(len(ran)))
    while left:
        n, raised = settle(sweep, batch, [ran[i] for i in left], [known[i] for i in left])
        sweep.tally.settled += n
        left = [left[i] for i in sorted(raised)]
        for i in left:
            known[i] = found(ran[i])
    return known


def settle(
    sweep: Sweeper, batch: Batch, ran: Sequence[Ran], found: Sequence[Readings]
) -> tuple[int, set[int]]:
    """Find out the outcomes that are not known yet.

    Args:
        sweep: As it was run.
        batch: In float32.
        ran: Settings.
        found: Of each (set, example) by name, filled in in place.

    Returns:
        How many there were; and in which settings float32's errors are larger than the margin
        allows: then it is raised, and all of the setting has to be decided again.
    """
    unknown = [(own["rank"] == sweep.verdict.unknown).nonzero() for own in found]
    lengths, seen, raised = [len(cells) for cells in unknown], set[int](), set[int]()
    for parts in _in_parts(lengths, _size(sweep)):
        cells = [unknown[i][part].unbind(1) for i, part in parts]
        asked = [(ran[i].setting, own[0], own[1]) for (i, _), own in zip(parts, cells, strict=True)]
        outputs = exactly(sweep, batch, asked)
        for (i, _), (which, examples), exact in zip(parts, cells, outputs, strict=True):
            if i not in seen and _raise_margins(sweep, ran[i], which, examples, exact):
                raised.add(i)
            seen.add(i)
            _put(sweep, found[i], which, examples, exact, batch.take(examples))
    return sum(lengths), raised


def exactly(
    sweep: Sweeper, batch: Batch, asked: Sequence[tuple[Setting, Tensor, Tensor]]
) -> list[Tensor]:
    """Outputs (cell, ...) in float64 of settings: of sets, in ascending order, on examples."""
    known = torch.unique(torch.cat([examples for _, _, examples in asked]))
    some = batch.take(known).to(torch.float64)
    device, live = some.labels.device, some.live(sweep.exact)
    changed = [which > 0 for _, which, _ in asked]  # set 0 is the intact network
    places = [torch.searchsorted(known, examples).to(device) for _, _, examples in asked]
    cells = [
        Join(s.place, s.unit_sets, which[here].to(device), own[here.to(device)])
        for (s, which, _), own, here in zip(asked, places, changed, strict=True)
    ]
    begin = min(first_of(cell.place, sweep.exact) for cell in cells)
    for one in live:
        if one is not None:
            one.advance(begin)
    joining = [len(cell.which) > 0 and can_join(cell.place, sweep.exact) for cell in cells]
    joined = outputs_of(list(itertools.compress(cells, joining)), *live)
    intact = joined[0] if joined else live[0].output()
    together = iter(joined[1:])
    found = [intact[own] for own in places]
    for outputs, cell, here, joins in zip(found, cells, changed, joining, strict=True):
        if len(cell.which):
            outputs[here.to(device)] = next(together) if joins else _alone(sweep, cell, live)
    return found


def _alone(sweep: Sweeper, cell: Join, live: tuple[Live, Live | None]) -> Tensor:
    stacks = Stacks(sweep.exact_plan(cell.place), *live)
    return stacks.cells(cell.unit_sets, cell.which, cell.examples)


def look_at(sweep: Sweeper, batch: Batch, ran: Sequence[Ran]) -> None:
    """Measure float32's error under each ablation, once."""
    left = [one for one in ran if not sweep.covers(one.setting)]
    cells = [chosen(len(one.setting.unit_sets), len(batch.labels)) for one in left]
    exact: list[list[Tensor]] = [[] for _ in left]
    for parts in _in_parts([len(which) for which, _ in cells], _size(sweep)):
        asked = [(left[i].setting, cells[i][0][part], cells[i][1][part]) for i, part in parts]
        for (i, _), outputs in zip(parts, exactly(sweep, batch, asked), strict=True):
            exact[i].append(outputs)
    for one, own, outputs in zip(left, cells, exact, strict=True):
        sets = one.setting.unit_sets
        known = measured(sets, own[0], one.cells(*own), torch.cat(outputs))
        sweep.margins[one.setting.place] = known


def _raise_margins(
    sweep: Sweeper, ran: Ran, which: Tensor, examples: Tensor, exact: Tensor
) -> bool:
    which, examples = which[:_LOOKED_AT], examples[:_LOOKED_AT]
    apart = errors(ran.cells(which, examples), exact[: len(which)])
    sets, before = ran.setting.unit_sets, sweep.margins[ran.setting.place]
    after = before.raised(sets, largest(which, apart, len(sets)))
    sweep.margins[ran.setting.place] = after
    return after.by_units != before.by_units


def _put(
    sweep: Sweeper,
    found: Readings,
    ablations: Tensor,
    examples: Tensor,
    outputs: Tensor,
    batch: Batch,
) -> None:
    if not torch.isfinite(outputs).all():
        raise EngineError(
            f"outputs: of {len(outputs)} doubtful outcomes some are NaN or infinite under an "
            "ablation. Check the network's outputs on your examples with engine='naive'."
        )
    for name, value in sweep.verdict.exactly(outputs, batch.labels).items():
        found[name][ablations, examples] = value[0].cpu()


def _size(sweep: Sweeper) -> int:
    """Cells of one pass in float64."""
    numbers = sweep.exact.numbers(sweep.exact.nodes.values())
    return max(1, min(_AT_ONCE // numbers, sweep.budget.full(numbers, torch.float64.itemsize)))


def _in_parts(lengths: Sequence[int], size: int) -> Iterator[list[tuple[int, slice]]]:
    """Sequences one after another, in parts of so many items: which of them, and what of it."""
    owners = torch.arange(len(lengths)).repeat_interleave(torch.tensor(lengths, dtype=torch.long))
    starts = [0, *itertools.accumulate(lengths)]
    for start in range(0, len(owners), size):
        yield [
            (i, slice(start + part.start - starts[i], start + part.stop - starts[i]))
            for i, part in consecutive(owners[start : start + size])
        ]
