"""Sources: where a pool of workers gets its tasks from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from lashley.distribute.work import Lane, Running, Task


class TaskSource(Protocol):
    """Hands out tasks and takes their results, each once."""

    def take(self, worker: int) -> Task | None:
        """The next task for a worker; None if there is none at the moment."""
        ...

    def give_back(self, task: Task) -> None:
        """A task was not done: it must be handed out again."""
        ...

    def keep(self, task: Task, result: Any) -> None:
        """A task was done."""
        ...

    def leave(self, worker: int) -> None:
        """A worker is gone."""
        ...

    def tell(self, running: Mapping[str, int]) -> None:
        """How much of the tasks in hand is done, by name."""
        ...


class Lanes:
    """Tasks of lanes; those of a lane in turn.

    Args:
        lanes: None of them begun.
        running: Told of progress.
    """

    def __init__(self, lanes: Sequence[Lane], running: Running) -> None:
        self._waiting: list[Lane] = list(lanes)  # not begun: if all is done, nothing is made
        self._ready: list[tuple[Task, Lane]] = []
        self._in_hand: dict[str, Lane] = {}
        self._running = running

    def begin(self) -> bool:
        """Whether there is a task to hand out."""
        while self._waiting and not self._ready:
            self._step(self._waiting.pop(0), None)
        return bool(self._ready)

    def take(self, worker: int) -> Task | None:
        """As `TaskSource.take`."""
        if not self.begin():
            return None
        task, lane = self._ready.pop(0)
        self._in_hand[task.name] = lane
        return task

    def give_back(self, task: Task) -> None:
        """As `TaskSource.give_back`."""
        self._ready.insert(0, (task, self._in_hand.pop(task.name)))

    def keep(self, task: Task, result: Any) -> None:
        """As `TaskSource.keep`."""
        self._step(self._in_hand.pop(task.name), result)

    def leave(self, worker: int) -> None:
        """As `TaskSource.leave`."""

    def tell(self, running: Mapping[str, int]) -> None:
        """As `TaskSource.tell`."""
        self._running(running)

    def _step(self, lane: Lane, result: Any) -> None:
        try:
            self._ready.append((lane.send(result), lane))
        except StopIteration:
            return
