"""One progress bar over all tasks of a stage."""

from __future__ import annotations

from collections.abc import Mapping

from lashley.studies.folder import Tell


class Bar:
    """How much of a stage is done; shown from its start on.

    Args:
        tell: Called with it.
        stage: Its name.
        whole: How much there is to do, as far as is known.
    """

    def __init__(self, tell: Tell, stage: str, whole: int) -> None:
        self._tell, self._stage, self._whole = tell, stage, whole
        self._finished, self._running = 0, dict[str, int]()
        self._show()

    def running(self, now: Mapping[str, int]) -> None:
        """How much of each task in progress is done, by name."""
        self._running = dict(now)
        self._show()

    def expect(self, more: int) -> None:
        """The whole is larger than was known, or smaller if `more` is below 0."""
        self._whole += more

    def finish(self, task: str, done: int) -> None:
        """A task has ended, and so much was done of it."""
        self._running.pop(task, None)
        self._finished += done
        self._show()

    def _show(self) -> None:
        self._tell(self._stage, self._finished + sum(self._running.values()), self._whole)
