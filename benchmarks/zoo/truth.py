"""What an ablation must give, by the twin: for each method, and each reading of the rules."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from benchmarks.zoo.networks import Made
from benchmarks.zoo.twin.sources import Target, Unclear
from benchmarks.zoo.twin.twin import READINGS, Held, Twin

METHODS = ("silence", "zero_weights", "mean", "resample")
DONORS = 2  # examples of the reference
_FEW = 4

Truth = list[tuple[str, list[Tensor]]]  # readings, the first is the rule; outputs by donor


def methods_of(target: Target) -> tuple[str, ...]:
    """The methods of a site: a sum has no weights, and an expert's rows have no twin elsewhere."""
    if target.kind == "residual":
        return tuple(m for m in METHODS if m != "zero_weights")
    of_expert = target.kind == "expert" or target.site.endswith("]")
    return tuple(m for m in METHODS if m != "resample") if of_expert else METHODS


def examples_enough(twin: Twin, made: Made, intact: Tensor) -> int:
    """How many of the examples the twin must run: few, if none depends on the others."""
    try:
        some = twin.intact(part(made.inputs, slice(_FEW)))
        alike = torch.allclose(
            some, intact[:_FEW], rtol=1e-9, atol=1e-9 * float(intact.abs().max())
        )
    except Exception:
        alike = False
    return _FEW if alike else len(intact)


def truths(twin: Twin, made: Made, target: Target, n: int) -> dict[str, Truth | str]:
    """By method: the outputs, or why there are none.

    Args:
        twin: That of the network.
        made: The network with its examples.
        target: The units.
        n: How many examples are run.
    """
    inputs = part(made.inputs, slice(n))
    donors = [part(made.reference, torch.full((n,), k)) for k in range(DONORS)]
    if target.kind == "recurrent":
        return recurrent_truths(twin, made, target, inputs, donors)
    counted = _counted(made.reference)
    try:
        ways = twin.ways(inputs, [target])
    except Exception as error:
        return dict.fromkeys(METHODS, _words(error))

    def silence(reading: str) -> list[Tensor]:
        return [twin.replaced(inputs, target, ways, reading, None)]

    def mean(reading: str) -> Truth:
        tokens = None if counted is None else tuple(counted.shape)
        held = _held(twin, made.reference, target, ways, reading, tokens)
        partly = any(h.read.any() and not h.read.all() for h in held.values())
        forms = [(", of what is read", True)] if partly else []
        found = []
        for words, only_read in [*forms, ("", False)]:
            means = {key: _mean(h, counted, only_read) for key, h in held.items()}
            found.append(
                (f"{reading}{words}", [twin.replaced(inputs, target, ways, reading, means)])
            )
        return found

    def resample(reading: str) -> list[Tensor]:
        if n > _FEW:
            raise Unclear("examples depend on one another, and so what a donor holds on the others")
        held = [_held(twin, donor, target, ways, reading) for donor in donors]
        values = [{key: h.numbers for key, h in donor.items()} for donor in held]
        return [twin.replaced(inputs, target, ways, reading, v) for v in values]

    readings = _readings(ways, target.kind)
    found: dict[str, Truth | str] = {
        "silence": _tried(lambda: [(r, silence(r)) for r in readings]),
        "mean": _tried(lambda: [form for r in readings for form in mean(r)]),
        "resample": _tried(lambda: [(r, resample(r)) for r in readings]),
    }
    if target.kind == "head":
        return found | {"zero_weights": found["silence"]}
    return found | {"zero_weights": _tried(lambda: _zero_weights(twin, inputs, target, ways))}


def part(inputs: Any, which: Any) -> Any:
    """Some of the examples, of either kind of inputs."""
    return {k: v[which] for k, v in inputs.items()} if isinstance(inputs, dict) else inputs[which]


def recurrent_truths(
    twin: Twin, made: Made, target: Target, inputs: Any, donors: list[Any]
) -> dict[str, Truth | str]:
    """The same for the units of an LSTM, GRU or RNN: their hidden state differs at every step."""
    units = list(target.units)

    def steps_of(given: Any) -> dict[int, Tensor]:
        kept: dict[int, Tensor] = {}

        def keep(step: int, hidden: Tensor) -> Tensor:
            kept[step] = hidden[:, units].clone()
            return hidden

        twin.recurrent(given, target, keep)
        return kept

    def put(new: Any) -> Any:
        def change(step: int, hidden: Tensor) -> Tensor:
            hidden = hidden.clone()
            hidden[:, units] = new(step)
            return hidden

        return change

    def outputs(new: Any) -> Tensor:
        return twin.recurrent(inputs, target, put(new))

    def mean() -> Truth:
        steps = steps_of(made.reference)
        whole = torch.stack(list(steps.values())).mean((0, 1))
        return [("of all steps", [outputs(lambda step: whole)])]

    def resample() -> list[Tensor]:
        return [outputs(steps_of(donor).__getitem__) for donor in donors]

    return {
        "silence": _tried(lambda: [("at each step", [outputs(lambda step: 0.0)])]),
        "zero_weights": _tried(lambda: [("edited copy", [twin.recurrent(inputs, target, None)])]),
        "mean": _tried(mean),
        "resample": _tried(lambda: [("at each step", resample())]),
    }


def _counted(inputs: Any) -> Tensor | None:
    """(example, token) which tokens count; None where all do."""
    if not isinstance(inputs, dict) or "attention_mask" not in inputs:
        return None
    return inputs["attention_mask"].bool()


def _held(
    twin: Twin, inputs: Any, target: Target, ways: Any, reading: str, tokens: Any = None
) -> dict[Any, Held]:
    """What the points hold on other inputs, for which the network may go another way."""
    held = twin.held(inputs, target, ways, reading, tokens)
    if set(held) != {key[1:] for key in ways}:
        held = twin.held(inputs, target, twin.ways(inputs, [target]), reading, tokens)
    return held


def _mean(held: Held, counted: Tensor | None, only_read: bool) -> Tensor:
    weights = held.read.double() if only_read else torch.ones(len(held.read), dtype=torch.float64)
    left = int(weights.sum())
    if counted is None or left == len(counted):  # one number of each example counts whole
        pass
    elif held.tokens.any():  # tokens of examples, and then of none
        weights *= torch.cat([counted.flatten(), counted.sum(0)])[held.tokens - 1]
    elif only_read and left == counted.numel():
        weights[held.read] = counted.flatten().double()  # what is left is of as many tokens
    return (held.numbers * weights).sum() / weights.sum()


def _zero_weights(twin: Twin, inputs: Any, target: Target, ways: Any) -> Truth:
    zeroed = twin.zeroed(inputs, target)
    if zeroed is not None:
        return [("edited copy", [zeroed])]
    return [("zeros at the layer", [twin.replaced(inputs, target, ways, "layer", None)])]


def _readings(ways: Any, kind: str) -> list[str]:
    """The readings that differ in a point; the one that holds for the kind comes first."""
    order = READINGS[::-1] if kind == "head" else READINGS[:2]
    seen: dict[tuple[int, ...], str] = {}
    for reading in order:
        seen.setdefault(tuple(way[reading].number for way in ways.values()), reading)
    return list(seen.values())


def _tried(make: Any) -> Any:
    try:
        return make()
    except Exception as error:
        return _words(error)


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:200]
