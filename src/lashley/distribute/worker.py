"""The worker: an actor that prepares a stage's work once, then does one task after another."""

from __future__ import annotations

import platform
import warnings
from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import Any

from lashley.distribute.local import threads
from lashley.distribute.sharing import NotShared, Shared
from lashley.distribute.work import Task, Work

_ALIKE = ("lashley", "torch")  # packages whose versions must be those of the driver


def versions() -> dict[str, str]:
    """Of the packages that numbers depend on."""
    return {name: version(name) for name in _ALIKE}


class Worker:
    """Does tasks; lives in a process of its own.

    Args:
        device: Where to compute.
        cpus: Threads that it may use.
        node: Says on which node it runs.
    """

    def __init__(self, device: str, cpus: int, node: Callable[[], str]) -> None:
        self._device, self._cpus, self._node = device, cpus, node()
        self._work: Work | None = None
        self._prepared: Any = None
        self._done = ("", 0)

    def prepare(self, work: Work, inputs: Mapping[str, Shared], same: Mapping[str, str]) -> str:
        """Make what all tasks of a stage share; what the stage before had is dropped.

        Args:
            work: The stage, without its inputs.
            inputs: Its inputs.
            same: The driver's versions.

        Returns:
            The node that it runs on.

        Raises:
            Refused: If data, network or versions differ from the driver's.
        """
        mine = versions()
        differ = [f"{k} {mine[k]}, not {same[k]}" for k in _ALIKE if mine[k] != same[k]]
        if differ:
            raise NotShared(
                f"worker: {platform.node()} has {'; '.join(differ)}. Install the same versions on "
                "all nodes."
            )
        self._work, self._prepared, self._done = None, None, ("", 0)
        values = {name: shared.arrived() for name, shared in inputs.items()}
        with threads(work.threads or self._cpus):
            self._prepared = work.prepare(self._device, **values)
        self._work = work
        return self._node

    def carry_out(self, task: Task) -> tuple[Any, list[str]]:
        """Do a task of the stage that was prepared last; also returns the warnings meanwhile."""
        assert self._work is not None, "prepare comes first"
        self._done = (task.name, 0)
        with (
            warnings.catch_warnings(record=True) as said,
            threads(self._work.threads or self._cpus),
        ):
            found = self._work.carry_out(self._prepared, task.content, self._report)
        return found, [f"{warning.category.__name__}: {warning.message}" for warning in said]

    def progress(self) -> tuple[str, int]:
        """The task begun last, by name, and how much of it is done."""
        return self._done

    def close(self) -> None:
        """End the stage.

        Raises:
            IntegrityError: If what was shared has changed.
        """
        prepared, self._work, self._prepared = self._prepared, None, None
        if hasattr(prepared, "close"):
            prepared.close()

    def _report(self, done: int) -> None:
        self._done = (self._done[0], done)
