"""Examples: inputs with labels or targets, and a fingerprint that notices any change to them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
import xxhash
from torch import Tensor

from lashley.data.inputs import Inputs
from lashley.errors import DataError

_CHUNK = 1 << 22  # numbers looked at at once: the tensors may be larger than the memory


def fingerprint(tensor: Tensor) -> str:
    """A 128-bit hash of a tensor's type, shape and content.

    xxh3 reads memory at full speed; it guards against accidents, not against forgery.
    """
    digest = xxhash.xxh3_128(f"{tensor.dtype} {tuple(tensor.shape)}".encode())
    for part in _chunks(tensor.detach()):
        digest.update(part.cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()


@dataclass(frozen=True, eq=False)
class Examples:
    """Inputs and their labels.

    Attributes:
        inputs: What the network takes, already normalised: a tensor (example, ...), or tensors by
            the names of the network's arguments, such as input_ids and attention_mask.
        labels: (example,) int64, the index of the true class. Without class names any tensor
            (example, ...) that a readout compares the outputs with: next tokens, real numbers.
        class_names: One name per class, in the order of the network's outputs; () where the labels
            are no classes.
        fingerprint: Hashes of all tensors as they were when the examples were made, under
            "inputs" (or "inputs.input_ids", ...) and "labels".

    Raises:
        DataError: If the numbers of inputs and labels differ, there are none, a label is not the
            index of a class, or an input is not finite.
    """

    inputs: Inputs
    labels: Tensor
    class_names: tuple[str, ...]
    fingerprint: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "class_names", _names(self.class_names))
        if isinstance(self.inputs, Mapping):
            object.__setattr__(self, "inputs", _by_name(self.inputs))
        _check(self.tensors(), self.labels, self.class_names)
        if self.class_names:
            object.__setattr__(self, "labels", self.labels.long())
        object.__setattr__(self, "fingerprint", self.current_fingerprint())

    def __len__(self) -> int:
        return len(self.labels)

    def current_fingerprint(self) -> dict[str, str]:
        """Hashes of all tensors as they are now."""
        tensors = {**self.tensors(), "labels": self.labels}
        return {name: fingerprint(tensor) for name, tensor in tensors.items()}

    def tensors(self) -> dict[str, Tensor]:
        """The inputs' tensors, under "inputs" or "inputs.input_ids", ...."""
        if isinstance(self.inputs, Mapping):
            return {f"inputs.{name}": tensor for name, tensor in self.inputs.items()}
        return {"inputs": self.inputs}


def as_examples(given: Any) -> Examples:
    """Examples from whatever a user has: `Examples`, or a pair of tensors (inputs, labels).

    Whole numbers, one per example, are the indices of classes; other labels are targets without
    class names.

    Raises:
        DataError: If it is neither.
    """
    if isinstance(given, Examples):
        return given
    if isinstance(given, Sequence) and len(given) == 2 and not isinstance(given, str):
        inputs, labels = given[0], _as_tensor(given[1])
        inputs = (
            {name: _as_tensor(part) for name, part in inputs.items()}
            if isinstance(inputs, Mapping) else _as_tensor(inputs)
        )  # fmt: skip
        if _are_indices(labels) and len(labels):
            names = tuple(str(c) for c in range(int(labels.max()) + 1))
            return Examples(inputs, labels, names)
        return Examples(inputs, labels, ())
    raise DataError(
        f"examples: given a {type(given).__name__}; allowed are lashley.Examples or a pair "
        "(inputs, labels) of tensors. Make one with la.Examples(inputs, labels, class_names)."
    )


def in_order_of(examples: Examples, others: Examples) -> Examples:
    """The same examples, their inputs in the order in which the others have them by name."""
    own, wanted = examples.inputs, others.inputs
    if not isinstance(own, Mapping) or not isinstance(wanted, Mapping):
        return examples
    if list(own) == list(wanted) or set(own) != set(wanted):
        return examples
    return Examples({name: own[name] for name in wanted}, examples.labels, examples.class_names)


def require_classes(examples: Examples) -> Examples:
    """`examples` themselves, if their labels are the indices of classes.

    Raises:
        DataError: If they are not.
    """
    if not examples.class_names:
        _check_form(examples.labels)
        _check_range(examples.labels, 0)
    return examples


