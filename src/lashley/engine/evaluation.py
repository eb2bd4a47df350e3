"""What is asked of an evaluation, checked at the door."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from lashley.ablations import Ablation, replacements
from lashley.data import Examples, as_examples
from lashley.data.examples import in_order_of, require_classes
from lashley.engine.batch import Which
from lashley.engine.building import Built, build
from lashley.engine.case import Options
from lashley.engine.checks import check_arguments, check_precision
from lashley.engine.plan import Savings
from lashley.engine.reference import Counted, check_reference, counted_of, donors_of
from lashley.graph.reading import Output, reading
from lashley.networks import as_network
from lashley.readouts import CLASSIFICATION, Readout, as_readout
from lashley.stats import stratified_order


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The arguments of `evaluate`, as it uses them.

    Attributes:
        network: Any module, with the output that was asked for.
        examples: Those to be evaluated.
        reference: Those that activations are taken from, or None.
        ablations: Those to be measured.
        readout: What is kept of an output.
        options: How it is carried out.
        precision: Half width in pp, or None.
        seed: For the order, and for what `resample` draws.
        output: Which part of what the network returns is measured, if given.
        counted: Which positions count in `mean` and `resample`; None: all.
        donors: (example,) which reference example `resample` takes activations from, if it does.
    """

    network: nn.Module
    examples: Examples
    reference: Examples | None
    ablations: Sequence[Ablation]
    readout: Readout
    options: Options
    precision: float | None
    seed: int
    output: Output = None
    counted: Counted | None = None
    donors: Tensor | None = None

    @cached_property
    def order(self) -> np.ndarray | None:
        """(example,) the order in which examples are taken; None: as they are."""
        if self.precision is None:
            return None
        return stratified_order(self.examples.labels.cpu().numpy(), self.seed)

    def at(self, part: slice) -> Which:
        """The examples at some places of the order."""
        return part if self.order is None else torch.from_numpy(self.order[part])

    def build(self) -> Built:
        """Its engine."""
        return build(
            self.network, self.examples, self.reference, self.ablations, self.readout,
            self.options, None if self.counted is None else self.counted.reference, self.precision,
        )  # fmt: skip


def asked(
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
    savings: Savings | None = None,
    output: Output = None,
    counted: str | Tensor | None = None,
) -> Evaluation:
    """Check the arguments of `evaluate`, and bring them into one form.

    Raises:
        DataError: If the examples are unusable, or reference examples are evaluated too.
        NetworkError: If weights are NaN or infinite.
        EngineError: If an argument is not one of those allowed.
        ReadoutError: If the readout is not a valid one.
    """
    network = reading(as_network(network), output)
    examples, measure = as_examples(examples), as_readout(readout)
    given = None if reference is None else as_examples(reference, name="reference")
    savings = Savings() if savings is None else savings
    check_arguments(ablations, engine, device, dtype, network, seed, memory, savings)
    given = None if given is None else in_order_of(given, examples)
    methods = replacements(ablations)
    check_reference(given, examples, methods)
    check_precision(precision, dtype, measure)
    if measure.name == CLASSIFICATION.name:
        examples = require_classes(examples)
    options = Options(engine, device, dtype, channels_last, compile, memory, savings)
    counts = counted_of(counted, examples, given, methods)
    donors = donors_of(counts, examples, given, methods, seed)
    return Evaluation(
        network, examples, given, ablations, measure, options, precision, seed, output, counts,
        donors,
    )  # fmt: skip
