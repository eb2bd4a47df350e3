"""The truth: the network itself in float64, as far as it can be computed there.

Where float32 is written into its forward, all lower formats become float64 (`graph.doubling`), or
its graph is taken. Where that fails too, the network's own precision decides, and outcomes say so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from lashley.engine.checks import scale_of
from lashley.engine.hooks import forward
from lashley.errors import EngineError, LashleyError
from lashley.graph import capture, retyped
from lashley.graph.copies import copied as copy_of
from lashley.graph.doubling import constants, doubled, mark, runs_doubled
from lashley.graph.layout import STRUCTURE

_ALIKE = 1e-9  # of the largest output: what two ways through float64 may differ by


class NotRunning(EngineError):
    """The inputs do not run through the network."""


@dataclass(frozen=True, eq=False)
class Truth:
    """What decides.

    Attributes:
        network: A copy, in eval mode.
        dtype: That it computes in.
        inputs: A sample, in it.
        outputs: What the network says of the sample.
        names: Of the inputs; () of a plain tensor.
    """

    network: nn.Module
    dtype: torch.dtype
    inputs: tuple[Tensor, ...]
    outputs: Tensor
    names: tuple[str, ...]


def truth_of(
    network: nn.Module, sample: Sequence[Tensor], names: tuple[str, ...], device: str,
    n_few: int = STRUCTURE,
) -> Truth:  # fmt: skip
    """The network in float64; a plain copy if that runs.

    Args:
        network: In float32 or higher, in eval mode; itself left as it is.
        sample: Inputs on the device.
        names: Of the inputs.
        device: Where to compute.
        n_few: Examples that it has to run on.

    Raises:
        NotRunning: If the inputs do not run through the network.
    """
    wide = tuple(p.double() if p.is_floating_point() else p for p in sample)
    few = [p[:n_few] for p in wide]
    copied = doubled(network, device)
    try:
        forward(copied, few, names)
    except LashleyError:  # it runs, and returns what cannot be used
        raise
    except Exception:
        return _another_way(network, sample, names, device, n_few)
    outputs = forward(copied, wide, names)
    if isinstance(outputs, Tensor) and not torch.isfinite(outputs).all():
        return _another_way(network, sample, names, device, n_few)
    return Truth(copied, torch.float64, wide, outputs, names)


def precise(truth: Truth, graph: nn.Module | None) -> Truth:
    """The same, or what computes in float64 throughout where a plain copy does not.

    Args:
        truth: From `truth_of`.
        graph: The network's graph in float64, or None if it has none.
    """
    if truth.dtype != torch.float64 or runs_doubled(truth.network):
        return truth
    if graph is not None:
        outputs = graph(*truth.inputs)
        return truth if _alike(outputs, truth.outputs) else replace(
            truth, network=graph, outputs=outputs)  # fmt: skip
    marked = mark(copy_of(truth.network), constants())
    try:
        outputs = forward(marked, truth.inputs, truth.names)
    except Exception:  # no float64 in some operation that a plain copy gets around
        return truth
    return truth if _alike(outputs, truth.outputs) else replace(
        truth, network=marked, outputs=outputs)  # fmt: skip


def _another_way(
    network: nn.Module, sample: Sequence[Tensor], names: tuple[str, ...], device: str, n_few: int
) -> Truth:
    wide = tuple(p.double() if p.is_floating_point() else p for p in sample)
    narrow = tuple(p.float() if p.is_floating_point() else p for p in sample)
    _check_runs(network, [p[:n_few] for p in narrow], names)
    marked = mark(doubled(network, device), constants())
    try:
        return Truth(marked, torch.float64, wide, forward(marked, wide, names), names)
    except Exception:
        few = [p[:n_few] for p in narrow]
        example = dict(zip(names, few, strict=True)) if names else few[0]
        captured, _ = capture(network, example)
    if captured is not None:
        graph = retyped(captured.module, torch.float64).to(device)
        return Truth(graph, torch.float64, wide, graph(*wide), names)
    own = copy_of(network).to(device)
    return Truth(own, torch.float32, narrow, forward(own, narrow, names), names)


def _check_runs(network: nn.Module, inputs: Sequence[Tensor], names: tuple[str, ...]) -> None:
    try:
        forward(network, inputs, names)
    except LashleyError:
        raise
    except Exception as error:
        shapes = " and ".join(str(tuple(part.shape)) for part in inputs)
        raise NotRunning(
            f"examples: inputs of shape {shapes} do not run through the network "
            f"({error}). Give inputs shaped and normalised as in training."
        ) from error


def _alike(one: Tensor, other: Tensor) -> bool:
    near = _ALIKE * scale_of(other)
    return one.shape == other.shape and torch.allclose(one, other, rtol=0, atol=near)
