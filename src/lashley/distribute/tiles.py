"""Tiles: parts of a sweep that a worker does in one go, and their names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from lashley.errors import ClusterError

STAGE = "ablations"
_RANGE = r"\d+(?:-\d+)?"
_NAME = re.compile(rf"({_RANGE}(?:,{_RANGE})*)/(\d+)-(\d+)(?::(\d+))?")


@dataclass(frozen=True)
class Tile:
    """Some ablations on some examples.

    Attributes:
        rows: Of the outcomes, increasing; row 0 is the intact network, i + 1 is ablation i.
        start: The first place, in the order of the evaluation, of its examples.
        stop: The place after the last one.
        step: Examples that are taken at once, if not all of them.
    """

    rows: tuple[int, ...]
    start: int
    stop: int
    step: int = 0

    @property
    def batches(self) -> list[slice]:
        """Places of the examples that are taken at once."""
        step = self.step or self.stop - self.start
        return [slice(a, min(a + step, self.stop)) for a in range(self.start, self.stop, step)]

    @property
    def name(self) -> str:
        """Such as "0-11,40/0-124": ablations and places count from 0, ends are in; ":25" by 25."""
        ablations = spelt([row - 1 for row in self.rows])
        by = f":{self.step}" if len(self.batches) > 1 else ""
        return f"{ablations}/{self.start}-{self.stop - 1}{by}"


def named(name: str) -> Tile:
    """The tile of a name.

    Raises:
        ClusterError: If it is not one.
    """
    found = _NAME.fullmatch(name)
    if found is not None:
        parts = [[int(end) for end in part.split("-")] for part in found[1].split(",")]
        rows = [row for part in parts for row in range(part[0] + 1, part[-1] + 2)]
        tile = Tile(tuple(rows), int(found[2]), int(found[3]) + 1, int(found[4] or 0))
        if tile.start < tile.stop and tile.name == name:
            return tile
    raise ClusterError(
        f"task: given {name!r}; allowed are names such as 0-11,40/0-124: ablations and examples, "
        "counted from 0. Take the name from the error's message."
    )


def spelt(numbers: Sequence[int]) -> str:
    """Increasing numbers in few words: "0-11,40"."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1][1:] = [number]
        else:
            runs.append([number])
    return ",".join("-".join(map(str, run)) for run in runs)
