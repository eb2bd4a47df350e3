"""Decoded images in a folder: one mapped file of numbers, and an index that says of which images.

The index is written last. So a folder with an index is whole, and one without is filled anew.
"""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

import torch
from torch import Tensor

from lashley.errors import DataError
from lashley.files import is_draft, written_whole

_INDEX, _NUMBERS = "index.json", "inputs.f32"
_FORM = "lashley images 1"

Broken = dict[str, str]  # what is wrong, by file
Put = Callable[[Tensor], object]


def stored(
    folder: Path, about: Mapping[str, Any], shape: tuple[int, ...], fill: Callable[[Put], Broken]
) -> tuple[Tensor, Broken]:
    """The numbers of a folder that was filled before for the same images, or is filled now.

    Args:
        folder: Made if it does not exist. What it held of other images is deleted.
        about: What the numbers depend on, as values that JSON can hold.
        shape: (image, ...) if none is broken; their disk space is reserved first.
        fill: Passes the numbers of each image in turn to the function it is given, and returns the
            images that failed.

    Returns:
        The images (image, ...) float32, without the broken ones, and what is wrong with these. The
        file is mapped, so pages come and go as they are needed; writing to the tensor does not
        change the file.

    Raises:
        DataError: If `folder` is a file, or holds another index.json.
        OSError: If the disk is full.
    """
    about = json.loads(json.dumps({"form": _FORM, **about}, default=int))  # NumPy's
    index = _index(folder)
    if {**index, "broken": None} != {**about, "broken": None} or not _has_numbers(
        folder, shape, index["broken"]
    ):
        _clear(folder)
        broken = _write(folder / _NUMBERS, shape, fill)
        with written_whole(folder / _INDEX) as draft:
            draft.write_text(json.dumps({**about, "broken": broken}))
        index = {"broken": broken}
    return _mapped(folder / _NUMBERS, shape, index["broken"]), index["broken"]


def _index(folder: Path) -> dict[str, Any]:
    """What the folder's index says; empty where there is none."""
    path = folder / _INDEX
    if folder.exists() and not folder.is_dir():
        raise DataError(f"store: {folder} is a file; allowed is a folder. Give another path.")
    if not path.exists():
        return {}
    try:
        index = json.loads(path.read_text())
    except ValueError:
        index = None
    if not isinstance(index, dict) or not str(index.get("form")).startswith("lashley images"):
        raise DataError(
            f"store: {path} is not an index of images, and would be overwritten; allowed is a new "
            "folder or one that was a store before. Give another folder."
        )
    return index


def _has_numbers(folder: Path, shape: tuple[int, ...], broken: Broken) -> bool:
    path = folder / _NUMBERS
    return path.is_file() and path.stat().st_size == 4 * math.prod(_whole(shape, broken))


def _whole(shape: tuple[int, ...], broken: Broken) -> tuple[int, ...]:
    return (shape[0] - len(broken), *shape[1:])


def _clear(folder: Path) -> None:
    """Delete the index first: without it nothing else counts."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in (_INDEX, _NUMBERS):
        (folder / name).unlink(missing_ok=True)
    for path in folder.iterdir():
        if is_draft(path) and path.name.startswith((f".{_INDEX}.", f".{_NUMBERS}.")):
            path.unlink()


def _write(path: Path, shape: tuple[int, ...], fill: Callable[[Put], Broken]) -> Broken:
    with written_whole(path) as draft, draft.open("wb") as file:
        _reserve(file, 4 * math.prod(shape))
        broken = fill(lambda numbers: file.write(numbers.contiguous().numpy().data))
        file.truncate(4 * math.prod(_whole(shape, broken)))
        file.flush()
        os.fsync(file.fileno())  # the index must not outlive a power cut without the numbers
    return broken


def _reserve(file: IO[bytes], size: int) -> None:
    if sys.platform == "linux":  # others find out while they write
        os.posix_fallocate(file.fileno(), 0, size)


def _mapped(path: Path, shape: tuple[int, ...], broken: Broken) -> Tensor:
    whole = _whole(shape, broken)
    if not whole[0]:
        return torch.empty(whole)
    return torch.from_file(str(path), shared=False, size=math.prod(whole)).reshape(whole)
