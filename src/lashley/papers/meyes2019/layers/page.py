"""What the report of a layer study carries, from its run folder alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from lashley import outcomes as schema
from lashley.page import Page, atlas, carried, sweep_arrays, table_notes
from lashley.papers.meyes2019.figures.layers import LayerResults
from lashley.papers.meyes2019.figures.recovery import RecoveryResults
from lashley.papers.meyes2019.layers.draw import captions
from lashley.papers.meyes2019.layers.mapping import is_done
from lashley.papers.meyes2019.layers.reading import recovery_results, results
from lashley.papers.meyes2019.recovery.rows import NAMES as RECOVERY
from lashley.papers.meyes2019.recovery.shown import brief
from lashley.studies.drawing import figure_notes, map_note
from lashley.studies.folder import RunFolder
from lashley.studies.loading import study_of
from lashley.studies.mapped import ABSENT

SWEEP = "sweep"
_MOST_BYTES = 48_000_000  # of outcomes by example, unpacked in the reader's browser
_NOTES = {
    "layers": "Means over the groups of each layer, with their 95 % intervals over the images, "
    "standard deviations over the groups, and the same of random groups.",
    "classes": "The same class by class.",
    "ablations-sweep": "Every group: what it costs in top-1 accuracy, with 95 % intervals.",
    "constants": "What each filter holds after batch norm and ReLU when its weights and bias are "
    "zeroed, and what the intact filter holds.",
    "recovery": "Every epoch of every retraining; with the drop against the intact network, and "
    "what should not have moved of the held weights (held_norm).",
    "recovery_classes": "The same class by class, before retraining and after it.",
    "recovery_layers": "How far each module moved in retraining, and the top-1 drop when it alone "
    "goes back to what it was before.",
    "claims": "What the paper says, and what this run measured.",
}
_TITLES = {"ablations-sweep": "Groups"}
_KEYS = ["site", "method", "proportion", "design", "anchor", "draw"]
_COSTS = ["drop_pp", "drop_low_pp", "drop_high_pp", "lost", "gained", "total"]


def page(folder: RunFolder) -> Page:
    """What the report carries."""
    study, found, retrained = study_of(folder), results(folder), recovery_results(folder)
    outcomes, images = schema.open_store(folder.outcomes), _images(folder)
    which = np.arange(outcomes.sizes["example"]) if images is None else images["example"]
    shown, groups = outcomes.isel(example=which), _groups(found.effects)
    kept = _kept(groups, len(which) * shown["prediction"].dtype.itemsize)
    groups["row"] = np.where(kept, np.cumsum(kept) - 1, -1)
    tables = _tables(folder, found, retrained) | {"ablations-sweep": groups}
    place, pictures = _map(folder, images)
    return Page(
        title=study.title,
        lead=f"Run {folder.path.resolve().name} of the study {study.name}. Drops are in percentage "
        "points (pp), with 95 % intervals; layers are named by their index in features, as in the "
        "paper; filters count from 0.",
        facts=_facts(folder, found, retrained, tables) | {"map": place},
        tables=tables | {"examples": _examples(folder, which, shown, images is not None)},
        arrays=sweep_arrays(SWEEP, shown.isel(ablation=np.flatnonzero(kept)).load()),
        pictures=pictures,
    )


def _images(folder: RunFolder) -> dict[str, np.ndarray] | None:
    """The pictures of the examples on the map, and which these are; None until there is a map."""
    return folder.arrays("images") if is_done(folder) else None


def _groups(effects: pd.DataFrame) -> pd.DataFrame:
    """A row per group, in the order of the outcomes; its cost by top-5 in columns of its own."""
    first, rest = effects.query("top == 1"), effects.query("top == 5")
    first = first.drop(columns=["top", "seed", "random_share_low", "random_share_high"])
    if rest.empty:
        return first.reset_index(drop=True)
    named = {name: f"top5_{name}" for name in _COSTS if name != "total"}
    further = rest.filter([*_KEYS, *named]).rename(columns=named)
    return first.merge(further, on=_KEYS, how="left", validate="one_to_one")


def _kept(groups: pd.DataFrame, each: int) -> np.ndarray:
    """(group,) whose outcomes by example, of so many bytes each, the page carries."""
    kinds = groups[["site", "method", "proportion", "design"]]
    return carried(groups.drop_pp, kinds, max(1, _MOST_BYTES // max(each, 1)))


def _map(
    folder: RunFolder, images: Mapping[str, np.ndarray] | None
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """What is said about the map, and its pictures in one."""
    if images is None:
        why = "This run has no map of its images yet; the command that made it adds one."
        return {"note": "", "absent": why, "atlas": None}, {}
    picture, layout = atlas(images["images"])
    quality = folder.json("embedding")
    absent = quality.get(ABSENT, "")
    note = "" if absent else map_note(
        "the intact network's last hidden layer", "an image's {} nearest neighbours there", quality
    )  # fmt: skip
    return {"note": note, "absent": absent, "atlas": layout}, {"atlas": picture}


def _examples(
    folder: RunFolder, which: np.ndarray, shown: xr.Dataset, is_mapped: bool
) -> pd.DataFrame:
    table = pd.DataFrame({"example": which, "label": shown["label"].values})
    if is_mapped and folder.has("embedding.npy"):
        table["x"], table["y"] = folder.array("embedding").astype(np.float32).T
    return table


def _tables(
    folder: RunFolder, found: LayerResults, retrained: RecoveryResults | None
) -> dict[str, pd.DataFrame]:
    tables = {"layers": found.layers, "classes": found.classes, "constants": found.constants}
    if retrained is not None:
        tables |= {name: folder.table(name) for name in RECOVERY}
    return tables | {"claims": folder.table("claims")}


def _facts(
    folder: RunFolder, found: LayerResults, retrained: RecoveryResults | None,
    tables: Mapping[str, pd.DataFrame],
) -> dict[str, Any]:  # fmt: skip
    study, claims = study_of(folder), tables["claims"]
    methods = " and, in the recovery, ".join(claims.method.unique())
    return {
        "kind": "layers",
        "study": study.name,
        "run": folder.path.resolve().name,
        "numbers": _numbers(found, retrained, claims),
        "first_unit": 0,
        "classes": list(found.class_names),
        "evaluations": [{"name": SWEEP, "title": f"{found.n_images:,} test images"}],
        "cases": _cases(found),
        "figures": figure_notes(captions(folder, found)),
        "claims_note": "What the paper says, and what this run measured with the method "
        f"{methods}.",
        "tables": table_notes(_NOTES, tables, _TITLES),
        "provenance": folder.json("provenance"),
    }  # fmt: skip


def _numbers(
    found: LayerResults, retrained: RecoveryResults | None, claims: pd.DataFrame
) -> list[tuple[str, str]]:
    first = found.effects.query("design == 'similar_groups' and top == 1")
    worst = first.loc[first.drop_pp.idxmax()]
    kept = found.constants.constant
    intact = [
        (f"accuracy, intact, top-{top}", f"{value:.2f} % [{low:.2f}, {high:.2f}]")
        for top, (value, low, high) in found.intact.items()
    ]
    return [
        *intact,
        ("test images", f"{found.n_images:,}"),
        ("ablations", f"{len(found.effects.query('top == 1')):,}"),
        (
            f"largest drop of {len(first):,} (layer {worst.label}, {worst['size']} filters)",
            f"{worst.drop_pp:.1f} pp [{worst.drop_low_pp:.1f}, {worst.drop_high_pp:.1f}]",
        ),
        ("filters that zeroing leaves active", f"{100 * (kept > 0).mean():.0f} %"),
        *_recovered(retrained),
        ("claims that hold", f"{(claims.holds == 'yes').sum()} of {len(claims)}"),
    ]


def _recovered(found: RecoveryResults | None) -> list[tuple[str, str]]:
    """The drop right after the ablation and after retraining, mean over the instances."""
    if found is None:
        return []
    rows = brief("recovery", found.recovery.query("experiment == 'instances'"))
    rows = rows.query("start == 'ablated' and top == @found.top")
    numbers = []
    for label, runs in rows.groupby("label", sort=False):
        before, after = (runs[name].mean() for name in ("drop_before_pp", "drop_pp"))
        name = f"top-{found.top} drop, layer {label}: ablated; then retrained"
        numbers.append((name, f"{before:.1f}; {after:.1f} pp"))
    return numbers


def _cases(found: LayerResults) -> list[dict[str, str]]:
    """For the layers that matter most: the group that costs most, as an address in the page."""
    cases = []
    for site in found.shown:
        groups = found.effects.query("site == @site and design == 'similar_groups' and top == 1")
        worst = groups.loc[groups.drop_pp.idxmax()]
        cases.append({
            "title": f"Layer {worst.label}: filter {worst.anchor} and the {worst['size'] - 1} "
            "most similar",
            "caption": f"The costliest group of the layer: {worst.drop_pp:.1f} pp.",
            "fragment": f"#view=layers&site={site}&method={worst.method}"
            f"&proportion={float(worst.proportion)!r}&group={worst.anchor}",
        })  # fmt: skip
    return cases
