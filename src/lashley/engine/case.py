"""The case: what is evaluated, and what a sample tells about the network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from lashley.ablations import Ablation, replacements
from lashley.data import Examples
from lashley.data.inputs import take, tensors, varied
from lashley.engine.checks import check_logits, check_steady, scale_of
from lashley.engine.hooks import forward, largest
from lashley.engine.plan import Savings
from lashley.engine.stacking import Budget
from lashley.engine.truth import NotRunning, Truth, check_runs, truth_of
from lashley.engine.verdict import Verdict, finite
from lashley.errors import DataError, EngineError
from lashley.graph.copies import copied
from lashley.graph.formats import in_format
from lashley.graph.layout import STRUCTURE
from lashley.methods import Method, Replacement
from lashley.readouts import CLASSIFICATION, Readout

_SAMPLE = 64  # examples on which rounding is measured, fewer of large ones
_SAMPLE_NUMBERS = 1 << 16
_SAFETY = 16  # how many times the rounding seen on a sample still counts as rounding
_INDEPENDENT = 1e-6  # share of the largest output that one may differ by in another batch
_PLAIN_BATCH = 1000  # examples in one full pass of the network, fewer of large ones
_PLAIN_NUMBERS = 1 << 20
_WHOLE_NUMBERS = 1 << 26  # in the inputs of a network that takes all examples or none


@dataclass(frozen=True)
class Options:
    """How an evaluation is carried out; see `evaluate`."""

    engine: str
    device: str
    dtype: torch.dtype
    channels_last: bool
    compile: bool
    memory: int | None
    savings: Savings


@dataclass(frozen=True, eq=False)
class Case:
    """What is known about an evaluation before an engine is chosen.

    Attributes:
        network: In float32, on its own device.
        truth: What decides, in float64 if that is available, on the device that computes.
        n_examples: How many are evaluated.
        names: Of the inputs; () for a plain tensor.
        reference: Examples that activations are taken from, or None.
        ablations: Those to be measured.
        readout: What is kept of an output.
        options: How it is carried out.
        counted: Which positions of the reference examples count in a mean; None: all.
        is_whole: Whether the network takes all examples or none, such as the nodes of a fixed
            graph; then they are the sample.
        decides: Whether forward decides by a number of the whole batch.
        is_one_by_one: Whether examples are run one by one, as the network calls a layer once for
            each example of a batch.
    """

    network: nn.Module
    truth: Truth
    n_examples: int
    names: tuple[str, ...]
    reference: Examples | None
    ablations: Sequence[Ablation]
    readout: Readout
    options: Options
    counted: Tensor | None = None
    is_whole: bool = False
    decides: bool = False
    is_one_by_one: bool = False

    @property
    def exact(self) -> nn.Module:
        """The network that decides."""
        return self.truth.network

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """A sample, for `exact`."""
        return self.truth.inputs

    @property
    def outputs(self) -> Tensor:
        """What `exact` returns for the sample."""
        return self.truth.outputs

    @property
    def few(self) -> tuple[Tensor, ...]:
        """A few inputs, for `exact`."""
        n = len(self.inputs[0])
        size = n if self.is_whole else 1 if self.is_one_by_one else STRUCTURE
        which = torch.arange(size) % n
        return tuple(p[which] for p in self.inputs)

    @property
    def structure(self) -> tuple[Tensor, ...]:
        """The same in float32, on the network's device."""
        parameter = next(self.network.parameters(), self.inputs[0])
        return tuple(in_format(p, torch.float32).to(parameter.device) for p in self.few)

    @property
    def example(self) -> Any:
        """The same, in the form that the network takes."""
        few = self.structure
        return dict(zip(self.names, few, strict=True)) if self.names else few[0]

    @cached_property
    def methods(self) -> dict[tuple[str, Method], Replacement]:
        """What is put in place, by names of sites and methods."""
        return replacements(self.ablations)

    @property
    def classifies(self) -> bool:
        """Whether ranks and predictions are measured."""
        return self.readout.name == CLASSIFICATION.name

    @property
    def in_float32(self) -> tuple[Tensor, ...]:
        """The sample in float32."""
        return tuple(in_format(p, torch.float32) for p in self.inputs)

    @cached_property
    def is_independent(self) -> bool:
        """Whether examples have the same outputs in another batch, and at another place in it."""
        if self.is_whole or self.decides:
            return False
        n = len(self.outputs)
        others = torch.arange(n - 1, -1, -2 if n > 2 else -1, device=self.outputs.device)
        few = forward(self.exact, [p[others] for p in self.inputs], self.names)
        near = _INDEPENDENT * scale_of(self.outputs)
        return torch.allclose(few, self.outputs[others], rtol=0, atol=near)

    @property
    def plain_batch(self) -> int:
        """Examples in one full pass of the network; all if they depend on one another."""
        if not self.is_independent:
            return self.n_examples
        if self.is_one_by_one:
            return 1
        numbers = sum(part[:1].numel() for part in self.inputs)
        wanted = min(_PLAIN_BATCH, _PLAIN_NUMBERS // max(1, numbers))
        return max(1, min(wanted, self.fitting(torch.float64)))

    def fitting(self, dtype: torch.dtype) -> int:
        """How many examples of a full pass fit in memory."""
        budget = Budget.of(self.options.memory, torch.device(self.options.device))
        return budget.full(self._largest, dtype.itemsize)

    @cached_property
    def _largest(self) -> int:
        return largest(self.exact, self.few, self.names)

    def reference_batch(self, size: int) -> int:
        """Reference examples at once: `size`, or all if they depend on one another."""
        return size if self.is_independent or self.reference is None else len(self.reference)

    def verdict(self, outputs: Tensor | None) -> Verdict:
        """What is kept of outputs, with the measured rounding of float32 and a reserve.

        Args:
            outputs: What an engine returns for the sample; None if it computes in float64.

        Raises:
            EngineError: If these are not the network's outputs.
        """
        scale = float(self.outputs.abs().max())
        seen = 0.0
        if outputs is not None and scale:
            seen = float((outputs.double() - self.outputs).abs().max()) / scale
        if not seen <= 1e-2:
            raise EngineError(
                f"engine: on a sample float32 differs from float64 by {seen:.1%} of the largest "
                "logit, so the network does not compute what its graph says, or is ill-conditioned."
                " Use engine='naive'."
            )
        share = max(_SAFETY * seen, 64 * torch.finfo(torch.float32).eps)
        kind = torch.uint8 if self.outputs.shape[-1] <= 255 else torch.int32
        return Verdict(self.readout, share, share * scale, kind)


def case_of(
    network: nn.Module, examples: Examples, reference: Examples | None,
    ablations: Sequence[Ablation], readout: Readout, options: Options,
    counted: Tensor | None = None,
) -> Case:  # fmt: skip
    """Look at the network with a sample of the examples; arguments as in `build`.

    Raises:
        EngineError: If the network cannot be evaluated.
    """
    inputs: Any = examples.inputs
    numbers = sum(part[:1].numel() for part in tensors(inputs))
    size = min(_SAMPLE, max(STRUCTURE, _SAMPLE_NUMBERS // max(1, numbers)))
    names = tuple(inputs) if isinstance(inputs, Mapping) else ()
    base = _in_float32(network, tensors(take(inputs, slice(STRUCTURE))), names)

    def truth(which: Tensor | slice, few: int) -> Truth:
        sample = [p.to(options.device, copy=True) for p in tensors(take(inputs, which))]
        return truth_of(base, sample, names, options.device, few)

    found, few = None, STRUCTURE
    try:
        found = truth(varied(inputs, size), few)
    except NotRunning:
        few = len(examples)
        if not STRUCTURE < few <= _WHOLE_NUMBERS // max(1, numbers):
            raise
        with suppress(NotRunning):
            found = truth(slice(None), few)
        if found is None:
            raise
    _check_outputs(found, few)
    if reference is not None and few == STRUCTURE:
        _check_reference(found, reference)
    return Case(base, found, len(examples), names, reference, ablations, readout, options,
                counted=counted, is_whole=few > STRUCTURE)  # fmt: skip


def _in_float32(network: nn.Module, few: list[Tensor], names: tuple[str, ...]) -> nn.Module:
    """The network in float32; as it is if forward itself sets the format that it runs in."""
    held = [p for p in network.parameters() if p.is_floating_point()]
    if all(p.dtype == torch.float32 for p in held):
        return network
    copy = copied(network).float()
    inputs = [in_format(p, torch.float32).to(held[0].device) for p in few]
    if _runs(copy, inputs, names):
        return copy
    if _runs(network, inputs, names):
        return network
    wide = [in_format(p, torch.float64).to(held[0].device) for p in few]
    if _runs(network, wide, names):
        raise EngineError(
            "network: its forward writes float64, so it runs in no other format; allowed are "
            "networks that also run in float32. Instead of x.double(), write x.to(weight.dtype) "
            "there, with the weights that come next."
        )
    return copy


def _runs(network: nn.Module, inputs: list[Tensor], names: tuple[str, ...]) -> bool:
    try:
        forward(network, inputs, names)
    except Exception:
        return False
    return True


def _check_reference(truth: Truth, reference: Examples) -> None:
    """Refuse reference examples that do not run through the network, before any other work."""
    few = tensors(take(reference.inputs, slice(STRUCTURE)))
    inputs = [own.to(like.device, like.dtype) for own, like in zip(few, truth.inputs, strict=True)]
    way_out = "Give examples of the same kind as those that are evaluated."
    check_runs(truth.network, inputs, truth.names, DataError, "reference", way_out)


def _check_rows(outputs: Tensor, n: int) -> None:
    if len(outputs) == n:
        return
    axis = next((i for i, length in enumerate(outputs.shape) if length == n), None)
    move = f"output=lambda z: z.movedim({axis}, 0)"
    way_out = "" if axis is None else f" Move the examples to the front: {move}."
    raise EngineError(
        f"outputs: for {n} examples the network returns {tuple(outputs.shape)}; allowed is "
        f"(example, ...), a row for each example.{way_out}"
    )


def _check_outputs(truth: Truth, few: int) -> None:
    if not isinstance(truth.outputs, Tensor):
        check_logits(truth.outputs)
    finite(truth.outputs, None)
    _check_rows(truth.outputs, len(truth.inputs[0]))

    def run(n: int) -> Tensor:
        return forward(truth.network, [part[:n] for part in truth.inputs], truth.names)

    check_steady(truth.network, run, few)
