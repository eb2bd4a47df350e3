"""What a run says to each claim of the paper about VGG-19."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from lashley.papers.meyes2019.figures.layers import top_of_classes
from lashley.papers.meyes2019.layers.changes import contrast, halves, least
from lashley.papers.meyes2019.layers.evidence import Evidence
from lashley.studies.claim import Measured, share

TOGETHER = ("33", "46")  # the layers that stand out in the paper
RISING = ("7", "17", "20")
UNMOVED = "40"
SMALL, LARGE = 0.1, 0.25  # the paper's proportions in figures 14 to 17
_DRAWS, _SEED = 500, 0  # of resampled images and permuted classes
_HALVES = "chosen on one half of the images, measured on the other"


def zeroed(evidence: Evidence) -> Measured:
    """The share of filters that hold 0 once zeroed."""
    constant = evidence.constants.constant
    zero = int((constant == 0).sum())
    kept = len(constant) - zero
    note = f"{kept:,} of {len(constant):,} keep a constant above 0 after batch norm"
    if kept:
        note += f", on average {constant[constant != 0].mean():.3f}"
    return share(zero, len(constant), note)


def portion(evidence: Evidence) -> Measured:
    """The largest proportion against the smallest, averaged over the layers."""
    steps = sorted(evidence.layers.proportion.unique())
    means = np.array([evidence.all_layers(p, 1).mean(1) for p in steps])
    rising = int((np.diff(means, axis=0) > 0).all(0).sum())
    large, small = (evidence.all_layers(p, 1).mean(0) for p in (steps[-1], steps[0]))
    note = f"{steps[0]:.0%} to {steps[-1]:.0%}, mean over the layers; in {rising} of " \
           f"{len(evidence.labels)} layers the mean rises at every step"  # fmt: skip
    return contrast(large - small, note)


def unlike(evidence: Evidence) -> Measured:
    """The layer that matters most against the one that matters least."""
    return _most_against_least(evidence, evidence.all_layers(SMALL, 1))


def two_ahead(evidence: Evidence) -> Measured:
    """The second layer by drop against the third."""
    choose, confirm = halves(len(evidence.changes.label))
    change = evidence.all_layers(SMALL, 1)
    order = np.argsort(change[:, choose].mean(1), kind="stable")[::-1]
    first, second, third = (evidence.labels[i] for i in order[:3])
    found = change[order[1]] - change[order[2]]
    note = f"layers {first} and {second}, then {third}; {_HALVES}"
    return contrast(found[confirm], note)


def stand_out(evidence: Evidence, top: int) -> Measured:
    """How far each of the paper's two is ahead of each other layer, at least."""
    drop = evidence.layer(top, SMALL).drop_pp
    rank = drop.rank(ascending=False, method="min").astype(int)
    others = [label for label in evidence.labels if label not in TOGETHER]
    found = [contrast(evidence.change(a, SMALL, top) - evidence.change(b, SMALL, top))
             for a in TOGETHER for b in others]  # fmt: skip
    note = (
        f"of {len(rank)} layers, by drop: 33 is number {rank['33']} ({drop['33']:.1f} pp), 46 "
        f"number {rank['46']} ({drop['46']:.1f} pp); first is {drop.idxmax()} ({drop.max():.1f} pp)"
    )
    return least(found, note)


def more_distinct(evidence: Evidence) -> Measured:
    """By how much more the two are ahead of the mean of the others at 10 than at 25 %."""
    ahead = []
    for proportion in (SMALL, LARGE):
        change = dict(zip(evidence.labels, evidence.all_layers(proportion, 1), strict=True))
        own = np.mean([change.pop(label) for label in TOGETHER], 0)
        ahead.append(own - np.mean(list(change.values()), 0))
    small, large = (100 * a.mean() for a in ahead)
    note = f"ahead of the mean of the others by {small:.2f} pp at 10 %, {large:.2f} pp at 25 %"
    if small <= 0:  # what does not stand out cannot stand out more
        return Measured(small, note=note)
    return contrast(ahead[0] - ahead[1], note)


def rise(evidence: Evidence, top: int) -> Measured:
    """From 10 to 25 %, the least of three layers."""
    found = {label: _growth(evidence, label, top) for label in RISING}
    note = ", ".join(f"layer {label}: {m.value:+.1f} pp" for label, m in found.items())
    return least(list(found.values()), note)


def unmoved(evidence: Evidence, top: int) -> Measured:
    """What going from 10 to 25 % costs in the layer that hardly changes in the paper."""
    small, large = (evidence.layer(top, p).drop_pp[UNMOVED] for p in (SMALL, LARGE))
    return _growth(evidence, UNMOVED, top, f"from {small:.2f} to {large:.2f} pp")


def _growth(evidence: Evidence, label: str, top: int, note: str = "") -> Measured:
    growth = evidence.change(label, LARGE, top) - evidence.change(label, SMALL, top)
    return contrast(growth, note)


def unequal(evidence: Evidence) -> Measured:
    """What going from 10 to 25 % costs: the layer where it costs most against that where least."""
    growth = evidence.all_layers(LARGE, 1) - evidence.all_layers(SMALL, 1)
    return _most_against_least(evidence, growth)


def _most_against_least(evidence: Evidence, change: np.ndarray) -> Measured:
    """The layer of the largest mean against that of the smallest, from (layer, example) changes."""
    choose, confirm = halves(len(evidence.changes.label))
    order = np.argsort(change[:, choose].mean(1), kind="stable")
    most, fewest = (evidence.labels[i] for i in (order[-1], order[0]))
    found = change[order[-1]] - change[order[0]]
    return contrast(found[confirm], f"layer {most} against layer {fewest}, {_HALVES}")


