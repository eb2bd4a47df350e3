"""What the page of outcomes shows first: a few numbers, and ablations that are worth a look."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from lashley import outcomes as schema
from lashley import stats
from lashley.page.ablations import Measure

_FIRST_UNITS = 4  # of a group, in words
_SITES = 4  # whose costliest ablation is worth a look


def numbers_of(
    outcomes: xr.Dataset, table: pd.DataFrame, measure: Measure
) -> list[tuple[str, str]]:
    """The numbers to look at first, as label and value."""
    count = outcomes.sizes
    sure = [] if not measure.p else [_sure(table, measure)]
    return [
        _intact(outcomes, measure),
        ("examples", f"{count['example']:,}"),
        ("ablations", f"{count['ablation']:,}"),
        ("sites", f"{table.site.nunique():,}"),
        _most(table, measure),
        *sure,
    ]


def _intact(outcomes: xr.Dataset, measure: Measure) -> tuple[str, str]:
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


def _most(table: pd.DataFrame, measure: Measure) -> tuple[str, str]:
    """Of a drop the largest; of another change the one farthest from 0."""
    is_drop = measure.unit == "pp"
    cost = table[measure.value] if is_drop else table[measure.value].abs()
    row = table.loc[cost.idxmax()] if cost.notna().any() else table.iloc[0]
    what = "largest drop" if is_drop else f"largest change of {measure.name}"
    return f"{what}: {named(row)}", value_of(row, measure)


def _sure(table: pd.DataFrame, measure: Measure) -> tuple[str, str]:
    p, value = table[measure.p], table[measure.value]
    more, less = (int(((p < 0.05) & side).sum()) for side in (value > 0, value < 0))
    words = "cost; help" if measure.unit == "pp" else "raise it; lower it"
    return f"ablations with adjusted p < 0.05 that {words}", f"{more:,}; {less:,}"


def cases_of(
    table: pd.DataFrame, pairs: pd.DataFrame | None, measure: Measure
) -> list[dict[str, str]]:
    """The costliest ablation of the sites that have the costliest, the most helpful, one pair."""
    value = table[measure.value].dropna()
    if value.empty:
        return []
    ranked = value.sort_values(ascending=False, kind="stable")
    first = table.loc[ranked.index].drop_duplicates("site").index[:_SITES].tolist()
    rows = {int(i): "The costliest of its site" if measure.unit else "The largest rise of its site"
            for i in first if value[i] > 0}  # fmt: skip
    least = int(value.idxmin())
    if value[least] < 0:
        rows[least] = "The one that helps most" if measure.unit else "The largest fall"
    if pairs is not None and (pairs.excess_pp > 0).any():
        rows[int(pairs.ablation[pairs.excess_pp.idxmax()])] = (
            "The pair that costs most beyond the sum of its units"
        )
    return [_case(i, table.loc[i], caption, measure) for i, caption in rows.items()]


def _case(number: int, row: pd.Series, caption: str, measure: Measure) -> dict[str, str]:
    return {
        "title": named(row)[:1].upper() + named(row)[1:],
        "caption": f"{caption}: {value_of(row, measure)}.",
        "fragment": f"#view=explore&ablation={number}",
    }


def named(row: pd.Series) -> str:
    """An ablation in a few words: "fc1, units 3 and 15"."""
    units = str(row.units).split(",")
    if len(units) > _FIRST_UNITS:
        return f"{row.site}, {len(units)} units"
    return f"{row.site}, unit{'s' if len(units) > 1 else ''} {' and '.join(units)}"


def value_of(row: pd.Series, measure: Measure) -> str:
    """A measured number with its interval."""
    value, low, high = (float(row[name]) for name in (measure.value, measure.low, measure.high))
    return written(value, low, high, measure.unit)


def written(value: float, low: float, high: float, unit: str) -> str:
    """A number with its interval, in as many digits as the interval is worth."""
    if unit:
        return f"{value:.2f} {unit} [{low:.2f}, {high:.2f}]"
    width = high - low
    if not np.isfinite(width) or width <= 0:
        return f"{value:.4g}"
    digits = max(0, 1 - int(np.floor(np.log10(width))))
    return f"{value:,.{digits}f} [{low:,.{digits}f}, {high:,.{digits}f}]"
