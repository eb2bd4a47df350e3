"""Tensors from whatever holds numbers: arrays, lists, columns of a data frame."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lashley.errors import DataError

_TEXT = "SUO"  # kinds of NumPy types: bytes, text, objects
_WIDE = (torch.uint16, torch.uint32, torch.uint64)  # which PyTorch can do little with


def as_tensor(name: str, part: Any) -> Tensor:
    """A tensor of the same numbers; it shares the memory of an array where possible.

    Args:
        name: What the numbers are, for the error.
        part: A tensor, an array or what NumPy can make one from, or a list with an entry per
            example: numbers, tensors or arrays of one shape.

    Raises:
        DataError: If it holds anything but numbers, or entries of different shapes.
    """
    found = _tensor(name, part)
    return found.long() if found.dtype in _WIDE else found


def _tensor(name: str, part: Any) -> Tensor:
    if isinstance(part, Tensor):
        return part
    try:
        if isinstance(part, list | tuple) and any(isinstance(p, Tensor) for p in part):
            return torch.stack([torch.as_tensor(p) for p in part])
        if isinstance(part, list | tuple) and not any(hasattr(p, "__array__") for p in part):
            return torch.as_tensor(part)  # in PyTorch's own formats
        array = np.asarray(part)
        if array.dtype.kind not in _TEXT:
            return torch.from_numpy(_plain(array))
    except (TypeError, ValueError, RuntimeError) as error:
        raise _no_tensor(name, part, str(error)) from error
    raise _no_tensor(name, part, f"it is of {array.dtype}")


def _plain(array: np.ndarray) -> np.ndarray:
    """The array itself, or a copy where PyTorch could not share its memory."""
    native = array.dtype.newbyteorder("=")
    shared = array.flags.writeable and all(step >= 0 for step in array.strides)
    return array if shared and array.dtype == native else array.astype(native, order="C")


def _no_tensor(name: str, part: Any, why: str) -> DataError:
    why = why.splitlines()[0] if why else "it holds no numbers"
    way_out = "Give numbers, all entries of one shape."
    with contextlib.suppress(Exception):
        if name == "labels" and np.asarray(part).dtype.kind in "SU":
            way_out = "For names: names, labels = np.unique(labels, return_inverse=True)."
    if name == "inputs" and isinstance(part, list | tuple) and len(part) == 2:
        way_out += " Pairs of an input and a label go in a Dataset or DataLoader."
    return DataError(
        f"{name}: a {type(part).__name__} makes no tensor ({why}); allowed are tensors, arrays and "
        f"lists of numbers, one entry per example. {way_out}"
    )
