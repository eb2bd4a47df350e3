"""How much runs at once, bounded by memory; and which of two ways is measured to be faster."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from lashley.errors import EngineError

_CACHED = 1 << 20  # numbers in one stack of columns: 4 MB, about what the cores' caches hold
_ROWS_CACHED = 1 << 19  # and in one of rows, of which more live at the same time
_HALF = 4  # times as many if numbers have two bytes: matrix units want larger stacks
_ROWS = (128, 2048)  # examples in one stack, fewest and most
_MOST = 1 << 25  # numbers in one stacked value: 128 MB
_VALUES = 4  # stacked values that live at the same time, about
_OF_FREE = 4  # on a GPU stacks take one part in so many of the free memory
TRIALS = 2  # of each of two ways


@dataclass
class Budget:
    """How many numbers a stacked value may have; it shrinks when memory runs out.

    Attributes:
        limit: Bytes that stacks may take together; None if caches and `_MOST` set the size.
        cached: Whether the size is chosen for a processor's caches, not for a GPU.
    """

    limit: int | None
    cached: bool = True
    _shrunk: int = field(default=1)

    @classmethod
    def of(cls, memory: int | None, device: torch.device) -> Budget:
        """For a device; on a GPU, a part of its free memory."""
        if device.type != "cuda":
            return cls(memory)
        return cls(memory or torch.cuda.mem_get_info(device)[0] // _OF_FREE, cached=False)

    def rows(self, numbers: int, size: int = 4) -> int:
        """Rows of a stack whose largest value has so many numbers in each, of so many bytes."""
        fewest, most = _ROWS
        wanted = self._allowed() // numbers
        if self.cached:
            cached = _ROWS_CACHED * (_HALF if size == 2 else 1)
            wanted = min(wanted, max(cached // numbers, fewest), most)
        return max(1, wanted // self._shrunk)

    def joined(self, numbers: int) -> int:
        """The same for a pass that several places share: their values are small."""
        wanted = self._allowed()
        if self.cached:
            wanted = min(wanted, max(_CACHED, _ROWS[0] * numbers))
        return max(1, wanted // (numbers * self._shrunk))

    def full(self, numbers: int, size: int) -> int:
        """Examples of a full pass; given numbers in the largest value of one, and bytes of each."""
        return max(1, self._allowed(size) // numbers)

    def _allowed(self, size: int = 4) -> int:
        """Numbers of so many bytes in one value."""
        return _MOST if self.limit is None else self.limit // (size * _VALUES)

    def columns(self, numbers: int) -> int:
        """The same for stacks of columns, for which the caches matter more."""
        return max(1, _CACHED // (numbers * self._shrunk))

    def shrink(self, rows: int, error: Exception) -> None:
        """Make stacks half as large; the user is told once.

        Raises:
            EngineError: If a stack had only one row already.
        """
        if rows <= 1:
            raise EngineError(
                f"memory: not even one example fits ({str(error).splitlines()[0]}). Use a machine "
                "with more memory or a smaller network."
            ) from error
        if self._shrunk == 1:
            warnings.warn(
                f"lashley: a stack of {rows} rows did not fit in memory; smaller ones are used "
                "from now on. `memory=` sets how many bytes stacks may take.",
                stacklevel=2,
            )
        self._shrunk *= 2


def out_of_memory(error: BaseException) -> bool:
    """Whether an exception says that memory has run out, on whatever device."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and "can't allocate memory" in str(error)


@dataclass
class Choice:
    """Which of two ways is faster: each is tried, then the faster one is taken.

    Attributes:
        seconds: For a row in the best trial, by way.
        trials: How many there were, by way.
    """

    seconds: dict[bool, float] = field(default_factory=dict)
    trials: dict[bool, int] = field(default_factory=dict)

    def way(self) -> bool:
        """Which one to take next."""
        for way in (True, False):
            if self.trials.get(way, 0) < TRIALS:
                return way
        return self.seconds[True] <= self.seconds[False]

    def timed(self, way: bool, rows: int, work: Callable[[], Tensor]) -> Tensor:
        """Do the work this way, and remember how long it took."""
        start = time.perf_counter()
        found = work()
        if found.is_cuda:
            torch.cuda.synchronize(found.device)
        spent = (time.perf_counter() - start) / rows
        self.seconds[way] = min(spent, self.seconds.get(way, spent))
        self.trials[way] = self.trials.get(way, 0) + 1
        return found
