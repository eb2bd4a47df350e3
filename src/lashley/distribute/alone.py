"""Alone: one unit of a run carried out here, to see why it failed; nothing of it is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any, NoReturn

import xarray as xr

from lashley.distribute.local import Local, threads
from lashley.distribute.sweeping import Part, sweep
from lashley.distribute.units import STAGE, named
from lashley.distribute.work import Lane, Running, Work
from lashley.engine.asked import asked
from lashley.errors import ClusterError


class Found(Exception):
    """The unit was carried out; says how that went."""


@dataclass(frozen=True)
class Alone(Local):
    """A workplace that does a single unit of a run that has come to its stage.

    Attributes:
        name: The unit's, with its stage: "ablations/0-11,40/0-124".
    """

    name: str = ""

    def evaluate(
        self, network: Any, examples: Any, ablations: Any, *, store: Any = None,
        progress: Any = None, reference: Any = None, **how: Any,
    ) -> xr.Dataset:  # fmt: skip
        """Find the unit's outcomes.

        Raises:
            Found: When that is done.
            ClusterError: If the unit is of another stage, or beyond the sweep.
        """
        unit = named(self._within(STAGE))
        question = asked(network, examples, ablations, reference=reference, **how)
        if unit.rows[-1] > len(question.ablations) or unit.stop > len(question.examples):
            raise ClusterError(
                f"unit: given {self.name}; there are {len(question.ablations):,} ablations and "
                f"{len(question.examples):,} examples, counted from 0. Take the name from the "
                "error's message."
            )
        work = sweep(network, question.examples, question.reference, question.ablations, how)
        self._do(work, Part(unit.rows, (slice(unit.start, unit.stop),)))

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
                f"unit: given {self.name}; what can be done now is {some}"
                f"{', and more' * (len(left) > 5)}. Take the name from the error's message."
            )
        self._do(work, left[name].content)

    def _within(self, stage: str) -> str:
        """The name without its stage."""
        mine, _, rest = self.name.partition("/")
        if mine != stage:
            raise ClusterError(
                f"unit: given {self.name}; the run is at the stage {stage}, whose units are called "
                f"{stage}/... Take the name from the error's message."
            )
        return rest

    def _do(self, work: Work, content: Any) -> NoReturn:
        start = perf_counter()
        with threads(work.threads):
            prepared = work.prepare(self.device, **work.inputs)
            ready = perf_counter()
            work.carry_out(prepared, content, lambda _: None)
        raise Found(
            f"{self.name} was carried out without an error: {ready - start:.1f} s to prepare, "
            f"{perf_counter() - ready:.1f} s for the unit. Nothing of it was kept: the command "
            "that carries out the run does that."
        )
