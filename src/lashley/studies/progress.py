"""How far a run is: kept in its folder while it is active, for whoever asks."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from lashley.distribute import Workplace
from lashley.errors import LashleyError, RunError
from lashley.studies.folder import RunFolder, Tell
from lashley.studies.process import Process, this_process

RunState = Literal["running", "stopped", "failed", "finished"]

_PAUSE = 1.0  # s, between two writings


class _Kept(BaseModel):
    model_config = ConfigDict(frozen=True, allow_inf_nan=False)


class StageProgress(_Kept):
    """How far a stage of a run is; times are in seconds since 1970.

    Attributes:
        before: How much was done when this command reached it.
        done: How much is done now.
        total: The whole.
        began: When this command reached it.
        updated: When it was last heard of.
    """

    before: int
    done: int
    total: int
    began: float
    updated: float

    @property
    def share(self) -> float:
        """How much of the whole is done, from 0 to 1."""
        return self.done / self.total if self.total else 1.0

    def left(self, now: float) -> float | None:
        """Seconds to the end at this command's own pace; None if unknown, or overdue."""
        if self.done >= self.total:
            return 0.0
        if self.done <= self.before:
            return None
        pace = (self.updated - self.began) / (self.done - self.before)
        left = (self.total - self.done) * pace - (now - self.updated)
        return left if left >= 0 else None


class Progress(_Kept):
    """What a command that carries out a run last said about it.

    Attributes:
        state: How it ended; a killed one also leaves "running".
        error: The first line of what it failed with.
        process: The one that carries it out.
        began: When the command began, in seconds since 1970.
        written: When this was written.
        workers: Who works for it, in words.
        options: Of the command line, to get the same workers again.
        stages: By name, in the order in which they began.
    """

    state: RunState
    error: str | None = None
    process: Process
    began: float
    written: float
    workers: str
    options: tuple[str, ...] = ()
    stages: dict[str, StageProgress] = {}


def advanced(
    stages: Mapping[str, StageProgress], name: str, done: int, total: int, now: float
) -> dict[str, StageProgress]:
    """The stages after one of them has reported."""
    before = stages.get(name)
    first, began = (done, now) if before is None else (before.before, before.began)
    stage = StageProgress(before=first, done=done, total=total, began=began, updated=now)
    return {**stages, name: stage}


@contextmanager
def kept(folder: RunFolder, where: Workplace, tell: Tell) -> Iterator[Tell]:
    """Keep `progress.json` in the folder while a run is active, as well as possible.

    A disk that is full or cannot be written to does not end the run here.

    Args:
        folder: Of the run.
        where: Its text says who works for the run.
        tell: Called whenever the yielded one is.
    """
    now, due = time.time(), 0.0
    said = Progress(
        state="running",
        process=this_process(),
        began=now,
        written=now,
        workers=str(where),
        options=where.options,
    )

    def keep(**changes: Any) -> None:
        nonlocal said, due
        said = said.model_copy(update={**changes, "written": time.time(), "workers": str(where)})
        due = time.monotonic() + _PAUSE
        with suppress(OSError):
            folder.write_json("progress", said.model_dump())

    def told(name: str, done: int, total: int) -> None:
        nonlocal said
        tell(name, done, total)
        before = said.stages.get(name)
        stages = advanced(said.stages, name, done, total, time.time())
        said = said.model_copy(update={"stages": stages})
        turn = before is None or before.done < before.total <= done
        if turn or time.monotonic() >= due:
            keep()

    keep()
    try:
        yield told
    except Exception as error:
        keep(state="failed", error=_first_line(error))
        raise
    except BaseException:
        keep(state="stopped")
        raise
    keep(state="finished")


def check_alone(folder: RunFolder) -> None:
    """Refuse a folder that another process of this machine is working in.

    Whether a process on another machine is still there cannot be told from here.

    Raises:
        RunError: Naming the process.
    """
    before, mine = read(folder), this_process()
    if before is None or before.state != "running" or before.process == mine:
        return
    if before.process.host == mine.host and before.process.runs(0):
        raise RunError(
            f"run: process {before.process.number} is carrying out {folder.path} right now. "
            f"See how far it is: lashley status {folder.path}; or stop it first."
        )


def read(folder: RunFolder) -> Progress | None:
    """What was last kept; None if nothing was, or it is broken."""
    try:
        return Progress.model_validate(folder.json("progress"))
    except (OSError, ValueError):
        return None


def state(folder: RunFolder, progress: Progress | None, now: float) -> RunState:
    """Whether the run is active, or how it ended.

    Runs that kept no progress are finished if they have their report.
    """
    if progress is None:
        return "finished" if folder.has("report.html") else "stopped"
    if progress.state == "running" and not progress.process.runs(now - progress.written):
        return "stopped"
    return progress.state


def _first_line(error: BaseException) -> str:
    line = next(iter(str(error).splitlines()), "")
    return line if isinstance(error, LashleyError) else f"{type(error).__name__}: {line}"
