"""Sinks: where an engine's outcomes go as they come, block by block."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import xarray as xr

from lashley.ablations import Ablation
from lashley.outcomes.schema import assemble, dtype_for, is_missing, missing

Index = slice | Sequence[int] | np.ndarray
Values = Mapping[str, np.ndarray]


@dataclass(frozen=True, eq=False)
class Frame:
    """What outcomes will be of.

    Attributes:
        ablations: In the order of the ablation axis.
        n_examples: Length of the example axis.
        kinds: The measured variables and their types, from `kinds_of`.
        labels: (example,) indices of the true classes; None where the labels are not classes.
        class_names: In the order of the network's outputs; () where the labels are not classes.
        order: (example,) the examples in the order in which the engine takes them; None: as given.
            The outcomes are returned in the user's order, with the coordinate `position`.
    """

    ablations: Sequence[Ablation]
    n_examples: int
    kinds: Mapping[str, np.dtype[Any]]
    labels: np.ndarray | None = None
    class_names: Sequence[str] = ()
    order: np.ndarray | None = None

    @property
    def n_rows(self) -> int:
        """How many rows the engine has: 0 is the intact network, i + 1 is ablation i."""
        return 1 + len(self.ablations)

    @property
    def places(self) -> np.ndarray:
        """(example,) when each example's turn comes."""
        return np.arange(self.n_examples) if self.order is None else np.argsort(self.order)

    @property
    def label(self) -> np.ndarray | None:
        """(example,) the labels in the smallest type."""
        if self.labels is None or not self.class_names:
            return None
        return self.labels.astype(self.kinds.get("rank", dtype_for(len(self.class_names))))


class Sink(Protocol):
    """Keeps outcomes.

    Rows are the engine's: 0 is the intact network, i + 1 is ablation i. Examples are numbered as in
    the user's data.
    """

    def write(self, rows: Index, examples: Index, values: Values) -> None:
        """Keep values (row, example) by name."""
        ...

    def known(self, examples: Index) -> np.ndarray:
        """(row,) whether the row's outcomes of all these examples are kept already."""
        ...

    def read(self, examples: Index) -> dict[str, np.ndarray]:
        """(row, example) what is kept of these examples, by name; the rest is missing."""
        ...

    def flush(self) -> None:
        """Make sure that what was written outlives the process, as far as that is possible."""
        ...

    def finish(
        self, attrs: Mapping[str, Any], columns: Mapping[str, np.ndarray] | None = None
    ) -> xr.Dataset:
        """The outcomes, with how they were made and further coordinates (ablation,)."""
        ...


class Memory:
    """Keeps outcomes in arrays."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame
        shape = (frame.n_rows, frame.n_examples)
        self._arrays = {n: np.full(shape, missing(k), k) for n, k in frame.kinds.items()}

    def write(self, rows: Index, examples: Index, values: Values) -> None:
        """Keep values (row, example) by name."""
        for name, array in self._arrays.items():
            array[_cells(rows, examples)] = values[name]

    def known(self, examples: Index) -> np.ndarray:
        """(row,) whether the row's outcomes of all these examples are kept already."""
        array = next(iter(self._arrays.values()))
        return ~np.any(is_missing(array[:, examples]), axis=1)

    def read(self, examples: Index) -> dict[str, np.ndarray]:
        """(row, example) what is kept of these examples, by name; the rest is missing."""
        return {name: array[:, examples] for name, array in self._arrays.items()}

    def flush(self) -> None:
        """Nothing outlives the process."""

    def finish(
        self, attrs: Mapping[str, Any], columns: Mapping[str, np.ndarray] | None = None
    ) -> xr.Dataset:
        """The outcomes, with how they were made and further coordinates (ablation,)."""
        frame = self._frame
        arrays = {name: array[1:] for name, array in self._arrays.items()}
        arrays |= {f"intact_{name}": array[0] for name, array in self._arrays.items()}
        if frame.label is not None:
            arrays["label"] = frame.label
        found = assemble(frame.ablations, arrays, frame.class_names, attrs, columns)
        if frame.order is None:
            return found
        return found.assign_coords(position=("example", frame.places))


def size_of(n_ablations: int, n_examples: int, kinds: Mapping[str, np.dtype[Any]]) -> int:
    """Bytes of outcomes in memory; a store compresses them, so they are fewer on disk."""
    return (1 + n_ablations) * n_examples * sum(np.dtype(kind).itemsize for kind in kinds.values())


def _cells(rows: Index, examples: Index) -> Any:
    if isinstance(rows, slice) or isinstance(examples, slice):
        return rows, examples
    return np.ix_(np.asarray(rows, np.intp), np.asarray(examples, np.intp))
