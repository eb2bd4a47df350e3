"""Outcomes: what each ablated network does to each example, as an `xarray.Dataset`.

    dimension   ablation, example, class
    rank                (ablation, example)  classes with a larger logit than the true one
    prediction          (ablation, example)  the class of rank 0
    intact_rank         (example)            the same of the intact network
    intact_prediction   (example)
    label               (example)            the true class
    site, units, method, design (ablation)   coordinates; units as text, "3,15"
    class               (class)              coordinate: the names of the classes

Ranks, predictions and labels have the smallest unsigned type that holds the number of classes; its
largest value stands for an outcome that was not needed.
"""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from lashley.ablations import Ablation
from lashley.errors import OutcomesError

_VARIABLES = {
    "rank": ("ablation", "example"),
    "prediction": ("ablation", "example"),
    "intact_rank": ("example",),
    "intact_prediction": ("example",),
    "label": ("example",),
}
_COORDINATES = ("site", "units", "method", "design")


def dtype_for(n_classes: int) -> np.dtype[Any]:
    """The smallest unsigned type that holds `n_classes` and one value more, for "not needed"."""
    return np.min_scalar_type(n_classes)


def assemble(
    ablations: Sequence[Ablation],
    arrays: Mapping[str, np.ndarray],
    class_names: Sequence[str],
    attrs: Mapping[str, Any],
) -> xr.Dataset:
    """The dataset of the arrays that an engine has filled.

    Args:
        ablations: In the order of the arrays' ablation axis.
        arrays: The variables of the schema, by name.
        class_names: In the order of the network's outputs.
        attrs: How the outcomes were made: engine, fingerprints, versions.
    """
    coords = {
        "site": ("ablation", np.array([a.site.name for a in ablations], dtype=np.str_)),
        "units": ("ablation", np.array([a.label for a in ablations], dtype=np.str_)),
        "method": ("ablation", np.array([a.method for a in ablations], dtype=np.str_)),
        "design": ("ablation", np.array([a.design for a in ablations], dtype=np.str_)),
        "class": ("class", np.array(class_names, dtype=np.str_)),
    }
    variables = {name: (dims, arrays[name]) for name, dims in _VARIABLES.items()}
    return xr.Dataset(variables, coords=coords, attrs=dict(attrs))


def units_of(outcomes: xr.Dataset) -> list[tuple[int, ...]]:
    """The units of each ablation as numbers."""
    return [tuple(map(int, str(text).split(","))) for text in outcomes["units"].values]


def check(outcomes: Any) -> xr.Dataset:
    """`outcomes` itself, if it has the schema and nothing is missing.

    Raises:
        OutcomesError: If it is no such dataset, or an outcome is missing.
    """
    if not isinstance(outcomes, xr.Dataset):
        raise OutcomesError(
            f"outcomes: given a {type(outcomes).__name__}; allowed is the xarray.Dataset that "
            "la.evaluate returns."
        )
    absent = [v for v in (*_VARIABLES, *_COORDINATES, "class") if v not in outcomes.variables]
    if absent:
        raise OutcomesError(
            f"outcomes: {', '.join(absent)} are missing. Give the dataset of la.evaluate whole."
        )
    missing = np.iinfo(outcomes["rank"].dtype).max
    if bool((outcomes["rank"] == missing).any()):
        raise OutcomesError(
            "outcomes: some were not measured. Evaluate the ablations on all examples."
        )
    return outcomes


def save(outcomes: xr.Dataset, folder: Path, group: str) -> None:
    """Write outcomes as a group of a Zarr folder; a kill leaves no half group behind."""
    draft = folder.with_name(f".{folder.name}.part") / group
    shutil.rmtree(draft, ignore_errors=True)
    with warnings.catch_warnings():  # zarr 3 warns that its strings are not in the spec yet
        warnings.simplefilter("ignore")
        outcomes.to_zarr(draft, mode="w", consolidated=False)
    folder.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(folder / group, ignore_errors=True)
    draft.rename(folder / group)
    with suppress(OSError):  # others may be in it
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
    return _in_order(xr.open_zarr(folder / group, consolidated=False).load())


def _in_order(stored: xr.Dataset) -> xr.Dataset:
    """The same in the schema's order; a Zarr folder lists its parts in any."""
    names = [*_VARIABLES, *_COORDINATES, "class"]
    order = [n for n in names if n in stored.variables]
    order += sorted(str(n) for n in stored.variables if n not in names)
    parts = {n: stored.variables[n] for n in order}
    coords = {n: v for n, v in parts.items() if n in stored.coords}
    variables = {n: v for n, v in parts.items() if n not in coords}
    return xr.Dataset(variables, coords=coords, attrs=stored.attrs)
