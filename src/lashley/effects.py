"""Effects: outcomes summed up against the intact network, and what pairs add to their parts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from jaxtyping import Bool, Float, Integer

from lashley import outcomes as schema
from lashley import stats
from lashley.errors import OutcomesError

_LARGEST_EXCESS = 2  # right after either single ablation, wrong intact and after the pair
_PP = {"units": "%p"}


def effects(outcomes: xr.Dataset, top: int = 1) -> xr.Dataset:
    """What each ablation costs: overall and class by class, lost and gained apart.

    An example is right where its true class is among the `top` largest logits. Lost: right when
    intact, wrong when ablated; gained: the reverse; drop_pp = 100 (lost - gained) / total.

    Args:
        outcomes: As `evaluate` returns them.
        top: 1 for top-1 accuracy, 5 for top-5.

    Returns:
        (ablation, class): drop_pp with its paired 95 % interval drop_low_pp, drop_high_pp; lost,
        gained. (class): total, intact_correct. The same over all examples with `overall_` in front,
        and overall_p, McNemar's exact p, with overall_p_adjusted for all ablations of the dataset
        (Benjamini and Hochberg). Negative drops: the ablation helped.

    Raises:
        OutcomesError: If outcomes are missing, or there are no `top` classes.

    Source: Meyes et al. 2019, section 4.1; intervals: Bonett and Price 2012.
    """
    outcomes = schema.check(outcomes)
    intact, ablated = _right(outcomes, top)
    member = _membership(outcomes)
    lost, gained = _count(intact & ~ablated, member), _count(~intact & ablated, member)
    per_class = _drops(lost, gained, member.sum(0))
    overall = _drops(lost.sum(1), gained.sum(1), np.asarray(len(member)))
    p = stats.sign_p(lost.sum(1), gained.sum(1))
    variables: dict[str, Any] = {n: (("ablation", "class"), *v) for n, v in per_class.items()}
    variables |= {f"overall_{n}": ("ablation", *v) for n, v in overall.items()}
    variables |= {
        "overall_p": ("ablation", p),
        "overall_p_adjusted": ("ablation", stats.benjamini_hochberg(p)),
        "total": ("class", member.sum(0)),
        "intact_correct": ("class", _count(intact[None], member)[0]),
        "overall_total": ((), len(member)),
        "overall_intact_correct": ((), int(intact.sum())),
    }
    return xr.Dataset(variables, coords=outcomes.coords, attrs={"top": top})


def interactions(singles: xr.Dataset, pairs: xr.Dataset, top: int = 1) -> xr.Dataset:
    """What ablating two units costs beyond the sum of ablating each alone.

    Args:
        singles: Outcomes of single units; at least those that occur in the pairs.
        pairs: Outcomes of pairs of units of the same site, by the same method, on the same
            examples.
        top: As in `effects`.

    Returns:
        (ablation) for each pair: drop_pp, sum_pp of the singles' drops, excess_pp of the first over
        the second with its paired 95 % interval excess_low_pp, excess_high_pp; excess in examples
        (a whole number; `super_additive` where it is above 0); p of no excess (normal
        approximation) and p_adjusted. (ablation, class): class_excess_pp with its interval
        class_excess_low_pp, class_excess_high_pp; only_pair, the examples
        that are right after either single ablation and wrong after the pair, whatever the intact
        network says of them (the authors' definition), and only_pair_lost, those of them that the
        intact network has right. (class): intact_correct. Coordinates unit_a, unit_b.

    Raises:
        OutcomesError: If a single is missing, or the two were not measured on the same examples.

    Source: Meyes et al. 2019, section 4.2.
    """
    singles, pairs = schema.check(singles), schema.check(pairs)
    _check_same(singles, pairs)
    a, b = _parts(singles, pairs)
    intact, single = _right(singles, top)
    pair, member = _right(pairs, top)[1], _membership(pairs)
    excess = single[a].astype(np.int8) + single[b] - pair - intact
    total, n = excess.sum(1, dtype=np.int64), excess.shape[1]
    squares = np.square(excess).sum(1, dtype=np.int64)
    ends = stats.paired_interval(total, squares, n, bound=_LARGEST_EXCESS)
    p = stats.mean_zero_p(total, squares, n)
    drop, sum_ = ((np.sum(intact) - right.sum(-1)) * 100 / n for right in (pair, single))
    only = single[a] & single[b] & ~pair
    class_total, sizes = _count(excess, member), member.sum(0)
    class_squares = _count(np.square(excess), member)
    class_ends = stats.paired_interval(class_total, class_squares, sizes, bound=_LARGEST_EXCESS)
    by_class = ("ablation", "class")
    variables: dict[str, Any] = {
        "excess": ("ablation", total),
        "excess_pp": ("ablation", total * 100 / n, _PP),
        "excess_low_pp": ("ablation", ends.low * 100, _PP),
        "excess_high_pp": ("ablation", ends.high * 100, _PP),
        "drop_pp": ("ablation", drop, _PP),
        "sum_pp": ("ablation", sum_[a] + sum_[b], _PP),
        "super_additive": ("ablation", total > 0),
        "p": ("ablation", p),
        "p_adjusted": ("ablation", stats.benjamini_hochberg(p)),
        "class_excess_pp": (by_class, class_total * 100 / sizes, _PP),
        "class_excess_low_pp": (by_class, class_ends.low * 100, _PP),
        "class_excess_high_pp": (by_class, class_ends.high * 100, _PP),
        "only_pair": (by_class, _count(only, member)),
        "only_pair_lost": (by_class, _count(only & intact, member)),
        "intact_correct": ("class", _count(intact[None], member)[0]),
    }
    units = np.array(schema.units_of(pairs))
    coords = {"unit_a": ("ablation", units[:, 0]), "unit_b": ("ablation", units[:, 1])}
    return xr.Dataset(variables, coords={**pairs.coords, **coords}, attrs={"top": top})


def _right(
    outcomes: xr.Dataset, top: int
) -> tuple[Bool[np.ndarray, " example"], Bool[np.ndarray, "ablation example"]]:
    n_classes = outcomes.sizes["class"]
    if isinstance(top, bool) or not isinstance(top, int | np.integer) or not 1 <= top <= n_classes:
        raise OutcomesError(
            f"top: given {top!r}; allowed are the whole numbers 1 to {n_classes}, the number of "
            "classes."
        )
    return outcomes["intact_rank"].values < top, outcomes["rank"].values < top


def _membership(outcomes: xr.Dataset) -> Bool[np.ndarray, "example class"]:
    return outcomes["label"].values[:, None] == np.arange(outcomes.sizes["class"])


def _count(
    what: Integer[np.ndarray, "ablation example"] | Bool[np.ndarray, "ablation example"],
    member: Bool[np.ndarray, "example class"],
) -> Integer[np.ndarray, "ablation class"]:
    """Sums class by class; as a matrix product, exact below 2^24 examples."""
    sums = what.astype(np.float32) @ member.astype(np.float32)
    return np.rint(sums).astype(np.int64)


def _drops(
    lost: np.ndarray, gained: np.ndarray, total: np.ndarray
) -> Mapping[str, tuple[Float[np.ndarray, ...], dict[str, str]]]:
    ends = stats.paired_interval(lost - gained, lost + gained, total)
    return {
        "drop_pp": ((lost - gained) * 100 / total, _PP),
        "drop_low_pp": (ends.low * 100, _PP),
        "drop_high_pp": (ends.high * 100, _PP),
        "lost": (lost, {"units": "examples"}),
        "gained": (gained, {"units": "examples"}),
    }


def _check_same(singles: xr.Dataset, pairs: xr.Dataset) -> None:
    for name in ("data_fingerprint", "network_fingerprint"):
        if singles.attrs.get(name) != pairs.attrs.get(name):
            raise OutcomesError(
                f"interactions: {name} differs between singles and pairs: data or network changed "
                "from one evaluation to the other. Evaluate both together on the same."
            )
    if not pairs.sizes["ablation"]:
        raise OutcomesError("pairs: there are none. Evaluate la.pairs(site).")
    for name in ("label", "intact_rank"):
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
