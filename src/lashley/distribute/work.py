"""Work: what a stage of a study has to do, whoever does it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import xarray as xr

Report = Callable[[int], None]
"""Told, by a task, how much of it is done."""


@dataclass(frozen=True)
class Work:
    """The work of one stage.

    Everything in it travels to the workers, once: functions of a module, or `functools.partial` of
    such, and values that pickle.

    Attributes:
        stage: Its name, such as "recovery".
        prepare: (device, **inputs) makes what all tasks share; called once by each worker.
        carry_out: (what was prepared, a task's content, report) does one task.
        inputs: Of `prepare`. Networks and examples among them are held against their fingerprints
            when they arrive.
        threads: That a task computes with, where its numbers depend on it; None: those that a
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

A lane skips what is done already, and keeps each result as it gets it: it runs in the process that
was started by the user, the tasks run wherever there are workers.
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
        """Of the command line, for the same place once more."""
        ...

    @property
    def here(self) -> str:
        """Where the process computes that the user started."""
        ...

    @property
    def parts(self) -> int:
        """Into how many tasks alike a stage is best divided, at least."""
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
