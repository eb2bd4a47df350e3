"""What is compared of an output: some of its numbers, as a readout and as a function."""

from __future__ import annotations

import torch
from torch import Tensor

MOST = 10  # of them


def numbers_of(outputs: Tensor) -> Tensor:
    """(example, number) some numbers of outputs (example, ...), spread over them."""
    rows = outputs.flatten(1)
    which = torch.linspace(0, rows.shape[1] - 1, min(MOST, rows.shape[1])).long()
    return rows[:, which]


def numbers(outputs: Tensor, labels: Tensor) -> dict[str, Tensor]:
    """The same as a readout, under the names number_0, number_1, ..."""
    return {f"number_{k}": column for k, column in enumerate(numbers_of(outputs).unbind(1))}
