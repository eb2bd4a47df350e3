"""What the paper says in words, checked on the network under study."""

from __future__ import annotations

from collections.abc import Callable
from math import nan

import numpy as np
import xarray as xr
from scipy import stats as sps

from lashley.papers.meyes2019.figures.mlp import choose
from lashley.papers.meyes2019.mlp.claims.evidence import MlpEvidence, read
from lashley.papers.meyes2019.mlp.evaluations import of_design
from lashley.studies.claim import Claim, Measured

_DEAD = 0.005  # a unit that fires on a smaller share of the examples is called dead
_NEGLIGIBLE = 2.0  # pp; the paper calls 1.4 pp negligible
_HALVES = "chosen on one half of the examples, measured on the other"


def _accuracies(evidence: MlpEvidence) -> Measured:
    found = np.array(
        [100 * float(e["overall_intact_correct"] / e["overall_total"])
         for e in evidence.population_effects]
    )  # fmt: skip
    mean, half = found.mean(), sps.t.ppf(0.975, len(found) - 1) * sps.sem(found)
    note = f"mean of {len(found)} networks, from {found.min():.2f} to {found.max():.2f}"
    return Measured(float(mean), float(mean - half), float(mean + half), note)


def _decreasing(evidence: MlpEvidence) -> Measured:
    singles = of_design(evidence.results.effects, "singles")
    costly = int((singles["overall_drop_low_pp"] > 0).sum())
    helpful = int((singles["overall_drop_high_pp"] < 0).sum())
    n = singles.sizes["ablation"]
    note = f"of {n} units, by the interval; {helpful} raise it"
    return Measured(costly, note=note, of=n)


def _negligible(evidence: MlpEvidence) -> Measured:
    singles = of_design(evidence.results.effects, "singles")
    inside = (abs(singles["overall_drop_low_pp"]) < _NEGLIGIBLE) & (
        abs(singles["overall_drop_high_pp"]) < _NEGLIGIBLE
    )
    dead = evidence.results.scores["firing_share"].values < _DEAD
    note = (
        f"within {_NEGLIGIBLE:g} pp: {_numbers(evidence, inside.values)}; "
        f"dead (they fire on < 0.5 % of the examples): {_numbers(evidence, dead)}"
    )
    return Measured(int(inside.sum()), note=note, of=len(dead))


def _numbers(evidence: MlpEvidence, which: np.ndarray) -> str:
    return ", ".join(evidence.results.number(int(u)) for u in np.flatnonzero(which)) or "none"


def _pair(evidence: MlpEvidence, found: xr.Dataset) -> str:
    return evidence.results.name(int(found["unit_a"]), int(found["unit_b"]))


def _selective(evidence: MlpEvidence) -> Measured:
    """By how much the class that drops most is ahead of the next; ends from both intervals."""
    names, chosen = evidence.results.class_names, evidence.chosen
    unit = choose(chosen.effects, chosen.interactions).selective
    order = np.argsort(-of_design(chosen.effects, "singles")["drop_pp"].values[unit])[:2]
    found = of_design(evidence.confirming.effects, "singles").isel(ablation=unit)
    most, following = (read(found.isel({"class": int(label)}), "drop") for label in order)
    note = (
        f"{evidence.results.name(unit)}: class {names[order[0]]} {most.value:.1f} pp, "
        f"next class {names[order[1]]} {following.value:.1f} pp; {_HALVES}"
    )
    ahead = most.value - following.value
    return Measured(ahead, most.low - following.high, most.high - following.low, note)


def _gaining(evidence: MlpEvidence) -> Measured:
    """Chosen on one half of the examples, measured on the other."""
    chosen = of_design(evidence.chosen.effects, "singles")["drop_pp"].values
    unit, label = (int(i) for i in np.unravel_index(chosen.argmin(), chosen.shape))
    found = of_design(evidence.confirming.effects, "singles").isel(
        {"ablation": unit, "class": label}
    )
    name = evidence.results.class_names[label]
    note = f"class {name} without {evidence.results.name(unit)}; {_HALVES}"
    return read(found, "drop", note, sign=-1)


