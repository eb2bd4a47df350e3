"""What a caller gives to be shown as the examples: images, texts, or a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from torch import Tensor

from lashley.data import Examples
from lashley.errors import DataError

_FORMS = (
    "la.Examples, a pair (inputs, labels), images (example, height, width), (example, height, "
    "width, 3) or (example, 3, height, width), a list of texts, or a table (example, number)"
)
_WAY_OUT = "Give show=, a function of them that returns images, texts or a table."


@dataclass(frozen=True, eq=False)
class Exhibits:
    """Examples as they are to be looked at.

    Attributes:
        kind: "images", "texts" or "numbers".
        content: (example, height, width) or (example, height, width, 3); a list of texts; or a
            table with a column per number.
        labels: (example,) if they were given along with them and are one number each, else None.
    """

    kind: str
    content: Any
    labels: np.ndarray | None = None


def given_examples(examples: Any, show: Callable[[Any], Any] | None, n: int) -> Exhibits | None:
    """The examples in the form that their card needs; None without any.

    Args:
        examples: As `report` takes them.
        show: As `report` takes it.
        n: How many there must be.

    Raises:
        DataError: If they are of another form or number, or `show` is no function or raises.
    """
    if show is not None and not callable(show):
        raise DataError(
            f"show: given {show!r:.60}; allowed is a function of the examples' inputs that returns "
            "what a person looks at. Leave it out to show the inputs as they are."
        )
    if examples is None:
        return None
    inputs, labels = _parts(examples)
    content = inputs if show is None else _shown(show, inputs)
    kind, content = _content(content, "show: returned" if show else "examples: given")
    if len(content) != n:
        raise DataError(
            f"examples: given {len(content)}, but the outcomes are of {n}. Give those that were "
            "evaluated, in the same order."
        )
    return Exhibits(kind, content, _one_each(labels, n))


def _parts(examples: Any) -> tuple[Any, Any]:
    """Inputs, and labels if they come along."""
    if isinstance(examples, Examples):
        return examples.inputs, examples.labels
    if isinstance(examples, tuple) and len(examples) == 2 and not isinstance(examples[0], str):
        return examples
    return examples, None


def _shown(show: Callable[[Any], Any], inputs: Any) -> Any:
    try:
        return show(inputs)
    except Exception as error:
        raise DataError(
            f"show: it raised {type(error).__name__} ({error}); it is called with the inputs of "
            "all examples, and returns images, texts or a table. Call it with them yourself."
        ) from error


def _content(content: Any, who: str) -> tuple[str, Any]:
    if isinstance(content, pd.DataFrame):
        return "numbers", content.reset_index(drop=True)
    if isinstance(content, Mapping):
        names = ", ".join(map(str, content))
        raise DataError(f"{who} tensors by name ({names}); allowed are {_FORMS}. {_WAY_OUT}")
    if _are_texts(content):
        return "texts", list(map(str, content))
    array = _array(content, who)
    if array.ndim in (1, 2):
        columns = ["value"] if array.ndim == 1 else [f"input {i}" for i in range(array.shape[1])]
        return "numbers", pd.DataFrame(array.reshape(len(array), -1), columns=columns)
    return "images", _channels_last(array, who)


def _are_texts(content: Any) -> bool:
    if isinstance(content, str) or not isinstance(content, Sequence | np.ndarray | pd.Series):
        return False
    return len(content) > 0 and all(isinstance(text, str) for text in content)


def _array(content: Any, who: str) -> np.ndarray:
    try:
        array = content.detach().cpu() if isinstance(content, Tensor) else content
        array = np.asarray(array.float() if isinstance(array, Tensor) else array)
        number = array.dtype.kind in "buif"
    except (TypeError, ValueError, RuntimeError):
        number, array = False, np.zeros(0)
    if not number or not 1 <= array.ndim <= 4 or not array.size:
        shape = f" of shape {array.shape}" if number else ""
        raise DataError(
            f"{who} a {type(content).__name__}{shape}; allowed are {_FORMS}. {_WAY_OUT}"
        )
    if not np.isfinite(array).all():
        raise DataError(f"{who} NaN or infinity; allowed are finite numbers. Repair or leave out.")
    return array


def _channels_last(array: np.ndarray, who: str) -> np.ndarray:
    """(example, height, width) or (example, height, width, 3)."""
    if array.ndim == 3:
        return array
    if array.shape[3] not in (1, 3) and array.shape[1] in (1, 3):
        array = array.transpose(0, 2, 3, 1)
    if array.shape[3] not in (1, 3):
        raise DataError(
            f"{who} an array of shape {array.shape}; allowed are images of one channel or three: "
            f"{_FORMS}. {_WAY_OUT}"
        )
    return array[..., 0] if array.shape[3] == 1 else array


def _one_each(labels: Any, n: int) -> np.ndarray | None:
    """Labels that are one number per example."""
    if labels is None:
        return None
    try:
        array = np.asarray(labels.detach().cpu() if isinstance(labels, Tensor) else labels)
    except (TypeError, ValueError, RuntimeError):
        return None
    if array.dtype.kind not in "buif":
        return None
    array = array.reshape(len(array), -1) if array.ndim else array[None, None]
    return array[:, 0] if array.shape == (n, 1) else None
