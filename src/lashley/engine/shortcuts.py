"""Exact savings, each with a slow twin in the tests.

Linear consumer: where units feed one Linear, its output changes by W[:, S] (v_S - h_S).
Decision: ranks and predictions by sums over comparisons, in few passes over memory; those within
rounding are marked, to be settled in float64.
Untouched examples: where a unit already has its new value, its ablation changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import torch
from jaxtyping import Bool, Float, Inexact, Int
from torch import Tensor


def updated_consumer(
    intact: Inexact[Tensor, "feature example"],
    weight: Inexact[Tensor, "feature unit"],
    change: Inexact[Tensor, "unit example"],
    units: Int[Tensor, "ablation slot"],
) -> Inexact[Tensor, "ablation feature example"]:
    """The consumer's output under each ablation, without running the consumer.

    Args:
        intact: Its output in the intact network.
        weight: Its weights, with a last column of zeros for unused slots.
        change: v - h: what each unit's ablation adds to the unit, with a last row of zeros.
        units: The units of each ablation, padded with the index of that last column and row.
    """
    flat = units.flatten()  # index_select copies whole rows, indexing with a tensor does not
    slots = weight.T.index_select(0, flat).view(*units.shape, -1).transpose(1, 2)
    changes = change.index_select(0, flat).view(*units.shape, -1)
    return torch.baddbmm(intact, slots, changes)


def decide(
    logits: Float[Tensor, "ablation class example"],
    labels: Int[Tensor, " example"],
    margin: float | Tensor,
    unknown: float,
    top: Float[Tensor, "ablation 1 example"] | None = None,
) -> tuple[Float[Tensor, "ablation example"], Float[Tensor, "ablation example"]]:
    """Rank and prediction, up to rounding: twin of `readouts.classification`.

    Comparisons are written as numbers into one buffer: PyTorch vectorises that and its sums, but
    neither `argmax` over a middle axis nor comparisons into booleans.

    Args:
        logits: Of the stacked ablations; used up.
        labels: The true classes.
        margin: Logits no further apart than this may be in another order in exact arithmetic; a
            number, or one for each ablation (ablation, 1, 1) or example (1, 1, example).
        unknown: What stands for a rank where that matters, or where a logit is NaN.
        top: The largest logits, if they are known.

    Returns:
        The rank of the true class; the prediction, which is valid where the rank is.
    """
    true = logits.gather(1, labels.expand(len(logits), 1, -1))
    top = logits.amax(1, keepdim=True) if top is None else top
    flags = torch.empty_like(logits)
    rank = torch.gt(logits, true.add_(margin), out=flags).sum(1)
    near_true = torch.ge(logits, true.sub_(2 * margin), out=flags).sum(1).sub_(rank)
    at_top = logits.ge_(top.sub_(margin))
    prediction, near_top = torch.matmul(_sums(logits.shape[1], str(logits.device)), at_top).unbind(
        1
    )
    doubt = near_true.add_(near_top).sub_(2).abs_()  # each is 1, for itself, if all is clear
    return rank.add_(doubt, alpha=unknown).clamp_(max=unknown), prediction


@cache
def _sums(n_classes: int, device: str) -> Float[Tensor, "two class"]:
    """Multiplied by flags of the classes: which class is flagged, and how many are."""
    return torch.stack([torch.arange(n_classes), torch.ones(n_classes)]).float().to(device)


WORTH = 0.9  # share of touched examples below which leaving out the others pays


@dataclass(frozen=True)
class TouchGroup:
    """Ablations that share the examples they touch.

    Attributes:
        trigger: Examples on which none of these units changes are untouched.
        members: Indices of ablations.
        parents: For each member the ablation whose outcome untouched examples have.
    """

    trigger: tuple[int, ...]
    members: tuple[int, ...]
    parents: tuple[int, ...]


def touched_units(
    value: Tensor, constants: Tensor, axis: int
) -> Bool[Tensor, "unit example"] | None:
    """On which examples replacing a unit changes it; None if it does on nearly all.

    Args:
        value: (example, ...) that holds the units.
        constants: What stands in their place, to be broadcast over it.
        axis: Of the units, counted from the end.
    """
    changed = (value != constants).movedim(axis, 1)
    changed = (changed if changed.ndim == 2 else changed.flatten(2).any(2)).T
    return changed if float(changed.float().mean()) < WORTH else None


def group_by_touch(
    unit_sets: Sequence[tuple[int, ...]], touched: Sequence[int]
) -> tuple[TouchGroup, ...]:
    """Groups in which as few examples as possible have to be run.

    Without unit u an ablation S is the ablation S - {u}: where u already has its new value, S has
    the outcome of S - {u}, if that is part of the sweep. Where no unit of S changes, it has that of
    the empty set.

    Args:
        unit_sets: The empty set first, then others, all different, smaller ones first.
        touched: On how many examples each unit's ablation changes it.
    """
    index = {units: i for i, units in enumerate(unit_sets)}
    groups: dict[tuple[int, ...], list[tuple[int, int]]] = {}
    for i, units in enumerate(unit_sets[1:], start=1):
        trigger, parent = units, 0
        for unit in sorted(units, key=lambda u: (touched[u], u)):
            without = tuple(u for u in units if u != unit)
            if without in index:
                trigger, parent = (unit,), index[without]
                break
        groups.setdefault(trigger, []).append((i, parent))
    return tuple(
        TouchGroup(trigger, tuple(i for i, _ in found), tuple(p for _, p in found))
        for trigger, found in groups.items()
    )