def _some_gained(evidence: MlpEvidence) -> Measured:
    singles = of_design(evidence.results.effects, "singles")
    some = singles["overall_gained"].values > 0
    note = f"of {len(some)} units; nothing gained without: {_numbers(evidence, ~some)}"
    return Measured(int(some.sum()), note=note, of=len(some))


def correlation(score: str, kind: str, over: str = "") -> Callable[[MlpEvidence], Measured]:
    """A score's correlation with the drop, from the run's table.

    Args:
        score: Its name.
        kind: "pearson" or "spearman".
        over: A row of the table; "" stands for the network under study in this evaluation.
    """

    def measure(evidence: MlpEvidence) -> Measured:
        table, rows = evidence.correlations, over or f"main, {evidence.name}"
        row = table[(table.score == score) & (table.over == rows)].iloc[0]
        resampled = "networks" if over else "units"
        note = f"{row.n} units; interval: bootstrap over {resampled}"
        return Measured(row[kind], row[f"{kind}_low"], row[f"{kind}_high"], note)

    return measure


def _negative(kind: str) -> Callable[[MlpEvidence], Measured]:
    def measure(evidence: MlpEvidence) -> Measured:
        wanted = "score == 'mann_whitney_p' and over.str.match('population-')"
        found = evidence.correlations.query(wanted)[kind].to_numpy()
        note = f"of {len(found)} networks; median {np.nanmedian(found):.2f}"
        return Measured(int((~(found < 0)).sum()), note=note, of=len(found))

    return measure


def _selectivity(evidence: MlpEvidence) -> Measured:
    table = evidence.selectivity[evidence.selectivity.network != "mean"]
    wide = table.pivot(index="network", columns="class", values="deviation_pp")
    gap = wide[["1", "4"]].min(axis=1) - wide["2"]
    half = float(sps.t.ppf(0.975, len(gap) - 1) * sps.sem(gap))
    mean = wide.mean().sort_values()
    note = (
        f"least selective: class {mean.index[0]}, most: class {mean.index[-1]}; {len(gap)} networks"
    )
    return Measured(float(gap.mean()), float(gap.mean()) - half, float(gap.mean()) + half, note)


def _super_additive(evidence: MlpEvidence) -> Measured:
    pairs = evidence.results.interactions
    n, more = pairs.sizes["ablation"], int(pairs["super_additive"].sum())
    sure = int((pairs["excess_low_pp"] > 0).sum())
    less = int((pairs["excess_high_pp"] < 0).sum())
    best = int(np.argmax(pairs["excess"].values))
    name = _pair(evidence, pairs.isel(ablation=best))
    note = (
        f"of {n} pairs, by whole numbers of examples; {sure} with an interval above 0, {less} "
        f"below; the strongest: {name}, {float(pairs['excess_pp'][best]):.2f} pp"
    )
    return Measured(more, note=note, of=n)


def _strongest_excess(evidence: MlpEvidence) -> Measured:
    best = int(np.argmax(evidence.chosen.interactions["excess"].values))
    found = evidence.confirming.interactions.isel(ablation=best)
    return read(found, "excess", f"{_pair(evidence, found)}; {_HALVES}")


def _gain_beyond(evidence: MlpEvidence) -> Measured:
    """Of the pairs whose units each gain in a class, as in the paper's example."""
    effects, pairs = evidence.chosen.effects, evidence.chosen.interactions
    gain = dict(zip(effects["units"].values, -effects["drop_pp"].values, strict=True))
    ends = zip(pairs["unit_a"].values, pairs["unit_b"].values, strict=True)
    least = np.array([np.minimum(gain[str(a)], gain[str(b)]) for a, b in ends])
    beyond = np.where(least > 0, -pairs["class_excess_pp"].values, -np.inf)
    best, label = (int(i) for i in np.unravel_index(beyond.argmax(), beyond.shape))
    if np.isinf(beyond[best, label]):
        return Measured(nan, note="no two units that each gain in the same class")
    found = evidence.confirming.interactions.isel({"ablation": best, "class": label})
    name = evidence.results.class_names[label]
    note = f"class {name} without {_pair(evidence, found)}; {_HALVES}"
    return read(found, "class_excess", note, sign=-1)


