"""Passes: which settings share one, and what is found in it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor

from lashley.engine.batch import Batch
from lashley.engine.joined import Join, can_join, first_of, outputs_of
from lashley.engine.plan import Setting
from lashley.engine.program import Live
from lashley.engine.settle import Ran, decided
from lashley.engine.sweeper import Sweeper
from lashley.engine.verdict import Readings, check_empty
from lashley.graph.ways import after


def passes(sweep: Sweeper, settings: Sequence[Setting], n_examples: int) -> list[list[Setting]]:
    """The settings in the order of their places; those in one list are to share a pass.

    They do if all their rows, and those of the intact network, fit in one stack. With more
    ablations than that a setting is better off alone: then savings of its own place apply.
    """
    program, savings = sweep.fast, sweep.savings
    order = sorted(settings, key=lambda setting: first_of(setting.place, program))
    low = sweep.quick is not None and sweep.quick.dtype != torch.float32  # because it was asked for
    if low or sweep.compiled or not (savings.joining and savings.stacking and savings.prefix):
        return [[setting] for setting in order]
    found: list[list[Setting]] = []
    rows = limit = 0
    for setting in order:
        own = n_examples * (len(setting.unit_sets) - 1)
        joins = can_join(setting.place, program)
        if not (found and joins and rows + own <= limit):
            found.append([])
            limit = _limit(sweep, setting) if joins else 0
            rows = n_examples
        found[-1].append(setting)
        rows += own
    return found


def _limit(sweep: Sweeper, setting: Setting) -> int:
    """Rows of one stack from a setting's place on."""
    program = sweep.fast
    points = {program.nodes[name] for name in setting.place.nodes}
    return sweep.budget.joined(program.numbers([*points, *after(points)]))


def run_pass(
    sweep: Sweeper, settings: Sequence[Setting], batch: Batch, live: tuple[Live, Live | None],
    intact: Readings, slack: Readings,
) -> list[Readings]:  # fmt: skip
    """Outcomes (set, example) of each setting's sets of units, in main memory.

    Args:
        sweep: What to run.
        settings: Those that share it.
        batch: In float32.
        live: The intact values of the batch, and those of its donors.
        intact: The intact network's outcomes.
        slack: How far rounding may move these.
    """
    verdict, labels, n = sweep.verdict, batch.labels, live[0].size
    empty, *parts = outputs_of([_join(setting, n, labels) for setting in settings], *live)
    check_empty(verdict, verdict.of_rows(empty, labels), intact, slack)
    outputs = {
        id(s): torch.cat([empty, part]).unflatten(0, (-1, n))
        for s, part in zip(settings, parts, strict=True)
    }
    ran = [Ran(s, partial(_cells, outputs[id(s)])) for s in settings]

    def found(one: Ran) -> Readings:
        margins = sweep.margins_of(one.setting, one.setting.unit_sets[1:])
        own = outputs[id(one.setting)][1:]
        known = verdict.of_rows(own.flatten(0, 1), labels, len(own), margins=margins)
        return {name: torch.cat([intact[name].cpu(), v.cpu()]) for name, v in known.items()}

    return decided(sweep, batch, ran, found)


def _join(setting: Setting, n: int, labels: Tensor) -> Join:
    sets = torch.arange(1, len(setting.unit_sets), device=labels.device)
    examples = torch.arange(n, device=labels.device).repeat(len(sets))
    return Join(setting.place, setting.unit_sets, sets.repeat_interleave(n), examples)


def _cells(outputs: Tensor, which: Tensor, examples: Tensor) -> Tensor:
    return outputs[which.to(outputs.device), examples.to(outputs.device)]