def require_tensor(examples: Examples) -> Tensor:
    """The inputs, where they are one tensor (example, ...).

    Raises:
        DataError: If they are several.
    """
    if isinstance(examples.inputs, Mapping):
        raise DataError(
            f"inputs: given tensors by name ({', '.join(examples.inputs)}); allowed here is one "
            "tensor (example, ...). Wrap the network in a module that takes one."
        )
    return examples.inputs


def _chunks(tensor: Tensor) -> Iterator[Tensor]:
    """The tensor in parts along its first axis, so that a copy of each is small."""
    rows = tensor if tensor.ndim else tensor[None]
    yield from rows.split(max(1, _CHUNK // max(1, rows[:1].numel())))


def _by_name(inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    if not inputs or not all(isinstance(name, str) for name in inputs):
        raise DataError(
            f"inputs: given a dict of {list(inputs)}; allowed are tensors by the names of the "
            "network's arguments, such as {'input_ids': ..., 'attention_mask': ...}."
        )
    return dict(inputs)


def _as_tensor(part: Any) -> Tensor:
    try:
        return torch.as_tensor(part)
    except (TypeError, ValueError, RuntimeError) as error:
        raise DataError(
            f"examples: a {type(part).__name__} makes no tensor ({error}). Give a pair "
            "(inputs, labels) of tensors."
        ) from error


def _check(inputs: Mapping[str, Any], labels: Any, class_names: tuple[str, ...]) -> None:
    wrong = {name: part for name, part in inputs.items() if not _has_rows(part)}
    if not (_has_rows(labels) or (class_names and isinstance(labels, Tensor))):
        wrong["labels"] = labels
    if wrong:
        raise DataError(
            f"examples: given {' and '.join(map(_described, wrong.values()))} as "
            f"{' and '.join(wrong)}; allowed are tensors (example, ...) and (example,). "
            "Turn arrays into tensors with torch.as_tensor."
        )
    if class_names:
        _check_form(labels)
    lengths = {name: len(part) for name, part in (*inputs.items(), ("labels", labels))}
    if len(set(lengths.values())) > 1 or not len(labels):
        given = " and ".join(f"{n} {name}" for name, n in lengths.items())
        raise DataError(
            f"examples: given {given}; there must be as many "
            "of both, and at least one. Check how they were loaded."
        )
    if class_names:
        _check_range(labels, len(class_names))
    for name, part in inputs.items():
        _check_finite(name, part)


def _has_rows(part: Any) -> bool:
    return isinstance(part, Tensor) and part.ndim > 0


def _described(part: Any) -> str:
    number = isinstance(part, Tensor) and not part.ndim
    return f"a number ({part.item()})" if number else f"a {type(part).__name__}"


def _are_indices(labels: Tensor) -> bool:
    return labels.ndim == 1 and not (labels.is_floating_point() or labels.is_complex())


def _check_form(labels: Tensor) -> None:
    if not _are_indices(labels):
        raise DataError(
            f"labels: given {labels.dtype} of shape {tuple(labels.shape)}; allowed is one whole "
            "number per example. Turn one-hot labels into indices with labels.argmax(1)."
        )


def _check_range(labels: Tensor, n_classes: int) -> None:
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= n_classes:
        allowed = f"0 to {n_classes - 1} are" if n_classes else "none is"
        raise DataError(
            f"labels: given values from {low} to {high}; with {n_classes} class names, "
            f"{allowed} allowed. Renumber the labels or name every class."
        )


def _check_finite(name: str, tensor: Tensor) -> None:
    if not tensor.is_floating_point():
        return
    bad, start = [], 0
    for part in _chunks(tensor.detach()):
        finite = torch.isfinite(part)
        if not finite.all():
            rows = (~finite).reshape(len(part), -1).any(1).nonzero()[:, 0]
            bad += (rows + start).tolist()
        start += len(part)
    if bad:
        raise DataError(
            f"{name}: {len(bad)} of {len(tensor)} examples hold NaN or infinity, the first is "
            f"number {bad[0]}. Remove or repair them."
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
