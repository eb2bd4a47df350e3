"""Drops: how many examples an ablation makes wrong, and how many right, overall and by class."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from jaxtyping import Bool, Integer

from lashley import outcomes as schema
from lashley import stats
from lashley.errors import OutcomesError

PP = {"units": "pp"}


def drops(outcomes: xr.Dataset, top: int, *, by_class: bool = True) -> xr.Dataset:
    """Effects of a classification: see `effects`.

    Args:
        outcomes: Checked.
        top: Checked.
        by_class: Whether `class` are classes, and no groups of examples.
    """
    whole = totals(outcomes, top)
    lost, gained = lost_and_gained(outcomes, top)
    if to_precision := "precision" in outcomes.attrs:
        seen = seen_by(outcomes)
        overall = seen.sum(1)
        interval = stats.confidence_sequence(lost.sum(1), gained.sum(1), overall)
    else:
        seen, overall = whole["total"][1], np.asarray(whole["overall_total"][1])
        interval = stats.paired_interval((lost - gained).sum(1), (lost + gained).sum(1), overall)
    ends = stats.paired_interval(lost - gained, lost + gained, seen)
    variables = _drops("", ("ablation", "class"), lost, gained, seen, ends)
    variables |= _drops("overall_", ("ablation",), lost.sum(1), gained.sum(1), overall, interval)
    if to_precision:  # where a p-value does not hold
        variables |= {"seen": (("ablation", "class"), seen), "overall_seen": ("ablation", overall)}
    else:
        p = stats.sign_p(lost.sum(1), gained.sum(1))
        variables["overall_p"] = ("ablation", p)
        variables["overall_p_adjusted"] = ("ablation", stats.benjamini_hochberg(p))
    variables |= (false_positives(outcomes) if by_class else {}) | whole
    return xr.Dataset(variables, coords=outcomes.coords, attrs={"top": top})


def totals(outcomes: xr.Dataset, top: int) -> dict[str, Any]:
    """The variables total and intact_correct, by class and, with `overall_`, over all examples."""
    label, intact = outcomes["label"].values, outcomes["intact_rank"].values
    found: dict[str, Any] = {}
    parts = {"total": ~schema.is_missing(intact), "intact_correct": intact < top}
    for name, part in parts.items():
        found[name] = ("class", class_sizes(label[part], outcomes.sizes["class"]))
        found[f"overall_{name}"] = ((), int(part.sum()))
    return found


def tops_of(classes: int) -> tuple[int, ...]:
    """The paper's top-1 and top-5, if they mean anything for this many classes."""
    return tuple(top for top in (1, 5) if top < classes)


def check_top(outcomes: xr.Dataset, top: int) -> None:
    """Refuse a `top` that is not a number of classes.

    Raises:
        OutcomesError: If it is not one.
    """
    n_classes = outcomes.sizes["class"]
    if isinstance(top, bool) or not isinstance(top, int | np.integer) or not 1 <= top <= n_classes:
        raise OutcomesError(
            f"top: given {top!r}; allowed are the whole numbers 1 to {n_classes}, the number of "
            "classes."
        )


def members(
    label: Integer[np.ndarray, " example"], n_classes: int
) -> Bool[np.ndarray, "example class"]:
    """Which example belongs to which class."""
    return label[:, None] == np.arange(n_classes)


def count(
    what: Integer[np.ndarray, "ablation example"] | Bool[np.ndarray, "ablation example"],
    label: Integer[np.ndarray, " example"],
    n_classes: int,
) -> Integer[np.ndarray, "ablation class"]:
    """Sums class by class; as a matrix product, exact below 2^24 examples."""
    there, place = np.unique(label, return_inverse=True)  # of many classes few may occur
    sums = what.astype(np.float32) @ members(place, len(there)).astype(np.float32)
    found = np.zeros((len(what), n_classes), np.int64)
    found[:, there] = np.rint(sums)
    return found


def share(total: np.ndarray, n: np.ndarray) -> np.ndarray:
    """In pp of n; NaN where n is 0."""
    with np.errstate(invalid="ignore"):
        return total * 100 / n


def class_sizes(label: Integer[np.ndarray, " example"], n_classes: int) -> np.ndarray:
    """(class,) how many examples each class has."""
    return np.bincount(label, minlength=n_classes)[:n_classes]


def lost_and_gained(
    outcomes: xr.Dataset, top: int
) -> tuple[Integer[np.ndarray, "ablation class"], Integer[np.ndarray, "ablation class"]]:
    """How many examples each ablation makes wrong, and how many right."""
    label, right = outcomes["label"].values, outcomes["intact_rank"].values < top
    lost, gained, n = _zeros(outcomes), _zeros(outcomes), outcomes.sizes["class"]
    for rows, columns in schema.tiles(outcomes):
        rank = outcomes["rank"].isel(ablation=rows, example=columns).values
        wrong = (rank >= top) & ~schema.is_missing(rank)
        lost[rows] += count(right[columns] & wrong, label[columns], n)
        gained[rows] += count(~right[columns] & (rank < top), label[columns], n)
    return lost, gained


def false_positives(outcomes: xr.Dataset) -> dict[str, Any]:
    """The variables false_positives and intact_false_positives: see `effects`."""
    label, n = outcomes["label"].values, outcomes.sizes["class"]
    found = _zeros(outcomes)
    for rows, columns in schema.tiles(outcomes):
        part = outcomes["prediction"].isel(ablation=rows, example=columns).values
        found[rows] += _fallen_into(part, label[columns], n)
    intact = _fallen_into(outcomes["intact_prediction"].values[None], label, n)[0]
    return {
        "false_positives": (("ablation", "class"), found, {"units": "examples"}),
        "intact_false_positives": ("class", intact, {"units": "examples"}),
    }


def _fallen_into(
    prediction: Integer[np.ndarray, "ablation example"],
    label: Integer[np.ndarray, " example"],
    n_classes: int,
) -> Integer[np.ndarray, "ablation class"]:
    """By class, how many examples of others are taken for it; what is not known is not counted."""
    wrong = (prediction != label) & ~schema.is_missing(prediction) & (prediction < n_classes)
    row = np.nonzero(wrong)[0]
    cell = row * n_classes + prediction[wrong].astype(np.int64)
    shape = (len(prediction), n_classes)
    return np.bincount(cell, minlength=shape[0] * shape[1]).reshape(shape).astype(np.int64)


def seen_by(outcomes: xr.Dataset) -> Integer[np.ndarray, "ablation class"]:
    """How many examples each ablation was run on."""
    label, seen = outcomes["label"].values, _zeros(outcomes)
    for rows, columns in schema.tiles(outcomes):
        rank = outcomes["rank"].isel(ablation=rows, example=columns).values
        seen[rows] += count(~schema.is_missing(rank), label[columns], outcomes.sizes["class"])
    return seen


def _zeros(outcomes: xr.Dataset) -> np.ndarray:
    return np.zeros((outcomes.sizes["ablation"], outcomes.sizes["class"]), np.int64)


def _drops(
    prefix: str, axes: tuple[str, ...], lost: np.ndarray, gained: np.ndarray, n: np.ndarray,
    interval: stats.Interval,
) -> dict[str, Any]:  # fmt: skip
    return {
        f"{prefix}drop_pp": (axes, share(lost - gained, n), PP),
        f"{prefix}drop_low_pp": (axes, interval.low * 100, PP),
        f"{prefix}drop_high_pp": (axes, interval.high * 100, PP),
        f"{prefix}lost": (axes, lost, {"units": "examples"}),
        f"{prefix}gained": (axes, gained, {"units": "examples"}),
    }
