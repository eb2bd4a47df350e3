"""How units come out of a layer: which values hold them, what reads these, where they end."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Step:
    """An operation that reads painted numbers.

    Attributes:
        name: Of the operation.
        reads: Versions of memory that it reads, with the colours it sees there; no statistics.
        gives: The version that it writes, or None.
        carries: The colours that survive there.
        statistic: Whether it sums numbers, to normalise the same numbers with the sum.
        joins: Whether it acts on each number alone, so that a statistic may come in.
        moves: Whether it copies numbers and changes none.
        operation: Its number among all of the network's operations; None if it is not one.
        used: Whether what it gives leads to the output.
    """

    name: str
    reads: list[tuple[int, frozenset[float]]]
    gives: int | None = None
    carries: frozenset[float] = frozenset()
    statistic: bool = False
    joins: bool = True
    moves: bool = False
    operation: int | None = None
    used: bool = True


@dataclass
class Trail:
    """All steps, in order."""

    steps: list[Step] = field(default_factory=list)

    def point(self, colour: float, written_norms: bool) -> tuple[int, str]:
        """The last value of a colour that every way out leads through: its number, and the way.

        Args:
            colour: The colour.
            written_norms: Whether a normalisation may be written out in several operations.
        """
        values, readers = self._graph(colour, written_norms)
        copies = {step.gives for step in self.steps if step.moves}
        for number in reversed(range(len(values))):
            through = self._all_through(values[0], values[number], readers)
            if through and not (number and values[number] in copies):  # copies change nothing
                return number, self._described(values, number, readers)
        raise AssertionError("the first value is one that every way leads through")

    def _graph(
        self, colour: float, written_norms: bool
    ) -> tuple[list[int], dict[int, list[tuple[str, int | None]]]]:
        """What holds the colour; what reads each: (operation, what it gives; None: a way out)."""
        values: list[int] = []
        statistics: set[int] = set()
        readers: dict[int, list[tuple[str, int | None]]] = {}
        for step in self.steps:
            seen = [v for v, colours in step.reads if colour in colours]
            summed = [v for v, _ in step.reads if v in statistics]
            foreign = any(not colours and v not in statistics for v, colours in step.reads)
            holds = colour in step.carries and not (foreign and seen)
            if not seen and not summed:
                if holds:  # the layer itself
                    values.append(step.gives)
                continue
            on: int | None = None
            if holds and (not summed or (written_norms and seen)):
                on = step.gives
                if on not in values:
                    values.append(on)
            elif written_norms and step.statistic and step.gives is not None:
                on = step.gives
                statistics.add(on)
            for v in {*seen, *summed} if step.used else ():
                out = v in summed and not step.joins and not step.statistic
                readers.setdefault(v, []).append((step.name, None if out else on))
        return values, readers

    @staticmethod
    def _all_through(
        start: int, candidate: int, readers: dict[int, list[tuple[str, int | None]]]
    ) -> bool:
        seen, waiting = {candidate}, [start]
        while waiting:
            value = waiting.pop()
            if value in seen:
                continue
            seen.add(value)
            for _, gives in readers.get(value, []):
                if gives is None:
                    return False
                waiting.append(gives)
        return True

    @staticmethod
    def _described(
        values: list[int], number: int, readers: dict[int, list[tuple[str, int | None]]]
    ) -> str:
        held = set(values[: number + 1])
        way = [name for v in values[:number] for name, gives in readers.get(v, []) if gives in held]
        out = sorted({name for name, _ in readers.get(values[number], [])})
        return " ".join(way) + " > " + " ".join(out)
