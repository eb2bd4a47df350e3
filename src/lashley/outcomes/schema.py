"""The schema of outcomes: names, axes, number types."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from lashley.ablations import Ablation
from lashley.errors import OutcomesError
from lashley.readouts import CLASSIFICATION

COORDINATES = ("site", "units", "method", "design")
CELL = ("ablation", "example")
_CLASSIFIED = ("rank", "prediction", "intact_rank", "intact_prediction", "label")
_TILE = (256, 8192)  # ablations and examples of outcomes in memory that are looked at together
_CELLS = 1 << 21  # outcomes of a store that are looked at together


def dtype_for(n_classes: int) -> np.dtype[Any]:
    """The smallest unsigned type that holds `n_classes` and one more value, for "not needed"."""
    return np.min_scalar_type(n_classes)


def kinds_of(
    readout_name: str, measured: Mapping[str, Tensor], n_outputs: int
) -> dict[str, np.dtype[Any]]:
    """The types in which outcomes are kept.

    Args:
        readout_name: Of `Readout`.
        measured: What it returned for some examples.
        n_outputs: Of the network; used for ranks and predictions only.

    Returns:
        By name: for classification the smallest unsigned type, else float32 for real numbers, int64
        for whole numbers, uint8 for truth values.
    """
    if readout_name == CLASSIFICATION.name:
        return dict.fromkeys(measured, dtype_for(n_outputs))
    return {name: np.dtype(_kind(values)) for name, values in measured.items()}


def _kind(values: Tensor) -> type:
    if values.dtype == torch.bool:
        return np.uint8
    return np.float32 if values.is_floating_point() else np.int64


def missing(kind: np.dtype[Any]) -> Any:
    """What stands for an outcome that was not needed: NaN, or the type's largest value."""
    return np.nan if kind.kind == "f" else np.iinfo(kind).max


def is_missing(values: np.ndarray) -> np.ndarray:
    """Which outcomes were not needed."""
    return np.isnan(values) if values.dtype.kind == "f" else values == missing(values.dtype)


def coordinates(ablations: Sequence[Ablation], class_names: Sequence[str]) -> dict[str, Any]:
    """The coordinates of outcomes, as `xarray` takes them."""
    coords: dict[str, Any] = {
        "site": ("ablation", np.array([a.site.name for a in ablations], dtype=np.str_)),
        "units": ("ablation", np.array([a.label for a in ablations], dtype=np.str_)),
        "method": ("ablation", np.array([str(a.method) for a in ablations], dtype=np.str_)),
        "design": ("ablation", np.array([a.design for a in ablations], dtype=np.str_)),
    }
    coords |= {name: _own_column(ablations, name) for name in _own_names(ablations)}
    if class_names:
        coords["class"] = ("class", np.array(class_names, dtype=np.str_))
    return coords


def _own_names(ablations: Sequence[Ablation]) -> list[str]:
    return sorted({name for a in ablations for name in a.columns})


def _own_column(ablations: Sequence[Ablation], name: str) -> xr.Variable:
    given = [a.columns.get(name) for a in ablations]
    whole = all(isinstance(value, int) for value in given if value is not None)
    absent = -1 if whole else np.nan
    values = np.array([absent if v is None else v for v in given], np.int64 if whole else float)
    return xr.Variable("ablation", values, encoding={"_FillValue": None})  # NaN is a value here


def assemble(
    ablations: Sequence[Ablation],
    arrays: Mapping[str, np.ndarray],
    class_names: Sequence[str],
    attrs: Mapping[str, Any],
    columns: Mapping[str, np.ndarray] | None = None,
) -> xr.Dataset:
    """The dataset of the arrays that an engine has filled.

    Args:
        ablations: In the order of the arrays' ablation axis.
        arrays: The variables of the schema, by name.
        class_names: In the order of the network's outputs; () where the labels are not classes.
        attrs: How the outcomes were made: readout, engine, fingerprints, versions.
        columns: (ablation,) further coordinates, such as n_examples.
    """
    coords = coordinates(ablations, class_names)
    coords |= {name: ("ablation", values) for name, values in (columns or {}).items()}
    variables = {n: (CELL[2 - a.ndim :], a) for n, a in arrays.items()}
    return in_order(xr.Dataset(variables, coords=coords, attrs=dict(attrs)))


def units_of(outcomes: xr.Dataset) -> list[tuple[int, ...]]:
    """The units of each ablation as numbers."""
    return [tuple(map(int, str(text).split(","))) for text in outcomes["units"].values]


