"""Effects as rows of tables: one for all examples together, and one per class."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
import xarray as xr

from lashley import outcomes as schema

ALL = "all"  # stands in the column `class` for all examples together

_COUNTS = ("lost", "gained", "total", "intact_correct")
_OVERALL = "overall_"


def measured_in(outcomes: xr.Dataset) -> list[str]:
    """What was measured: "drop" of a classification, else the readout's names."""
    return ["drop"] if schema.is_classification(outcomes) else schema.measured_names(outcomes)


def rows_of(found: xr.Dataset, measured: Sequence[str], axis: str | None = None) -> pd.DataFrame:
    """Effects, or mean effects, as rows.

    Args:
        found: As `la.effects` or `la.mean_effect` returns them.
        measured: As `measured_in` returns it.
        axis: "ablation" of effects; None of mean effects.

    Returns:
        Columns `ablation` (of effects), `class`, `measured` (of a readout other than
        classification), the drop or change with its interval, and what else is known. Rows in the
        order of the ablations; in each, all examples first, then the classes.
    """
    parts = [part for name in measured for part in _parts(found, name, axis)]
    table = pd.concat(parts, ignore_index=True)
    by = [axis] if axis else []
    order = table["order"]
    table = table.drop(columns="order").assign(_order=order)
    return table.sort_values([*by, "_order"], kind="stable", ignore_index=True).drop(
        columns="_order")  # fmt: skip


def _parts(found: xr.Dataset, name: str, axis: str | None) -> Iterator[pd.DataFrame]:
    names, own = _columns(name), {} if name == "drop" else {"measured": name}
    whole = {f"{_OVERALL}{n}": new for n, new in names.items()}
    yield _rows(found, whole, axis).assign(**{"class": ALL, "order": -1, **own})
    if "class" in found.sizes:
        by_class = {n: new for n, new in names.items() if not new.startswith("p")}
        table = _rows(found, by_class, axis, "class")
        place = {str(name): i for i, name in enumerate(found["class"].values)}
        yield table.assign(order=[place[name] for name in table["class"]], **own)


def _columns(name: str) -> dict[str, str]:
    """The variables of one measured quantity, and what they are called in tables."""
    if name == "drop":
        names = [f"drop{end}_pp" for end in ("", "_low", "_high")]
        found = {n: n for n in (*names, "sd_pp", "p", "p_adjusted", "seen")}
    else:
        ends = ("", "_low", "_high", "_p", "_p_adjusted")
        found = {f"{name}_change{end}": f"change{end}" for end in ends[:3]}
        found |= {f"{name}_change{end}": end.removeprefix("_") for end in ends[3:]}
        found[f"{name}_sd"] = "sd"
    return found | {n: n for n in _COUNTS}


def _rows(found: xr.Dataset, names: Mapping[str, str], *axes: str | None) -> pd.DataFrame:
    """Some variables over some axes, under other names; those that are there."""
    there = {n: new for n, new in names.items() if n in found}
    part = found[list(there)].drop_vars([c for c in found.coords if c != "class"])
    wanted = [axis for axis in axes if axis is not None]
    if not wanted:
        return pd.DataFrame({new: [part[n].item()] for n, new in there.items()})
    table = part.to_dataframe(dim_order=wanted).reset_index().rename(columns=there)
    return table.assign(**{"class": table["class"].astype(str)}) if "class" in table else table


def filled(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Tables as one; whole numbers that only some of them have are -1 in the others."""
    table = pd.concat(parts, ignore_index=True)
    whole = {n for part in parts for n in part if part[n].dtype.kind == "i"}
    changed = [n for n in whole if table[n].dtype.kind == "f"]
    return table.assign(**{n: table[n].fillna(-1).astype(np.int64) for n in changed})


def first(table: pd.DataFrame, *names: str) -> pd.DataFrame:
    """The same with some columns first, those of them that are there."""
    there = [name for name in dict.fromkeys(names) if name in table]
    return table.loc[:, [*there, *(name for name in table if name not in there)]]