def _initial_normal(evidence: MlpEvidence) -> Measured:
    weights = evidence.results.initial_weights.ravel()
    bound = 1 / np.sqrt(evidence.results.initial_weights[0].size)
    normal = sps.kstest(weights, sps.norm(weights.mean(), weights.std()).cdf).pvalue
    uniform = sps.kstest(weights, sps.uniform(-bound, 2 * bound).cdf).pvalue
    note = (
        f"p of a normal distribution (Kolmogorov-Smirnov); of a uniform one in +-{bound:.4f}, "
        f"PyTorch's default: {uniform:.2f}"
    )
    return Measured(float(normal), note=note)


def _below_zero(found: Measured) -> bool:
    return found.high < 0


def _above_zero(found: Measured) -> bool:
    return found.low > 0


SENTENCES = (
    Claim("3.1", "networks trained so reach the paper's accuracy (94 % or more)", "94.64", "%",
          _accuracies, lambda found: found.low >= 94, of_recipe=True, of_ablations=False),
    Claim("4.1", "the initial weights are normally distributed", "", "p",
          _initial_normal, lambda found: found.value > 0.05, of_ablations=False),
    Claim("4.1", "in general, ablating a unit decreases the overall accuracy", "", "units",
          _decreasing, lambda found: found.value > found.of / 2),
    Claim("4.1", "some units are selectively important for one class", "", "pp ahead",
          _selective, _above_zero),
    Claim("4.1", "some units are not important at all", "4", "units",
          _negligible, lambda found: found.value >= 1),
    Claim("4.1", "ablating a unit can raise the accuracy of a class", "", "pp",
          _gaining, _above_zero),
    Claim("4.1", "every damaged network gets some digits right that the intact one got wrong", "",
          "units", _some_gained, lambda found: found.value == found.of),
    Claim("4.1, Fig. 9", "the more a unit's weight distribution changed, the more important it is "
          "(Spearman of p with the drop, this network)", "", "",
          correlation("mann_whitney_p", "spearman"), _below_zero),
    Claim("4.1, Fig. 9", "the same over the units of all further networks (Spearman)", "", "",
          correlation("mann_whitney_p", "spearman", "population, pooled"), _below_zero,
          of_ablations=False),
    Claim("4.1, Fig. 9", "the same over the units of all further networks (Pearson)", "", "",
          correlation("mann_whitney_p", "pearson", "population, pooled"), _below_zero,
          of_ablations=False),
    Claim("4.1, Fig. 10", "all but two Pearson coefficients of 20 networks support the trend", "2",
          "not negative", _negative("pearson"), lambda found: found.value <= found.of / 10,
          of_ablations=False),
    Claim("4.1, Fig. 10", "all Spearman coefficients support the trend", "0",
          "not negative", _negative("spearman"), lambda found: found.value == 0,
          of_ablations=False),
    Claim("4.1, Fig. 11", "classes 1 and 4 are represented more selectively than class 2", "",
          "pp deviation", _selectivity, _above_zero,
          of_recipe=True, of_ablations=False),
    Claim("4.2", "pairwise ablations have a stronger effect than the sum of their singles", "",
          "pairs", _super_additive, lambda found: found.value > found.of / 2),
    Claim("4.2, Fig. 12", "some pair's effect exceeds the sum of its singles", "", "pp",
          _strongest_excess, _above_zero),
    Claim("4.2, Fig. 13", "a pair's gain of a class can exceed the sum of its singles' gains", "",
          "pp", _gain_beyond, _above_zero),
    Claim("not in the paper", "the Kolmogorov-Smirnov distance of a unit's weights ranks its "
          "importance (Spearman with the drop, this network)", "", "",
          correlation("ks_distance", "spearman"), _above_zero),
    Claim("not in the paper", "the same over the units of all further networks", "", "",
          correlation("ks_distance", "spearman", "population, pooled"), _above_zero,
          of_ablations=False),
)  # fmt: skip
