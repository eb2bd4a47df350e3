"""Number formats: what becomes of a tensor in another one."""

from __future__ import annotations

import torch
from torch import Tensor


def format_in(kind: torch.dtype, dtype: torch.dtype) -> torch.dtype:
    """The type of such numbers in a format: complex ones as two of it, whole ones unchanged."""
    if kind.is_complex:
        return dtype.to_complex()
    return dtype if kind.is_floating_point else kind


def in_format(value: Tensor, dtype: torch.dtype) -> Tensor:
    """A tensor in a real format, by `format_in`."""
    return value.to(format_in(value.dtype, dtype))


def numbers_of(tensor: Tensor) -> Tensor:
    """All numbers of a tensor; the stored ones if it is sparse."""
    return dense_parts(tensor)[-1]


def dense_parts(tensor: Tensor) -> list[Tensor]:
    """The tensor itself; if it is sparse, where its numbers are, and these last."""
    if tensor.layout is torch.sparse_coo:
        return [tensor._indices(), tensor._values()]
    if tensor.layout in (torch.sparse_csr, torch.sparse_bsr):
        return [tensor.crow_indices(), tensor.col_indices(), tensor.values()]
    if tensor.layout in (torch.sparse_csc, torch.sparse_bsc):
        return [tensor.ccol_indices(), tensor.row_indices(), tensor.values()]
    return [tensor]
