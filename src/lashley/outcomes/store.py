"""A store: a Zarr folder that outcomes are written to as they come, and that outlives a kill.

Outcomes lie in chunks of some ablations by one batch of examples, in the order in which the engine
takes the examples. A chunk is gathered in memory and written when it is full, its batch is over, or
some seconds have passed.
A file is put in place whole (zarr 3.1.3 or later), and what is not there yet reads as missing. So
the outcomes themselves say what is done, and an evaluation that was killed continues after them.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import xarray as xr
import zarr

from lashley.outcomes.layout import (
    OWN,
    about_store,
    check_same,
    create,
    identity_of,
    new_or_store,
    open_store,
)
from lashley.outcomes.schema import is_missing
from lashley.outcomes.sink import Frame, Index, Values

_GATHERED = 1 << 26  # bytes of chunks gathered at a time
_SECONDS = 10.0  # after this time what is gathered is written, complete or not

StoreKey = tuple[int, int]  # of a chunk: which ablations (-1: the intact network), which batch


class Store:
    """Keeps outcomes in a folder.

    Args:
        path: A new folder, or that of the same evaluation, which is then continued.
        frame: The form that the outcomes will have.
        identity: What tells this evaluation from others, as text: fingerprints of data and
            network, methods' seeds, precision. Axes, kinds and order of the frame are added.
        batch: How many examples the engine takes at once. A continued store keeps its own.

    Attributes:
        folder: Where it is.
        batch: How many examples to take at once, in the frame's order. Other blocks are kept as
            well, but more slowly.
        is_finished: Whether nothing is left to do: `open_store` has the outcomes.

    Raises:
        OutcomesError: If the path cannot be written to, or holds something else.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        frame: Frame,
        identity: Mapping[str, str],
        batch: int,
    ) -> None:
        self.folder = new_or_store(path)
        identity = {**identity, **identity_of(frame)}
        if not (self.folder / "zarr.json").is_file():
            create(self.folder, frame, identity, batch)
        about = about_store(self.folder)
        check_same(self.folder, about["identity"], identity)
        self.is_finished: bool = about["finished"]
        self._group = zarr.open_group(self.folder, mode="r+")
        self._arrays: dict[str, Any] = {name: self._group[name] for name in frame.kinds}
        self._intact: dict[str, Any] = {n: self._group[f"intact_{n}"] for n in frame.kinds}
        self._height, self.batch = next(iter(self._arrays.values())).chunks
        self._frame, self._places = frame, frame.places
        self._gathered: dict[StoreKey, dict[str, np.ndarray]] = {}
        self._written = time.monotonic()
        for left in self.folder.rglob("*.partial"):  # by a kill
            left.unlink()

    def write(self, rows: Index, examples: Index, values: Values) -> None:
        """Keep values (row, example) by name; batches come one after another.

        What is kept counts as known after a kill, so write final values only.
        """
        row, place = _numbers(rows, self._frame.n_rows), self._places[examples]
        if not (row.size and place.size):
            return
        chunks, batches = (row - 1) // self._height, place // self.batch
        self._flush(lambda key: key[1] < batches.min())
        for key in ((int(c), int(b)) for c in np.unique(chunks) for b in np.unique(batches)):
            mine, its = np.flatnonzero(chunks == key[0]), np.flatnonzero(batches == key[1])
            first_row, first_place = self._corner(key)
            if key not in self._gathered:
                self._gathered[key] = self._stored(key)
            chunk = self._gathered[key]
            for name, kept in chunk.items():
                at = np.ix_(row[mine] - first_row, place[its] - first_place)
                kept[at] = values[name][np.ix_(mine, its)]
            if _is_full(chunk):
                self._flush(lambda other, full=key: other == full)
        gathered = sum(a.nbytes for c in self._gathered.values() for a in c.values())
        if gathered > _GATHERED or time.monotonic() - self._written > _SECONDS:
            self._flush()
            self._written = time.monotonic()

    def known(self, examples: Index) -> np.ndarray:
        """(row,) whether the row's outcomes of all these examples are kept already."""
        self._flush()
        places, found = self._places[examples], np.ones(self._frame.n_rows, bool)
        for name, array in self._arrays.items():
            found[0] &= not is_missing(self._intact[name].oindex[places]).any()
            for start in range(1, len(found), self._height):  # not all ablations at once
                rows = slice(start, start + self._height)
                part = array.oindex[start - 1 : start - 1 + self._height, places]
                found[rows] &= ~is_missing(part).any(1)
        return found

    def read(self, examples: Index) -> dict[str, np.ndarray]:
        """(row, example) what is kept of these examples, by name; the rest is missing."""
        self._flush()
        places = self._places[examples]
        return {
            name: np.concatenate(
                [self._intact[name].oindex[places][None], array.oindex[:, places]]
            )
            for name, array in self._arrays.items()
        }  # fmt: skip

    def flush(self) -> None:
        """Write what is gathered when a run is stopped."""
        self._flush()

    def finish(
        self, attrs: Mapping[str, Any], columns: Mapping[str, np.ndarray] | None = None
    ) -> xr.Dataset:
        """The outcomes, with how they were made and further coordinates (ablation,)."""
        self._flush()
        for name, values in (columns or {}).items():
            self._group.create_array(
                name, data=np.asarray(values), dimension_names=("ablation",), overwrite=True
            )
        own = {**about_store(self.folder), "finished": True}
        self._group.update_attributes({**attrs, OWN: own})
        self.is_finished = True
        return open_store(self.folder)

    def _corner(self, key: StoreKey) -> StoreKey:
        """The first row and the first place of a chunk."""
        return max(0, 1 + key[0] * self._height), key[1] * self.batch

    def _part(self, name: str, key: StoreKey) -> tuple[Any, Any]:
        """The array that a chunk lies in, and where."""
        row, place = self._corner(key)
        places = slice(place, place + self.batch)
        if key[0] < 0:
            return self._intact[name], places
        return self._arrays[name], (slice(row - 1, row - 1 + self._height), places)

    def _stored(self, key: StoreKey) -> dict[str, np.ndarray]:
        parts = {name: self._part(name, key) for name in self._arrays}
        return {name: np.atleast_2d(array[where]) for name, (array, where) in parts.items()}

    def _flush(self, which: Callable[[StoreKey], bool] = lambda key: True) -> None:
        for key in [key for key in self._gathered if which(key)]:
            for name, values in self._gathered[key].items():
                array, where = self._part(name, key)
                array[where] = values if key[0] >= 0 else values[0]
            del self._gathered[key]


def _is_full(chunk: Mapping[str, np.ndarray]) -> bool:
    return not any(
        is_missing(kept[:, :1]).any() or is_missing(kept).any()  # the first column usually tells
        for kept in chunk.values()
    )


def _numbers(index: Index, n: int) -> np.ndarray:
    return np.arange(n)[index] if isinstance(index, slice) else np.asarray(index, np.intp)