def at(measured: xr.Dataset, *units: int) -> xr.Dataset:
    """The part of outcomes, effects or interactions that belongs to one ablation.

    Raises:
        OutcomesError: If these units were not ablated (alone together).
    """
    label = ",".join(map(str, sorted(units)))
    found = np.flatnonzero(measured["units"].values.astype(str) == label)
    if not len(found):
        raise OutcomesError(
            f"units: given {label}; none of the {measured.sizes['ablation']} ablations is of them. "
            "Choose units that were ablated, counted from 0."
        )
    return measured.isel(ablation=int(found[0]))


def own_columns(outcomes: xr.Dataset) -> list[str]:
    """The columns that the designs, or the run, brought along, such as proportion and anchor."""
    own = [str(n) for n, v in outcomes.coords.items() if v.dims == ("ablation",)]
    return [name for name in own if name not in (*COORDINATES, "ablation")]


def is_classification(outcomes: xr.Dataset) -> bool:
    """Whether ranks and predictions were measured."""
    return outcomes.attrs.get("readout", CLASSIFICATION.name) == CLASSIFICATION.name


def measured_names(outcomes: xr.Dataset) -> list[str]:
    """What was measured for every ablation and example."""
    return [str(n) for n, v in outcomes.data_vars.items() if v.dims == CELL]


def in_turn(outcomes: xr.Dataset) -> xr.Dataset:
    """The examples in the order in which they were taken and lie in a store, to read by chunks."""
    if "position" not in outcomes.coords:
        return outcomes
    return outcomes.isel(example=np.argsort(outcomes["position"].values))


def tiles(outcomes: xr.Dataset) -> Iterator[tuple[slice, slice]]:
    """Parts of the ablation and the example axis, so that each part of a store is read once.

    Outcomes may be larger than the memory; a tile is not.
    """
    encoding = outcomes[measured_names(outcomes)[0]].encoding
    rows, columns = encoding.get("chunks") or _TILE
    columns *= max(1, _CELLS // (rows * columns))
    for row in range(0, outcomes.sizes["ablation"], rows):
        for column in range(0, outcomes.sizes["example"], columns):
            yield slice(row, row + rows), slice(column, column + columns)


def check(outcomes: Any) -> xr.Dataset:
    """`outcomes` itself, if it has the schema and nothing is missing.

    Outcomes that were not needed are allowed where classes were measured to a wanted precision.

    Raises:
        OutcomesError: If it is not such a dataset, or an outcome is missing.
    """
    if not isinstance(outcomes, xr.Dataset):
        raise OutcomesError(
            f"outcomes: given a {type(outcomes).__name__}; allowed is the xarray.Dataset that "
            "la.evaluate returns."
        )
    absent = [name for name in _needed(outcomes) if name not in outcomes.variables]
    if absent:
        raise OutcomesError(
            f"outcomes: {', '.join(absent)} are missing. Give the whole dataset of la.evaluate."
        )
    if not (is_classification(outcomes) and "precision" in outcomes.attrs):
        check_complete(outcomes)
    return outcomes


def check_complete(outcomes: xr.Dataset) -> None:
    """Refuse outcomes if some were not measured.

    Raises:
        OutcomesError: If one is missing.
    """
    names = ["rank"] if is_classification(outcomes) else measured_names(outcomes)
    outcomes = in_turn(outcomes)
    for rows, columns in tiles(outcomes):
        for name in names:
            part = outcomes[name].isel(ablation=rows, example=columns)
            if is_missing(part.values).any():
                raise OutcomesError(
                    "outcomes: some were not measured. Evaluate the ablations on all examples."
                )


def _needed(outcomes: xr.Dataset) -> list[str]:
    if is_classification(outcomes):
        return [*_CLASSIFIED, *COORDINATES, "class"]
    names = measured_names(outcomes) or [str(outcomes.attrs["readout"])]
    classes = [n for n in ("label", "class") if {"label", "class"} & set(outcomes.variables)]
    return [*names, *(f"intact_{name}" for name in names), *COORDINATES, *classes]


def in_order(outcomes: xr.Dataset) -> xr.Dataset:
    """The same in the schema's order; a Zarr folder lists its parts in any order."""
    by_cell = measured_names(outcomes)
    measured = [n for n in _CLASSIFIED if n in by_cell] or sorted(by_cell)
    names = [*measured, *(f"intact_{n}" for n in measured), "label", *COORDINATES, "class"]
    order = [n for n in names if n in outcomes.variables]
    order += sorted(str(n) for n in outcomes.variables if n not in names)
    parts = {n: outcomes.variables[n] for n in order}
    coords = {n: v for n, v in parts.items() if n in outcomes.coords}
    variables = {n: v for n, v in parts.items() if n not in coords}
    return xr.Dataset(variables, coords=coords, attrs=outcomes.attrs)
