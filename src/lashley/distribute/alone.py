"""Alone: one task of a run, carried out here to see why it failed; its result is not kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any, NoReturn

import xarray as xr

from lashley.distribute.local import Local, threads
from lashley.distribute.sweeping import sweep
from lashley.distribute.tiles import STAGE, named
from lashley.distribute.work import Lane, Running, Work
from lashley.engine import asked
from lashley.errors import ClusterError


class CarriedOut(Exception):
    """The task was carried out; says how it went."""


@dataclass(frozen=True)
class OneTask(Local):
    """A workplace that does a single task of a run that has come to its stage.

    Attributes:
        name: The task's name, with its stage: "ablations/0-11,40/0-124".
    """

    name: str = ""

    def evaluate(
        self, network: Any, examples: Any, ablations: Any, *, store: Any = None,
        progress: Any = None, reference: Any = None, **how: Any,
    ) -> xr.Dataset:  # fmt: skip
        """Find the task's outcomes.

        Raises:
            Found: When that is done.
            ClusterError: If the task is of another stage, or beyond the sweep.
        """
        tile = named(self._within(STAGE))
        evaluation = asked(network, examples, ablations, reference=reference, **how)
        if tile.rows[-1] > len(evaluation.ablations) or tile.stop > len(evaluation.examples):
            raise ClusterError(
                f"task: given {self.name}; there are {len(evaluation.ablations):,} ablations and "
                f"{len(evaluation.examples):,} examples, counted from 0. Take the name from the "
                "error's message."
            )
        work = sweep(network, evaluation.examples, evaluation.reference, evaluation.ablations, how)
        self._do(work, tile)

    def carry_out(self, work: Work, lanes: Sequence[Lane], running: Running) -> None:
        """Do the task, if it is the next one of its lane.

        Raises:
            Found: When that is done.
            ClusterError: If it is of another stage, or not to be done now.
        """
        name = self._within(work.stage)
        left = {task.name: task for task in (next(lane, None) for lane in lanes) if task}
        if name not in left:
            some = ", ".join(f"{work.stage}/{other}" for other in list(left)[:5]) or "nothing"
            raise ClusterError(
                f"task: given {self.name}; what can be done now is {some}"
                f"{', and more' * (len(left) > 5)}. Take the name from the error's message."
            )
        self._do(work, left[name].content)

    def _within(self, stage: str) -> str:
        """The name without its stage."""
        mine, _, rest = self.name.partition("/")
        if mine != stage:
            raise ClusterError(
                f"task: given {self.name}; the run is at the stage {stage}, and its tasks are "
                f"called {stage}/... Take the name from the error's message."
            )
        return rest

    def _do(self, work: Work, content: Any) -> NoReturn:
        start = perf_counter()
        with threads(work.threads):
            prepared = work.prepare(self.device, **work.inputs)
            ready = perf_counter()
            work.carry_out(prepared, content, lambda _: None)
        raise CarriedOut(
            f"{self.name} was carried out without an error: {ready - start:.1f} s to prepare, "
            f"{perf_counter() - ready:.1f} s for the tile. Nothing was kept: only the command that "
            "carries out the run keeps results."
        )
