"""The sweep: the prefix once, the suffixes of many ablations stacked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor

from lashley.engine.batch import Batch, Walk
from lashley.engine.columns import Columns, ColumnStacks
from lashley.engine.guards import Watch
from lashley.engine.joined import first_of
from lashley.engine.passes import passes, run_pass
from lashley.engine.plan import Setting
from lashley.engine.program import Live
from lashley.engine.runners import ColumnRunner, RowRunner
from lashley.engine.settle import Ran, decided, settle_intact
from lashley.engine.shortcuts import WORTH, TouchGroup, group_by_touch, touched_units
from lashley.engine.stacking import out_of_memory
from lashley.engine.sweeper import Sweeper
from lashley.engine.verdict import Readings, RowNumbers, check_empty
from lashley.graph.batch import Batched, parts_of

_OnSome = tuple[TouchGroup, Tensor | None]  # ablations, and the examples they run on; None: all
KEPT = 1 << 26  # numbers: all values of a batch are kept if they take no more


@dataclass(eq=False)
class Sweeping:
    """Shares the prefix and stacks the suffixes.

    Attributes:
        name: Of what captured the network.
        batch: Examples that it takes at once.
        sweep: What to run.
        settings: All ablations.
        watch: The network itself.
    """

    name: str
    batch: int
    sweep: Sweeper
    settings: Sequence[Setting]
    watch: Watch

    @property
    def attrs(self) -> Mapping[str, Any]:
        """As of `Engine`."""
        return self.sweep.attrs

    def run(self, batch: Batch, rows: set[int]) -> Iterator[tuple[RowNumbers, Readings]]:
        """As `Engine.run`."""
        settings = self.settings
        if any(row not in rows for setting in settings for row in setting.rows):
            settings = [kept for s in settings if (kept := s.among(rows)) is not None]
        for setting, found in run_batch(self.sweep, settings, batch):
            if setting is None and not batch.is_checked:
                self.watch.check(batch, found)
                batch.is_checked = True
            yield (0,) if setting is None else setting.rows, found


def run_batch(
    sweep: Sweeper, settings: Sequence[Setting], batch: Batch
) -> Iterator[tuple[Setting | None, Readings]]:
    """Every ablation on every example of a batch.

    What the intact network computes is kept with the batch as far as it was computed; a later call
    for later sites continues from there.

    Args:
        sweep: What to run.
        settings: The ablations.
        batch: In float32.

    Yields:
        A setting, or None for the intact network, and what was found: (row, example) by name.
    """
    program = sweep.fast
    waiting: dict[int, list[list[Setting]]] = {}
    for together in passes(sweep, settings, len(batch.inputs[0])):
        waiting.setdefault(first_of(together[0].place, program), []).append(together)
    drawing = (first_of(s.place, program) for s in settings if s.place.takes_donors)
    last_drawn = max(drawing, default=0)
    walk = _walk(sweep, batch, min(waiting, default=0))
    intact = {name: value.cpu() for name, value in walk.intact.items()}
    sweep.tally.settled += settle_intact(sweep, batch, intact)
    yield None, intact
    for position, node in list(enumerate(program.nodes.values()))[walk.position :]:
        if node.op == "output" or not waiting:
            return
        walk.position = position
        walk.live[node]
        for together in waiting.pop(position, ()):
            for setting, found in _run(sweep, together, batch, walk):
                yield setting, {n: v[_index(setting.sets)] for n, v in found.items()}
        if waiting:
            walk.live.forget(node)
            if walk.donors is not None and position < last_drawn:
                walk.donors.step(node)


def _walk(sweep: Sweeper, batch: Batch, position: int) -> Walk:
    """The walk kept with the batch, if it has not gone past a position; else a new one."""
    if batch.walk is None or batch.walk.position > position:
        live, donors = batch.live(sweep.fast)
        outputs = live[sweep.fast.output] if _is_small(live) else sweep.fast.run(batch.inputs)
        intact = sweep.verdict.of_rows(outputs, batch.labels)
        slack = sweep.verdict.slack(outputs, batch.labels)
        batch.walk = Walk(live, donors, intact, slack)
    return batch.walk


def _is_small(live: Live) -> bool:
    """Whether all values of a batch may be kept at once."""
    known = (live.program.batch.get(name) for name in live.program.nodes)
    return live.size * sum(part.numbers for own in known for part in parts_of(own)) <= KEPT


def _run(
    sweep: Sweeper, settings: Sequence[Setting], batch: Batch, walk: Walk
) -> Iterator[tuple[Setting, Readings]]:
    """Outcomes (set, example) of the settings' sets of units, in main memory."""
    if len(settings) == 1:
        yield settings[0], _run_setting(sweep, settings[0], batch, walk)
        return
    try:
        live = walk.live, walk.donors
        found = run_pass(sweep, settings, batch, live, walk.intact, walk.slack)
    except Exception as error:
        if not out_of_memory(error):
            raise
        sweep.budget.shrink(sum(len(s.unit_sets) for s in settings) * walk.live.size, error)
    else:
        yield from zip(settings, found, strict=True)
        return
    half = len(settings) // 2
    for part in (settings[:half], settings[half:]):
        yield from _run(sweep, part, batch, walk)


