"""What a study's page shows of the examples: kept in the run folder, which is all a page needs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from lashley.errors import DataError, RunError
from lashley.page.cards import Cards
from lashley.page.outcomes import Scene, evenly, scene_of
from lashley.studies.ablation.form import AblationStudy
from lashley.studies.ablation.given import Subject
from lashley.studies.ablation.mapping import map_of, which_are_mapped
from lashley.studies.folder import RunFolder

_CARDS, _GROUPS = "cards", "groups"


def groups_of(folder: RunFolder) -> np.ndarray | None:
    """(example,) the groups that a run counts by in place of classes, or None."""
    return folder.array(_GROUPS) if folder.has(f"{_GROUPS}.npy") else None


def keep(study: AblationStudy, about: Subject, folder: RunFolder) -> None:
    """Write the examples' cards (`cards.json`, `cards.npz`, texts or numbers as a table), groups.

    Raises:
        DataError: If `show` does not make what can be shown.
        RunError: If the groups are not those that the run began with.
    """
    if folder.has(f"{_CARDS}.json"):
        _check_same_groups(about.groups, groups_of(folder))
        return
    if about.groups is not None:
        folder.write_array(_GROUPS, about.groups)
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


def _check_same_groups(now: np.ndarray | None, before: np.ndarray | None) -> None:
    if (now is None) != (before is None) or not np.array_equal(now, before):  # pyright: ignore
        raise RunError(
            "groups: they are not those that the run began with, so its tables would not go "
            "together. Give the same ones, or begin in another folder."
        )


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
