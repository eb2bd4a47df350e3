"""The pool: workers on a Ray cluster, kept busy, replaced when they are lost.

A worker has one task in hand. What a lost worker had in hand is handed out again; what it had
finished is kept already. A task that fails three times ends the run: the fault is its own.
"""

from __future__ import annotations

import time
import warnings
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import ray
from ray import exceptions

from lashley.distribute.sharing import NotShared
from lashley.distribute.sources import TaskSource
from lashley.distribute.stage import PooledWork
from lashley.distribute.work import Task
from lashley.distribute.worker import versions
from lashley.errors import ClusterError, LashleyError, TaskFailed

_TIMES = 3  # how often a task may fail, and workers may fail to start in a row
_LOOK = 0.5  # seconds between two looks at the progress
_LONG = 300  # characters of an error's words
_SILENCE = 60  # seconds without a word from any worker before a warning


@dataclass(eq=False)
class Hand:
    """A worker as the driver sees it.

    Attributes:
        number: Unique.
        actor: Ray's handle.
        stage: The one that it is prepared for.
        call: What it was last asked for and has not answered yet.
        task: The task of that call; None if it is preparing.
        look: A question for its progress, not answered yet.
        done: How much of the task is done.
        node: Where it runs; "" before it has prepared anything.
    """

    number: int
    actor: Any
    stage: PooledWork | None = None
    call: Any = None
    task: Task | None = None
    look: Any = None
    done: int = 0
    node: str = ""


