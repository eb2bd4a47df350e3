"""One process: tasks are done here, one after another."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import xarray as xr

from lashley.distribute.sources import Lanes
from lashley.distribute.work import Lane, Running, Work
from lashley.engine import check_device, evaluate


@dataclass(frozen=True)
class Local:
    """This process.

    Attributes:
        device: Where it computes.
    """

    device: str = "cpu"

    def __post_init__(self) -> None:
        check_device(self.device)

    def __str__(self) -> str:
        return "this process"

    @property
    def options(self) -> tuple[str, ...]:
        """Those of the command line that give the same place again."""
        return () if self.device == "cpu" else ("--device", self.device)

    @property
    def here(self) -> str:
        """The same device."""
        return self.device

    @property
    def parts(self) -> int:
        """One: nothing is gained by dividing."""
        return 1

    def evaluate(self, network: Any, examples: Any, ablations: Any, **how: Any) -> xr.Dataset:
        """As `lashley.evaluate`."""
        return evaluate(network, examples, ablations, device=self.device, **how)

    def carry_out(self, work: Work, lanes: Sequence[Lane], running: Running) -> None:
        """Do all tasks, lane by lane; nothing is prepared if all is done already."""
        source = Lanes(lanes, running)
        if not source.begin():
            return
        prepared = work.prepare(self.device, **work.inputs)
        while (task := source.take(0)) is not None:
            with threads(work.threads):
                result = work.carry_out(prepared, task.content, _reporting(running, task.name))
            source.keep(task, result)


@contextmanager
def threads(n: int | None) -> Iterator[None]:
    """This many threads inside."""
    before = torch.get_num_threads()
    torch.set_num_threads(before if n is None else n)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _reporting(running: Running, name: str) -> Callable[[int], None]:
    return lambda done: running({name: done})
