"""What the page of outcomes carries: all ablations, and as many outcomes by example as fit."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
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
from lashley.page.given import given_examples
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
class Scene:
    """What a page shows of the examples.

    Attributes:
        which: (shown,) their numbers, ascending.
        cards: Their cards.
        targets: (shown,) what they are ordered by where the outcomes have no labels, or None.
        points: (shown, 2) their places, or None: they stand in rows.
    """

    which: np.ndarray
    cards: Cards = field(default_factory=Cards)
    targets: np.ndarray | None = None
    points: np.ndarray | None = None


def evenly(n: int) -> np.ndarray:
    """(shown,) the examples that a page shows if nothing else is asked for."""
    return np.unique(np.linspace(0, n - 1, min(n, MOST_EXAMPLES)).round().astype(np.int64))


def scene_of(examples: Any, show: Callable[[Any], Any] | None, n: int, which: np.ndarray) -> Scene:
    """What a page shows of given examples; for the first two see `report`.

    Args:
        examples: All of them.
        show: What a person looks at.
        n: How many were evaluated.
        which: (shown,) those that the page shows.

    Raises:
        DataError: If the examples have no form that can be shown.
    """
    given = given_examples(examples, show, n)
    labels = None if given is None else given.labels
    return Scene(which, cards_of(given, which), None if labels is None else labels[which])


def outcomes_page(
    outcomes: xr.Dataset | str | os.PathLike[str],
    *,
    examples: Any = None,
    title: str = "",
    points: Any = None,
    show: Callable[[Any], Any] | None = None,
) -> Page:
    """The page of outcomes; its arguments are those of `report`."""
    if not isinstance(title, str):
        raise DataError(
            f"title: given {title!r:.60}; allowed is text. Leave it out for a plain one."
        )
    found = _checked(outcomes)
    n = found.sizes["example"]
    places = checked_points(points, n)
    scene = scene_of(examples, show, n, evenly(n))
    _check_labels(found, scene)
    if places is not None:
        scene = replace(scene, points=places[scene.which])
    return page_of(found, scene, title)


def page_of(outcomes: xr.Dataset, scene: Scene, title: str = "") -> Page:
    """The page of outcomes, with what it shows of the examples."""
    measures, which = measures_of(outcomes), scene.which
    kept, table = _carried_rows(outcomes, measures, len(which))
    tables = {f"ablations-{NAME}": table, "sites": site_table(outcomes, measures)}
    pairs = pair_table(outcomes)
    tables |= {} if pairs.empty else {"interactions": pairs}
    order, by = _order(outcomes, scene)
    places, cards = places_of(scene.points, order, len(which), by), scene.cards
    shown = outcomes.isel(ablation=np.flatnonzero(kept), example=which).load()
    return Page(
        title=title or f"Ablations, {outcomes.attrs.get('readout', 'classification')}",
        lead=_lead(outcomes),
        facts=_facts(outcomes, measures, tables, places, cards),
        tables={**tables, "examples": _example_table(scene, places, order, by), **cards.tables},
        arrays=_arrays(shown, measures),
        pictures=cards.pictures,
    )


def _checked(outcomes: Any) -> xr.Dataset:
    """Outcomes with something in them, before any long work."""
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
    return outcomes


def _check_labels(outcomes: xr.Dataset, scene: Scene) -> None:
    """Refuse examples in another order, where their labels show it."""
    if scene.targets is None or "label" not in outcomes:
        return
    differ = scene.targets != outcomes["label"].values[scene.which]
    if differ.any():
        raise DataError(
            f"examples: the labels of {differ.sum()} of {len(differ)} differ from those of the "
            f"outcomes, the first is number {scene.which[differ][0]}. Give the examples that were "
            "evaluated, in the same order."
        )


def _order(outcomes: xr.Dataset, scene: Scene) -> tuple[np.ndarray | None, str]:
    """(shown,) what the examples are ordered by, and its name."""
    if "label" in outcomes:
        return outcomes["label"].values[scene.which], "label"
    return scene.targets, "target" if scene.targets is not None else "their number"


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


def _example_table(scene: Scene, places: Places, order: np.ndarray | None, by: str) -> pd.DataFrame:
    x, y = places.xy.astype(np.float32).T
    columns: dict[str, Any] = {"example": scene.which, "x": x, "y": y}
    return pd.DataFrame(columns if order is None else {**columns, by: order})


def _arrays(shown: xr.Dataset, measures: list[EffectColumns]) -> dict[str, np.ndarray]:
    if schema.is_classification(shown):
        return sweep_arrays(NAME, shown)
    arrays: dict[str, np.ndarray] = {}
    for number, measure in enumerate(measures):
        arrays |= measured_arrays(measure.name, number, shown)
    return arrays


def _facts(
    found: xr.Dataset,
    measures: list[EffectColumns],
    tables: Mapping[str, pd.DataFrame],
    places: Places,
    cards: Cards,
) -> dict[str, Any]:
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
