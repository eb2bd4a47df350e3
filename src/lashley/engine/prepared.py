"""The engine's face for other packages: prepare, load, run on a batch, ask what it is about."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from lashley.ablations import replacements
from lashley.data import Examples
from lashley.engine.batch import Batch, Loader, Which
from lashley.engine.building import Built
from lashley.engine.evaluation import Evaluation
from lashley.engine.footprint import footprint
from lashley.engine.record import About, loader_of
from lashley.engine.reference import takes_donors
from lashley.engine.runners import SAMPLE
from lashley.engine.sweep import Sweeping
from lashley.engine.sweeper import Tally

Block = tuple[Any, dict[str, np.ndarray]]
"""Rows of the outcomes, and what was found (row, example) by name."""


@dataclass(eq=False)
class Prepared:
    """An engine that is built for an evaluation; it keeps what it learns from batch to batch.

    Attributes:
        evaluation: What is asked.
    """

    evaluation: Evaluation
    _built: Built
    _loader: Loader

    @property
    def about(self) -> About:
        """What the engine says about itself; and how it has worked so far."""
        return About.of(self._built)

    def load(self, which: Which, following: Which | None = None) -> Batch:
        """Some examples, in float32 on the engine's device.

        Args:
            which: Of the evaluation's examples.
            following: Which are likely to be asked for next.
        """
        return self._loader.load(which, following)

    def load_others(self, examples: Examples, reference: Examples | None) -> Batch:
        """All of some other examples, for a trial; each with a donor if a method takes one."""
        donors = None
        if reference is not None and takes_donors(replacements(self.evaluation.ablations)):
            donors = torch.arange(len(examples)) % min(len(examples), len(reference))
        loader = Loader(examples, reference, donors, self._loader.device)
        return loader.load(slice(0, len(examples)), None)

    @torch.no_grad()
    def run(self, batch: Batch, rows: set[int]) -> Iterator[Block]:
        """What is found for some rows of the outcomes on a batch, block by block.

        Args:
            batch: From this engine.
            rows: Which; row 0 is the intact network's, and always comes too.
        """
        for numbers, values in self._built.engine.run(batch, rows):
            yield _plain(numbers), {name: value.numpy() for name, value in values.items()}

    @property
    def distinct_rows(self) -> list[int]:
        """Rows of the outcomes, one for all equal ablations; row i + 1 is ablation i."""
        engine = self._built.engine
        if not isinstance(engine, Sweeping):
            return list(range(1, len(self.evaluation.ablations) + 1))
        found: list[int] = []
        for setting in engine.settings:
            pairs = zip(setting.sets, setting.rows, strict=True)
            found += {index: row for index, row in sorted(pairs, reverse=True)}.values()
        return sorted(found)

    @property
    def checked(self) -> int:
        """Outcomes that each place is first checked on, if suffixes go a quick way; else 0."""
        engine = self._built.engine
        quick = isinstance(engine, Sweeping) and engine.sweep.quick is not None
        return 2 * SAMPLE if quick else 0

    def quick_pass(self, batch: Batch) -> Callable[[], None] | None:
        """A whole pass by the suffixes' quick way, to be timed; None if there is none."""
        engine = self._built.engine
        quick = engine.sweep.quick if isinstance(engine, Sweeping) else None
        if quick is None:
            return None
        inputs = batch.to(quick.dtype).inputs

        @torch.no_grad()
        def run() -> None:
            quick.run(inputs).cpu()

        return run

    def footprint(self, batch: int) -> int:
        """Bytes that the evaluation takes at its peak, above network and examples.

        Args:
            batch: Examples at once.
        """
        evaluation = self.evaluation
        return footprint(self._built, evaluation.network, batch, len(evaluation.ablations))

    def count_anew(self) -> None:
        """Forget how many outcomes were run so far: a trial's are not the evaluation's."""
        if isinstance(self._built.engine, Sweeping):
            self._built.engine.sweep.tally = Tally()


def prepare(evaluation: Evaluation) -> Prepared:
    """The engine for an evaluation, in eval mode and without gradients.

    Raises:
        EngineError: If the network cannot be evaluated, or an ablation does not belong to it.
        DataError: If the labels do not fit the outputs.
    """
    with torch.no_grad():
        built = evaluation.build()
    return Prepared(evaluation, built, loader_of(evaluation, built.together))


def _plain(rows: tuple[int, ...]) -> Any:
    """Consecutive rows as a slice: that copies nothing."""
    first = rows[0]
    whole = slice(first, first + len(rows))
    return whole if rows == tuple(range(whole.start, whole.stop)) else list(rows)
