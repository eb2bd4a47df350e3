"""Examples: inputs with labels, and a fingerprint that notices any change to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
import xxhash
from torch import Tensor

from lashley.errors import DataError


def fingerprint(tensor: Tensor) -> str:
    """A 128-bit hash of a tensor's type, shape and content.

    xxh3 reads memory at full speed; it guards against accidents, not against forgery.
    """
    values = tensor.detach().cpu().contiguous()
    digest = xxhash.xxh3_128(f"{values.dtype} {tuple(values.shape)}".encode())
    digest.update(values.flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()


@dataclass(frozen=True, eq=False)
class Examples:
    """Inputs and their labels.

    Attributes:
        inputs: (example, ...) what the network takes, already normalised.
        labels: (example,) int64, the index of the true class.
        class_names: One name per class, in the order of the network's outputs.
        fingerprint: Hashes of `inputs` and `labels` as they were when the examples were made.

    Raises:
        DataError: If the numbers of inputs and labels differ, there are none, a label is not the
            index of a class, or an input is not finite.
    """

    inputs: Tensor
    labels: Tensor
    class_names: tuple[str, ...]
    fingerprint: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "class_names", _names(self.class_names))
        _check(self.inputs, self.labels, self.class_names)
        object.__setattr__(self, "labels", self.labels.long())
        object.__setattr__(self, "fingerprint", self.current_fingerprint())

    def __len__(self) -> int:
        return len(self.labels)

    def current_fingerprint(self) -> dict[str, str]:
        """Hashes of `inputs` and `labels` as they are now."""
        return {"inputs": fingerprint(self.inputs), "labels": fingerprint(self.labels)}


def as_examples(given: Any) -> Examples:
    """Examples from whatever a user has: `Examples`, or a pair of tensors (inputs, labels).

    Raises:
        DataError: If it is neither.
    """
    if isinstance(given, Examples):
        return given
    if isinstance(given, Sequence) and len(given) == 2 and not isinstance(given, str):
        inputs, labels = map(_as_tensor, given)
        if labels.ndim == 1 and len(labels) and not labels.is_floating_point():
            names = tuple(str(c) for c in range(int(labels.max()) + 1))
            return Examples(inputs, labels, names)
        return Examples(inputs, labels, ())
    raise DataError(
        f"examples: given a {type(given).__name__}; allowed are lashley.Examples or a pair "
        "(inputs, labels) of tensors. Make one with la.Examples(inputs, labels, class_names)."
    )


def _as_tensor(part: Any) -> Tensor:
    try:
        return torch.as_tensor(part)
    except (TypeError, ValueError, RuntimeError) as error:
        raise DataError(
            f"examples: a {type(part).__name__} makes no tensor ({error}). Give a pair "
            "(inputs, labels) of tensors."
        ) from error


def _check(inputs: Tensor, labels: Tensor, class_names: tuple[str, ...]) -> None:
    if not (isinstance(inputs, Tensor) and isinstance(labels, Tensor) and inputs.ndim):
        given = " and ".join(
            f"a number ({part.item()})" if isinstance(part, Tensor) and not part.ndim
            else f"a {type(part).__name__}" for part in (inputs, labels)
        )  # fmt: skip
        raise DataError(
            f"examples: given {given}; allowed are tensors (example, ...) and (example,). "
            "Turn arrays into tensors with torch.as_tensor."
        )
    if labels.ndim != 1 or labels.is_floating_point() or labels.is_complex():
        raise DataError(
            f"labels: given {labels.dtype} of shape {tuple(labels.shape)}; allowed is one whole "
            "number per example. Turn one-hot labels into indices with labels.argmax(1)."
        )
    if len(inputs) != len(labels) or len(labels) == 0:
        raise DataError(
            f"examples: given {len(inputs)} inputs and {len(labels)} labels; there must be as many "
            "of both, and at least one. Check how they were loaded."
        )
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= len(class_names):
        raise DataError(
            f"labels: given values from {low} to {high}; with {len(class_names)} class names, "
            f"0 to {len(class_names) - 1} are allowed. Renumber the labels or name every class."
        )
    if inputs.is_floating_point() and not torch.isfinite(inputs).all():
        bad = (~torch.isfinite(inputs.reshape(len(inputs), -1))).any(1).nonzero()[:, 0]
        raise DataError(
            f"inputs: {len(bad)} of {len(inputs)} examples hold NaN or infinity, the first is "
            f"number {int(bad[0])}. Remove or repair them."
        )


def _names(given: Any) -> tuple[str, ...]:
    if isinstance(given, str) or not isinstance(given, Sequence):
        raise DataError(
            f"class_names: given {given!r}; allowed is one name per class in a tuple, such as "
            "('cat', 'dog')."
        )
    names = tuple(str(name) for name in given)
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise DataError(f"class_names: {twice!r} is given twice. Name each class differently.")
    return names
