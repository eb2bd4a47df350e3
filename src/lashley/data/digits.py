"""The small handwritten digits that scikit-learn ships: no download needed."""

from __future__ import annotations

import torch

from lashley.data.examples import Examples
from lashley.errors import DataError

_TRAINING = 1200  # the writers of the last 597 digits wrote none of these


def digits(split: str) -> Examples:
    """1,797 handwritten digits of 8 x 8 pixels, in their published order.

    Args:
        split: "train" (the first 1,200) or "test" (the last 597).

    Returns:
        Inputs (example, 1, 8, 8) float32, (grey / 16 - 0.5) / 0.5; labels 0 to 9.

    Raises:
        DataError: If there is no such split.

    Source: E. Alpaydin, C. Kaynak, Optical Recognition of Handwritten Digits, 1998 (UCI).
    """
    parts = {"train": slice(None, _TRAINING), "test": slice(_TRAINING, None)}
    if split not in parts:
        raise DataError(f"split: given {split!r}; allowed are 'train' and 'test'.")
    from sklearn.datasets import load_digits  # which takes a second to import

    bunch = load_digits()
    images = torch.from_numpy(bunch.images[parts[split]]).float()  # pyright: ignore
    labels = torch.from_numpy(bunch.target[parts[split]])  # pyright: ignore
    inputs = images[:, None].div(16).sub_(0.5).div_(0.5)
    return Examples(inputs, labels, tuple(str(digit) for digit in range(10)))
