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
from jaxtyping import Bool, Float, Int
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


@dataclass(frozen=True, eq=False)
class Decision:
    """What logits decide, and which decisions rounding could turn.

    Attributes:
        rank: (ablation, example) of the true class; valid where not `unsure`.
        prediction: (ablation, example); valid where not `unsure`.
        unsure: (ablation, example) a logit that matters is within the margin of another.
    """

    rank: Float[Tensor, "ablation example"]
    prediction: Float[Tensor, "ablation example"]
    unsure: Bool[Tensor, "ablation example"]


def decide(
    logits: Float[Tensor, "ablation class example"],
    labels: Int[Tensor, " example"],
    margin: float,
) -> Decision:
    """Rank and prediction, certain to `margin`: twin of `readouts.classification`.

    Comparisons are written as numbers into one buffer: PyTorch vectorises that, and its sums, but
    neither `argmax` over a middle axis nor comparisons into booleans.
    """
    n_classes = logits.shape[1]
    true = logits.gather(1, labels.expand(len(logits), 1, -1))
    top = logits.amax(1, keepdim=True)
    flags = torch.empty_like(logits)
    above = torch.gt(logits, true + margin, out=flags).sum(1)
    not_below = torch.ge(logits, true - margin, out=flags).sum(1)
    torch.ge(logits, top - margin, out=flags)
    index = torch.arange(n_classes, device=logits.device, dtype=logits.dtype)
    at_top = torch.matmul(torch.stack([index, torch.ones_like(index)]), flags)
    unsure = torch.maximum(not_below - above, at_top[:, 1]) > 1
    return Decision(above, at_top[:, 0], unsure)


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
