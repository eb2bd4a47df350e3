"""How a store lies in its folder: a Zarr group that says which evaluation it belongs to."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
import xxhash
import zarr

from lashley.errors import OutcomesError
from lashley.files import written_whole
from lashley.outcomes.earlier import columns_before, renamed
from lashley.outcomes.schema import CELL, coordinates, in_order, missing
from lashley.outcomes.sink import Frame

OWN = "lashley_store"  # the attribute that says what a store holds
_ORDER = "number"  # the examples' numbers, where they do not lie in their order
_CHUNK = 1 << 18  # outcomes in a chunk: a file of some 100 KB


def open_store(path: str | os.PathLike[str]) -> xr.Dataset:
    """The outcomes of a finished store; values are read from disk where they are used.

    Raises:
        OutcomesError: If it is not a store, or not finished.
    """
    if not about_store(Path(path))["finished"]:
        raise OutcomesError(
            f"store: {path} is not finished. Call la.evaluate as before to continue."
        )
    stored = xr.open_dataset(
        path, engine="zarr", chunks=None, consolidated=False, mask_and_scale=False
    )
    stored.attrs.pop(OWN)
    stored = stored.set_coords([n for n, v in stored.variables.items() if v.dims == CELL[:1]])
    if _ORDER in stored:
        places = np.argsort(stored[_ORDER].values)
        stored = stored.drop_vars(_ORDER).isel(example=places)
        stored = stored.assign_coords(position=("example", places))
    return renamed(in_order(stored))


def new_or_store(path: Any) -> Path:
    """The folder, if it holds a store or can.

    Raises:
        OutcomesError: If it is not a path, or something else is there.
    """
    if not isinstance(path, str | os.PathLike):
        raise OutcomesError(
            f"store: given {path!r}; allowed is the path of a folder, such as 'outcomes.zarr'."
        )
    folder = Path(path)
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        about_store(folder)
    return folder


def create(folder: Path, frame: Frame, identity: Mapping[str, str], batch: int) -> None:
    """A new store, in which everything is still missing.

    Raises:
        OutcomesError: If it cannot be written.
    """
    shape = (len(frame.ablations), frame.n_examples)
    width = min(batch, shape[1])
    chunks = (min(max(1, _CHUNK // width), shape[0]), width)
    try:
        with written_whole(folder) as draft, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # zarr 3 warns of strings that its spec has not yet
            _skeleton(frame).to_zarr(draft, mode="w", consolidated=False)
            group = zarr.open_group(draft, mode="r+")
            for name, kind in frame.kinds.items():
                for prefix, axes in (("", slice(0, 2)), ("intact_", slice(1, 2))):
                    group.create_array(
                        prefix + name, shape=shape[axes], chunks=chunks[axes], dtype=kind,
                        fill_value=missing(kind), dimension_names=CELL[axes],
                    )  # fmt: skip
            group.update_attributes({OWN: {"identity": dict(identity), "finished": False}})
    except OSError as error:
        raise OutcomesError(
            f"store: {folder} cannot be written ({error}). Give a folder that can be written, with "
            "room for the outcomes."
        ) from error


def _skeleton(frame: Frame) -> xr.Dataset:
    """What is known before anything is measured, on the axes as they lie in the folder."""
    by_example = {} if frame.label is None else {"label": frame.label}
    if frame.order is not None:
        by_example = {name: values[frame.order] for name, values in by_example.items()}
        by_example[_ORDER] = frame.order
    return xr.Dataset(
        {name: ("example", values) for name, values in by_example.items()},
        coords=coordinates(frame.ablations, frame.class_names),
    )


def about_store(folder: Path) -> dict[str, Any]:
    """Which evaluation a store belongs to, and whether it is finished.

    Raises:
        OutcomesError: If it is not a store.
    """
    try:
        return json.loads((folder / "zarr.json").read_text())["attributes"][OWN]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise OutcomesError(
            f"store: {folder} is not a store of outcomes. Give a new folder, or one that "
            "la.evaluate wrote to."
        ) from error


def identity_of(frame: Frame) -> dict[str, str]:
    """The frame's part of what identifies an evaluation."""
    listed = "\n".join(
        " ".join(
            [
                a.site.name,
                a.label,
                str(a.method),
                a.design,
                *map(str, sorted(columns_before(a).items())),
            ]
        )
        for a in frame.ablations
    )
    return {
        "number of examples": str(frame.n_examples),
        "ablations": xxhash.xxh3_128_hexdigest(listed.encode()),
        "class names": ", ".join(frame.class_names),
        "measured variables": ", ".join(f"{n} ({kind})" for n, kind in frame.kinds.items()),
        "order of the examples": xxhash.xxh3_128_hexdigest(frame.places.tobytes()),
    }


def check_same(folder: Path, stored: Mapping[str, str], given: Mapping[str, str]) -> None:
    """Refuse to continue a store of another evaluation.

    Raises:
        OutcomesError: If anything differs.
    """
    differ = [n for n in {**stored, **given} if stored.get(n) != given.get(n)]
    if differ:
        name = differ[0]
        raise OutcomesError(
            f"store: {folder} holds outcomes of another evaluation: {', '.join(differ)} differ "
            f"({name}: {stored.get(name)!s:.60} there, {given.get(name)!s:.60} here). Give another "
            "folder, or delete this one."
        )
