"""Number formats: what becomes of a tensor where another one is computed in."""

from __future__ import annotations

import torch
from torch import Tensor


def format_in(kind: torch.dtype, dtype: torch.dtype) -> torch.dtype:
    """What numbers of a kind are in a format: complex ones two of it, whole ones as they are."""
    if kind.is_complex:
        return dtype.to_complex()
    return dtype if kind.is_floating_point else kind


def in_format(value: Tensor, dtype: torch.dtype) -> Tensor:
    """A tensor in a real format, by `format_in`."""
    return value.to(format_in(value.dtype, dtype))
