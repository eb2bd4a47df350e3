"""What a sweep needs: for all batches, and of one batch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor

from lashley.engine.margins import Margins
from lashley.engine.plan import Savings, Setting, UnitSet
from lashley.engine.program import Live, Program
from lashley.engine.stacking import Budget
from lashley.engine.verdict import Verdict
from lashley.graph.formats import in_format


@dataclass(frozen=True, eq=False)
class Sweeper:
    """What a sweep needs, whatever the batch.

    Attributes:
        fast: The program in float32.
        quick: The same with more rounding, in bfloat16 or by Winograd's convolution: suffixes run
            in it first, and again in `fast` where rounding could matter; or None.
        exact: The program as captured, in float64.
        verdict: What is kept of an output.
        savings: Which of them are made.
        budget: How much runs at once.
        compiled: Whether suffixes go through `torch.compile`.
        plans: How the suffixes of each place are run, kept from batch to batch.
        tally: How many outcomes were run, and how many of them again.
        margins: Of each place, as far as its ablations were looked at.
    """

    fast: Program
    quick: Program | None
    exact: Program
    verdict: Verdict
    savings: Savings
    budget: Budget
    compiled: bool = False
    plans: dict[Any, Any] = field(default_factory=dict)
    tally: Counter[str] = field(default_factory=Counter)
    margins: dict[Any, Margins] = field(default_factory=dict)

    def covers(self, setting: Setting) -> bool:
        """Whether all of its ablations were looked at."""
        known = self.margins.get(setting.place)
        return known is not None and known.covers(setting.unit_sets)

    def margins_of(self, setting: Setting, sets: Sequence[UnitSet]) -> Tensor | None:
        """(set) what counts as too close under each; None where only decisions ask for it."""
        known = self.margins.get(setting.place)
        return None if known is None else known.of(sets)


@dataclass(frozen=True, eq=False)
class Batch:
    """Some examples, where the engine computes.

    Attributes:
        inputs: (example, ...) of each of the program's placeholders.
        labels: (example, ...) targets; several tensors are `Targets`.
        donors: Of as many examples, whose activations `resample` puts in place; or None.
        drawn: (example,) which of the donors each example gets, where these are more: all of a
            reference whose examples depend on one another; else None.
        numbers: (example,) their places among all that are evaluated, in main memory.
        walks: How far the intact network was run on it, if it was.
        seen: Whether that was held against the network itself; empty if not.
    """

    inputs: tuple[Tensor, ...]
    labels: Any
    donors: tuple[Tensor, ...] | None
    drawn: Tensor | None
    numbers: Int[Tensor, " example"]
    walks: list[Any] = field(default_factory=list, init=False)
    seen: list[bool] = field(default_factory=list, init=False)

    def forget(self) -> None:
        """Drop what was computed on it."""
        self.walks.clear()

    def take(self, which: Tensor) -> Batch:
        """Some of them."""
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
