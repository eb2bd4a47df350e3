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

    Ranks and predictions are those of float64: whatever rounding of float32 (or bfloat16) could
    flip is run again in float32 and settled in float64. The network is evaluated in eval mode and
    left as it was given.

    Args:
        network: Any module from inputs (example, ...), a tensor or tensors by name, to logits
            (example, class), or to an object with such `.logits`; otherwise see `output`.
        examples: `Examples`; a pair (inputs, labels) of tensors, arrays or lists; or a Dataset or
            DataLoader of such pairs, which is read once. The effects of a class without examples
            are NaN.
        ablations: From `singles`, `pairs`, or made one by one.
        readout: What is kept of the outputs: "classification" (rank and prediction), "loss" (the
            cross-entropy of each example, in nats), "squared_error" (of a regression), or a
            function (outputs, labels) -> {name: (example,) values}; labels are a tuple or dict of
            tensors if you gave such.
        reference: Examples that the methods `mean` and `resample` take activations from; never
            the evaluated ones. For `mean` their lengths may differ.
        precision: Wanted half width of a drop's 95 % interval, in pp: examples come in a random
            order, and an ablation known that well takes no more. None: all examples.
        seed: For that order, and for what `resample` draws.
        engine: "auto" takes "fx" (a graph by torch.fx), else "export" (by torch.export), else
            "hooks" (full forward passes), else "naive" (one such pass per ablation, in
            float64). `attrs` says which one ran, and why.
        device: Where to compute, such as "cpu" or "cuda"; the given network stays where it is.
        dtype: torch.bfloat16 runs the suffixes in it first, for classification.
        channels_last: Whether images have their channels last in memory.
        compile: Whether suffixes go through `torch.compile`: slow to start, then faster.
        memory: Bytes that stacked suffixes may take; None sizes them for speed.
        store: A folder that outcomes are written to as they come. The same call continues where it
            was stopped. The returned dataset is read from there.
        savings: Which exact savings to make; None for all.
        output: Which part of what the network returns is its output: an attribute or key
            ("logits"), an index, or a function of it. None: what it returns, or its `.logits`.
        counted: Which positions of the reference count in `mean` and `resample`: the name of an
            input (example, position) that is true, or 1, there; or a boolean tensor (reference
            example, position). None: what "attention_mask" says, if there is such an input, else
            all. A mean is over these alone; in `resample` an example's donor counts wherever the
            example itself does (by that input; with a tensor, by its "attention_mask").
        progress: Called with how many outcomes are done and how many there are, each ablation on
            each example.

    Returns:
        Outcomes in the schema of `lashley.outcomes`.

    Raises:
        DataError: If the examples are unusable, labels exceed the outputs, or reference examples
            are evaluated too.
        NetworkError: If it is not a network, or one that cannot be inspected (TorchScript,
            quantised), or weights are NaN or infinite.
        EngineError: If an ablation does not belong to the network, outputs are unusable, or no
            reference example counts wherever some example does.
        ReadoutError: If the readout is not a valid one.
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
