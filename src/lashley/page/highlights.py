"""What the page of outcomes shows first: a few numbers, and ablations that are worth a look."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from lashley import outcomes as schema
from lashley import stats
from lashley.page.ablations import EffectColumns

_FIRST_UNITS = 4  # of a group, in words
_SITES = 4  # whose costliest ablation is worth a look


def numbers_of(
    outcomes: xr.Dataset, table: pd.DataFrame, measure: EffectColumns
) -> list[tuple[str, str]]:
    """The numbers to look at first, as label and value."""
    count = outcomes.sizes
    sure = [] if not measure.p else [_sure(table, measure)]
    return [
        _intact(outcomes, measure),
        ("examples", f"{count['example']:,}"),
        ("ablations", f"{count['ablation']:,}"),
        _most(table, measure),
        *sure,
    ]


def _intact(outcomes: xr.Dataset, measure: EffectColumns) -> tuple[str, str]:
    if schema.is_classification(outcomes):
        rank = outcomes["intact_rank"].values
        right, n = int((rank == 0).sum()), int((~schema.is_missing(rank)).sum())
        ends = stats.share_interval(right, n)
        low, high = 100 * float(ends.low), 100 * float(ends.high)
        return "accuracy, intact", f"{100 * right / max(n, 1):.2f} % [{low:.2f}, {high:.2f}]"
    values = outcomes[f"intact_{measure.name}"].values.astype(np.float64)
    ends = stats.mean_interval(values.sum(), np.square(values).sum(), len(values))
    text = written(float(values.mean()), float(ends.low), float(ends.high), "")
    return f"{measure.name}, intact, mean", text


def _most(table: pd.DataFrame, measure: EffectColumns) -> tuple[str, str]:
    """Of a drop the largest; of another change the one farthest from 0."""
    is_drop = measure.unit == "pp"
    value = table[measure.value].to_numpy()
    cost = np.nan_to_num(value if is_drop else np.abs(value), nan=-np.inf)
    row = table.iloc[int(cost.argmax())]
    what = "largest drop" if is_drop else f"largest change of {measure.name}"
    return f"{what}: {named(row)}", value_of(row, measure)


def _sure(table: pd.DataFrame, measure: EffectColumns) -> tuple[str, str]:
    p, value = table[measure.p].to_numpy(), table[measure.value].to_numpy()
    more, less = (int(((p < 0.05) & side).sum()) for side in (value > 0, value < 0))
    cost, help_ = ("cost", "help") if measure.unit == "pp" else ("raise it", "lower it")
    return f"{cost} by an adjusted p below 0.05; {less:,} {help_}", f"{more:,} of {len(table):,}"


def cases_of(
    table: pd.DataFrame, pairs: pd.DataFrame | None, measure: EffectColumns
) -> list[dict[str, str]]:
    """The costliest ablation of the sites that have the costliest, the most helpful, one pair."""
    value, high = (table[name].to_numpy(np.float64) for name in (measure.value, measure.high))
    if not np.isfinite(value).any():
        return []
    ranked = table.iloc[np.argsort(-value, kind="stable")]  # NaN comes last
    first = ranked.drop_duplicates("site").index[:_SITES].tolist()
    rows = {int(i): "The costliest of its site" if measure.unit else "The largest rise of its site"
            for i in first if value[i] > 0}  # fmt: skip
    least = int(np.nanargmin(value))
    if high[least] < 0:
        rows[least] = "The one that helps most" if measure.unit else "The largest fall"
    cases = [_case(i, table.loc[i], f"{caption}: {value_of(table.loc[i], measure)}.")
             for i, caption in rows.items()]  # fmt: skip
    known = {case["fragment"] for case in cases}
    return [*cases, *(case for case in _strongest(pairs) if case["fragment"] not in known)]


def _strongest(pairs: pd.DataFrame | None) -> list[dict[str, str]]:
    """The pair that costs most beyond the sum of its units, if one does for certain."""
    if pairs is None:
        return []
    best: Any = pairs.iloc[int(pairs.excess_pp.to_numpy().argmax())]
    if best.excess_low_pp <= 0:
        return []
    excess = written(best.excess_pp, best.excess_low_pp, best.excess_high_pp, "pp")
    row = pd.Series({"site": best.site, "units": f"{best.unit_a},{best.unit_b}"})
    caption = f"The strongest pair: {excess} beyond the sum of its units."
    return [_case(int(best.ablation), row, caption)]


def _case(number: int, row: Any, caption: str) -> dict[str, str]:
    return {
        "title": named(row),
        "caption": caption,
        "fragment": f"#view=explore&ablation={number}",
    }


def named(row: Any) -> str:
    """An ablation in a few words: "fc1, units 3 and 15"."""
    site, units = str(row.site), str(row.units).split(",")
    site = f"site {site}" if site.isdecimal() else site
    if len(units) > _FIRST_UNITS:
        return f"{site}, {len(units)} units"
    if len(units) == 1:
        return f"{site}, unit {units[0]}"
    return f"{site}, units {', '.join(units[:-1])} and {units[-1]}"


def value_of(row: Any, measure: EffectColumns) -> str:
    """A measured number with its interval."""
    value, low, high = (float(row[name]) for name in (measure.value, measure.low, measure.high))
    return written(value, low, high, measure.unit)


def written(value: float, low: float, high: float, unit: str) -> str:
    """A number with its interval, in as many digits as the interval is worth."""
    if unit:
        return _minus(f"{value:z.2f} {unit} [{low:z.2f}, {high:z.2f}]")
    width = high - low
    if not np.isfinite(width) or width <= 0:
        return _minus(f"{value:.4g}")
    digits = max(0, 1 - int(np.floor(np.log10(width))))
    return _minus(f"{value:z,.{digits}f} [{low:z,.{digits}f}, {high:z,.{digits}f}]")


def _minus(text: str) -> str:
    return text.replace("-", "\u2212")