def crossing(evidence: Evidence) -> Measured:
    """Layers whose band of one standard deviation crosses zero."""
    rows = evidence.layer(1, SMALL)
    below = rows.index[rows.drop_pp - rows.sd_pp < 0]
    note = f"layers {', '.join(below)}" if len(below) else "none"
    return Measured(len(below), note=f"{note}; at 10 %, of {len(rows)}", of=len(rows))


def helped(evidence: Evidence) -> Measured:
    """The mean gain by groups that gain on one half, measured on the other."""
    _, confirm = halves(len(evidence.changes.label))
    total = np.sum(list(evidence.changes.gaining(evidence.method, SMALL)), 0)
    groups = int(evidence.layer(1, SMALL).helped_first.sum())
    if not groups:
        return Measured(0.0, note="no group gains")
    note = f"{groups:,} of {int(evidence.layer(1, SMALL).groups.sum()):,} groups gain on one " \
           f"half of the images; their mean gain on the other"  # fmt: skip
    return contrast(-total[confirm] / groups, note, bound=1)


def class_specific(evidence: Evidence) -> Measured:
    """Do classes differ by more than images drawn without regard to class? A permutation test."""
    top, label = top_of_classes(evidence.classes), evidence.changes.label
    change = evidence.all_layers(SMALL, top)
    draw = np.random.default_rng(_SEED)
    found = _between(change, label)
    null = np.array([_between(change, draw.permutation(label)) for _ in range(_DRAWS)])
    p = float((1 + (null >= found).sum()) / (1 + _DRAWS))
    rows = evidence.classes.query("top == @top and proportion == @SMALL")
    away = rows.drop_pp - rows.label.map(evidence.layer(top, SMALL).drop_pp)
    far = rows.loc[away.abs().idxmax()]
    note = f"permutation test over all layers, top-{top}; furthest off: {far['class']} in layer " \
           f"{far.label}, {far.drop_pp:.1f} pp"  # fmt: skip
    return Measured(p, note=note)


def _between(change: np.ndarray, label: np.ndarray) -> float:
    """The variance of the classes' means, summed over the layers, up to a constant."""
    return float(np.nansum(np.bincount(label) * _class_means(change, label) ** 2))


def lose(evidence: Evidence, layer: str) -> Measured:
    """The share of classes that lose in a layer."""
    top = top_of_classes(evidence.classes)
    drop = evidence.classes.query(
        "top == @top and proportion == @LARGE and label == @layer"
    ).drop_pp
    lose, n = int((drop > 0).sum()), len(drop)
    return Measured(100 * lose / n, note=f"{lose} of {n} classes at 25 %, top-{top}", of=100)


def some_gain(evidence: Evidence) -> Measured:
    """The largest gain of a class in a layer."""
    top, label = top_of_classes(evidence.classes), evidence.changes.label
    change = evidence.all_layers(SMALL, top)
    choose, confirm = halves(len(label))
    means = _class_means(change[:, choose], label[choose])
    layer, c = np.unravel_index(np.nanargmin(means), means.shape)
    names = evidence.classes.drop_duplicates("class_index").set_index("class_index")["class"]
    mine = confirm[label[confirm] == c]
    note = f"class {names[c]} in layer {evidence.labels[layer]}, top-{top}, {_HALVES}"
    return contrast(-change[layer, mine], note, bound=1)


def gains_small(evidence: Evidence) -> Measured:
    """Classes and layers that gain: more of them at 10 % than at 25 %?"""
    top = top_of_classes(evidence.classes)
    small, large = (evidence.all_layers(p, top) for p in (SMALL, LARGE))

    def more(label: np.ndarray, which: np.ndarray) -> float:
        gains = [(_class_means(c[:, which], label) < 0).mean() for c in (small, large)]
        return 100 * float(gains[0] - gains[1])

    return _bootstrapped(evidence, more, f"share of classes and layers, top-{top}")


def gains_harmless(evidence: Evidence) -> Measured:
    """Do layers that cost little have more classes that gain? Spearman over the layers."""
    top = top_of_classes(evidence.classes)
    change = evidence.all_layers(SMALL, top)

    def rank(label: np.ndarray, which: np.ndarray) -> float:
        gaining = (_class_means(change[:, which], label) < 0).mean(1)
        ranks = pd.DataFrame({"gaining": gaining, "drop": change[:, which].mean(1)}).rank()
        return float(ranks.gaining.corr(ranks["drop"])) if gaining.std() else 0.0

    return _bootstrapped(evidence, rank, f"Spearman over the layers, top-{top}")


def _class_means(change: np.ndarray, label: np.ndarray) -> np.ndarray:
    """(layer, class); NaN for a class without examples."""
    n = np.bincount(label)
    sums = np.array([np.bincount(label, row, minlength=len(n)) for row in change])
    return np.divide(sums, n, out=np.full(sums.shape, np.nan), where=n > 0)


def _bootstrapped(
    evidence: Evidence, measure: Callable[[np.ndarray, np.ndarray], float], note: str
) -> Measured:
    """A number and its interval over images drawn anew within each class."""
    label, draw = evidence.changes.label, np.random.default_rng(_SEED)
    order = np.argsort(label, kind="stable")
    n = np.bincount(label)
    first = np.repeat(np.cumsum(n) - n, n)
    size = np.repeat(n, n)
    drawn = []
    for _ in range(_DRAWS):
        which = order[first + (draw.random(len(label)) * size).astype(int)]
        drawn.append(measure(label[which], which))
    low, high = np.percentile(drawn, [2.5, 97.5])
    value = measure(label, np.arange(len(label)))
    return Measured(value, float(low), float(high), f"{note}; interval by bootstrap over images")
