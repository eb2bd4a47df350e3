"""Effects averaged over ablations: the mean drop of a layer's groups, with its interval."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import xarray as xr
from jaxtyping import Bool, Float, Integer

from lashley import outcomes as schema
from lashley import stats
from lashley.effects.changes import mean_changes
from lashley.effects.drops import check_top, class_sizes, lost_and_gained, seen_by, totals
from lashley.effects.grouping import grouped


def mean_effect(outcomes: xr.Dataset, top: int = 1, *, groups: Any = None) -> xr.Dataset:
    """The drop averaged over all ablations of the dataset, and how much it varies among them.

    The ablations share their examples, so the mean is as uncertain as the average example is: the
    interval is that of the mean over the examples, with the ablations fixed.

    Args:
        outcomes: As `evaluate` returns them; those of a store are read part by part.
        top: 1 for top-1 accuracy, 5 for top-5.
        groups: As in `effects`.

    Returns:
        (class): drop_pp with its 95 % interval drop_low_pp, drop_high_pp; sd_pp, the standard
        deviation over the ablations; total, intact_correct. The same over all examples with the
        prefix `overall_`. (example): change, each one's lost - gained averaged over the ablations;
        its mean is the overall drop, as a share. After a run to a wanted precision, where ablations
        have seen different examples, `change` and the intervals are descriptive.

        For another readout, for every NAME it measured: (class) NAME_change, the mean of ablated -
        intact, with its 95 % interval (Student's t) NAME_change_low and NAME_change_high, and
        NAME_sd, the standard deviation over the ablations; total. The same over all examples with
        the prefix `overall_`. (example): example_NAME_change. Without classes only the last two.

    Raises:
        OutcomesError: If there are no `top` classes, or groups do not fit.

    Source: intervals: Bonett and Price 2012, for differences between -1 and 1.
    """
    outcomes = schema.check(outcomes)
    if schema.is_classification(outcomes):
        check_top(outcomes, top)
    outcomes = grouped(outcomes, groups)
    if not schema.is_classification(outcomes):
        return mean_changes(schema.in_turn(outcomes))
    places = outcomes["position"].values if "position" in outcomes.coords else slice(None)
    outcomes = schema.in_turn(outcomes)
    whole = totals(outcomes, top)
    lost, seen = _lost(outcomes, top)
    own, overall = _changes_of(outcomes, top, lost, seen)
    columns = {"drop_pp": _drop(lost, seen), "sd_pp": _deviation(lost, seen)}
    low, high = _ends(own, outcomes["label"].values, columns["drop_pp"], whole["total"][1])
    columns |= {"drop_low_pp": low, "drop_high_pp": high}
    variables = whole | {"change": ("example", overall[places])}
    for name, values in columns.items():
        variables[name] = ("class", 100 * values[:-1], {"units": "pp"})
        variables[f"overall_{name}"] = ((), 100 * values[-1], {"units": "pp"})
    return xr.Dataset(variables, coords={"class": outcomes["class"]}, attrs={"top": top})


def _drop(lost: np.ndarray, seen: np.ndarray) -> Float[np.ndarray, " part"]:
    """The mean of the ablations' drops; NaN for a part without examples."""
    if len(seen) and bool((seen == seen[0]).all()):
        with np.errstate(invalid="ignore"):
            return lost.sum(0) / seen.sum(0)  # sums of whole numbers
    return _mean(_share(lost, seen))


def _deviation(lost: np.ndarray, seen: np.ndarray) -> Float[np.ndarray, " part"]:
    each = _share(lost, seen)
    return np.sqrt(_mean((each - _mean(each)) ** 2))


def _share(lost: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Each ablation's drop; NaN where it has seen no example."""
    return np.divide(lost, seen, out=np.full(lost.shape, np.nan), where=seen > 0)


def _mean(each: np.ndarray) -> np.ndarray:
    """Over the ablations that have seen examples."""
    n = (~np.isnan(each)).sum(0)
    return np.divide(np.nansum(each, 0), n, out=np.full(each.shape[1], np.nan), where=n > 0)


def _ends(
    own: tuple[np.ndarray, np.ndarray], label: np.ndarray, drop: np.ndarray, total: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Both ends of the intervals: of the classes and, last, of all examples."""
    inside, outside = own  # each example's change, around the mean of its class and of all
    squares = np.bincount(label, inside**2, minlength=len(total))[: len(total)]
    n = np.append(total, total.sum())
    spread = np.append(squares, (outside**2).sum())
    mean = np.nan_to_num(drop)
    ends = stats.paired_interval(mean * n, np.minimum(spread + n * mean**2, n), n)
    return np.where(n > 0, ends.low, np.nan), np.where(n > 0, ends.high, np.nan)


def _lost(
    outcomes: xr.Dataset, top: int
) -> tuple[Integer[np.ndarray, "ablation part"], Integer[np.ndarray, "ablation part"]]:
    """Each ablation's lost - gained, and what it has seen: of each class, and last of all."""
    lost, gained = lost_and_gained(outcomes, top)
    by_class = (lost - gained, seen_by(outcomes))
    net, seen = (np.c_[each, each.sum(1)] for each in by_class)
    return net, seen


def _changes_of(
    outcomes: xr.Dataset, top: int, lost: np.ndarray, seen: np.ndarray
) -> tuple[tuple[np.ndarray, np.ndarray], Float[np.ndarray, " example"]]:
    """By example: the change around the mean of its class, and of all; and the change itself.

    An ablation counts on an example by as much as the example counts in its drop.
    """
    label = outcomes["label"].values
    n = np.append(class_sizes(label, outcomes.sizes["class"]), len(label))
    given = np.maximum((seen > 0).sum(0), 1)
    weight = n / np.maximum(seen, 1) / given
    offset = weight * np.nan_to_num(_share(lost, seen))
    inside, outside = np.zeros(len(label)), np.zeros(len(label))
    for rows, columns, change, known in _parts(outcomes, top):
        of_class = label[columns].astype(np.intp)
        inside[columns] += (change * weight[rows][:, of_class]).sum(0)
        inside[columns] -= (known * offset[rows][:, of_class]).sum(0)
        outside[columns] += change.T @ weight[rows, -1] - known.T @ offset[rows, -1]
    return (inside, outside), outside + np.nan_to_num(_drop(lost, seen)[-1])


def _parts(
    outcomes: xr.Dataset, top: int
) -> Iterator[tuple[slice, slice, np.ndarray, Bool[np.ndarray, "ablation example"]]]:
    """By parts: which ablations and examples; 1 where lost, -1 where gained; what is known."""
    right = outcomes["intact_rank"].values < top
    for rows, columns in schema.tiles(outcomes):
        rank = outcomes["rank"].isel(ablation=rows, example=columns).values
        known = ~schema.is_missing(rank)
        yield rows, columns, np.where(known, right[columns].astype(int) - (rank < top), 0), known
