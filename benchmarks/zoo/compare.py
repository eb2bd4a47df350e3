"""Outcomes of Lashley against those of the twin."""

from __future__ import annotations

from typing import Any

import torch
from benchmarks.zoo.networks import Made
from benchmarks.zoo.twin.sources import Target
from benchmarks.zoo.twin.twin import READINGS, Twin
from torch import Tensor

EPSILON = torch.finfo(torch.float32).eps


def compare(
    row: dict[str, Any], twin: Twin, made: Made, chosen: list[Target], measured: Any, ranks: Any,
    plain: Tensor, labels: Tensor,
) -> None:  # fmt: skip
    """Write into the row how many ablations were checked and which of them are wrong.

    Args:
        row: Of the network.
        twin: Of the network.
        made: The network with its examples.
        chosen: The sites, each ablated by four methods.
        measured: Outcomes of the readout of numbers.
        ranks: Outcomes of the classification, or None.
        plain: The numbers of a plain forward pass in float32.
        labels: (example,)
    """
    from benchmarks.zoo.check import METHODS, numbers_of

    row["engine"] = measured.attrs["engine"]
    row["engine_reason"] = str(measured.attrs.get("engine_reason", ""))[:300]
    names = sorted(
        (n for n in measured.data_vars if n.startswith("number_")), key=lambda n: int(n[7:])
    )
    got = torch.stack([torch.from_numpy(measured[n].values).double() for n in names], -1)
    intact_got = torch.stack(
        [torch.from_numpy(measured[f"intact_{n}"].values).double() for n in names], -1
    )
    intact = twin.intact(made.inputs)
    right = numbers_of(intact)
    allowed = 64 * EPSILON * float(right.abs().max()) + 32 * float(
        (plain.double() - right).abs().max()
    )
    row |= {"checked": 0, "moved": 0, "wrong": [], "other_reading": [], "not_checked": [], "worst": 0.0,
            "allowed": allowed, "ranks_checked": 0, "wrong_ranks": 0}  # fmt: skip
    gap = float((intact_got - right).abs().max())
    if not gap <= allowed:
        row["wrong"].append(f"intact by {gap:.2g} of {float(right.std()):.2g}")
    donors: list[set[int]] = [{0, 1} for _ in labels]
    place = -1
    for target in chosen:
        truths = _truths(twin, made, target)
        for method in METHODS:
            place += 1
            words = f"{target.kind} {target.site} {method} {target.units}"
            options = truths.get(method)
            if isinstance(options, str):
                row["not_checked"].append(f"{words}: {options}")
                continue
            row["checked"] += 1
            verdict = _verdict(
                got[place],
                options,
                allowed,
                float(right.abs().max()),
                donors if method == "resample" else None,
            )
            row["moved"] += bool((numbers_of(options[0][1][0]) - right).abs().max() > allowed)
            row["worst"] = max(row["worst"], verdict[2] if verdict[0] == 0 else 0.0)
            if verdict[0] is None:
                row["wrong"].append(
                    f"{words} by {verdict[2]:.2g} of {float(right.std()):.2g} ({verdict[1]})"
                )
            elif verdict[0] > 0:
                row["other_reading"].append(f"{words}: {verdict[1]}")
            if ranks is not None and verdict[0] is not None:
                _compare_ranks(
                    row, words, options[verdict[0]][1], ranks, place, labels, donors, method
                )


def _truths(twin: Twin, made: Made, target: Target) -> dict[str, Any]:
    """By method: outputs under each reading, (words, [outputs by donor]); or why there are none."""
    found: dict[str, Any] = {}
    try:
        ways = twin.ways(made.inputs, [target])
        donor_inputs = [_repeated(made.reference, k) for k in range(2)]
    except Exception as error:
        return dict.fromkeys(
            ("silence", "zero_weights", "mean", "resample"),
            f"{type(error).__name__}: {error}"[:200],
        )
    readings = _distinct(ways, reversed_=target.kind == "head")
    makers = {
        "silence": lambda r: [twin.replaced(made.inputs, target, ways, r, None)],
        "mean": lambda r: [_with_means(twin, made, target, ways, r)],
        "resample": lambda r: [
            twin.replaced(made.inputs, target, ways, r, twin.held(d, target, ways, r))
            for d in donor_inputs
        ],
    }
    for method, make in makers.items():
        try:
            found[method] = [(reading, make(reading)) for reading in readings]
        except Exception as error:
            found[method] = f"{type(error).__name__}: {error}"[:200]
    found["zero_weights"] = _zero_weights(twin, made, target, ways, found)
    return found


