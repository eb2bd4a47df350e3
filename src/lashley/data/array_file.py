"""Examples in one file of arrays: .npz or .safetensors. Nothing in it is unpickled."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from lashley.errors import DataError

SUFFIXES = (".npz", ".safetensors")


def arrays_in(path: Path, what: str) -> tuple[Any, Tensor | None]:
    """Inputs and labels from a file of arrays.

    The array "labels" has the labels, and may be missing; "inputs" is the input. If it is missing,
    the other arrays are the inputs by name.

    Args:
        path: Of the file.
        what: The argument it is given for, in errors.

    Returns:
        A tensor (example, ...) or tensors by name, and the labels or None.

    Raises:
        DataError: If there is no such file, it cannot be read, or has no inputs.
    """
    if not path.is_file():
        raise DataError(f"{what}: there is no file {str(path)!r}. Look at the path.")
    if path.suffix not in SUFFIXES:
        raise DataError(
            f"{what}: given {path.name!r}; allowed are .npz and .safetensors. Write one with "
            "numpy.savez(file, inputs=..., labels=...)."
        )
    arrays = _npz(path, what) if path.suffix == ".npz" else _safetensors(path, what)
    labels = arrays.pop("labels", None)
    if not arrays:
        raise DataError(
            f"{what}: {path.name} has no inputs; allowed are an array 'inputs', or arrays by the "
            "names of the network's inputs. Write them next to 'labels'."
        )
    return arrays["inputs"] if set(arrays) == {"inputs"} else arrays, labels


def _npz(path: Path, what: str) -> dict[str, Tensor]:
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        return {name: torch.from_numpy(array) for name, array in arrays.items()}
    except (
        ValueError, TypeError, OSError, EOFError, AttributeError, zipfile.BadZipFile
    ) as error:  # fmt: skip
        raise DataError(
            f"{what}: {path.name} cannot be read without running code in it ({error}); allowed are "
            "arrays of numbers, not of objects. Write it with numpy.savez(file, inputs=..., "
            "labels=...), each an array of one dtype."
        ) from error


def _safetensors(path: Path, what: str) -> dict[str, Tensor]:
    try:
        return dict(load_file(path))
    except (SafetensorError, OSError) as error:
        raise DataError(
            f"{what}: {path.name} is not a readable safetensors file ({error}). Write it with "
            "safetensors.torch.save_file({'inputs': ..., 'labels': ...}, file)."
        ) from error
