"""What an ablation must give, by the twin: for each method, and for each way to read where the point lies."""

from __future__ import annotations

from typing import Any

import torch
from benchmarks.zoo.networks import Made
from benchmarks.zoo.twin.sources import Target
from benchmarks.zoo.twin.twin import READINGS, Twin
from torch import Tensor

METHODS = ("silence", "zero_weights", "mean", "resample")
DONORS = 2  # examples of the reference
_FEW = 4

Truth = list[tuple[str, list[Tensor]]]  # readings, the first is the rule; outputs by donor


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
        twin: Of the network.
        made: The network with its examples.
        target: The units.
        n: How many examples are run.
    """
    inputs = part(made.inputs, slice(n))
    donors = [part(made.reference, torch.full((n,), k)) for k in range(DONORS)]
    try:
        ways = twin.ways(inputs, [target])
    except Exception as error:
        return dict.fromkeys(METHODS, _words(error))

    def silence(reading: str) -> list[Tensor]:
        return [twin.replaced(inputs, target, ways, reading, None)]

    def mean(reading: str) -> list[Tensor]:
        held = twin.held(made.reference, target, ways, reading)
        return [
            twin.replaced(inputs, target, ways, reading, {k: v.mean() for k, v in held.items()})
        ]

    def resample(reading: str) -> list[Tensor]:
        held = [twin.held(donor, target, ways, reading) for donor in donors]
        return [twin.replaced(inputs, target, ways, reading, values) for values in held]

    found: dict[str, Truth | str] = {}
    for make in (silence, mean, resample):
        found[make.__name__] = _tried(
            lambda make=make: [(r, make(r)) for r in _readings(ways, target.kind)]
        )
    if target.kind == "head":
        return found | {"zero_weights": found["silence"]}
    return found | {"zero_weights": _tried(lambda: _zero_weights(twin, inputs, target, ways))}


def part(inputs: Any, which: Any) -> Any:
    """Some of the examples, of either kind of inputs."""
    return {k: v[which] for k, v in inputs.items()} if isinstance(inputs, dict) else inputs[which]


def _zero_weights(twin: Twin, inputs: Any, target: Target, ways: Any) -> Truth:
    zeroed = twin.zeroed(inputs, target)
    if zeroed is not None:
        return [("edited copy", [zeroed])]
    return [("zeros at the layer", [twin.replaced(inputs, target, ways, "layer", None)])]


def _readings(ways: Any, kind: str) -> list[str]:
    """Those that differ in a point; the one that holds for the kind comes first."""
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
