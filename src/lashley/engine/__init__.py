"""The engine: what every ablation does to every example."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import torch
import xarray as xr
from torch import Tensor, nn

from lashley.ablations import Ablation
from lashley.engine.batch import Batch, Which
from lashley.engine.checks import check_classes, check_device, check_steady
from lashley.engine.evaluation import Evaluation, asked
from lashley.engine.guards import evaluation_of, network_fingerprint
from lashley.engine.plan import Savings
from lashley.engine.precision import Counts
from lashley.engine.prepared import Prepared, prepare
from lashley.engine.record import About, Record, batch_size, places
from lashley.engine.running import EvaluationRun
from lashley.engine.stacking import TRIALS
from lashley.errors import EngineError, check_progress
from lashley.graph.reading import Output
from lashley.readouts import Readout

__all__ = [
    "TRIALS", "About", "Batch", "Counts", "Evaluation", "Prepared", "Record", "Savings", "Which",
    "asked", "batch_size", "check_classes", "check_device", "check_steady", "evaluate",
    "evaluation_of", "network_fingerprint", "places", "prepare",
]  # fmt: skip


def evaluate(
    network: nn.Module,
    examples: Any,
    ablations: Sequence[Ablation],
    *,
    readout: str | Readout | Callable[..., Any] = "classification",
    reference: Any = None,
    precision: float | None = None,
    seed: int = 0,
    engine: str = "auto",
    device: str = "cpu",
    dtype: torch.dtype = torch.float32,
    channels_last: bool = True,
    compile: bool = False,
    memory: int | None = None,
    store: str | os.PathLike[str] | None = None,
    savings: Savings | None = None,
    output: Output = None,
    counted: str | Tensor | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> xr.Dataset:
    """Measure what each ablation does to each example.

    Ranks and predictions are decided as float64 decides them: whatever float32 (or bfloat16) could
    turn by rounding is run again in float32 and settled in float64. The network is evaluated in
    eval mode and comes back as it was given.

    Args:
        network: Any module from inputs (example, ...), a tensor or tensors by name, to logits
            (example, class), or to an object with such `.logits`; else see `output`.
        examples: `Examples`; a pair (inputs, labels) of tensors, arrays or lists; or a Dataset or
            DataLoader of such pairs, which is run through once. A class without examples has no
            effects: they are NaN.
        ablations: From `singles`, `pairs`, or made one by one.
        readout: What is kept of the outputs: "classification" (rank and prediction), "loss" (of
            each example, in nats), or a function (outputs, labels) -> {name: (example,) values};
            labels are a tuple or dict of tensors where such were given.
        reference: Examples that the methods `mean` and `resample` take activations from; never
            those that are evaluated. For `mean` they may be of other lengths.
        precision: Half width in %p to which the drops are wanted, at 95 %: examples come in a
            random order, and an ablation that is known so well needs no more. None: all examples.
        seed: Of that order, and of what `resample` draws.
        engine: "auto" takes "fx" (a graph by torch.fx), else "export" (by torch.export), else
            "hooks" (full forward passes), else "naive" (one such pass per ablation, in
            float64). Which one ran, and why, stands in `attrs`.
        device: Where to compute, such as "cpu" or "cuda"; the given network stays where it is.
        dtype: torch.bfloat16 runs the suffixes in it first, for classification.
        channels_last: Whether images lie with their channels last in memory.
        compile: Whether suffixes go through `torch.compile`: slow to start, then faster.
        memory: Bytes that stacked suffixes may take; None sizes them for speed.
        store: A folder that outcomes are written to as they come. The same call goes on where it
            was stopped. The returned dataset is read from there.
        savings: Which exact savings are made; None for all.
        output: Which part of what the network returns is its output: an attribute or key
            ("logits"), an index, or a function of it. None: what it returns, or its `.logits`.
        counted: Which positions of the reference count in `mean` and `resample`: the name of an
            input (example, position) that is true, or 1, there; or a boolean tensor (reference
            example, position). None: what "attention_mask" says, if there is such an input, else
            all. A mean is over those alone; and an example's donor in `resample` counts wherever
            the example itself does (by that input; with a tensor, by its "attention_mask").
        progress: Called with the outcomes done and all outcomes, each ablation on each example.

    Returns:
        Outcomes in the schema of `lashley.outcomes`.

    Raises:
        DataError: If the examples are unusable, labels exceed the outputs, or reference examples
            are evaluated too.
        NetworkError: If it is no network, or one that cannot be looked into (TorchScript,
            quantised), or weights are NaN or infinite.
        EngineError: If an ablation does not belong to the network, outputs are unusable, or no
            reference example counts wherever some example does.
        ReadoutError: If the readout is none.
        OutcomesError: If the store holds something else.
        IntegrityError: If data or network changed while they were measured.
    """
    check_progress(progress, EngineError)
    evaluation = asked(
        network, examples, ablations, readout=readout, reference=reference, precision=precision,
        seed=seed, engine=engine, device=device, dtype=dtype, channels_last=channels_last,
        compile=compile, memory=memory, savings=savings, output=output, counted=counted,
    )  # fmt: skip
    with evaluation_of(evaluation.network, evaluation.examples), torch.no_grad():
        return EvaluationRun(prepare(evaluation)).to_the_end(
            store, progress or (lambda done, total: None)
        )
