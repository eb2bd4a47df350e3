"""What a sweep needs, whatever the batch, and what it finds out on the way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from lashley.engine.columns import Columns, columns
from lashley.engine.margins import Margins
from lashley.engine.plan import Place, Savings, Setting, UnitSet
from lashley.engine.program import Program
from lashley.engine.rows import Rows
from lashley.engine.stacking import Budget, Choice
from lashley.engine.verdict import Verdict


@dataclass(eq=False)
class RowPlans:
    """The suffixes of a place as rows, in the formats they are run in, and what was measured there.

    Attributes:
        fast: In float32.
        quick: The same with more rounding, or None.
        choices: Whether to update consumers, measured; separately for the quick ones.
        least: What counts as rounding of the quick way in a logit, once that was measured.
        margins: The same for each ablation, as far as they were looked at.
    """

    fast: Rows
    quick: Rows | None
    choices: dict[bool, Choice] = field(default_factory=dict, init=False)
    least: float | None = field(default=None, init=False)
    margins: Margins | None = field(default=None, init=False)


@dataclass
class Tally:
    """How many outcomes were run on suffixes, how many of them again, and how many in float64."""

    outcomes: int = 0
    run_again: int = 0
    settled: int = 0


@dataclass(eq=False)
class Sweeper:
    """What a sweep needs, and what it keeps from batch to batch.

    Attributes:
        fast: The program in float32.
        quick: The same with more rounding, in bfloat16 or by Winograd's convolution: suffixes run
            in it first, and again in `fast` where rounding could matter; or None.
        exact: The program as captured, in float64.
        verdict: What is kept of an output.
        savings: Which ones are made.
        budget: How much runs at once; less where memory has run out.
        compiled: Whether suffixes go through `torch.compile`.
        tally: Of the outcomes that were run so far.
        margins: Of each place, as far as its ablations were looked at.
    """

    fast: Program
    quick: Program | None
    exact: Program
    verdict: Verdict
    savings: Savings
    budget: Budget
    compiled: bool = False
    tally: Tally = field(default_factory=Tally, init=False)
    margins: dict[Place, Margins] = field(default_factory=dict, init=False)
    _plans: dict[Place, Columns | RowPlans] = field(default_factory=dict, init=False)
    _exact: dict[Place, Rows] = field(default_factory=dict, init=False)

    def plan(self, place: Place) -> Columns | RowPlans:
        """How the suffixes of a place are run; made once."""
        if place not in self._plans:
            savings = self.savings
            may = savings.consumers and savings.prefix and self.quick is None
            wide = columns(place, self.fast) if may else None
            self._plans[place] = wide or self._rows(place)
        return self._plans[place]

    def exact_plan(self, place: Place) -> Rows:
        """The same in float64."""
        if place not in self._exact:
            self._exact[place] = Rows(place, self.exact, update=False, compiled=False)
        return self._exact[place]

    def _rows(self, place: Place) -> RowPlans:
        update, compiled = self.savings.consumers, self.compiled
        quick = None if self.quick is None else Rows(place, self.quick, update, compiled)
        return RowPlans(Rows(place, self.fast, update, compiled), quick)

    def covers(self, setting: Setting) -> bool:
        """Whether all of its ablations were looked at."""
        known = self.margins.get(setting.place)
        return known is not None and known.covers(setting.unit_sets)

    def margins_of(self, setting: Setting, sets: Sequence[UnitSet]) -> Tensor | None:
        """(set) what counts as too close under each; None if there is nothing to decide."""
        known = self.margins.get(setting.place)
        return None if known is None else known.of(sets)

    @property
    def attrs(self) -> dict[str, Any]:
        """How it works, so far, for the outcomes."""
        kind, tally = (self.quick or self.fast).dtype, self.tally
        found = {"dtype": str(kind).removeprefix("torch."), "settled_in_float64": tally.settled}
        if self.quick is None:
            return found
        return {**found, "share_run_again": tally.run_again / max(1, tally.outcomes)}
