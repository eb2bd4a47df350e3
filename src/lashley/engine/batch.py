"""Batches of examples on the device; on a GPU the next one is copied while one is run."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor

from lashley.data import Examples
from lashley.data.inputs import inputs_to, map_inputs, take, tensors
from lashley.data.targets import each, labels_by_name
from lashley.engine.program import Live, Program
from lashley.engine.verdict import Readings
from lashley.graph.formats import in_format

Which = slice | Tensor  # which of the examples


@dataclass(eq=False)
class Walk:
    """How far the intact network was run on a batch.

    Attributes:
        live: Its values.
        donors: The same for the examples whose activations `resample` takes, or None.
        intact: Its outcomes, (1, example) by name.
        slack: How far rounding may move these; see `Verdict.slack`.
        position: Of the node it has reached; values that only earlier nodes read are forgotten.
    """

    live: Live
    donors: Live | None
    intact: Readings
    slack: Readings
    position: int = 0


@dataclass(eq=False)
class Batch:
    """Some examples on the engine's device, and how far it has got with them.

    Attributes:
        inputs: (example, ...) for each of the program's placeholders.
        labels: (example, ...) targets; several tensors are `Targets`.
        donors: Inputs of as many examples, whose activations `resample` puts in place; or None.
        drawn: (example,) which donor each example gets, if the donors are a whole reference, whose
            examples depend on one another; else None.
        numbers: (example,) their indices among all evaluated examples, in main memory.
        walk: How far the intact network was run on it, if it was.
        is_checked: Whether that was compared with the network itself.
    """

    inputs: tuple[Tensor, ...]
    labels: Any
    donors: tuple[Tensor, ...] | None
    drawn: Tensor | None
    numbers: Int[Tensor, " example"]
    walk: Walk | None = field(default=None, init=False)
    is_checked: bool = field(default=False, init=False)

    def forget(self) -> None:
        """Drop what was computed on it."""
        self.walk = None

    def take(self, which: Tensor) -> Batch:
        """Some of the examples."""
        index = which.to(self.labels.device)
        inputs, numbers = tuple(i[index] for i in self.inputs), self.numbers[which.cpu()]
        donors, drawn = self.donors, self.drawn
        if drawn is not None:
            drawn = drawn[which.cpu()]
        elif donors is not None:
            donors = tuple(d[index] for d in donors)
        return Batch(inputs, self.labels[index], donors, drawn, numbers)

    def to(self, dtype: torch.dtype) -> Batch:
        """The same in another format."""
        inputs, donors = (
            None if parts is None else tuple(in_format(part, dtype) for part in parts)
            for parts in (self.inputs, self.donors)
        )
        return replace(self, inputs=inputs, donors=donors)

    def live(self, program: Program) -> tuple[Live, Live | None]:
        """The values of the intact network on the examples and on the donors."""
        donors = None if self.donors is None else Live(program, self.donors, self.numbers)
        return Live(program, self.inputs, self.numbers), donors


@dataclass(eq=False)
class Loader:
    """Batches of examples.

    Attributes:
        examples: The ones to be evaluated.
        reference: Those that `resample` takes activations from; None if it is not used.
        donors: (example,) which of these each example gets.
        device: Where batches go.
        together: Whether donors depend on one another, so that each batch loads all of them.
    """

    examples: Examples
    reference: Examples | None
    donors: Tensor | None
    device: torch.device
    together: bool = False
    _ahead: dict[Any, Batch] = field(default_factory=dict)
    _stream: Any = None

    def load(self, which: Which, following: Which | None) -> Batch:
        """A batch in float32 on the device; `following` is copied meanwhile.

        Args:
            which: Of the examples.
            following: Which are likely to be asked for next.
        """
        if self.device.type != "cuda":
            return self._batch(which)
        self._stream = self._stream or torch.cuda.Stream(self.device)
        running = torch.cuda.current_stream(self.device)
        batch = self._ahead.pop(_key(which), None) or self._batch(which)
        running.wait_stream(self._stream)
        labels = labels_by_name(batch.labels).values()
        for part in (*batch.inputs, *labels, *(batch.donors or ())):
            part.record_stream(running)  # it was made on the other stream
        self._ahead.clear()
        if following is not None:
            with torch.cuda.stream(self._stream):
                self._ahead[_key(following)] = self._batch(following)
        return batch

    def _batch(self, which: Which) -> Batch:
        given = drawn = None
        if self.reference is not None and self.donors is not None:
            drawn = self.donors[which] if self.together else None
            given = self._moved(
                self.reference, self.donors[which] if drawn is None else slice(None)
            )
        labels = each(self.examples.labels[which], self._to_device)
        numbers = torch.arange(len(self.examples))[which]
        return Batch(self._moved(self.examples, which), labels, given, drawn, numbers)

    def _moved(self, examples: Examples, which: Which) -> tuple[Tensor, ...]:
        inputs = map_inputs(take(examples.inputs, which), self._pinned)
        moved = inputs_to(inputs, self.device, torch.float32, non_blocking=True)
        return tuple(tensors(moved))

    def _to_device(self, part: Tensor) -> Tensor:
        return self._pinned(part).to(self.device, non_blocking=True)

    def _pinned(self, part: Tensor) -> Tensor:
        """In memory that is never swapped, so that the copy to a GPU need not wait."""
        on_gpu = self.device.type == "cuda" and part.device.type == "cpu"
        return part.pin_memory() if on_gpu else part


def _key(which: Which) -> Any:
    if isinstance(which, slice):
        return which.start, which.stop
    return which.numpy().tobytes()
