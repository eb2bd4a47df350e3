"""Changes: by how much an ablation shifts the mean of what a readout measured."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from jaxtyping import Float

from lashley import outcomes as schema
from lashley import stats
from lashley.effects.drops import class_sizes, members
from lashley.errors import OutcomesError


def changes(outcomes: xr.Dataset) -> xr.Dataset:
    """Effects of a readout other than classification: see `effects`."""
    sizes = class_sizes(*classes_of(outcomes))
    by_class = "class" in outcomes.sizes
    variables: dict[str, Any] = {"overall_total": ((), outcomes.sizes["example"])}
    if by_class:
        variables["total"] = ("class", sizes)
    for name in schema.measured_names(outcomes):
        total, squares = _sums(outcomes, name)
        if by_class:
            variables |= _changes(name, ("ablation", "class"), total, squares, sizes)
        total, squares, n = total.sum(1), squares.sum(1), np.asarray(sizes.sum())
        variables |= _changes(f"overall_{name}", ("ablation",), total, squares, n)
        p = stats.mean_zero_p(total, squares, n, bound=np.inf)
        variables[f"overall_{name}_change_p"] = ("ablation", p)
        variables[f"overall_{name}_change_p_adjusted"] = ("ablation", stats.benjamini_hochberg(p))
    return xr.Dataset(variables, coords=outcomes.coords)


def mean_changes(outcomes: xr.Dataset) -> xr.Dataset:
    """The mean effect for a readout other than classification: see `mean_effect`."""
    label, n_classes = classes_of(outcomes)
    sizes, by_class = class_sizes(label, n_classes), "class" in outcomes.sizes
    variables: dict[str, Any] = {"overall_total": ((), outcomes.sizes["example"])}
    if by_class:
        variables["total"] = ("class", sizes)
    for name in schema.measured_names(outcomes):
        own, total = _mean_by_example(outcomes, name), _sums(outcomes, name)[0]
        squares = np.bincount(label, own**2, minlength=n_classes)
        whole = [np.asarray(part.sum()) for part in (own, squares, sizes)]
        parts = {f"overall_{name}": (*whole, total.sum(1))}
        if by_class:
            parts[name] = (total.mean(0), squares, sizes, total)
        for prefix, (sums, spread, n, each) in parts.items():
            axes = ("class",) if prefix == name else ()
            variables |= _changes(prefix, axes, sums, spread, n)
            with np.errstate(invalid="ignore"):
                variables[f"{prefix}_sd"] = (axes, (each / n).std(0))
        variables[f"example_{name}_change"] = ("example", own)
    return xr.Dataset(variables, coords={"class": outcomes["class"]} if by_class else {})


def no_ranks(top: object, outcomes: xr.Dataset) -> OutcomesError:
    """The error of a `top` that means nothing for this readout."""
    return OutcomesError(
        f"top: given {top!r}, but {outcomes.attrs['readout']!r} measures no ranks. Leave it out, "
        "or evaluate with readout='classification'."
    )


def _mean_by_example(outcomes: xr.Dataset, name: str) -> Float[np.ndarray, " example"]:
    """Each example's change, averaged over the ablations."""
    found = np.zeros(outcomes.sizes["example"])
    for rows, columns in schema.tiles(outcomes):
        found[columns] += outcomes[name].isel(ablation=rows, example=columns).values.sum(
            0, dtype=np.float64)  # fmt: skip
    return found / outcomes.sizes["ablation"] - outcomes[f"intact_{name}"].values


def classes_of(outcomes: xr.Dataset) -> tuple[np.ndarray, int]:
    """Labels and the number of classes; without classes all examples are in one."""
    if "class" in outcomes.sizes:
        return outcomes["label"].values, outcomes.sizes["class"]
    return np.zeros(outcomes.sizes["example"], np.uint8), 1


def _sums(outcomes: xr.Dataset, name: str) -> Float[np.ndarray, "2 ablation class"]:
    """Sums of the changes and of their squares, class by class."""
    label, n_classes = classes_of(outcomes)
    intact = outcomes[f"intact_{name}"].values
    sums, squares = np.zeros((2, outcomes.sizes["ablation"], n_classes))
    for rows, columns in schema.tiles(outcomes):
        change = outcomes[name].isel(ablation=rows, example=columns).values.astype(np.float64)
        change -= intact[columns]
        there, place = np.unique(label[columns], return_inverse=True)  # few of many may occur
        member = members(place, len(there)).astype(np.float64)
        sums[rows, there] += change @ member
        squares[rows, there] += np.square(change, out=change) @ member
    return np.stack([sums, squares])


def _changes(
    name: str, axes: tuple[str, ...], total: np.ndarray, squares: np.ndarray, n: np.ndarray
) -> dict[str, Any]:
    return mean_with_ends(f"{name}_change", axes, total, squares, n)


def mean_with_ends(
    name: str, axes: tuple[str, ...], total: np.ndarray, squares: np.ndarray, n: np.ndarray
) -> dict[str, Any]:
    """Variables of a mean and both ends of its interval, out of sums and sums of squares."""
    interval = stats.mean_interval(total, squares, n)
    with np.errstate(invalid="ignore"):  # no example, no change: NaN
        mean = total / n
    return {
        name: (axes, mean),
        f"{name}_low": (axes, interval.low),
        f"{name}_high": (axes, interval.high),
    }
