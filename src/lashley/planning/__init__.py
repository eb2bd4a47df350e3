"""Planning: what a sweep takes, before it runs, from a few seconds of calibration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from lashley.ablations import Ablation
from lashley.data import as_examples
from lashley.data.examples import require_classes
from lashley.engine import Savings
from lashley.engine.asked import Evaluation
from lashley.engine.building import Built
from lashley.engine.case import Options
from lashley.engine.checks import check_arguments, check_precision, check_reference
from lashley.engine.guards import evaluation_of
from lashley.planning.checks import check_plan
from lashley.planning.making import model_of, planned
from lashley.planning.model import CostModel, SiteCost, seconds_by_site, seconds_of, seconds_on
from lashley.planning.planned import Plan
from lashley.planning.sampling import BUILT_ON, Sweep, sample
from lashley.readouts import CLASSIFICATION

__all__ = [
    "CostModel", "Plan", "SiteCost", "costs", "plan", "seconds_by_site", "seconds_of", "seconds_on",
]  # fmt: skip


def plan(
    network: nn.Module,
    examples: Any,
    ablations: Sequence[Ablation],
    *,
    reference: Any = None,
    precision: float | None = None,
    devices: int = 1,
    device: str = "cpu",
    dtype: torch.dtype = torch.float32,
    seconds: float = 10.0,
    seed: int = 0,
    n_examples: int | None = None,
) -> Plan:
    """What `evaluate` will take with the same arguments: time, memory, disk.

    The engine is built as it would be, and timed on a sample: a few ablations of each site, or of
    some sites where there are many, on a few examples; then more ablations of the same. What
    remains constant and what grows are so told apart. Network and data are not changed, and only
    the sample is read.

    Args:
        network: As of `evaluate`.
        examples: As of `evaluate`; or a part of them, with `n_examples`.
        ablations: As of `evaluate`.
        reference: As of `evaluate`.
        precision: As of `evaluate`; how many examples an ablation will need is told from how many
            outcomes changed in the sample.
        devices: Also say how long so many devices like this one take.
        device: As of `evaluate`.
        dtype: As of `evaluate`.
        seconds: For the laps on the sample, about; building the engine comes on top.
        seed: Of the sample.
        n_examples: How many there will be; None: as many as given.

    Returns:
        The plan. `print` shows it in plain lines.

    Raises:
        EngineError: If an argument is none that `evaluate` or a plan can use.
        DataError: If the examples are unusable, or labels exceed the outputs.
        NetworkError: If weights are NaN or infinite.
    """
    check_plan(devices, seconds, n_examples)
    given, donors = as_examples(examples), None if reference is None else as_examples(reference)
    check_arguments(ablations, "auto", device, dtype, network, seed, None, Savings())
    check_precision(precision, dtype, CLASSIFICATION)
    some = sample(require_classes(given), BUILT_ON, seed)
    check_reference(donors, some, {a.method for a in ablations})
    options = Options("auto", device, dtype, True, False, None, Savings())
    n = len(given) if n_examples is None else int(n_examples)
    sweep = Sweep(network, given, some, donors, ablations, n, precision, options, seed)
    with evaluation_of(network, some), torch.no_grad():
        return planned(sweep, float(seconds), int(devices), is_sample=n_examples is not None)


def costs(question: Evaluation, built: Built, seconds: float) -> CostModel:
    """What the ablations of an evaluation cost, by laps of an engine that is built for it already.

    Args:
        question: The evaluation.
        built: Its engine.
        seconds: For the laps, about.
    """
    some, n = sample(question.examples, BUILT_ON, question.seed), len(question.examples)
    sweep = Sweep(question.network, question.examples, some, question.reference,
                  question.ablations, n, question.precision, question.options,
                  question.seed)  # fmt: skip
    with torch.no_grad():
        return model_of(sweep, built, seconds)