def _zero_weights(twin: Twin, made: Made, target: Target, ways: Any, found: dict[str, Any]) -> Any:
    if target.kind == "head":
        return found["silence"]
    try:
        zeroed = twin.zeroed(made.inputs, target)
        if zeroed is None:
            return [("at the layer", [twin.replaced(made.inputs, target, ways, "layer", None)])]
        return [("edited copy", [zeroed])]
    except Exception as error:
        return f"{type(error).__name__}: {error}"[:200]


def _with_means(twin: Twin, made: Made, target: Target, ways: Any, reading: str) -> Tensor:
    held = twin.held(made.reference, target, ways, reading)
    return twin.replaced(made.inputs, target, ways, reading, {k: v.mean() for k, v in held.items()})


def _distinct(ways: Any, reversed_: bool) -> list[str]:
    """The readings that differ in a point, the first that counts first."""
    order = list(READINGS)[::-1] if reversed_ else list(READINGS[:2])
    seen: dict[tuple[int, ...], str] = {}
    for reading in order:
        seen.setdefault(tuple(w[reading].number for w in ways.values()), reading)
    return list(seen.values())


def _verdict(
    got: Tensor, options: Any, allowed: float, scale: float, donors: Any
) -> tuple[int | None, str, float]:
    """(which reading it agrees with, its words, how far off the nearest is)"""
    from benchmarks.zoo.check import numbers_of

    nearest = (float("inf"), "")
    for number, (reading, outputs) in enumerate(options):
        gaps = torch.stack(
            [(got - numbers_of(o)).abs().amax(1) for o in outputs]
        )  # (donor, example)
        limit = allowed * max(1.0, float(numbers_of(outputs[0]).abs().max()) / max(scale, 1e-30))
        fits = gaps <= limit
        if donors is not None:
            fits &= torch.tensor([[k in d for d in donors] for k in range(len(outputs))])
        off = float(gaps.amin(0).max())
        nearest = min(nearest, (off, reading))
        if fits.any(0).all():
            if donors is not None and number == 0:
                for example, d in enumerate(donors):
                    d &= set(fits[:, example].nonzero()[:, 0].tolist())
            return number, reading, off
    return None, nearest[1], nearest[0]


def _compare_ranks(
    row: dict[str, Any], words: str, outputs: list[Tensor], ranks: Any, place: int, labels: Tensor, donors: Any,
    method: str,
) -> None:  # fmt: skip
    got = torch.from_numpy(ranks["rank"].values[place]).long()
    fits = torch.stack([_rank(o, labels) == got for o in outputs])
    if method == "resample":
        fits &= torch.tensor([[k in d for d in donors] for k in range(len(outputs))])
    row["ranks_checked"] += len(labels)
    wrong = int((~fits.any(0)).sum())
    row["wrong_ranks"] += wrong
    if wrong:
        row["wrong"].append(f"{words}: {wrong} ranks")


def _rank(logits: Tensor, labels: Tensor) -> Tensor:
    true = logits.gather(1, labels[:, None])
    classes = torch.arange(logits.shape[1])
    return ((logits > true) | ((logits == true) & (classes < labels[:, None]))).sum(1)


def _repeated(inputs: Any, k: int) -> Any:
    """An example of the reference, 12 times."""
    which = torch.full((12,), k)
    return {n: v[which] for n, v in inputs.items()} if isinstance(inputs, dict) else inputs[which]
