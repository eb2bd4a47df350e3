"""CIFAR-10's small colour photographs, from the official binary files."""

from __future__ import annotations

import hashlib
import tarfile
from pathlib import Path
from typing import IO, cast

import numpy as np
import torch

from lashley.data.examples import Examples
from lashley.errors import DataError
from lashley.files import Remote, find, locate

_FOLDER = "cifar-10-batches-bin"
_ARCHIVE = Remote(
    "cifar-10-binary.tar.gz",
    "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
    ("https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",),
)
_FILES = {
    "train": tuple(f"data_batch_{i}.bin" for i in range(1, 6)),
    "test": ("test_batch.bin",),
}
_NAMES = "batches.meta.txt"
_IMAGES = 10_000  # in each file
_SHAPE = (3, 32, 32)
_RECORD = 1 + 3 * 32 * 32  # bytes: a label, then the red, the green and the blue plane
CIFAR10_MEAN = (0.4914, 0.4822, 0.4465)  # of red, green, blue
CIFAR10_STD = (0.2470, 0.2435, 0.2616)


def cifar10(split: str) -> Examples:
    """The photographs of Krizhevsky, in the order of the files.

    The unpacked files come from `LASHLEY_DATA/cifar-10-batches-bin`, else from the user's cache;
    else they are read from the archive `cifar-10-binary.tar.gz`, which is looked for in the same
    folders and downloaded if it is in neither.

    Args:
        split: "train" (50,000 images, 614 MB in memory) or "test" (10,000).

    Returns:
        Inputs (example, 3, 32, 32) float32, (pixel / 255 - mean) / std with mean .4914 .4822 .4465
        and std .2470 .2435 .2616 of red, green, blue; labels 0 to 9, airplane to truck.

    Raises:
        DataError: If the files are not available, or are damaged.

    Source: A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009.
    """
    if split not in _FILES:
        raise DataError(f"split: given {split!r}; allowed are 'train' and 'test'.")
    class_names = cifar10_classes()
    files = _FILES[split]
    inputs = torch.empty(len(files) * _IMAGES, *_SHAPE)
    labels = torch.empty(len(inputs), dtype=torch.int64)
    for i, name in enumerate(files):  # one file at a time, straight to its place
        records = _records(name, len(class_names))
        part = slice(i * _IMAGES, (i + 1) * _IMAGES)
        labels[part] = torch.from_numpy(records[:, 0].astype(np.int64))
        inputs[part] = torch.from_numpy(records[:, 1:].reshape(-1, *_SHAPE))
    mean, std = (torch.tensor(v).reshape(3, 1, 1) for v in (CIFAR10_MEAN, CIFAR10_STD))
    return Examples(inputs.div_(255).sub_(mean).div_(std), labels, class_names)


def cifar10_classes() -> tuple[str, ...]:
    """The names of the ten classes, in the order of the labels.

    Raises:
        DataError: If the file is not available, or is damaged.
    """
    path, content = _content(_NAMES)
    try:
        names = tuple(content.decode("ascii").split())
    except UnicodeDecodeError:
        names = ()
    if len(set(names)) != 10:
        raise _damaged(path, "it does not hold the names of ten classes")
    return names


def _records(name: str, classes: int) -> np.ndarray:
    """(image, byte) of a file: the label, then the pixels."""
    path, content = _content(name)
    if len(content) != _IMAGES * _RECORD:
        what = f"it has {len(content):,} bytes, must have {_IMAGES * _RECORD:,}"
        raise _damaged(path, what)
    records = np.frombuffer(content, np.uint8).reshape(_IMAGES, _RECORD).copy()
    if records[:, 0].max() >= classes:
        first = int(np.flatnonzero(records[:, 0] >= classes)[0])
        what = f"the label of image {first} is {records[first, 0]}, must be 0 to {classes - 1}"
        raise _damaged(path, what)
    return records


def _content(name: str) -> tuple[Path, bytes]:
    """The bytes of a file, and what they are read from: the file itself, or the archive."""
    path = find(_FOLDER, name)
    if path is not None:
        return path, path.read_bytes()
    path = locate(_FOLDER, [_ARCHIVE])[_ARCHIVE.name]
    with path.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != _ARCHIVE.sha256:
            raise _damaged(path, f"its SHA-256 is not {_ARCHIVE.sha256[:12]}...")
    with tarfile.open(path, "r:gz") as archive:
        return path, cast(IO[bytes], archive.extractfile(f"{_FOLDER}/{name}")).read()


def _damaged(path: Path, what: str) -> DataError:
    return DataError(f"{path}: damaged, {what}. Delete the file and run again to fetch it anew.")
