"""Building the engine that sweeps: programs for speed, places, and how many examples at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from lashley.engine.case import Case, Options
from lashley.engine.guards import Watch, on_device
from lashley.engine.means import moments_at_points
from lashley.engine.plan import place, plan, spots
from lashley.engine.program import Program, lowered
from lashley.engine.stacking import Budget
from lashley.engine.sweep import Sweeping
from lashley.engine.sweeper import Sweeper
from lashley.graph import Captured
from lashley.graph.anatomy import Organ
from lashley.graph.nodes import op

_BATCH_NUMBERS = 1 << 24  # numbers in one value of the prefix
_CONVOLVED_NUMBERS = 1 << 22  # the same with convolutions: a stack holds all examples of a batch
_FEWEST = 16  # examples in a batch, of large ones too
_LARGEST_NUMBERS = 1 << 26  # as long as a value has no more numbers


def sweeping(
    case: Case, captured: Captured, organs: Mapping[str, Organ], batch: dict[str, Any],
    wide: Program,
) -> Sweeping:  # fmt: skip
    """The sweep of a case.

    Args:
        case: What is evaluated.
        captured: The network's graph; not changed.
        organs: Its anatomy.
        batch: From `batch_dependence`, by names of nodes.
        wide: The graph in float64.
    """
    options, device = case.options, case.options.device
    at = {key: spots(organs[key[0]], key[1], wide) for key in case.methods}
    kept = {name for own in at.values() for name in own.nodes}
    kept |= {held.node.name for site, _ in case.methods for held in organs[site].points}

    def made(dtype: torch.dtype, fewer_products: bool = False) -> Program:
        return lowered(captured, batch, dtype, device, kept=kept, fold=options.savings.folding,
                       channels_last=options.channels_last, fewer_products=fewer_products,
                       )  # fmt: skip

    fast, quick = made(torch.float32), None
    if options.dtype == torch.bfloat16:
        quick = made(torch.bfloat16)
    elif options.savings.winograd and device == "cpu" and _convolves(fast) and case.classifies:
        found = made(torch.float32, fewer_products=True)
        quick = found if found.has_winograd else None
    verdict = case.verdict(fast.run(case.in_float32))
    size = _batch_size(fast, options)
    moments = moments_at_points(case, fast, organs, size)
    places = {key: place(*key, replacement, at[key], moments)
              for key, replacement in case.methods.items()}  # fmt: skip
    budget = Budget.of(options.memory, torch.device(device))
    sweep = Sweeper(fast, quick, wide, verdict, options.savings, budget,
                  options.compile)  # fmt: skip
    settings = plan(places, case.ablations, equal=options.savings.equal)
    watch = Watch(on_device(case.network, device), case.names, verdict)
    return Sweeping(captured.tracer, size, sweep, settings, watch)


def _convolves(program: Program) -> bool:
    return any(op(n, program.module).startswith("conv") for n in program.position)


def _batch_size(program: Program, options: Options) -> int:
    numbers = program.numbers(program.nodes.values())
    on_gpu = torch.device(options.device).type == "cuda"
    limit = _BATCH_NUMBERS
    if _convolves(program) and not on_gpu:
        limit = _CONVOLVED_NUMBERS * (2 if options.dtype == torch.bfloat16 else 1)
    size = max(limit // numbers, min(_FEWEST, _LARGEST_NUMBERS // numbers))
    return max(1, size if options.memory is None else min(size, options.memory // (16 * numbers)))
