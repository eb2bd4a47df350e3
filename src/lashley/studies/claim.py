"""Claims of a paper, and what a run measured for each."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import nan
from typing import Generic, TypeVar

import pandas as pd

from lashley import stats

Evidence = TypeVar("Evidence")


@dataclass(frozen=True)
class Measured:
    """A number, its 95 % interval where it has one, and a note.

    `of` is the whole that a count is part of.
    """

    value: float
    low: float = nan
    high: float = nan
    note: str = ""
    of: int = 0


@dataclass(frozen=True)
class Claim(Generic[Evidence]):
    """One statement of the paper.

    Attributes:
        where: In the paper.
        text: The statement, with units numbered as the paper does, from 1.
        printed: What the paper prints; "" if it prints no number.
        unit: Of the number.
        measure: What the run says.
        holds: Whether that confirms the statement; "yes", "no", or "undecided" if the interval
            includes both answers.
        of_recipe: Whether it is about networks trained like the paper's, on the paper's data.
        of_ablations: Whether it is about ablations of the network under study, so that it can also
            be measured as published.
    """

    where: str
    text: str
    printed: str
    unit: str
    measure: Callable[[Evidence], Measured]
    holds: Callable[[Measured], bool | str]
    of_recipe: bool = False
    of_ablations: bool = True


def table_of(claims: Iterable[Claim[Evidence]], evidence: Evidence, method: str) -> pd.DataFrame:
    """A row per claim: as printed, as measured, and whether it holds.

    Args:
        claims: Those that the evidence has data for.
        evidence: What the run found.
        method: Of the ablations.
    """
    found = [(claim, claim.measure(evidence)) for claim in claims]
    return pd.DataFrame([
        {
            "where": claim.where, "claim": claim.text, "unit": claim.unit,
            "printed": claim.printed, "measured": measured.value, "low": measured.low,
            "high": measured.high, "holds": claim.holds(measured),
            "of": "the paper's network" if claim.of_recipe else "any network",
            "note": measured.note,
        }
        for claim, measured in found
    ]).assign(method=method)  # fmt: skip


def share(part: int, whole: int, note: str = "") -> Measured:
    """A share in percent with Wilson's interval."""
    ends = stats.share_interval(part, whole)
    return Measured(100 * part / whole, 100 * float(ends.low), 100 * float(ends.high), note)
