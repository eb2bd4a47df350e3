"""The numbers that the paper prints for its own network; true of that network alone."""

from __future__ import annotations

from collections.abc import Callable

import xarray as xr

from lashley.outcomes import at
from lashley.papers.meyes2019.mlp.claims.evidence import MlpEvidence, read
from lashley.papers.meyes2019.mlp.claims.sentences import correlation
from lashley.studies.claim import Claim, Measured, share

Measure = Callable[[MlpEvidence], Measured]


def printed(value: float, digits: int = 1) -> Callable[[Measured], bool]:
    """Whether the measured number, rounded as the paper does, is the printed one."""
    return lambda found: abs(found.value - value) <= 0.5 * 10**-digits + 1e-6


def _above(limit: float) -> Callable[[Measured], bool]:
    return lambda found: found.value > limit


def _accuracy(of: int | None = None) -> Measure:
    def measure(evidence: MlpEvidence) -> Measured:
        effects = evidence.results.effects
        total = effects["overall_total"] if of is None else effects["total"][of]
        right = effects["overall_intact_correct"] if of is None else effects["intact_correct"][of]
        return share(int(right), int(total))

    return measure


def _drop(*units: int, of: int | None = None, sign: int = 1) -> Measure:
    """The drop when the paper's `units` (from 1) are ablated, of a class or of all."""

    def measure(evidence: MlpEvidence) -> Measured:
        found = _at(evidence.results.effects, units)
        if of is None:
            return read(found, "overall_drop", sign=sign)
        return read(found.isel({"class": of}), "drop", sign=sign)

    return measure


def _excess(*units: int) -> Measure:
    return lambda evidence: read(_at(evidence.results.interactions, units), "excess")


def _rank_of_excess(*units: int) -> Measure:
    def measure(evidence: MlpEvidence) -> Measured:
        pairs = evidence.results.interactions
        larger = pairs["excess"] > _at(pairs, units)["excess"]
        return Measured(1 + int(larger.sum()), of=len(larger))

    return measure


def _gain_beyond_singles(a: int, b: int, of: int) -> Measure:
    def measure(evidence: MlpEvidence) -> Measured:
        gains = [_drop(*units, of=of, sign=-1)(evidence).value for units in ((a, b), (a,), (b,))]
        note = "the pair gains {:.2f} pp, its units {:.2f} and {:.2f}".format(*gains)
        found = _at(evidence.results.interactions, (a, b)).isel({"class": of})
        return read(found, "class_excess", note, sign=-1)

    return measure


def _only_pair(a: int, b: int, of: int) -> Measure:
    def measure(evidence: MlpEvidence) -> Measured:
        found = _at(evidence.results.interactions, (a, b))
        whole = int(found["intact_correct"][of])
        both = 100 * int(found["only_pair_lost"][of]) / whole
        note = f"{both:.2f} % if the intact network is asked to be right too"
        return share(int(found["only_pair"][of]), whole, note)

    return measure


def _at(measured: xr.Dataset, units: tuple[int, ...]) -> xr.Dataset:
    """What belongs to the ablation of the paper's `units`, which count from 1."""
    return at(measured, *(unit - 1 for unit in units))


def _claims() -> list[Claim]:
    drops = [
        ("Fig. 3", 12, 44.5), ("Fig. 4", 19, 11.6), ("Fig. 5", 6, 1.4), ("Fig. 6", 20, 14.6),
        ("Fig. 7", 3, 25.4), ("Fig. A.2", 11, 1.4), ("Fig. A.2", 13, 1.4), ("Fig. A.2", 18, 1.4),
    ]  # fmt: skip
    claims = [
        Claim(
            "3.1", "accuracy of the intact network", "94.64", "%", _accuracy(), printed(94.64, 2)
        ),
        Claim("4", "accuracy for class 8", "91.4", "%", _accuracy(8), printed(91.4)),
        Claim("4", "accuracy for class 1", "98.4", "%", _accuracy(1), printed(98.4)),
    ]
    claims += [
        Claim(where, f"drop without unit {u}", str(value), "pp", _drop(u), printed(value))
        for where, u, value in drops
    ]
    claims += [
        Claim(
            "Fig. 3",
            f"drop of class {c} without unit 12",
            "> 80",
            "pp",
            _drop(12, of=c),
            _above(80),
        )
        for c in (1, 4, 7, 9)
    ]
    return [
        *claims,
        Claim("Fig. 4", "drop of class 1 without unit 19", "", "pp",
              _drop(19, of=1), _above(50)),
        Claim("Fig. 7", "gain of class 5 without unit 3", "5.7", "pp",
              _drop(3, of=5, sign=-1), printed(5.7)),
        Claim("Fig. A.1", "drop without unit 16", "", "pp", _drop(16), _above(0)),
        Claim("Fig. 12", "drop without units 4 and 16", "", "pp", _drop(4, 16), _above(0)),
        Claim("Fig. 12", "excess of (4, 16) over the sum of its singles", "", "pp",
              _excess(4, 16), _above(0)),
        Claim("Fig. 12", "rank of (4, 16) among all pairs by excess", "1", "",
              _rank_of_excess(4, 16), printed(1, 0)),
        Claim("Fig. 13", "gain of class 5 without units 5 and 10", "5.16", "pp",
              _drop(5, 10, of=5, sign=-1), printed(5.16, 2)),
        Claim("Fig. A.4", "gain of class 5 without unit 5", "3.14", "pp",
              _drop(5, of=5, sign=-1), printed(3.14, 2)),
        Claim("Fig. A.4", "gain of class 5 without unit 10", "0.45", "pp",
              _drop(10, of=5, sign=-1), printed(0.45, 2)),
        Claim("Fig. 13", "gain of class 5: (5, 10) above the sum of its singles", "> 0", "pp",
              _gain_beyond_singles(5, 10, 5), _above(0)),
        Claim("4.2", "excess of (5, 10) over the sum of its singles", "", "pp",
              _excess(5, 10), _above(0)),
        Claim("Fig. A.3", "class 6 lost only by the pair (12, 19)", "> 50", "%",
              _only_pair(12, 19, 6), _above(50)),
        Claim("Fig. 9", "Pearson of the Mann-Whitney p with the drop, 20 units", "", "",
              correlation("mann_whitney_p", "pearson"), lambda found: found.value < 0),
        Claim("Fig. 9", "Spearman of the Mann-Whitney p with the drop, 20 units", "", "",
              correlation("mann_whitney_p", "spearman"), lambda found: found.value < 0),
    ]  # fmt: skip


PRINTED = tuple(_claims())
