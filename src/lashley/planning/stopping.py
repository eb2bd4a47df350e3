"""Stopping: on how many examples an ablation runs until its drop is known precisely enough."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
from jaxtyping import Float

from lashley.ablations import Ablation
from lashley.methods import Method
from lashley.planning.calibration import Laps
from lashley.stats import confidence_sequence, precise_enough

_PRIOR = 20  # what is known of all ablations counts like this many examples in a group's share


@dataclass(frozen=True)
class Changed:
    """What a calibration saw of one ablation.

    Attributes:
        lost: Examples right when intact, wrong when ablated.
        gained: The reverse.
        seen: Examples.
    """

    lost: int
    gained: int
    seen: int


def changed_in(laps: Laps) -> dict[int, Changed]:
    """What was lost and gained in the laps of many ablations, by row of the outcomes."""
    found: dict[int, Changed] = {}
    for _, lap in laps.pairs:
        right = lap.ranks[0] == 0
        for row, ranks in lap.ranks.items():
            if row:
                before = found.get(row, Changed(0, 0, 0))
                lost, gained = (right & (ranks != 0)).sum(), (~right & (ranks == 0)).sum()
                found[row] = Changed(
                    before.lost + int(lost), before.gained + int(gained), before.seen + len(ranks)
                )
    return found


def expected_examples(
    ablations: Sequence[Ablation], changed: Mapping[int, Changed], nearest: Mapping[str, str],
    precision: float, n_examples: int, batch: int,
) -> Float[np.ndarray, " ablation"]:  # fmt: skip
    """On how many examples each ablation will be run.

    An ablation that was not sampled gets, in turn, the number of one of the same site and
    proportion that was. Shares of changed examples are shrunk to the mean of their group: few
    examples tell little about one ablation, but much about the group.

    Args:
        ablations: All of them.
        changed: By index among them.
        nearest: For each site the sampled one most like it.
        precision: Wanted half width in pp.
        n_examples: How many there are.
        batch: Examples between two looks.
    """
    groups: dict[Hashable, list[int]] = {}
    for i in changed:
        groups.setdefault(_group(ablations[i]), []).append(i)
        groups.setdefault(ablations[i].site.name, []).append(i)
    priors = overall(changed.values())
    needed = {
        key: _needed([changed[i] for i in members], priors, precision / 100, n_examples, batch)
        for key, members in groups.items()
    }
    turns = dict.fromkeys(needed, 0)
    found = np.empty(len(ablations))
    for i, ablation in enumerate(ablations):
        site = nearest[ablation.site.name]
        key = (site, *_group(ablation)[1:])
        key = key if key in needed else site
        found[i] = needed[key][turns[key] % len(needed[key])]
        turns[key] += 1
    return found


def shrunk(
    counts: Float[np.ndarray, " ablation"], seen: float, prior: float
) -> Float[np.ndarray, " ablation"]:
    """Shares, drawn towards their mean by the part of their spread that chance alone would cause.

    Args:
        counts: Of changed examples.
        seen: Examples of each.
        prior: The share among all ablations: it counts for the mean like some examples more.
    """
    shares = counts / seen
    centre = (counts.sum() + _PRIOR * prior) / (seen * len(counts) + _PRIOR)
    chance = centre * (1 - centre) / seen
    spread = float(shares.var())
    return centre + max(0.0, spread - chance) / max(spread, chance) * (shares - centre)


def overall(changed: Collection[Changed]) -> tuple[float, float]:
    """Shares of lost and of gained examples; never 0 or 1, which a sample cannot show."""
    seen = sum(c.seen for c in changed)
    lost, gained = (sum(getattr(c, name) for c in changed) for name in ("lost", "gained"))
    return (lost + 0.5) / (seen + 1), (gained + 0.5) / (seen + 1)


def _group(ablation: Ablation) -> tuple[str, float | None, Method]:
    return ablation.site.name, ablation.columns.get("proportion"), ablation.method


def _needed(
    sampled: Sequence[Changed],
    priors: tuple[float, float],
    half_width: float,
    n_examples: int,
    batch: int,
) -> Float[np.ndarray, " ablation"]:
    """Examples after which the looks find the expected counts precise enough, at most all."""
    seen = float(np.mean([c.seen for c in sampled]))
    counts = ([c.lost for c in sampled], [c.gained for c in sampled])
    lost, gained = (shrunk(np.array(part, float), seen, prior)
                    for part, prior in zip(counts, priors, strict=True))  # fmt: skip
    total = lost + gained
    lost, gained = lost / np.maximum(total, 1), gained / np.maximum(total, 1)
    low, high = np.zeros(len(sampled)), np.full(len(sampled), float(ceil(n_examples / batch)))
    while (high - low > 1).any():
        looks = np.ceil((low + high) / 2)
        n = looks * batch
        enough = precise_enough(confidence_sequence(lost * n, gained * n, n), half_width)
        low, high = np.where(enough, low, looks), np.where(enough, looks, high)
    return np.minimum(high * batch, n_examples)
