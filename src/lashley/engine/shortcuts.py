"""Exact savings, each with a slow twin in the tests.

Linear consumer: where units feed one Linear, its output changes by W[:, S] (v_S - h_S).
Decision: ranks and predictions by sums over comparisons, in few passes over memory; those within
rounding are named, to be settled in float64.
Untouched examples: where a unit already has its new value, its ablation changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor


def updated_consumer(
    intact: Float[Tensor, "feature example"],
    weight: Float[Tensor, "feature unit"],
    change: Float[Tensor, "unit example"],
    units: Int[Tensor, "ablation slot"],
) -> Float[Tensor, "ablation feature example"]:
    """The consumer's output under each ablation, without running the consumer.

    Args:
        intact: Its output in the intact network.
        weight: Its weights, with a last column of zeros for unused slots.
        change: v - h: what each unit's ablation adds to the unit, with a last row of zeros.
        units: The units of each ablation, padded with the index of that last column and row.
    """
    slots = weight.T[units].transpose(1, 2)
    return torch.baddbmm(intact, slots, change[units])


def decide(
    logits: Float[Tensor, "ablation class example"],
    labels: Int[Tensor, " example"],
    margin: float,
    unknown: float,
) -> Float[Tensor, "ablation two example"]:
    """Rank and prediction, but for rounding: twin of `readouts.classification`.

    Comparisons are written as numbers into one buffer and summed by one matrix product: PyTorch
    vectorises that, but neither `argmax` over a middle axis nor comparisons into booleans.

    Args:
        logits: Of the stacked ablations.
        labels: The true classes.
        margin: Logits no further apart than this may be in another order in exact arithmetic.
        unknown: What stands for a rank where that matters, or where a logit is NaN.

    Returns:
        The rank of the true class, and the prediction, which is valid where the rank is.
    """
    n_ablations, n_classes, n_examples = logits.shape
    true = logits.gather(1, labels.expand(n_ablations, 1, n_examples))
    top = logits.amax(1, keepdim=True)
    flags = logits.new_empty(n_ablations, 3 * n_classes, n_examples)
    above, not_below, at_top = flags.split(n_classes, 1)
    torch.gt(logits, true + margin, out=above)
    torch.ge(logits, true - margin, out=not_below)
    torch.ge(logits, top - margin, out=at_top)
    found = torch.matmul(_sums(n_classes).to(logits), flags)
    found[:, 0].masked_fill_(found[:, 2] != 2, unknown)
    return found[:, :2]


def _sums(n_classes: int) -> Float[Tensor, "three flag"]:
    """Rows: the rank; the class at the top; how many are near the true and the top logit.

    The last is 2, one each, where no other is within the margin; less where a logit is NaN.
    """
    none, one = torch.zeros(n_classes), torch.ones(n_classes)
    rank = torch.cat([one, none, none])
    prediction = torch.cat([none, none, torch.arange(n_classes)])
    return torch.stack([rank, prediction, torch.cat([-one, one, one])])


@dataclass(frozen=True)
class Group:
    """Ablations that share the examples they touch.

    Attributes:
        trigger: Examples on which none of these units changes are untouched.
        members: Indices of ablations.
        parents: For each member the ablation whose outcome untouched examples have, -1 = intact.
    """

    trigger: tuple[int, ...]
    members: tuple[int, ...]
    parents: tuple[int, ...]


def group_by_touch(
    unit_sets: Sequence[tuple[int, ...]], touched: Mapping[int, int]
) -> tuple[Group, ...]:
    """Groups in which as few examples as possible have to be run.

    Without unit u an ablation S is the ablation S - {u}: where u already has its new value, the
    outcome is that one's, if it is part of the sweep, or the intact network's if S is u alone.

    Args:
        unit_sets: The sets of units, all different.
        touched: On how many examples each unit's ablation changes it.
    """
    index = {units: i for i, units in enumerate(unit_sets)}
    groups: dict[tuple[int, ...], list[tuple[int, int]]] = {}
    for i, units in enumerate(unit_sets):
        trigger, parent = units, -1
        for unit in sorted(units, key=lambda u: (touched[u], u)):
            without = tuple(u for u in units if u != unit)
            if not without or without in index:
                trigger, parent = (unit,), index.get(without, -1)
                break
        groups.setdefault(trigger, []).append((i, parent))
    return tuple(
        Group(trigger, tuple(i for i, _ in found), tuple(p for _, p in found))
        for trigger, found in groups.items()
    )
