"""The bytes that an evaluation takes at its peak, above network and examples."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor, nn

from lashley.engine.building import Built
from lashley.engine.hooking import Hooking
from lashley.engine.sweep import KEPT, Sweeping
from lashley.engine.sweeper import Sweeper
from lashley.graph.batch import Batched
from lashley.outcomes import size_of

_STACKED = 4  # stacked values that live at the same time, about
_PRECISE = 8  # bytes of a number in float64


def footprint(built: Built, network: nn.Module, batch: int, n_ablations: int) -> int:
    """Copies of the network, live values of a batch, stacks, and outcomes of a batch.

    Args:
        built: The engine.
        network: As it was given; its own weights do not count.
        batch: Examples at once.
        n_ablations: How many there are in all.
    """
    engine = built.engine
    copies = _PRECISE * sum(p.numel() for p in _tensors([network]))  # which all engines keep
    outcomes = size_of(n_ablations, batch, built.kinds)
    if isinstance(engine, Sweeping):
        sweep = engine.sweep
        programs = [p for p in (sweep.fast, sweep.quick, sweep.exact) if p is not None]
        copies += sum(t.nbytes for t in _tensors(p.module for p in programs))
        return copies + _live(sweep, batch) + _stack(engine, batch) + outcomes
    if isinstance(engine, Hooking):
        copies += sum(t.nbytes for t in _tensors([engine.network]))
    return copies + outcomes


def _tensors(modules: Iterable[nn.Module]) -> list[Tensor]:
    """Parameters and buffers; shared memory counts once."""
    found = [t for m in modules for t in (*m.parameters(), *m.buffers())]
    return list({t.untyped_storage().data_ptr(): t for t in found}.values())


def _live(sweep: Sweeper, batch: int) -> int:
    """Bytes of the values that live at once while a batch is walked through."""
    program = sweep.fast
    each = batch * (4 + (2 if sweep.quick and sweep.quick.dtype.itemsize == 2 else 0))  # both
    sizes = {node: program.batch[node.name].numbers * each for node in program.position
             if isinstance(program.batch.get(node.name), Batched)}  # fmt: skip
    if sum(sizes.values()) <= each // batch * KEPT:
        return sum(sizes.values())
    alive, most = 0, 0
    ends: dict[int, int] = {}
    for node, place in program.position.items():
        alive += sizes.get(node, 0)
        ends[program.last_reader[node]] = ends.get(program.last_reader[node], 0) + sizes.get(
            node, 0
        )
        most = max(most, alive)
        alive -= ends.pop(place, 0)
    return most


def _stack(engine: Sweeping, batch: int) -> int:
    """Bytes of the values of the largest stack."""
    program = engine.sweep.quick or engine.sweep.fast
    numbers, size = program.numbers(program.nodes.values()), program.dtype.itemsize
    most = batch * max(len(setting.unit_sets) for setting in engine.settings)
    return _STACKED * min(engine.sweep.budget.rows(numbers, size), most) * numbers * size
