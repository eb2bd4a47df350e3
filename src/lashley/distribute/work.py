"""Work: what a stage of a study has to do, whoever does it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import xarray as xr

Report = Callable[[int], None]
"""A task tells it how much of itself is done."""


@dataclass(frozen=True)
class Work:
    """The work of one stage.

    Everything in it travels to the workers, once: functions of a module or a `functools.partial` of
    one, and values that pickle.

    Attributes:
        stage: Its name, such as "recovery".
        prepare: (device, **inputs) makes what all tasks share; called once by each worker.
        carry_out: (what was prepared, a task's content, report) carries out one task.
        inputs: Of `prepare`. Networks and examples among them are checked against their
            fingerprints when they arrive.
        threads: How many a task computes with, if its numbers depend on it; None: as many as a
            worker has.
    """

    stage: str
    prepare: Callable[..., Any]
    carry_out: Callable[[Any, Any, Report], Any]
    inputs: Mapping[str, Any] = field(default_factory=dict)
    threads: int | None = None


@dataclass(frozen=True)
class Task:
    """A part of the work that is done in one go.

    Attributes:
        name: Unique in its stage.
        content: What `Work.carry_out` needs to know.
    """

    name: str
    content: Any


Lane = Generator[Task, Any, None]
"""Yields tasks, each once the result of the one before has been sent to it.

A lane skips what is done already, and keeps each result as it comes. It runs in the process that
the user started; the tasks run wherever there are workers.
"""

Running = Callable[[Mapping[str, int]], None]
"""Told of the tasks in progress: how much of each is done, by name."""


class Workplace(Protocol):
    """Where a study's networks are run."""

    @property
    def device(self) -> str:
        """Where workers compute, such as "cpu" or "cuda"."""
        ...

    @property
    def options(self) -> tuple[str, ...]:
        """Those of the command line that give the same place again."""
        ...

    @property
    def here(self) -> str:
        """Where the process that the user started computes."""
        ...

    @property
    def parts(self) -> int:
        """The least number of equal tasks that a stage is best divided into."""
        ...

    def evaluate(self, network: Any, examples: Any, ablations: Any, **how: Any) -> xr.Dataset:
        """As `lashley.evaluate`, without the argument `device`."""
        ...

    def carry_out(self, work: Work, lanes: Sequence[Lane], running: Running) -> None:
        """Do all tasks: those of a lane in turn, those of different lanes in any order.

        Args:
            work: What they share.
            lanes: At least one.
            running: Told of progress.
        """
        ...
