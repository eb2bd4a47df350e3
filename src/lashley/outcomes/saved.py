"""Outcomes that were measured in memory, as groups of a Zarr folder."""

from __future__ import annotations

import shutil
import warnings
from contextlib import suppress
from pathlib import Path

import xarray as xr

from lashley.errors import OutcomesError
from lashley.outcomes.earlier import renamed
from lashley.outcomes.schema import in_order


def save(outcomes: xr.Dataset, folder: Path, group: str) -> None:
    """Write outcomes as a group of a Zarr folder; a kill leaves no half-written group."""
    draft = folder.with_name(f".{folder.name}.part") / group
    shutil.rmtree(draft, ignore_errors=True)
    with warnings.catch_warnings():  # zarr 3 warns that its strings are not in the spec yet
        warnings.simplefilter("ignore")
        outcomes.to_zarr(draft, mode="w", consolidated=False)
    folder.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(folder / group, ignore_errors=True)
    draft.rename(folder / group)
    with suppress(OSError):  # it may hold others
        draft.parent.rmdir()


def is_saved(folder: Path, group: str) -> bool:
    """Whether the group is there, whole."""
    return (folder / group / "zarr.json").is_file()


def open_saved(folder: Path, group: str) -> xr.Dataset:
    """The outcomes of a group, in memory.

    Raises:
        OutcomesError: If there is no such group.
    """
    if not is_saved(folder, group):
        raise OutcomesError(f"outcomes: {folder} holds no {group!r}. Run the study to its end.")
    return renamed(in_order(xr.open_zarr(folder / group, consolidated=False).load()))
