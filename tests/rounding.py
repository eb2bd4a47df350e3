"""How far apart rounding may leave two ways of computing the same.

Equal bits hold by construction only where the same kernel meets the same shapes: another CPU,
another number of threads, another batch, or even another place in a batch may round otherwise.
Elsewhere what rounding does is measured with a twin in another precision: it is as far away as the
coarser of the two rounds, and a precision that is so many times as fine rounds so many times as
little.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

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
