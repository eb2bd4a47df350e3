"""What the paper says about VGG-19, held against whatever network was studied."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import nan

import pandas as pd

from lashley.figures.layers import top_of_classes
from lashley.studies.claim import Claim, Measured, share

ALL = "all"  # stands in the column `class` for all classes together
_TOGETHER = ("33", "46")  # the layers that stand out in the paper
_RISING = ("7", "17", "20")
_UNMOVED = "40"
_SORTED = ("46", "49")  # the layers of figure 17
_UNAFFECTED = 2.0  # %p; "almost not affected at all"
_SMALL, _LARGE = 0.1, 0.25  # the paper's shares in figures 14 to 17


@dataclass(frozen=True)
class Evidence:
    """What claims are held against: the tables of a run, of one method.

    Attributes:
        layers: Means over the groups of each layer.
        classes: The same, class by class.
        halves: The same on two halves of the examples.
        constants: What zeroed filters leave behind.
    """

    layers: pd.DataFrame
    classes: pd.DataFrame
    halves: pd.DataFrame
    constants: pd.DataFrame

    def layer(self, top: int, proportion: float) -> pd.DataFrame:
        """The rows of the layers, by label."""
        return _of(self.layers, top, proportion).set_index("label")

    def by_class(self, top: int, proportion: float) -> pd.DataFrame:
        """The rows of the classes of all layers."""
        return _of(self.classes, top, proportion)

    @property
    def top(self) -> int:
        """In which single classes are looked at."""
        return top_of_classes(self.classes)


def claims_table(found: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """One row per claim: as printed, as measured, and whether it holds.

    The paper's method is taken where the study has it, else its first one. Claims about layers or
    proportions that the study does not have are left out.

    Args:
        found: The tables `layers`, `classes`, `halves` and `constants`.
    """
    methods = list(found["layers"].method.unique())
    method = "zero_weights" if "zero_weights" in methods else methods[0]
    tables = (found[n].loc[found[n].method == method] for n in ("layers", "classes", "halves"))
    evidence = Evidence(*map(pd.DataFrame, tables), constants=found["constants"])
    rows = []
    for claim in _claims(evidence):
        measured = claim.measure(evidence)
        rows.append({
            "where": claim.where, "claim": claim.text, "unit": claim.unit,
            "printed": claim.printed, "measured": measured.value, "low": measured.low,
            "high": measured.high, "holds": bool(claim.holds(measured)), "note": measured.note,
        })  # fmt: skip
    columns = ["where", "claim", "unit", "printed", "measured", "low", "high", "holds", "note"]
    return pd.DataFrame(rows, columns=columns).assign(method=method)


def _claims(evidence: Evidence) -> Sequence[Claim[Evidence]]:
    """Those that the study can speak to."""
    has = set(evidence.layers.label)
    shares = set(evidence.layers.proportion)
    named = {*_TOGETHER, *_RISING, _UNMOVED, *_SORTED} <= has
    both = {_SMALL, _LARGE} <= shares
    claims = [Claim("3.2", "zeroing a filter's weights and bias eliminates its activation",
                    "all filters", "%", _silenced, lambda found: found.value == 100)]  # fmt: skip
    if _SMALL in shares:
        claims += _OF_SMALL
    if _SMALL in shares and named:
        claims += [claim for top, claim in _OF_NAMED if top in set(evidence.layers.top)]
    if both:
        claims += _OF_BOTH
    if both and named:
        claims += _OF_NAMED_BOTH
    return claims


def _silenced(evidence: Evidence) -> Measured:
    constant = evidence.constants.constant
    zero = int((constant == 0).sum())
    note = (
        f"{len(constant) - zero:,} of {len(constant):,} keep a constant above 0 behind batch norm"
    )
    if zero < len(constant):
        note += f", on average {constant[constant != 0].mean():.3f}"
    return share(zero, len(constant), note)


def _stand_out(top: int):
    """How far the layers that stand out in the paper are ahead of the next one."""

    def measure(evidence: Evidence) -> Measured:
        rows = evidence.layer(top, _SMALL)
        rank = rows.drop_pp.rank(ascending=False).astype(int)
        own, others = rows.loc[list(_TOGETHER)], rows.drop(list(_TOGETHER))
        least, most = own.drop_pp.idxmin(), others.drop_pp.idxmax()
        note = (
            f"of {len(rows)} layers, by drop: 33 is number {rank['33']} "
            f"({rows.drop_pp['33']:.1f} %p), 46 number {rank['46']} ({rows.drop_pp['46']:.1f} %p); "
            f"first is {rank.idxmin()} ({rows.drop_pp.max():.1f} %p)"
        )
        return _difference(rows.loc[least], rows.loc[most], note)

    return measure


def _ahead(evidence: Evidence) -> Measured:
    """The two layers with the largest drop, chosen on one half of the images."""
    halves = _of(evidence.halves, 1, _SMALL).query("`class` == @ALL", local_dict={"ALL": ALL})
    first, second = (halves[halves.half == half].set_index("label") for half in (0, 1))
    chosen = list(first.drop_pp.nlargest(2).index)
    others = second.drop(chosen)
    least, most = second.drop_pp[chosen].idxmin(), others.drop_pp.idxmax()
    note = (
        f"layers {' and '.join(chosen)}, chosen on one half of the images and measured on the "
        f"other; the next there is {most}"
    )
    return _difference(second.loc[least], second.loc[most], note)


def _more_distinct(evidence: Evidence) -> Measured:
    """By how many times the mean of the two exceeds that of the others, at 10 and at 25 %."""
    ratios = []
    for proportion in (_SMALL, _LARGE):
        drop = evidence.layer(1, proportion).drop_pp
        ratios.append(drop[list(_TOGETHER)].mean() / drop.drop(list(_TOGETHER)).mean())
    note = f"layers 33 and 46 drop {ratios[0]:.2f} times as much as the others at 10 %, " \
           f"{ratios[1]:.2f} times at 25 %"  # fmt: skip
    return Measured(ratios[0] - ratios[1], note=note)


def _rise(evidence: Evidence) -> Measured:
    small, large = (evidence.layer(1, p).loc[list(_RISING)] for p in (_SMALL, _LARGE))
    gained = large.drop_pp - small.drop_pp
    least = gained.idxmin()
    note = ", ".join(f"layer {label}: {value:+.1f} %p" for label, value in gained.items())
    return _difference(large.loc[least], small.loc[least], note)


def _unmoved(evidence: Evidence) -> Measured:
    row = evidence.layer(1, _LARGE).loc[_UNMOVED]
    rank = int((evidence.layer(1, _LARGE).drop_pp < row.drop_pp).sum())
    note = f"top-1 at 25 %; {rank} of {len(evidence.layer(1, _LARGE))} layers drop less"
    return Measured(row.drop_pp, row.drop_low_pp, row.drop_high_pp, note)


def _unequal(evidence: Evidence) -> Measured:
    """What a larger share costs, between the layer it costs most and that it costs least."""
    small, large = evidence.layer(1, _SMALL), evidence.layer(1, _LARGE)
    gained = large.drop_pp - small.drop_pp
    most, least = gained.idxmax(), gained.idxmin()
    ends = [_difference(large.loc[label], small.loc[label]) for label in (most, least)]
    note = f"from 10 to 25 %: layer {most} {gained[most]:+.1f} %p, layer {least} " \
           f"{gained[least]:+.1f} %p"  # fmt: skip
    return Measured(
        ends[0].value - ends[1].value, ends[0].low - ends[1].high, ends[0].high - ends[1].low, note
    )


def _crossing(evidence: Evidence) -> Measured:
    rows = evidence.layer(1, _SMALL)
    below = rows.index[rows.drop_pp - rows.sd_pp < 0]
    note = f"layers {', '.join(below)}" if len(below) else "none"
    return Measured(len(below), note=f"{note}; at 10 %, of {len(rows)}", of=len(rows))


def _helped(evidence: Evidence) -> Measured:
    """The share of all groups whose ablation raises top-1."""
    rows = evidence.layer(1, _SMALL)
    return share(round(float((rows.helped * rows.groups).sum())), int(rows.groups.sum()),
                 "of the groups at 10 %, by the drop alone")  # fmt: skip


def _class_specific(evidence: Evidence) -> Measured:
    """Classes whose drop in a layer lies apart from the mean over all."""
    top = evidence.top
    mean = evidence.layer(top, _SMALL).drop_pp
    rows = evidence.by_class(top, _SMALL)
    there = rows.label.map(mean)
    apart = int(((rows.drop_low_pp > there) | (rows.drop_high_pp < there)).sum())
    chance = f"by 95 % intervals; about {0.05 * len(rows):.0f} would be by chance"
    return share(
        apart, len(rows), f"{apart} of {len(rows)} classes and layers, top-{top}; {chance}"
    )


def _most_lose(evidence: Evidence) -> Measured:
    rows = evidence.by_class(evidence.top, _LARGE)
    rows = rows[rows.label.isin(_SORTED)]
    lose = int((rows.drop_pp > 0).sum())
    return share(lose, len(rows), f"layers 46 and 49 at 25 %, top-{evidence.top}")


def _some_gain(evidence: Evidence) -> Measured:
    """The largest gain of a class in a layer, chosen on one half, measured on the other."""
    rows = _of(evidence.halves, evidence.top, _SMALL)
    rows = rows[rows["class"] != ALL].set_index(["label", "class"])
    first, second = (rows[rows.half == half] for half in (0, 1))
    best = first.drop_pp.idxmin()
    found = second.loc[best]
    note = f"class {best[1]} in layer {best[0]}, chosen on one half of the images, measured on " \
           "the other"  # fmt: skip
    return Measured(-found.drop_pp, -found.drop_high_pp, -found.drop_low_pp, note)


def _gains_small(evidence: Evidence) -> Measured:
    """Classes and layers that gain: more of them at 10 % than at 25 %?"""
    shares = []
    for proportion in (_SMALL, _LARGE):
        rows = evidence.by_class(evidence.top, proportion)
        shares.append(100 * float((rows.drop_pp < 0).mean()))
    note = f"{shares[0]:.1f} % of the classes and layers gain at 10 %, {shares[1]:.1f} % at 25 %"
    return Measured(shares[0] - shares[1], note=note)


def _gains_harmless(evidence: Evidence) -> Measured:
    """Do layers that cost little have more classes that gain? Spearman over the layers."""
    rows = evidence.by_class(evidence.top, _SMALL)
    gaining = rows.assign(gains=rows.drop_pp < 0).groupby("label").gains.mean()
    drop = evidence.layer(evidence.top, _SMALL).drop_pp
    if len(drop) < 3 or gaining.nunique() < 2 or drop.nunique() < 2:
        return Measured(nan, note="every layer has as many classes that gain")
    rank = gaining.rank().corr(drop[gaining.index].rank())
    return Measured(float(rank), note="Spearman over the layers: drop against classes that gain")


def _difference(one: pd.Series, other: pd.Series, note: str = "") -> Measured:
    """Of two mean drops; the interval from the ends of both, so wider than need be."""
    return Measured(
        one.drop_pp - other.drop_pp, one.drop_low_pp - other.drop_high_pp,
        one.drop_high_pp - other.drop_low_pp, note,
    )  # fmt: skip


def _of(table: pd.DataFrame, top: int, proportion: float) -> pd.DataFrame:
    return table.query("top == @top and abs(proportion - @proportion) < 1e-9")


def _above_zero(found: Measured) -> bool:
    return found.low > 0


_OF_SMALL = [
    Claim("4.3", "some layers are more important than others: two stand out", "33, 46", "%p",
          _ahead, _above_zero),
    Claim("Fig. 14", "the band of one standard deviation crosses zero in some layers", "", "",
          _crossing, lambda found: found.value > 0),
    Claim("4.3", "the ablation of some groups raises top-1", "", "%",
          _helped, lambda found: found.value > 0),
    Claim("Fig. 16", "some layers matter more, or less, for single classes than on average", "",
          "%", _class_specific, lambda found: found.low > 5),
    Claim("Fig. 17", "some classes gain", "", "%p", _some_gain, _above_zero),
    Claim("Fig. 17", "more classes gain in layers that matter little", "", "",
          _gains_harmless, lambda found: found.value < 0),
]  # fmt: skip
_OF_NAMED = [
    (1, Claim("Fig. 14", "layers 33 and 46 drop more than all others, top-1, 10 %", "", "%p",
              _stand_out(1), _above_zero)),
    (5, Claim("Fig. 15", "layers 33 and 46 drop more than all others, top-5, 10 %", "", "%p",
              _stand_out(5), _above_zero)),
]  # fmt: skip
_OF_BOTH = [
    Claim("4.3", "a larger share costs some layers more than others", "", "%p",
          _unequal, _above_zero),
    Claim("Fig. 17", "classes gain more often at 10 % than at 25 %", "", "%",
          _gains_small, lambda found: found.value > 0),
]  # fmt: skip
_OF_NAMED_BOTH = [
    Claim("Fig. 14", "33 and 46 stand out more at 10 % than at 25 %", "", "times",
          _more_distinct, lambda found: found.value > 0),
    Claim("Fig. 14", "layers 7, 17 and 20 drop more at 25 % than at 10 %", "", "%p",
          _rise, _above_zero),
    Claim("Fig. 14", f"layer 40 is almost not affected (within {_UNAFFECTED:g} %p)", "", "%p",
          _unmoved, lambda found: found.low > -_UNAFFECTED and found.high < _UNAFFECTED),
    Claim("Fig. 17", "most classes lose in layers 46 and 49", "", "%",
          _most_lose, lambda found: found.low > 50),
]  # fmt: skip
