"""MNIST's handwritten digits, from the four original files."""

from __future__ import annotations

import gzip
import zlib
from math import prod
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from lashley.data.examples import Examples, require_tensor
from lashley.errors import DataError
from lashley.files import Remote, locate

_MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
_SHA256 = {
    "train-images-idx3-ubyte.gz": (
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"
    ),
    "train-labels-idx1-ubyte.gz": (
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"
    ),
    "t10k-images-idx3-ubyte.gz": (
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"
    ),
    "t10k-labels-idx1-ubyte.gz": (
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"
    ),
}
_PREFIX = {"train": "train", "test": "t10k"}


def mnist(split: str) -> Examples:
    """The handwritten digits of LeCun, Cortes and Burges, as the paper normalises them.

    The files come from `LASHLEY_DATA/mnist`, else from the user's cache, else they are downloaded.

    Args:
        split: "train" (60,000 digits) or "test" (10,000).

    Returns:
        Inputs (example, 1, 28, 28) float32, (pixel / 255 - 0.5) / 0.5; labels 0 to 9.

    Raises:
        DataError: If the files are not available, or are damaged.
    """
    if split not in _PREFIX:
        raise DataError(f"split: given {split!r}; allowed are 'train' and 'test'.")
    names = [f"{_PREFIX[split]}-images-idx3-ubyte.gz", f"{_PREFIX[split]}-labels-idx1-ubyte.gz"]
    paths = locate("mnist", [Remote(n, _SHA256[n], tuple(m + n for m in _MIRRORS)) for n in names])
    images, labels = (read_idx(paths[name]) for name in names)
    if images.ndim != 3 or labels.ndim != 1:
        raise DataError(f"{paths[names[0]]}: holds no images, or its labels are not labels.")
    inputs = images[:, None].float().div_(255).sub_(0.5).div_(0.5)
    return Examples(inputs, labels, tuple(str(digit) for digit in range(10)))


def read_idx(path: Path) -> Tensor:
    """The array of a gzipped idx file of unsigned bytes.

    Raises:
        DataError: If the file is damaged, truncated, or of another kind.
    """
    try:
        content = gzip.decompress(path.read_bytes())
    except (OSError, EOFError, zlib.error) as error:
        raise _damaged(path, f"it does not unpack ({error})") from error
    dims = content[3] if len(content) >= 4 and content[:3] == b"\0\0\x08" else 0
    if not 1 <= dims <= 3 or len(content) < 4 + 4 * dims:
        raise _damaged(path, "it does not begin as an idx file of unsigned bytes does")
    shape = [int.from_bytes(content[4 + 4 * i : 8 + 4 * i], "big") for i in range(dims)]
    values = content[4 + 4 * dims :]
    if len(values) != prod(shape):
        raise _damaged(path, f"it promises {prod(shape)} bytes {tuple(shape)}, has {len(values)}")
    return torch.from_numpy(np.frombuffer(values, np.uint8).reshape(shape).copy())


def _damaged(path: Path, what: str) -> DataError:
    return DataError(f"{path}: damaged, {what}. Delete the file and run again to fetch it anew.")


def binarised(examples: Examples, threshold: float = 10) -> Examples:
    """MNIST digits with every pixel at 255 where it was above `threshold`, else at 0.

    This is what the authors' plotting code did to the test set, in place, before the ablated
    networks were measured on it.

    Args:
        examples: As `mnist` returns them.
        threshold: In grey levels, 0 to 255.

    Source: github.com/RichardMeyes/AblationStudies, code/plot_tSNE.py.
    """
    pixels = (require_tensor(examples) * 0.5 + 0.5) * 255
    inputs = torch.where(pixels.round() > threshold, 1.0, -1.0)
    return Examples(inputs, examples.labels, examples.class_names)
