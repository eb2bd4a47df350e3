"""The process that carries out a run: which it is, and whether it is still there."""

from __future__ import annotations

import os
import platform
from pathlib import Path

from pydantic import BaseModel, ConfigDict

_SILENCE = 600.0  # s, after which a process of another machine counts as gone


class Process(BaseModel):
    """A process, as others can recognise it.

    Attributes:
        number: On its machine.
        birth: When it began, by its machine's own count, as numbers are used again; None if that
            is unknown.
        host: Its machine.
    """

    model_config = ConfigDict(frozen=True)

    number: int
    birth: str | None
    host: str

    def runs(self, silent: float) -> bool:
        """Whether it is still there.

        A process of this machine is looked up; one of another counts as gone after 10 minutes.

        Args:
            silent: For how many seconds nothing was heard of it.
        """
        if self.host != platform.node():
            return silent < _SILENCE
        if self.birth is not None:
            return _birth(self.number) == self.birth
        return _answers(self.number)


def this_process() -> Process:
    """The one this runs in."""
    number = os.getpid()
    return Process(number=number, birth=_birth(number), host=platform.node())


def _birth(number: int) -> str | None:
    """On Linux: in ticks since the machine started; None if it is gone."""
    try:
        fields = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else fields[19]  # dead, but its parent has not looked yet


def _answers(number: int) -> bool:
    try:
        os.kill(number, 0)  # a signal that does nothing
    except PermissionError:  # another user's
        return True
    except (OSError, OverflowError):
        return False
    return True