@dataclass(eq=False)
class Pool:
    """Workers of a cluster.

    Attributes:
        start: Starts a worker: Ray's handle of the actor.
        size: How many there should be.
    """

    start: Callable[[], Any]
    size: int
    _hands: list[Hand] = field(default_factory=list)
    _started: int = 0
    _unborn: int = 0  # workers lost in a row before they had prepared anything
    _failed: Counter[str] = field(default_factory=Counter)
    _refusal: NotShared | None = None
    _looked: float = 0.0  # when workers were last asked for their progress
    _heard: float = field(default_factory=time.monotonic)  # when a worker last said anything

    def run(self, stage: PooledWork, source: TaskSource) -> None:
        """Do all tasks of a source.

        Args:
            stage: The one that they belong to.
            source: Where tasks come from.

        Raises:
            TaskFailed: If a task failed three times.
            ClusterError: If no worker can be used.
            LashleyError: If the stage cannot be prepared.
        """
        self._failed.clear()
        self._heard = time.monotonic()
        try:
            while self._has_work(stage, source):
                self._answered(source, stage)
        except BaseException:
            self._let_go()
            raise

    @property
    def ready(self) -> int:
        """Workers that have prepared something."""
        return sum(bool(hand.node) for hand in self._hands)

    def close(self, stage: PooledWork) -> None:
        """Have all workers end a stage.

        Raises:
            IntegrityError: If network or data changed on a worker.
        """
        asked = [hand for hand in self._hands if hand.stage is stage and hand.call is None]
        for hand, call in [(hand, hand.actor.close.remote()) for hand in asked]:
            hand.stage = None
            try:
                ray.get(call)
            except exceptions.RayTaskError as error:
                raise _cause(error) from None
            except exceptions.RayError:
                self._lose(hand)

    def end(self) -> None:
        """End all workers."""
        for hand in list(self._hands):
            self._lose(hand)

    def _has_work(self, stage: PooledWork, source: TaskSource) -> bool:
        """Give all free workers something to do; whether anything is left to wait for."""
        self._fill()
        for hand in [hand for hand in self._hands if hand.call is None]:
            self._employ(hand, stage, source)
        # A prepared, free worker found nothing; others may still prepare, for nothing.
        free = any(hand.stage is stage and hand.call is None for hand in self._hands)
        return not free or any(hand.task is not None for hand in self._hands)

    def _let_go(self) -> None:
        """Leave no worker with a task that nobody waits for."""
        for hand in [hand for hand in self._hands if hand.task is not None]:
            self._lose(hand)

    def _fill(self) -> None:
        """Start as many workers as there should be; those that were refused are not replaced."""
        while len(self._hands) < self.size:
            self._hands.append(Hand(self._started, self.start()))
            self._started += 1
        if self._refusal is not None and not self.size:
            raise self._refusal

    def _employ(self, hand: Hand, stage: PooledWork, source: TaskSource) -> None:
        """Give a worker something to do, if there is anything."""
        if hand.stage is not stage:
            hand.stage = stage
            hand.call = hand.actor.prepare.remote(stage.work, stage.inputs, versions())
            return
        hand.task = source.take(hand.number)
        if hand.task is not None:
            hand.call = hand.actor.carry_out.remote(hand.task)
            hand.done, hand.look = 0, None

    def _answered(self, source: TaskSource, stage: PooledWork) -> None:
        """Wait a little for answers, and take them."""
        calls = {hand.call: hand for hand in self._hands if hand.call is not None}
        ready, _ = ray.wait(list(calls), num_returns=1, timeout=_LOOK)
        more, _ = ray.wait(list(calls), num_returns=len(calls), timeout=0) if ready else ([], [])
        for call in more:
            self._answer(calls[call], source, stage)
        if time.monotonic() - self._looked > _LOOK:
            self._looked = time.monotonic()
            source.tell(self._progress())
            self._listen()

    def _answer(self, hand: Hand, source: TaskSource, stage: PooledWork) -> None:
        task, call, hand.task, hand.call = hand.task, hand.call, None, None
        try:
            result = ray.get(call)
        except exceptions.RayTaskError as error:
            self._fail(hand, task, _cause(error), source, stage)
        except exceptions.RayError as error:
            self._fail(hand, task, error, source, stage)
        else:
            self._unborn, self._heard = 0, time.monotonic()
            if task is None:
                hand.node = str(result)
                return
            found, said = result
            source.keep(task, found)
            for message in said:
                warnings.warn(message, stacklevel=2)

    def _fail(
        self,
        hand: Hand,
        task: Task | None,
        error: BaseException,
        source: TaskSource,
        stage: PooledWork,
    ) -> None:
        """A worker has failed at a task, or while it prepared; another one takes its place."""
        self._lose(hand)  # if it is still there: a GPU may be unusable after an error
        source.leave(hand.number)
        if task is not None:
            source.give_back(task)
            if not _is_lost(hand.node):  # else the fault is not the task's
                self._count(f"{stage.work.stage}/{task.name}", error)
        elif hand.stage is not stage:
            return  # of a stage that has ended meanwhile
        elif isinstance(error, NotShared):
            warnings.warn(str(error), stacklevel=2)
            self._refusal, self.size = error, self.size - 1
        elif isinstance(error, LashleyError):
            raise error
        else:
            self._unborn += 1
            if self._unborn >= _TIMES * self.size:
                raise ClusterError(
                    f"cluster: workers end before they have begun ({_why(error)}). Look at Ray's "
                    "logs; install Lashley on all nodes; with less memory use fewer --workers."
                ) from error

    def _count(self, name: str, error: BaseException) -> None:
        """A task has failed once more."""
        self._failed[name] += 1
        if self._failed[name] >= _TIMES:
            raise TaskFailed(
                f"task {name} failed {_TIMES} times, the last time because {_why(error)}. What "
                "is finished is kept.", name,
            ) from error  # fmt: skip

    def _lose(self, hand: Hand) -> None:
        """End a worker, whatever state it is in."""
        with suppress(Exception):
            ray.kill(hand.actor)
        self._hands.remove(hand)

    def _listen(self) -> None:
        """Warn, once in a while, if no worker says anything."""
        if time.monotonic() - self._heard > _SILENCE:
            self._heard = time.monotonic()
            warnings.warn(
                f"no worker has answered for {_SILENCE} s. The run continues as soon as the "
                "cluster has room for one; what is finished is kept if you stop it.",
                stacklevel=2,
            )

    def _progress(self) -> dict[str, int]:
        """How much of each task in hand is done, as far as it is known."""
        for hand in self._hands:
            if hand.task is None:
                continue
            if hand.look is None:
                hand.look = hand.actor.progress.remote()
            elif ray.wait([hand.look], timeout=0)[0]:
                look, hand.look = hand.look, None
                try:
                    name, done = ray.get(look)
                except exceptions.RayError:
                    hand.done = 0  # it is lost: its task's own answer will say so
                    continue
                self._heard = time.monotonic()
                if name == hand.task.name:  # not the one before
                    hand.done = done
        return {hand.task.name: hand.done for hand in self._hands if hand.task is not None}


def _cause(error: exceptions.RayTaskError) -> BaseException:
    """What was raised on the worker."""
    return error if error.cause is None else error.cause


def _is_lost(node: str) -> bool:
    """Whether a node has left the cluster."""
    return not any(found["NodeID"] == node and found["Alive"] for found in ray.nodes())


def _why(error: BaseException) -> str:
    lines = [line for line in str(error).strip().splitlines() if line] or [""]
    if isinstance(error, exceptions.RayError):
        return f"its worker was lost: {lines[-1][:_LONG]}"
    return f"of {type(error).__name__}: {lines[0][:_LONG]}"
