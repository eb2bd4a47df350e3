"""Sweeping: a worker's part of a sweep."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import nn

from lashley.ablations import Ablation
from lashley.data import Examples
from lashley.distribute.tiles import STAGE, Tile
from lashley.distribute.work import Report, Work
from lashley.engine import About, Batch, Prepared, asked, evaluation_of, prepare
from lashley.planning import CostModel, costs

_CALIBRATION = 2.0  # seconds, about


@dataclass(frozen=True, eq=False)
class Outcomes:
    """What a worker found.

    Attributes:
        blocks: Rows of the outcomes, places of the examples, values (row, example) by name.
        attrs: How its engine has worked so far.
        worker: Its process.
    """

    blocks: Sequence[tuple[Any, slice, Mapping[str, np.ndarray]]]
    attrs: Mapping[str, Any]
    worker: str


@dataclass(frozen=True, eq=False)
class EngineAtWork:
    """An engine at work.

    Attributes:
        prepared: The engine.
        guard: Closed at the end: network and data must be as they were.
        kept: The batch that was run last, by its places.
    """

    prepared: Prepared
    guard: ExitStack
    kept: dict[tuple[int, int], Batch] = field(default_factory=dict)

    def close(self) -> None:
        """End the evaluation.

        Raises:
            IntegrityError: If data or network changed while they were measured.
        """
        self.guard.close()


def sweep(
    network: nn.Module, examples: Examples, reference: Examples | None,
    ablations: Sequence[Ablation], how: Mapping[str, Any],
) -> Work:  # fmt: skip
    """The work of a sweep.

    Args:
        network: As for `evaluate`.
        examples: As for `evaluate`.
        reference: As for `evaluate`.
        ablations: As for `evaluate`.
        how: Its other arguments, except device, store and progress.
    """
    inputs = {"network": network, "examples": examples, "reference": reference,
              "ablations": list(ablations), "how": dict(how)}  # fmt: skip
    return Work(STAGE, _prepare, _carry_out, inputs)


def _prepare(
    device: str, network: nn.Module, examples: Examples, reference: Examples | None,
    ablations: Sequence[Ablation], how: Mapping[str, Any],
) -> EngineAtWork:  # fmt: skip
    evaluation = asked(network, examples, ablations, reference=reference, device=device, **how)
    guard = ExitStack()
    guard.enter_context(evaluation_of(network, evaluation.examples))
    return EngineAtWork(prepare(evaluation), guard)


def _carry_out(engine: EngineAtWork, tile: Tile | None, report: Report) -> Any:
    """Find what is asked for; if that is nothing, say what the engine is and what it takes."""
    if tile is None:
        return _about(engine)
    blocks, done, rows = [], 0, set(tile.rows)
    with torch.no_grad():
        for part in tile.batches:
            for numbers, values in engine.prepared.run(_batch(engine, part), rows):
                blocks.append((numbers, part, values))
                ablations = int((np.r_[numbers] > 0).sum())  # row 0 is the intact network
                done += ablations * (part.stop - part.start)
                report(done)
    return Outcomes(blocks, engine.prepared.about.attrs, f"{platform.node()}-{os.getpid()}")


def _batch(engine: EngineAtWork, part: slice) -> Batch:
    """The examples at some places; those of the previous call with what was computed from them."""
    key = (part.start, part.stop)
    if key not in engine.kept:
        engine.kept.clear()
        engine.kept[key] = engine.prepared.load(engine.prepared.evaluation.at(part))
    return engine.kept[key]


def _about(engine: EngineAtWork) -> tuple[About, CostModel]:
    model = costs(engine.prepared, _CALIBRATION)
    engine.prepared.count_anew()
    return engine.prepared.about, model
