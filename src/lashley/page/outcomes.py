"""What the page of outcomes carries: all ablations, and as many outcomes by example as fit."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from lashley import outcomes as schema
from lashley.errors import DataError, OutcomesError
from lashley.page.ablations import (
    EffectColumns,
    ablation_table,
    measures_of,
    pair_table,
    site_table,
)
from lashley.page.cards import Cards, cards_of
from lashley.page.carried import carried
from lashley.page.given import Exhibits, given_examples
from lashley.page.highlights import cases_of, numbers_of
from lashley.page.notes import table_notes
from lashley.page.places import Places, checked_points, places_of
from lashley.page.rendering import Page
from lashley.page.sweep import measured_arrays, sweep_arrays

NAME = "outcomes"
MOST_BYTES = 48_000_000  # of outcomes by example, unpacked in the reader's browser
MOST_EXAMPLES = 50_000
_NOTES = {
    f"ablations-{NAME}": "Every ablation with what it costs over all examples, its 95 % interval "
    "and its p, adjusted for all ablations (Benjamini-Hochberg). Units count from 0. row: where "
    "its outcomes by example lie in the page; -1: the page does not carry them.",
    "sites": "The mean over the ablations of each site, with its 95 % interval over the examples.",
    "interactions": "What each pair costs beyond the sum of its singles, with paired 95 % "
    "intervals. ablation, single_a, single_b: rows in the table of ablations, from 0.",
}
_TITLES = {f"ablations-{NAME}": "Ablations"}


@dataclass(frozen=True, eq=False)
class _Shown:
    """What is asked of the page, checked."""

    outcomes: xr.Dataset
    given: Exhibits | None
    points: np.ndarray | None
    title: str

    @property
    def labels(self) -> tuple[np.ndarray | None, str]:
        """(example,) what the examples are ordered by, and its name."""
        if "label" in self.outcomes:
            return self.outcomes["label"].values, "label"
        if self.given is not None and self.given.labels is not None:
            return self.given.labels, "target"
        return None, "their number"


def outcomes_page(
    outcomes: xr.Dataset | str | os.PathLike[str],
    *,
    examples: Any = None,
    title: str = "",
    points: Any = None,
    show: Callable[[Any], Any] | None = None,
) -> Page:
    """The page of outcomes; its arguments are those of `report`."""
    asked = _asked(outcomes, examples, title, points, show)
    found, measures = asked.outcomes, measures_of(asked.outcomes)
    n = found.sizes["example"]
    which = np.unique(np.linspace(0, n - 1, min(n, MOST_EXAMPLES)).round().astype(np.int64))
    kept, table = _carried_rows(found, measures, len(which))
    tables = {f"ablations-{NAME}": table, "sites": site_table(found, measures)}
    pairs = pair_table(found)
    tables |= {} if pairs.empty else {"interactions": pairs}
    places, cards = _places(asked), cards_of(asked.given, which)
    shown = found.isel(ablation=np.flatnonzero(kept), example=which).load()
    return Page(
        title=asked.title,
        lead=_lead(found),
        facts=_facts(asked, measures, tables, places, cards),
        tables={**tables, "examples": _example_table(asked, places, which), **cards.tables},
        arrays=_arrays(shown, measures),
        pictures=cards.pictures,
    )


def _asked(outcomes: Any, examples: Any, title: Any, points: Any, show: Any) -> _Shown:
    """The arguments, checked before any long work."""
    if not isinstance(title, str):
        raise DataError(
            f"title: given {title!r:.60}; allowed is text. Leave it out for a plain one."
        )
    if isinstance(outcomes, str | os.PathLike):
        outcomes = schema.open_store(Path(outcomes))
    schema.check(outcomes)
    for name in schema.measured_names(outcomes)[:1]:
        if not outcomes[name].size:
            raise OutcomesError(
                f"outcomes: given those of {outcomes.sizes['ablation']} ablations on "
                f"{outcomes.sizes['example']} examples; allowed is at least one of both. Evaluate "
                "some, such as la.singles(site)."
            )
    n = outcomes.sizes["example"]
    given = given_examples(examples, show, n)
    _check_labels(outcomes, given)
    title = title or f"Ablations, {outcomes.attrs.get('readout', 'classification')}"
    return _Shown(outcomes, given, checked_points(points, n), title)


def _check_labels(outcomes: xr.Dataset, given: Exhibits | None) -> None:
    """Refuse examples in another order, where their labels show it."""
    if given is None or given.labels is None or "label" not in outcomes:
        return
    differ = np.flatnonzero(given.labels != outcomes["label"].values)
    if len(differ):
        raise DataError(
            f"examples: the labels of {len(differ)} of {len(given.labels)} differ from those of "
            f"the outcomes, the first is number {differ[0]}. Give the examples that were "
            "evaluated, in the same order."
        )


def _carried_rows(
    outcomes: xr.Dataset, measures: list[EffectColumns], n: int
) -> tuple[np.ndarray, pd.DataFrame]:
    """(ablation,) whose outcomes by example the page carries; and the table that says so."""
    table = ablation_table(outcomes)
    is_ranked = schema.is_classification(outcomes)
    names = ["prediction"] if is_ranked else schema.measured_names(outcomes)
    each = n * sum(outcomes[name].dtype.itemsize for name in names)
    cost = table[measures[0].value]
    kept = carried(cost, table[["site", "method", "design"]], max(1, MOST_BYTES // max(each, 1)))
    return kept, table.assign(row=np.where(kept, np.cumsum(kept) - 1, -1))


def _places(asked: _Shown) -> Places:
    order, by = asked.labels
    return places_of(asked.points, order, asked.outcomes.sizes["example"], by)


def _example_table(asked: _Shown, places: Places, which: np.ndarray) -> pd.DataFrame:
    x, y = places.xy[which].astype(np.float32).T
    columns: dict[str, Any] = {"example": which, "x": x, "y": y}
    labels, name = asked.labels
    if labels is not None:
        columns[name] = labels[which]
    return pd.DataFrame(columns)


def _arrays(shown: xr.Dataset, measures: list[EffectColumns]) -> dict[str, np.ndarray]:
    if schema.is_classification(shown):
        return sweep_arrays(NAME, shown)
    arrays: dict[str, np.ndarray] = {}
    for number, measure in enumerate(measures):
        arrays |= measured_arrays(measure.name, number, shown)
    return arrays


def _facts(
    asked: _Shown,
    measures: list[EffectColumns],
    tables: Mapping[str, pd.DataFrame],
    places: Places,
    cards: Cards,
) -> dict[str, Any]:
    found = asked.outcomes
    table = tables[f"ablations-{NAME}"]
    classes = found["class"].values.astype(str).tolist() if "class" in found.sizes else []
    examples = f"{found.sizes['example']:,} examples"
    return {
        "kind": "outcomes",
        "study": "",
        "run": "",
        "readout": found.attrs.get("readout", "classification"),
        "measures": [asdict(measure) for measure in measures],
        "cards": {"kind": cards.kind, "note": cards.note},
        "columns": schema.own_columns(found),
        "total": found.sizes["example"],
        "to_precision": "precision" in found.attrs,
        "numbers": numbers_of(found, table, measures[0]),
        "first_unit": 0,
        "classes": classes,
        "evaluations": [{"name": NAME, "title": examples}],
        "map": {"note": places.note, "absent": "", "atlas": cards.layout, "side": places.side},
        "cases": cases_of(table, tables.get("interactions"), measures[0]),
        "figures": [],
        "claims_note": "",
        "tables": table_notes(_NOTES, tables, _TITLES),
        "provenance": dict(found.attrs),
    }


def _lead(outcomes: xr.Dataset) -> str:
    cuts, sites = outcomes.sizes["ablation"], len(np.unique(outcomes["site"].values.astype(str)))
    unit = (
        "Drops are in percentage points (pp)"
        if schema.is_classification(outcomes)
        else "Changes are those of the readout against the intact network"
    )
    up_to = "up to " if "precision" in outcomes.attrs else ""
    return (
        f"{_several(cuts, 'ablation')} of {_several(sites, 'site')}, each measured on {up_to}"
        f"{_several(outcomes.sizes['example'], 'example')}. {unit}, with 95 % intervals; units "
        "count from 0."
    )


def _several(n: int, what: str) -> str:
    return f"{n:,} {what}{'' if n == 1 else 's'}"
