"""The case: what an evaluation is of, and what a sample tells of the network."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from lashley.ablations import Ablation
from lashley.data import Examples
from lashley.data.inputs import take, tensors
from lashley.engine.checks import check_logits, check_same
from lashley.engine.hooks import forward
from lashley.engine.plan import Savings
from lashley.engine.reference import in_float64
from lashley.engine.verdict import Verdict, finite
from lashley.errors import EngineError, LashleyError
from lashley.graph import capture, retyped
from lashley.graph.layout import STRUCTURE
from lashley.readouts import CLASSIFICATION, Readout

_SAMPLE = 64  # examples on which rounding is measured, fewer of large ones
_SAMPLE_NUMBERS = 1 << 16
_SAFETY = 16  # how many times the rounding seen on a sample still counts as rounding
_PLAIN_BATCH = 1000  # examples in one full pass of the network, fewer of large ones
_PLAIN_NUMBERS = 1 << 20


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
    """What is known of an evaluation before an engine is chosen.

    Attributes:
        network: In float32, on its own device.
        exact: In float64, on the device that computes.
        inputs: A sample, for `exact`.
        outputs: What `exact` says of it.
        n_examples: How many are evaluated.
        names: Of the inputs; () of a plain tensor.
        reference: Examples that activations are taken from, or None.
        ablations: Those to be measured.
        readout: What is kept of an output.
        options: How it is carried out.
        why: Reasons for the engine that is chosen, as they are found.
    """

    network: nn.Module
    exact: nn.Module
    inputs: tuple[Tensor, ...]
    outputs: Tensor
    n_examples: int
    names: tuple[str, ...]
    reference: Examples | None
    ablations: Sequence[Ablation]
    readout: Readout
    options: Options
    why: list[str] = field(default_factory=list)

    @property
    def structure(self) -> tuple[Tensor, ...]:
        """A few inputs in float32, where the network is."""
        parameter = next(self.network.parameters(), self.inputs[0])
        which = torch.arange(STRUCTURE) % len(self.inputs[0])
        return tuple(
            (p[which].float() if p.is_floating_point() else p[which]).to(parameter.device)
            for p in self.inputs
        )

    @property
    def example(self) -> Any:
        """The same as the network takes them."""
        few = self.structure
        return dict(zip(self.names, few, strict=True)) if self.names else few[0]

    @property
    def methods(self) -> set[tuple[str, str]]:
        """Sites and methods that occur."""
        return {(a.site.name, a.method) for a in self.ablations}

    @property
    def classifies(self) -> bool:
        """Whether ranks and predictions are measured."""
        return self.readout.name == CLASSIFICATION.name

    @property
    def in_float32(self) -> tuple[Tensor, ...]:
        """The sample in float32."""
        return tuple(p.float() if p.is_floating_point() else p for p in self.inputs)

    @cached_property
    def is_independent(self) -> bool:
        """Whether examples have the same outputs in another batch."""
        few = forward(self.exact, [p[:2] for p in self.inputs], self.names)
        return torch.allclose(few, self.outputs[:2], rtol=1e-6, atol=1e-9)

    @property
    def plain_batch(self) -> int:
        """Examples in one full pass of the network; all where they depend on one another."""
        if not self.is_independent:
            return self.n_examples
        numbers = sum(part[:1].numel() for part in self.inputs)
        return max(1, min(_PLAIN_BATCH, _PLAIN_NUMBERS // max(1, numbers)))

    def verdict(self, outputs: Tensor | None) -> Verdict:
        """What is kept of outputs, with the rounding of float32: measured, with a reserve.

        Args:
            outputs: What an engine says of the sample; None if it computes in float64.

        Raises:
            EngineError: If that is something else.
        """
        largest = float(self.outputs.abs().max())
        seen = 0.0
        if outputs is not None and largest:
            seen = float((outputs.double() - self.outputs).abs().max()) / largest
        if not seen <= 1e-2:
            raise EngineError(
                f"engine: on a sample float32 differs from float64 by {seen:.1%} of the largest "
                "logit, so the network does not compute what its graph says, or is ill-conditioned."
                " Use engine='reference'."
            )
        share = max(_SAFETY * seen, 64 * torch.finfo(torch.float32).eps)
        kind = torch.uint8 if self.outputs.shape[-1] <= 255 else torch.int32
        return Verdict(self.readout, share, share * largest, kind)


def case_of(
    network: nn.Module, examples: Examples, reference: Examples | None,
    ablations: Sequence[Ablation], readout: Readout, options: Options,
) -> Case:  # fmt: skip
    """Look at the network with a sample of the examples; arguments as of `build`.

    Raises:
        EngineError: If the network cannot be evaluated.
    """
    inputs: Any = examples.inputs
    numbers = sum(part[:1].numel() for part in tensors(inputs))
    size = min(_SAMPLE, max(STRUCTURE, _SAMPLE_NUMBERS // max(1, numbers)))
    sample = [p.to(options.device, copy=True) for p in tensors(take(inputs, slice(0, size)))]
    names = tuple(inputs) if isinstance(inputs, Mapping) else ()
    plain = all(p.dtype == torch.float32 for p in network.parameters() if p.is_floating_point())
    base = network if plain else copy.deepcopy(network).float()
    doubled = tuple(p.double() if p.is_floating_point() else p for p in sample)
    exact = _exact(base, in_float64(network, options.device), doubled, names)
    outputs = _outputs(exact, doubled, names)
    return Case(base, exact, doubled, outputs, len(examples), names, reference, ablations,
                readout, options)  # fmt: skip


def _exact(
    network: nn.Module, exact: nn.Module, inputs: tuple[Tensor, ...], names: tuple[str, ...]
) -> nn.Module:
    """`exact`; where float32 is written into the network's forward, its graph in float64.

    Raises:
        EngineError: If the inputs do not run through the network.
    """
    try:
        forward(exact, [part[:STRUCTURE] for part in inputs], names)
    except LashleyError:  # it runs, and returns what cannot be used
        raise
    except Exception:
        few = [p[:STRUCTURE].float() if p.is_floating_point() else p[:STRUCTURE] for p in inputs]
        example = dict(zip(names, few, strict=True)) if names else few[0]
        captured, _ = capture(network, example)
        if captured is not None:
            return retyped(captured.module, torch.float64).to(inputs[0].device)
        _check_runs(network, few, names)
        raise
    return exact


def _check_runs(network: nn.Module, inputs: Sequence[Tensor], names: tuple[str, ...]) -> None:
    try:
        forward(network, inputs, names)
    except LashleyError:
        raise
    except Exception as error:
        shapes = " and ".join(str(tuple(part.shape)) for part in inputs)
        raise EngineError(
            f"examples: inputs of shape {shapes} do not run through the network "
            f"({error}). Give inputs shaped and normalised as in training."
        ) from error


def _outputs(network: nn.Module, inputs: tuple[Tensor, ...], names: tuple[str, ...]) -> Tensor:
    outputs = forward(network, inputs, names)
    if not isinstance(outputs, Tensor):
        return check_logits(outputs)
    finite(outputs, None)
    few = [part[:STRUCTURE] for part in inputs]
    check_same(forward(network, few, names), forward(network, few, names))
    return outputs
