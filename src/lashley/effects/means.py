"""Effects averaged over ablations: the mean drop of a layer's groups, with its interval."""

from __future__ import annotations

import numpy as np
import xarray as xr
from jaxtyping import Bool, Float

from lashley import outcomes as schema
from lashley import stats
from lashley.effects.drops import check_top, class_sizes, members
from lashley.errors import OutcomesError


def mean_effect(outcomes: xr.Dataset, top: int = 1) -> xr.Dataset:
    """The drop averaged over all ablations of the dataset, and how much it varies among them.

    The ablations share their examples, so the mean is as uncertain as the average example is: the
    interval is that of the mean over the examples (Student's t), the ablations being given.

    Args:
        outcomes: Of a classification, as `evaluate` returns them; of a store they are read part by
            part.
        top: 1 for top-1 accuracy, 5 for top-5.

    Returns:
        (class): drop_pp with its 95 % interval drop_low_pp, drop_high_pp; sd_pp, the standard
        deviation over the ablations; total, intact_correct. The same over all examples with
        `overall_` in front. After a run to a wanted precision, where ablations have seen different
        examples, the interval is descriptive.

    Raises:
        OutcomesError: If there are no ranks, or no `top` classes.
    """
    outcomes = schema.in_turn(schema.check(outcomes)).drop_vars("position", errors="ignore")
    if not schema.is_classification(outcomes):
        raise OutcomesError(
            f"outcomes: given {outcomes.attrs['readout']!r}, which measures no ranks. Evaluate "
            "with readout='classification'."
        )
    check_top(outcomes, top)
    label, intact = outcomes["label"].values, outcomes["intact_rank"].values
    known, right = ~schema.is_missing(intact), intact < top
    n_classes = outcomes.sizes["class"]
    parts = np.c_[members(label, n_classes), np.ones(len(label), bool)]  # the last part is all
    variables = {
        "total": ("class", class_sizes(label[known], n_classes)),
        "intact_correct": ("class", class_sizes(label[right], n_classes)),
        "overall_total": ((), int(known.sum())),
        "overall_intact_correct": ((), int(right.sum())),
    }
    for name, values in _means(outcomes, top, parts).items():
        variables[name] = ("class", 100 * values[:-1], {"units": "%p"})
        variables[f"overall_{name}"] = ((), 100 * values[-1], {"units": "%p"})
    return xr.Dataset(variables, coords={"class": outcomes["class"]}, attrs={"top": top})


def _means(
    outcomes: xr.Dataset, top: int, parts: Bool[np.ndarray, "example part"]
) -> dict[str, Float[np.ndarray, " part"]]:
    """Mean, interval and deviation of the drop, as shares, on each part of the examples."""
    lost, seen = _lost(outcomes, top, parts)
    with np.errstate(invalid="ignore"):  # of no example there is no drop: NaN
        drop = lost / seen
        same = len(seen) > 0 and bool((seen == seen[0]).all())
        mean = lost.sum(0) / seen.sum(0) if same else _mean_of(drop)  # sums of whole numbers
    n = parts.sum(0)
    share = _influence(outcomes, top, parts, drop, seen) * n  # by example; 0 on average
    ends = stats.mean_interval(np.zeros(len(n)), (share**2).sum(0), n)
    return {
        "drop_pp": mean,
        "drop_low_pp": np.maximum(mean + ends.low, -1),
        "drop_high_pp": np.minimum(mean + ends.high, 1),
        "sd_pp": np.sqrt(_mean_of((drop - mean) ** 2)),
    }


def _mean_of(drop: np.ndarray) -> np.ndarray:
    """(part,) over the ablations; NaN where a part has no example."""
    return drop.mean(0) if len(drop) else np.full(drop.shape[1], np.nan)


def _lost(
    outcomes: xr.Dataset, top: int, parts: np.ndarray
) -> tuple[Float[np.ndarray, "ablation part"], Float[np.ndarray, "ablation part"]]:
    """Each ablation's lost - gained, and how many examples it has seen."""
    total = np.zeros((outcomes.sizes["ablation"], parts.shape[1]))
    seen = np.zeros_like(total)
    for rows, columns, change, known in _changes(outcomes, top):
        total[rows] += change @ parts[columns].astype(np.float32)
        seen[rows] += known.astype(np.float32) @ parts[columns].astype(np.float32)
    return total, seen


def _influence(
    outcomes: xr.Dataset, top: int, parts: np.ndarray, drop: np.ndarray, seen: np.ndarray
) -> Float[np.ndarray, "example part"]:
    """By how much each example pulls the mean drop away from where it is."""
    pull = np.zeros(parts.shape)
    weight = 1 / np.maximum(seen, 1) / max(1, len(drop))
    offset = weight * np.nan_to_num(drop)
    for rows, columns, change, known in _changes(outcomes, top):
        pull[columns] += change.T @ weight[rows] - known.T.astype(np.float64) @ offset[rows]
    return pull * parts


def _changes(outcomes: xr.Dataset, top: int):
    """By parts: which ablations and examples; 1 where lost, -1 where gained; what is known."""
    right = outcomes["intact_rank"].values < top
    for rows, columns in schema.tiles(outcomes):
        rank = outcomes["rank"].isel(ablation=rows, example=columns).values
        known = ~schema.is_missing(rank)
        change = np.where(known, right[columns].astype(np.int8) - (rank < top), 0)
        yield rows, columns, change.astype(np.float32), known