def _run_setting(sweep: Sweeper, setting: Setting, batch: Batch, walk: Walk) -> Readings:
    run = _runner(sweep, setting, batch, (walk.live, walk.donors))
    check_empty(sweep.verdict, run.empty(), walk.intact, walk.slack)
    ran = Ran(setting, run.cells)
    (found,) = decided(sweep, batch, [ran], lambda _: _found(sweep, setting, batch, walk, run))
    return found


def _found(
    sweep: Sweeper, setting: Setting, batch: Batch, walk: Walk, run: ColumnRunner | RowRunner
) -> Readings:
    """The same, as far as float32 decides it."""
    intact, groups = walk.intact, _groups(sweep, setting, walk.live)
    blocks = [run.of(group, which) for group, which in groups]
    shape = (len(setting.unit_sets), len(batch.labels))
    found = {name: torch.empty(shape, dtype=v.dtype) for name, v in intact.items()}
    for name, value in found.items():
        value[:1] = intact[name].cpu()
    for length in sorted({len(s) for s in setting.unit_sets[1:]}):  # parents before children
        for (group, which), block in zip(groups, blocks, strict=True):
            for name, value in found.items():
                _fill(value, setting, group, which, block[name], length)
    return found


def _runner(
    sweep: Sweeper, setting: Setting, batch: Batch, live: tuple[Live, Live | None]
) -> ColumnRunner | RowRunner:
    plan = sweep.plan(setting.place)
    if isinstance(plan, Columns):
        return ColumnRunner(sweep, setting, ColumnStacks(plan, live[0]), batch.labels)
    return RowRunner(sweep, setting, plan, batch, live)


def _groups(sweep: Sweeper, setting: Setting, live: Live) -> list[_OnSome]:
    """Ablations that run on the same examples, and these examples; None if on all."""
    place, everything = setting.place, tuple(range(1, len(setting.unit_sets)))
    all_of_them = TouchGroup((), everything, (0,) * len(everything))
    together: list[_OnSome] = [(all_of_them, None)]
    if not sweep.savings.untouched or place.constants is None or len(place.nodes) != 1:
        return together
    layout = place.layouts[0]
    value, known = live[sweep.fast.nodes[place.nodes[0]]], sweep.fast.batch[place.nodes[0]]
    if not isinstance(known, Batched) or (known.axis, known.per) != (0, 1):
        return together
    if not layout.is_plain or layout.axis is None:
        return together
    constants = place.constants[0].to(value.device, value.dtype)
    touched = touched_units(value, constants, layout.axis)
    if touched is None:
        return together
    groups = group_by_touch(setting.unit_sets, touched.sum(1).tolist())
    return _worthwhile([(g, _touching(touched, g.trigger)) for g in groups], live.size)


def _worthwhile(groups: list[_OnSome], n: int) -> list[_OnSome]:
    """The same, but one group on all examples where leaving out a few would not pay."""
    apart = [(g, which) for g, which in groups if which is not None and len(which) < WORTH * n]
    left = {id(group) for group, _ in apart}
    rest = sorted(m for group, _ in groups if id(group) not in left for m in group.members)
    return [*apart, *([(TouchGroup((), tuple(rest), (0,) * len(rest)), None)] if rest else [])]


def _touching(touched: Tensor, trigger: Sequence[int]) -> Int[Tensor, " touched"]:
    """The examples on which the ablation of at least one of these units changes it."""
    rows = touched[trigger[0]] if len(trigger) == 1 else touched[list(trigger)].any(0)
    return rows.nonzero()[:, 0]


def _fill(
    found: Tensor,
    setting: Setting,
    group: TouchGroup,
    which: Tensor | None,
    block: Tensor,
    length: int,
) -> None:
    """Put a group's sets of one length into `found`; untouched examples are as in the parents."""
    members = [i for i, m in enumerate(group.members) if len(setting.unit_sets[m]) == length]
    if not members:
        return
    part = slice(members[0], members[-1] + 1)  # members are ordered by length
    rows = found.numpy()  # NumPy copies whole rows at once, which PyTorch does not
    block = block[part].cpu()
    if which is None:
        rows[_index(group.members[part])] = block.numpy()
        return
    whole = torch.from_numpy(rows[list(group.parents[part])])
    whole.scatter_(1, which.cpu().expand(block.shape), block)
    rows[list(group.members[part])] = whole.numpy()


def _index(indices: Sequence[int]) -> slice | list[int]:
    """The same indices, as a slice where they are consecutive: that copies nothing."""
    first = indices[0]
    if tuple(indices) == tuple(range(first, first + len(indices))):
        return slice(first, first + len(indices))
    return list(indices)
