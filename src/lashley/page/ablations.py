"""All ablations as a table: what each costs, site by site, and what pairs add to their parts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from lashley import outcomes as schema
from lashley import stats
from lashley.effects import effects, interactions, mean_effect

_UNITS = re.compile(r"\d+(,\d+)*")
_OVERALL = "overall_"


@dataclass(frozen=True)
class EffectColumns:
    """A number that every ablation has, with its interval.

    Attributes:
        name: What was measured; "drop" for a classification.
        value: The column of the table of ablations that holds it.
        low: That of the lower end of the 95 % interval.
        high: That of the upper end.
        p: That of the adjusted p; "" if there is none.
        unit: "pp", or "" for the readout's own.
    """

    name: str
    value: str
    low: str
    high: str
    p: str
    unit: str


def measures_of(outcomes: xr.Dataset) -> list[EffectColumns]:
    """What is shown of every ablation, the first one first."""
    if schema.is_classification(outcomes):
        p = "" if "precision" in outcomes.attrs else "p_adjusted"
        return [EffectColumns("drop", "drop_pp", "drop_low_pp", "drop_high_pp", p, "pp")]
    endings = ("", "_low", "_high", "_p_adjusted")
    return [
        EffectColumns(name, *(f"{name}_change{ending}" for ending in endings), unit="")
        for name in schema.measured_names(outcomes)
    ]


def ablation_table(outcomes: xr.Dataset) -> pd.DataFrame:
    """A row per ablation, in the order of the outcomes: what it is, and what `effects` says of it.

    The effects are those over all examples, under their names without the prefix `overall_`.
    """
    found = effects(outcomes)
    columns = {name: outcomes[name].values.astype(str) for name in schema.COORDINATES}
    columns |= {name: outcomes[name].values for name in schema.own_columns(outcomes)}
    for name, values in found.data_vars.items():
        short = str(name).removeprefix(_OVERALL)
        if str(name).startswith(_OVERALL) and values.dims == ("ablation",):
            columns[short] = values.values
    return pd.DataFrame(columns)


def site_table(outcomes: xr.Dataset, measures: list[EffectColumns]) -> pd.DataFrame:
    """A row per site and measure: the mean over the site's ablations, with its 95 % interval.

    The ablations of a site share their examples, so the interval is that of the mean over the
    examples, with the ablations fixed.
    """
    sites = outcomes["site"].values.astype(str)
    rows = []
    for site in dict.fromkeys(sites.tolist()):
        own = outcomes.isel(ablation=np.flatnonzero(sites == site))
        for measure in measures:
            mean, low, high = _mean(own, measure)
            rows.append({
                "site": site, "measure": measure.name, "ablations": own.sizes["ablation"],
                "mean": mean, "low": low, "high": high,
            })  # fmt: skip
    return pd.DataFrame(rows)


def _mean(outcomes: xr.Dataset, measure: EffectColumns) -> tuple[float, float, float]:
    if schema.is_classification(outcomes):
        found = mean_effect(outcomes)
        ends = ("drop_pp", "drop_low_pp", "drop_high_pp")
        mean, low, high = (float(found[_OVERALL + name]) for name in ends)
        return mean, low, high
    change = _mean_change(outcomes, measure.name)
    interval = stats.mean_interval(change.sum(), np.square(change).sum(), len(change))
    return float(change.mean()), float(interval.low), float(interval.high)


def _mean_change(outcomes: xr.Dataset, name: str) -> np.ndarray:
    """(example,) the change of what was measured, averaged over the ablations."""
    total = np.zeros(outcomes.sizes["example"])
    for rows, columns in schema.tiles(outcomes):
        part = outcomes[name].isel(ablation=rows, example=columns).values
        total[columns] += part.sum(0, dtype=np.float64)
    return total / outcomes.sizes["ablation"] - outcomes[f"intact_{name}"].values


def pair_table(outcomes: xr.Dataset) -> pd.DataFrame:
    """A row per pair of units whose singles were carried out too; empty where there are none.

    `ablation`, `single_a` and `single_b` are their rows in the table of ablations. p is adjusted
    (Benjamini and Hochberg) among all pairs.
    """
    if not schema.is_classification(outcomes) or "precision" in outcomes.attrs:
        return pd.DataFrame()
    found = [_pairs(outcomes, singles, pairs) for singles, pairs in _with_singles(outcomes)]
    if not found:
        return pd.DataFrame()
    table = pd.concat(found, ignore_index=True)
    return table.assign(p_adjusted=stats.benjamini_hochberg(table.p))


def _with_singles(outcomes: xr.Dataset) -> Iterator[tuple[dict[int, int], dict[int, list[int]]]]:
    """By site and method: rows of the singles by unit, and the units of pairs of such by row."""
    listed = pd.DataFrame({n: outcomes[n].values.astype(str) for n in ("site", "units", "method")})
    for _, own in listed.groupby(["site", "method"], sort=False):
        units = {
            int(i): [int(u) for u in text.split(",")]
            for i, text in own.units.items() if _UNITS.fullmatch(text)
        }  # fmt: skip
        singles = {u[0]: i for i, u in reversed(units.items()) if len(u) == 1}
        pairs = {i: u for i, u in units.items() if len(u) == 2 and set(u) <= set(singles)}
        if pairs:
            yield singles, pairs


def _pairs(
    outcomes: xr.Dataset, singles: dict[int, int], pairs: dict[int, list[int]]
) -> pd.DataFrame:
    rows = list(pairs)
    found = interactions(
        outcomes.isel(ablation=list(singles.values())), outcomes.isel(ablation=rows)
    )
    names = ("site", "method", "unit_a", "unit_b", "drop_pp", "sum_pp", "excess_pp",
             "excess_low_pp", "excess_high_pp", "p")  # fmt: skip
    only, lost = found["only_pair"].values, found["only_pair_lost"].values
    share = 100 * lost / np.maximum(found["intact_correct"].values, 1)
    worst = share.argmax(1)
    return pd.DataFrame({name: found[name].values for name in names}).assign(
        ablation=rows,
        single_a=[singles[pairs[row][0]] for row in rows],
        single_b=[singles[pairs[row][1]] for row in rows],
        only_pair=only.sum(1),
        only_pair_class=found["class"].values.astype(str)[worst],
        only_pair_class_percent=share[np.arange(len(rows)), worst],
    )
