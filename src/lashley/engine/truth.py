"""The truth: the network itself in float64, as far as it can be computed there.

Where float32 is written into its forward, its graph is taken, or all lower formats become float64
(`graph.doubling`). Where that fails too, the network's own precision decides, and outcomes say so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.utils._python_dispatch import TorchDispatchMode

from lashley.engine.checks import scale_of
from lashley.engine.hooks import forward
from lashley.errors import EngineError, LashleyError
from lashley.graph.copies import copied as copy_of
from lashley.graph.doubling import LOWER, constants, doubled, mark, runs_doubled
from lashley.graph.formats import in_format
from lashley.graph.intact import intact
from lashley.graph.layout import STRUCTURE
from lashley.graph.running import tensors

_ALIKE = 1e-9  # share of the largest output that two ways through float64 may differ by


class NotRunning(EngineError):
    """The inputs do not run through the network."""


@dataclass(frozen=True, eq=False)
class Truth:
    """What decides.

    Attributes:
        network: A copy, in eval mode.
        dtype: The format that it computes in.
        inputs: A sample, in that format.
        outputs: What the network returns for the sample.
        names: Of the inputs; () for a plain tensor.
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
    wide = _wide(sample)
    few = [p[:n_few] for p in wide]
    copied = doubled(network, device)
    try:
        with intact(copied):  # what is carried from call to call is reported later
            forward(copied, few, names)
    except LashleyError:  # it runs, but returns what cannot be used
        raise
    except Exception:
        return _another_way(network, sample, names, device, n_few)
    with intact(copied):
        outputs = forward(copied, wide, names)
    if isinstance(outputs, Tensor) and not torch.isfinite(outputs).all():
        return _another_way(network, sample, names, device, n_few)
    return Truth(copied, torch.float64, wide, outputs, names)


def precise(truth: Truth, network: nn.Module, graph: nn.Module | None) -> Truth:
    """The same, or what computes in float64 throughout if the given one does not.

    Args:
        truth: From `truth_of`.
        network: The one it was made of.
        graph: Its graph in float64, or None: if there is none, or calls are to be intercepted.

    Returns:
        In float32 if neither the graph nor a copy is in float64 throughout.
    """
    if runs_doubled(truth.network) and graph is None:
        return truth
    wide = _wide(truth.inputs)
    device = str(wide[0].device)
    other = mark(doubled(network, device), constants()) if graph is None else graph
    outputs = _in_float64(other, wide, truth.names)
    if outputs is not None:
        same = runs_doubled(truth.network) or _alike(outputs, truth.outputs)
        return truth if same else Truth(other, torch.float64, wide, outputs, truth.names)
    if graph is None and truth.dtype == torch.float64 and not _narrows(truth):
        return truth  # an operation has no float64 for the copy that is doubled
    return _in_float32(network, truth.inputs, truth.names, device)


def _another_way(
    network: nn.Module, sample: Sequence[Tensor], names: tuple[str, ...], device: str, n_few: int
) -> Truth:
    check_runs(network, [p[:n_few] for p in _narrow(sample)], names)
    wide, marked = _wide(sample), mark(doubled(network, device), constants())
    outputs = _in_float64(marked, wide, names)
    if outputs is not None:
        return Truth(marked, torch.float64, wide, outputs, names)
    return _in_float32(network, sample, names, device)


def _in_float64(
    network: nn.Module, inputs: tuple[Tensor, ...], names: tuple[str, ...]
) -> Tensor | None:
    """Its outputs in float64; None if it does not run in that format."""
    try:
        is_graph = isinstance(network, fx.GraphModule)
        outputs = network(*inputs) if is_graph else forward(network, inputs, names)
    except Exception:
        return None
    return outputs if isinstance(outputs, Tensor) and outputs.dtype == torch.float64 else None


def _in_float32(
    network: nn.Module, sample: Sequence[Tensor], names: tuple[str, ...], device: str
) -> Truth:
    own, narrow = copy_of(network).to(device), _narrow(sample)
    return Truth(own, torch.float32, narrow, forward(own, narrow, names), names)


def _wide(sample: Sequence[Tensor]) -> tuple[Tensor, ...]:
    return tuple(in_format(p, torch.float64) for p in sample)


def _narrow(sample: Sequence[Tensor]) -> tuple[Tensor, ...]:
    return tuple(in_format(p, torch.float32) for p in sample)


class _Narrowing(TorchDispatchMode):
    """Sees whether numbers in float64 are turned into a lower format."""

    found = False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        returned = func(*args, **(kwargs or {}))
        formats = {t.dtype for t in tensors((args, kwargs))}
        given = bool(formats & {torch.float64, torch.complex128})
        self.found |= given and any(t.dtype in LOWER for t in tensors(returned))
        return returned


def _narrows(truth: Truth) -> bool:
    """Whether a copy in float64 leaves that format on the way."""
    with _Narrowing() as seen:
        forward(truth.network, truth.inputs, truth.names)
    return seen.found


def check_runs(
    network: nn.Module, inputs: Sequence[Tensor], names: tuple[str, ...],
    refused: type[LashleyError] = NotRunning, what: str = "examples",
    way_out: str = "Give inputs shaped and normalised as in training.",
) -> None:  # fmt: skip
    """Refuse inputs that do not run through the network, in these words.

    Raises:
        LashleyError: The `refused` one; or one that the network itself raises.
    """
    try:
        forward(network, inputs, names)
    except LashleyError:
        raise
    except Exception as error:
        shapes = " and ".join(str(tuple(part.shape)) for part in inputs)
        raise refused(
            f"{what}: inputs of shape {shapes} do not run through the network ({error}). {way_out}"
        ) from error


def _alike(one: Tensor, other: Tensor) -> bool:
    near = _ALIKE * scale_of(other)
    same = (one.shape, one.dtype) == (other.shape, other.dtype)
    return same and torch.allclose(one, other, rtol=0, atol=near)
