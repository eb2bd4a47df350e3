"""Planning: what a sweep takes, before it runs, from a few seconds of calibration."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from lashley.ablations import Ablation
from lashley.engine import Evaluation, Prepared, asked, evaluation_of
from lashley.graph.reading import Output
from lashley.planning.checks import check_plan
from lashley.planning.making import model_of, planned
from lashley.planning.model import CostModel, SiteCost, seconds_by_site, seconds_of, seconds_on
from lashley.planning.planned import Plan
from lashley.planning.sampling import BUILT_ON, PlannedSweep, sample
from lashley.readouts import Readout

__all__ = [
    "CostModel", "Plan", "SiteCost", "costs", "plan", "seconds_by_site", "seconds_of", "seconds_on",
]  # fmt: skip


def plan(
    network: nn.Module,
    examples: Any,
    ablations: Sequence[Ablation],
    *,
    readout: str | Readout | Callable[..., Any] = "classification",
    reference: Any = None,
    precision: float | None = None,
    devices: int = 1,
    device: str = "cpu",
    dtype: torch.dtype = torch.float32,
    seconds: float = 10.0,
    seed: int = 0,
    n_examples: int | None = None,
    output: Output = None,
    counted: str | Tensor | None = None,
) -> Plan:
    """What `evaluate` will take with the same arguments: time, memory, disk.

    The engine is built as it would be, and timed on a sample: a few ablations of each site, or of
    some sites where there are many, on a few examples; then more ablations of the same. This tells
    constant costs from growing ones. Network and data are not changed, and only the sample is read.

    Args:
        network: As for `evaluate`.
        examples: As for `evaluate`; or a part of them, with `n_examples`.
        ablations: As for `evaluate`.
        readout: As for `evaluate`.
        reference: As for `evaluate`.
        precision: As for `evaluate`; how many examples an ablation will need is estimated from how
            many outcomes changed in the sample.
        devices: Also say how long this many devices like this one take.
        device: As for `evaluate`.
        dtype: As for `evaluate`.
        seconds: For the laps on the sample, about; building the engine comes on top.
        seed: Of the sample.
        n_examples: How many there will be; None: as many as given.
        output: As for `evaluate`.
        counted: As for `evaluate`; it takes as long whichever positions count.

    Returns:
        The plan. `print` shows it in plain lines.

    Raises:
        EngineError: If `evaluate` or a plan cannot use an argument.
        DataError: If the examples are unusable, or labels exceed the outputs.
        NetworkError: If weights are NaN or infinite.
    """
    check_plan(devices, seconds, n_examples)
    evaluation = asked(
        network, examples, ablations, readout=readout, reference=reference, precision=precision,
        seed=seed, device=device, dtype=dtype, output=output, counted=counted,
    )  # fmt: skip
    sweep = _sweep(evaluation, n_examples)
    with evaluation_of(evaluation.network, sweep.sample), torch.no_grad():
        return planned(sweep, float(seconds), int(devices))


def costs(prepared: Prepared, seconds: float) -> CostModel:
    """What the ablations of an evaluation cost, by laps of its engine.

    Args:
        prepared: The engine.
        seconds: For the laps, about.
    """
    with torch.no_grad():
        return model_of(_sweep(prepared.evaluation, None), prepared, seconds)


def _sweep(evaluation: Evaluation, n_examples: int | None) -> PlannedSweep:
    """What is planned, on this many examples or on all."""
    given = evaluation.examples
    n = len(given) if n_examples is None else int(n_examples)
    return PlannedSweep(evaluation, sample(given, BUILT_ON, evaluation.seed), n)
