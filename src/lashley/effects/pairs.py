"""Interactions: what ablating two units together adds to ablating each alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from lashley import outcomes as schema
from lashley import stats
from lashley.effects.changes import classes_of, mean_with_ends, no_ranks
from lashley.effects.drops import PP, check_top, class_sizes, count, members, share
from lashley.effects.grouping import grouped
from lashley.errors import OutcomesError

_LARGEST_EXCESS = 2  # right after either single ablation, wrong intact and after the pair


def interactions(
    singles: xr.Dataset, pairs: xr.Dataset, top: int = 1, *, groups: Any = None
) -> xr.Dataset:
    """What ablating two units costs beyond the sum of ablating each alone.

    Args:
        singles: Outcomes of single units, at least of those that occur in the pairs.
        pairs: Outcomes of pairs of units of the same site, by the same method, on the same
            examples.
        top: As in `effects`.
        groups: As in `effects`.

    Returns:
        (ablation) for each pair: drop_pp, sum_pp of the singles' drops, excess_pp of the first over
        the second with its paired 95 % interval excess_low_pp, excess_high_pp; excess in examples
        (a whole number; `super_additive` where it is above 0); p of no excess (normal
        approximation) and p_adjusted. (ablation, class): class_excess_pp with its interval
        class_excess_low_pp, class_excess_high_pp; only_pair, the examples
        that are right after either single ablation and wrong after the pair, whatever the intact
        network says about them (the authors' definition), and only_pair_lost, those of them that
        the intact network gets right. (class): intact_correct. Coordinates unit_a, unit_b.

        For another readout, for every NAME it measured: (ablation) NAME_change of the pair,
        NAME_sum of the singles' changes, NAME_excess of the first over the second with its paired
        95 % interval (Student's t) NAME_excess_low, NAME_excess_high, and NAME_excess_p (normal
        approximation), NAME_excess_p_adjusted. (ablation, class) the excess with its interval by
        class, as class_NAME_excess ..., if there are classes.

    Raises:
        OutcomesError: If a single is missing, the two were not measured on the same examples or
            not on all of them, there are no `top` classes, or groups do not fit.

    Source: Meyes et al. 2019, section 4.2.
    """
    singles, pairs = (_complete(part) for part in (singles, pairs))
    _check_same(singles, pairs)
    a, b = _parts(singles, pairs)
    found = grouped(pairs, groups)
    if schema.is_classification(pairs):
        check_top(singles, top)
        variables, attrs = _beyond_drops(singles, found, a, b, top), {"top": top}
    elif top == 1:
        variables, attrs = _beyond_changes(singles, found, a, b), {}
    else:
        raise no_ranks(top, pairs)
    units = np.array(schema.units_of(pairs))
    coords = {"unit_a": ("ablation", units[:, 0]), "unit_b": ("ablation", units[:, 1])}
    return xr.Dataset(variables, coords={**found.coords, **coords}, attrs=attrs)


def _beyond_drops(
    singles: xr.Dataset, pairs: xr.Dataset, a: list[int], b: list[int], top: int
) -> dict[str, Any]:
    """Of a classification; the rows a and b of the singles go with the pairs."""
    intact, single = singles["intact_rank"].values < top, singles["rank"].values < top
    pair = pairs["rank"].values < top
    label, classes = pairs["label"].values, pairs.sizes["class"]
    excess = single[a].astype(np.int8) + single[b] - pair - intact
    total, n = excess.sum(1, dtype=np.int64), excess.shape[1]
    squares = np.square(excess).sum(1, dtype=np.int64)
    ends = stats.paired_interval(total, squares, n, bound=_LARGEST_EXCESS)
    p = stats.mean_zero_p(total, squares, n)
    drop, sum_ = ((np.sum(intact) - right.sum(-1)) * 100 / n for right in (pair, single))
    only = single[a] & single[b] & ~pair
    class_total, sizes = count(excess, label, classes), class_sizes(label, classes)
    class_squares = count(np.square(excess), label, classes)
    class_ends = stats.paired_interval(class_total, class_squares, sizes, bound=_LARGEST_EXCESS)
    by_class = ("ablation", "class")
    return {
        "excess": ("ablation", total),
        "excess_pp": ("ablation", total * 100 / n, PP),
        "excess_low_pp": ("ablation", ends.low * 100, PP),
        "excess_high_pp": ("ablation", ends.high * 100, PP),
        "drop_pp": ("ablation", drop, PP),
        "sum_pp": ("ablation", sum_[a] + sum_[b], PP),
        "super_additive": ("ablation", total > 0),
        "p": ("ablation", p),
        "p_adjusted": ("ablation", stats.benjamini_hochberg(p)),
        "class_excess_pp": (by_class, share(class_total, sizes), PP),
        "class_excess_low_pp": (by_class, class_ends.low * 100, PP),
        "class_excess_high_pp": (by_class, class_ends.high * 100, PP),
        "only_pair": (by_class, count(only, label, classes)),
        "only_pair_lost": (by_class, count(only & intact, label, classes)),
        "intact_correct": ("class", count(intact[None], label, classes)[0]),
    }


def _beyond_changes(
    singles: xr.Dataset, pairs: xr.Dataset, a: list[int], b: list[int]
) -> dict[str, Any]:
    """Of another readout; the rows a and b of the singles go with the pairs."""
    label, classes = classes_of(pairs)
    member, sizes = members(label, classes).astype(np.float64), class_sizes(label, classes)
    variables: dict[str, Any] = {}
    for name in schema.measured_names(pairs):
        intact = pairs[f"intact_{name}"].values.astype(np.float64)
        single, pair = (part[name].values - intact for part in (singles, pairs))
        excess = pair - single[a] - single[b]
        total, squares, n = excess.sum(1), np.square(excess).sum(1), excess.shape[1]
        p = stats.mean_zero_p(total, squares, n, bound=np.inf)
        variables |= {
            f"{name}_change": ("ablation", pair.mean(1)),
            f"{name}_sum": ("ablation", single[a].mean(1) + single[b].mean(1)),
            **mean_with_ends(f"{name}_excess", ("ablation",), total, squares, np.asarray(n)),
            f"{name}_excess_p": ("ablation", p),
            f"{name}_excess_p_adjusted": ("ablation", stats.benjamini_hochberg(p)),
        }
        if "class" in pairs.sizes:
            sums = excess @ member, np.square(excess) @ member
            axes = ("ablation", "class")
            variables |= mean_with_ends(f"class_{name}_excess", axes, *sums, sizes)
    return variables


def _complete(outcomes: xr.Dataset) -> xr.Dataset:
    outcomes = schema.check(outcomes)
    schema.check_complete(outcomes)
    return outcomes.drop_vars("position", errors="ignore")


def _check_same(singles: xr.Dataset, pairs: xr.Dataset) -> None:
    for name in ("data_fingerprint", "network_fingerprint"):
        if singles.attrs.get(name) != pairs.attrs.get(name):
            raise OutcomesError(
                f"interactions: {name} differs between singles and pairs: data or network changed "
                "from one evaluation to the other. Evaluate both together."
            )
    if not pairs.sizes["ablation"]:
        raise OutcomesError("pairs: there are none. Evaluate la.pairs(site).")
    measured = [set(schema.measured_names(part)) for part in (singles, pairs)]
    if measured[0] != measured[1]:
        raise OutcomesError(
            f"interactions: singles have {', '.join(sorted(measured[0]))}, pairs "
            f"{', '.join(sorted(measured[1]))}; both must be of one readout. Evaluate them "
            "together."
        )
    intact = [name for name in pairs.data_vars if str(name).startswith("intact_")]
    for name in ["label", *intact] if "label" in pairs else intact:
        if not np.array_equal(singles[name].values, pairs[name].values):
            raise OutcomesError(
                f"interactions: {name} differs between singles and pairs; both must be outcomes of "
                "the same network on the same examples. Evaluate them together."
            )


def _parts(singles: xr.Dataset, pairs: xr.Dataset) -> tuple[list[int], list[int]]:
    """For each pair the indices of its two singles."""
    known = {key: i for i, key in enumerate(_keys(singles))}
    parts: tuple[list[int], list[int]] = ([], [])
    for site, method, units in _keys(pairs):
        if len(units) != 2:
            raise OutcomesError(
                f"pairs: an ablation has {len(units)} units; allowed are two. Select the pairs, "
                "such as outcomes.sel(ablation=outcomes.design == 'pairs')."
            )
        for part, unit in zip(parts, units, strict=True):
            if (key := (site, method, (unit,))) not in known:
                raise OutcomesError(
                    f"singles: unit {unit} of {site} by {method} is missing, but occurs in a pair. "
                    "Evaluate la.singles(site) by the same method."
                )
            part.append(known[key])
    return parts


def _keys(outcomes: xr.Dataset) -> list[tuple[str, str, tuple[int, ...]]]:
    sites, methods = outcomes["site"].values, outcomes["method"].values
    units = schema.units_of(outcomes)
    return [(str(s), str(m), u) for s, m, u in zip(sites, methods, units, strict=True)]
