"""How far apart rounding may leave two ways of computing the same.

Equal bits hold by construction only where the same kernel meets the same shapes: another CPU,
another number of threads, another batch, or even another place in a batch may round otherwise.
Elsewhere what rounding does is measured with a twin in another precision: it is as far away as the
coarser of the two rounds, and a precision that is so many times as fine rounds so many times as
little.
"""

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from architectures.case import logits_of

# The distance to the twin is one draw of what rounding does, the distance of two ways another: as
# in the engine's own margin, the second is at most so many times the first.
ROOM = 16


def assert_same_to_rounding(
    one: Mapping[str, Tensor], other: Mapping[str, Tensor], twin: Mapping[str, Tensor]
) -> None:
    """Two ways gave the same numbers; those that are no floating-point numbers, exactly.

    Args:
        one: Of the first way, by name, computed in one precision.
        other: Of the second, in the same.
        twin: Of the first, in a finer one (or, if the formats of the tensors say so, in a coarser).
    """
    assert one.keys() == other.keys() == twin.keys()
    for name, tensor in one.items():
        found, allowed = apart(tensor, other[name]), ROOM * rounding(tensor, twin[name])
        assert found <= allowed, f"{name}: {found:.2g} apart, by rounding at most {allowed:.2g}"


def assert_readouts_close(found: Any, truth: Any, network: nn.Module, inputs: Any) -> None:
    """Losses and margins in float32 are those in float64.

    Where an ablation makes the outputs larger, rounding is as large a share of them.
    """
    allowed, largest = room_of(network, inputs)
    np.testing.assert_allclose(found, truth, rtol=allowed / largest, atol=allowed)


def room_of(network: nn.Module, inputs: Any) -> tuple[float, float]:
    """How far apart losses and margins in float32 may be, and the network's largest output.

    They change by at most twice what outputs do, which is measured on the network itself.
    """
    twin = copy.deepcopy(network).double(), in_double(inputs)
    with torch.no_grad():
        single, double = logits_of(network, copy.deepcopy(inputs)), logits_of(*twin)
    return 2 * ROOM * float((single - double).abs().max()), float(double.abs().max())


def in_double(inputs: Any) -> Any:
    """The same inputs in float64, but for indices; copies."""
    if isinstance(inputs, Mapping):
        return {name: in_double(part) for name, part in inputs.items()}
    return inputs.double() if inputs.is_floating_point() else inputs.clone()


def rounding(one: Tensor, twin: Tensor) -> float:
    """About how far rounding in its precision takes `one`, as `apart` has it."""
    if not one.is_floating_point():
        return 0.0
    mine, others = torch.finfo(one.dtype).eps, torch.finfo(twin.dtype).eps
    return max(apart(one, twin) * mine / max(mine, others), mine)


def apart(one: Tensor, other: Tensor) -> float:
    """The largest difference, as a share of the largest number."""
    one, other = one.double(), other.double()
    scale = float(torch.maximum(one.abs(), other.abs()).max())
    return float((one - other).abs().max()) / scale if scale else 0.0
