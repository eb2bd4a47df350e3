"""Loading: batches of examples on the device; on a GPU the next one is copied while one is run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from lashley.data import Examples
from lashley.data.inputs import inputs_to, map_inputs, take, tensors
from lashley.data.targets import each, labels_by_name
from lashley.engine.batch import Batch

Which = slice | Tensor  # of the examples


@dataclass(eq=False)
class Loader:
    """Batches of examples.

    Attributes:
        examples: Those to be evaluated.
        reference: Those that `resample` takes activations from; None where it is not used.
        donors: (example,) which of them each example gets.
        device: Where to.
        together: Whether donors depend on one another, and so are loaded all in each batch.
    """

    examples: Examples
    reference: Examples | None
    donors: Tensor | None
    device: torch.device
    together: bool = False
    _ahead: dict[Any, Batch] = field(default_factory=dict)
    _stream: Any = None

    def load(self, which: Which, following: Which | None) -> Batch:
        """A batch in float32 on the device; `following` is begun to be copied on the side.

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
        """Where the copy to a GPU need not wait: in memory that is never swapped."""
        on_gpu = self.device.type == "cuda" and part.device.type == "cpu"
        return part.pin_memory() if on_gpu else part


def _key(which: Which) -> Any:
    if isinstance(which, slice):
        return which.start, which.stop
    return which.numpy().tobytes()
