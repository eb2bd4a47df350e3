"""What a study's page shows of the examples: kept in the run folder, which is all a page needs."""

from __future__ import annotations

from typing import Any

import pandas as pd

from lashley.errors import DataError
from lashley.page.cards import Cards
from lashley.page.outcomes import Scene, evenly, scene_of
from lashley.studies.ablation.form import AblationStudy
from lashley.studies.ablation.given import Subject
from lashley.studies.ablation.mapping import map_of, which_are_mapped
from lashley.studies.folder import RunFolder

_CARDS = "cards"


def keep(study: AblationStudy, about: Subject, folder: RunFolder) -> None:
    """Write the examples' cards: `cards.json`, `cards.npz`, and texts or numbers as a table.

    Raises:
        DataError: If `show` does not make what can be shown.
    """
    if folder.has(f"{_CARDS}.json"):
        return
    n = len(about.examples)
    on_map = study.embedding
    which = evenly(n) if on_map is None else which_are_mapped(on_map, about.examples)
    try:
        scene = scene_of(about.examples, about.show, n, which)
    except DataError:
        if about.show is not None:
            raise
        scene = scene_of(None, None, n, which)  # such as tokens in several tensors
    arrays = {"which": scene.which, **scene.cards.pictures}
    if scene.targets is not None:
        arrays["targets"] = scene.targets
    for name, table in scene.cards.tables.items():
        folder.write_table(name, table)
    folder.write_arrays(_CARDS, arrays)
    words = {"kind": scene.cards.kind, "note": scene.cards.note, "layout": scene.cards.layout}
    folder.write_json(_CARDS, words)


def scene(folder: RunFolder, n: int) -> Scene:
    """What the page of a run shows of its examples.

    Args:
        folder: Of the run.
        n: How many examples were evaluated.
    """
    if not folder.has(f"{_CARDS}.json"):  # a run of an earlier version
        return Scene(evenly(n))
    words, arrays = folder.json(_CARDS), folder.arrays(_CARDS)
    which, targets = arrays.pop("which"), arrays.pop("targets", None)
    tables = _tables(folder, words["kind"])
    cards = Cards(words["kind"], words["note"], words["layout"], tables, arrays)
    points = map_of(folder)[0] if folder.has("embedding.npz") else None
    return Scene(which, cards, targets, points)


def _tables(folder: RunFolder, kind: Any) -> dict[str, pd.DataFrame]:
    if kind not in ("texts", "numbers"):
        return {}
    return {_CARDS: pd.read_parquet(folder.path / f"{_CARDS}.parquet")}  # with any names of columns
