"""Outcomes of Lashley against those of the twin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from benchmarks.zoo.networks import Made, call
from benchmarks.zoo.numbers import numbers_of
from benchmarks.zoo.truth import DONORS, Truth, examples_enough, methods_of, truths
from benchmarks.zoo.twin.sources import Target
from benchmarks.zoo.twin.twin import Twin

_EPSILON = torch.finfo(torch.float32).eps


@dataclass
class Compared:
    """The result of comparing.

    Attributes:
        checked: How many ablations were compared.
        moved: How many of these have an effect.
        wrong: What is off, in words.
        other_reading: What is right only under another reading of the point.
        not_checked: What the twin cannot follow, and why.
        ranks_checked: How many ranks were compared.
        wrong_ranks: How many are off.
        worst: The largest difference of those that are right.
        allowed: How large a difference may be: 32 times the rounding of a plain forward pass in
            float32.
    """

    checked: int = 0
    moved: int = 0
    wrong: list[str] = field(default_factory=list)
    other_reading: list[str] = field(default_factory=list)
    not_checked: list[str] = field(default_factory=list)
    ranks_checked: int = 0
    wrong_ranks: int = 0
    worst: float = 0.0
    allowed: float = 0.0


def in_words(kind: str, site: str, method: str, units: Sequence[int]) -> str:
    """An ablation's name in rows."""
    return f"{kind} {site} {method} {tuple(units)}"


def compare(
    twin: Twin, made: Made, chosen: list[Target], places: Mapping[str, int], measured: Any,
    ranks: Any, plain: Tensor, labels: Tensor,
) -> Compared:  # fmt: skip
    """Compare all outcomes with the twin's.

    Args:
        twin: That of the network.
        made: The network with its examples.
        chosen: The sites' units, each ablated by all methods of its kind.
        places: The places of the evaluated ablations among the outcomes, by their names.
        measured: Outcomes of the readout `numbers`.
        ranks: Outcomes of the classification, or None.
        plain: (example, number) of a plain forward pass in float32.
        labels: (example,)
    """
    got, intact_got = _columns(measured, "number_"), _columns(measured, "intact_number_")
    whole = twin.intact(made.inputs)
    n = examples_enough(twin, made, whole)
    right = numbers_of(whole)
    rounding = float((plain.double() - right).abs().max())
    found = Compared(allowed=64 * _EPSILON * float(right.abs().max()) + 32 * rounding)
    gap = float((intact_got - right).abs().max())
    if not gap <= found.allowed:
        found.wrong.append(f"intact by {gap:.2g} of {float(right.std()):.2g}")
    donors = torch.ones(DONORS, n, dtype=torch.bool)  # which donor each example may have drawn
    for target in chosen:
        truth_of = truths(twin, made, target, n)
        for method in methods_of(target):
            words = in_words(target.kind, target.site, method, target.units)
            if words not in places:
                continue
            truth, place = truth_of[method], places[words]
            if isinstance(truth, str):
                found.not_checked.append(f"{words}: {truth}")
                continue
            of_ranks = None if ranks is None else torch.from_numpy(ranks["rank"].values[place][:n])
            drawn = donors if method == "resample" else None
            more = 0.0
            if not _fits(truth, got[place, :n], right[:n], found.allowed):
                low = Twin(made.network, made.pick, call, torch.float32)
                more = 32 * _apart(truth, truths(low, made, target, n)[method])
            _judge(
                found, words, truth, got[place, :n], right[:n], of_ranks, labels[:n], drawn, more
            )
    return found


def _apart(one: Truth, two: Truth | str) -> float:
    """What float32 rounds in the first reading."""
    if isinstance(two, str):
        return 0.0
    pairs = zip(one[0][1], two[0][1], strict=True)
    return max(float((numbers_of(a) - numbers_of(b)).abs().max()) for a, b in pairs)


def _fits(truth: Truth, got: Tensor, right: Tensor, allowed: float) -> bool:
    gaps = torch.stack([(got - numbers_of(o)).abs().amax(1) for o in truth[0][1]])
    return bool((gaps.amin(0) <= allowed).all())


def _columns(measured: Any, prefix: str) -> Tensor:
    """The numbers (..., example, number)."""
    names = [n for n in measured.data_vars if n.startswith(prefix)]
    names.sort(key=lambda name: int(name.removeprefix(prefix)))
    return torch.stack([torch.from_numpy(measured[n].values).double() for n in names], -1)


def _judge(
    found: Compared, words: str, truth: Truth, got: Tensor, right: Tensor, ranks: Tensor | None,
    labels: Tensor, drawn: Tensor | None, more: float,
) -> None:  # fmt: skip
    """Compare one ablation, under one reading after another until one fits."""
    found.checked += 1
    found.moved += bool((numbers_of(truth[0][1][0]) - right).abs().max() > found.allowed)
    nearest = (float("inf"), "")
    for number, (reading, outputs) in enumerate(truth):
        gaps = torch.stack([(got - numbers_of(o)).abs().amax(1) for o in outputs])
        grown = float(numbers_of(outputs[0]).abs().max() / right.abs().max().clamp(min=1e-30))
        fits = gaps <= max(more, found.allowed * max(1.0, grown))  # (donor, example)
        fits = fits if drawn is None else fits & drawn
        off = float(gaps.amin(0).max())
        nearest = min(nearest, (off, reading))
        if not fits.any(0).all():
            continue
        if number:
            found.other_reading.append(f"{words}: {reading}")
        else:
            found.worst = max(found.worst, off)
            if drawn is not None:
                drawn &= fits
        if ranks is not None:
            _judge_ranks(found, words, outputs, ranks, labels, fits)
        return
    spread = float(right.std())
    found.wrong.append(f"{words} by {nearest[0]:.2g} of {spread:.2g} ({nearest[1]})")


def _judge_ranks(
    found: Compared, words: str, outputs: list[Tensor], ranks: Tensor, labels: Tensor, fits: Tensor
) -> None:
    alike = torch.stack([_rank(o, labels) == ranks for o in outputs]) & fits
    wrong = int((~alike.any(0)).sum())
    found.ranks_checked += len(labels)
    found.wrong_ranks += wrong
    if wrong:
        found.wrong.append(f"{words}: {wrong} of {len(labels)} ranks")


def _rank(logits: Tensor, labels: Tensor) -> Tensor:
    """How many classes are above the true one; of two equal ones the first is."""
    true = logits.gather(1, labels[:, None])
    classes = torch.arange(logits.shape[1])
    return ((logits > true) | ((logits == true) & (classes < labels[:, None]))).sum(1)
