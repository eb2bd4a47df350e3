"""Examples: inputs with labels or targets, and a fingerprint that notices any change to them."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
import xxhash
from torch import Tensor

from lashley.data import classes
from lashley.data.arrays import as_tensor
from lashley.data.gathering import gathered, is_gathered
from lashley.data.inputs import Inputs
from lashley.data.targets import Targets, labels_by_name
from lashley.errors import DataError
from lashley.graph.formats import dense_parts

_CHUNK = 1 << 22  # numbers looked at at once: the tensors may be larger than the memory


def fingerprint(tensor: Tensor) -> str:
    """A 128-bit hash of a tensor's type, shape and content.

    xxh3 reads memory at full speed; it guards against accidents, not against forgery.
    """
    digest = xxhash.xxh3_128(f"{tensor.dtype} {tuple(tensor.shape)}".encode())
    for part in (chunk for own in dense_parts(tensor.detach()) for chunk in _chunks(own)):
        digest.update(part.cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()


@dataclass(frozen=True, eq=False)
class Examples:
    """Inputs and their labels.

    Attributes:
        inputs: What the network takes, already normalised: a tensor (example, ...), or tensors by
            the names of the network's arguments, such as input_ids and attention_mask. Arrays and
            lists become tensors.
        labels: (example,) int64, the index of the true class among the network's outputs. Without
            class names anything (example, ...) that a readout compares the outputs with: next
            tokens, real numbers; several such tensors, in a tuple or by name, are `Targets`.
        class_names: One name per class, in the order of the network's outputs. () or None: not
            named; where a classification needs classes, their indices are their names.
        fingerprint: Hashes of all tensors as they were when the examples were made, under
            "inputs" (or "inputs.input_ids", ...) and "labels" (or "labels.0", ...).

    Raises:
        DataError: If the numbers of inputs and labels differ, there are none, a label is not the
            index of a class, or an input is not finite.
    """

    inputs: Inputs
    labels: Any
    class_names: tuple[str, ...] = ()
    fingerprint: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "class_names", _names(self.class_names))
        object.__setattr__(self, "inputs", _inputs(self.inputs))
        object.__setattr__(self, "labels", _labels(self.labels))
        _check(self.tensors(), self.labels, self.class_names)
        if self.class_names:
            object.__setattr__(self, "labels", self.labels.long())
        object.__setattr__(self, "fingerprint", self.current_fingerprint())

    def __len__(self) -> int:
        return len(self.labels)

    def current_fingerprint(self) -> dict[str, str]:
        """Hashes of all tensors as they are now."""
        tensors = {**self.tensors(), **labels_by_name(self.labels)}
        return {name: fingerprint(tensor) for name, tensor in tensors.items()}

    def tensors(self) -> dict[str, Tensor]:
        """The inputs' tensors, under "inputs" or "inputs.input_ids", ...."""
        if isinstance(self.inputs, Mapping):
            return {f"inputs.{name}": tensor for name, tensor in self.inputs.items()}
        return {"inputs": self.inputs}


def as_examples(given: Any, at_most: int | None = None, name: str = "examples") -> Examples:
    """Examples from whatever a user has.

    Whole numbers, one per example, are the indices of classes; other labels are targets without
    class names.

    Args:
        given: `Examples`; a pair (inputs, labels) of tensors, arrays or lists; or a Dataset or
            DataLoader of such pairs, which is run through once, in order.
        at_most: How many examples of a Dataset or DataLoader are enough.
        name: Of the argument.

    Raises:
        DataError: If it is none of these.
    """
    if isinstance(given, Examples):
        return given
    if is_gathered(given):
        given = gathered(given, at_most)
    if isinstance(given, Sequence) and len(given) == 2 and not isinstance(given, str):
        inputs, labels = given[0], _labels(given[1])
        if isinstance(labels, Tensor) and classes.may_be_classes(labels):
            return Examples(inputs, labels, classes.names_for(labels))
        return Examples(inputs, labels)
    raise DataError(
        f"{name}: given a {type(given).__name__}; allowed are lashley.Examples, a pair "
        "(inputs, labels) of tensors, or a Dataset or DataLoader of such pairs. Make one with "
        "la.Examples(inputs, labels)."
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
    """The examples with the indices of classes as labels, and a name for each class.

    Raises:
        DataError: If their labels are not such indices.
    """
    if examples.class_names:
        return examples
    classes.check_form(examples.labels)
    classes.check_unnamed(examples.labels)
    return _named(examples)


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


def _named(examples: Examples) -> Examples:
    """The same, named by class index; a change since they were made still shows."""
    labels, made = examples.labels, examples.fingerprint
    found = copy.copy(examples)
    object.__setattr__(found, "labels", labels.long())
    object.__setattr__(found, "class_names", classes.names_for(labels))
    if found.labels is not labels and fingerprint(labels) == made["labels"]:
        object.__setattr__(found, "fingerprint", {**made, "labels": fingerprint(found.labels)})
    return found


def _inputs(given: Any) -> Inputs:
    if not isinstance(given, Mapping):
        return as_tensor("inputs", given)
    if not given or not all(isinstance(name, str) for name in given):
        raise DataError(
            f"inputs: given a dict of {list(given)}; allowed are tensors by the names of the "
            "network's arguments, such as {'input_ids': ..., 'attention_mask': ...}."
        )
    return {name: as_tensor(f"inputs.{name}", part) for name, part in given.items()}


def _labels(given: Any) -> Tensor | Targets:
    """A tensor; of a dict, or of a tuple of tensors, its parts."""
    if isinstance(given, Targets):
        return given
    if isinstance(given, Mapping) and given:
        return Targets({str(n): as_tensor(f"labels.{n}", p) for n, p in given.items()})
    if isinstance(given, tuple) and given and all(getattr(p, "ndim", 0) for p in given):
        return Targets(tuple(as_tensor(f"labels.{i}", p) for i, p in enumerate(given)))
    return as_tensor("labels", given)


def _check(
    inputs: Mapping[str, Tensor], labels: Tensor | Targets, class_names: tuple[str, ...]
) -> None:
    if class_names:
        classes.check_form(labels)
    parts = {**inputs, **labels_by_name(labels)}
    if wrong := [name for name, part in parts.items() if not part.ndim]:
        raise DataError(
            f"examples: given a number ({parts[wrong[0]].item()}) as {wrong[0]}; allowed is an "
            "entry for each example: (example, ...). Give [value] if there is one example."
        )
    lengths = {name: len(part) for name, part in parts.items()}
    if len(set(lengths.values())) > 1 or not len(labels):
        given = " and ".join(f"{n} {name}" for name, n in lengths.items())
        raise DataError(
            f"examples: given {given}; there must be equally many of both, and at least one. Check "
            "how they were loaded."
        )
    if class_names:
        classes.check_range(labels_by_name(labels)["labels"], len(class_names))
    for name, part in inputs.items():
        _check_finite(name, part)


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
    if given is None:
        return ()
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
