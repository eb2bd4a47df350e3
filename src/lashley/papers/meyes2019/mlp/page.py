"""What the report of an MLP study carries, from its run folder alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from lashley.page import Page, atlas, sweep_arrays, table_notes
from lashley.papers.meyes2019.figures.mlp import Results
from lashley.papers.meyes2019.mlp.draw import captions
from lashley.papers.meyes2019.mlp.evaluations import CLEAN, MlpEvaluation, evaluations, results
from lashley.studies.drawing import figure_notes, map_note, title_of
from lashley.studies.folder import RunFolder
from lashley.studies.loading import study_of

_TITLES = {"clean": "clean digits", "published": "as published: ablated on binarised digits"}
_NOTES = {
    "effects": "Single and pairwise ablations: of the network under study, and single ones of the "
    "further networks; paired 95 % intervals (Bonett and Price), McNemar's exact p, adjusted "
    "(Benjamini-Hochberg).",
    "interactions": "What each pair costs beyond the sum of its singles.",
    "scores": "Importance without a functional test, and the measured drop.",
    "correlations": "Of each score with the drop; 95 % bootstrap intervals.",
    "selectivity": "Standard deviation over the units of each class's drop.",
    "claims": "What the paper says, and what this run measured.",
}
_CASES = {
    "03": "strongest", "04": "selective", "05": "negligible", "06": "subtle", "07": "gaining",
    "12": "excess", "13": "gaining_pair", "a1": "runner_up", "a3": "redundant_pair",
}  # fmt: skip


def page(folder: RunFolder) -> Page:
    """What the report carries."""
    study, found = study_of(folder), evaluations(folder)
    clean = results(folder, found[CLEAN])
    tables = {name: folder.table(name) for name in _NOTES}
    picture, layout = atlas(folder.arrays("images")["images"])
    weights = {"weights": clean.weights, "initial_weights": clean.initial_weights}
    return Page(
        title=study.title,
        lead=f"Run {folder.path.resolve().name} of the study {study.name}. Drops are in percentage "
        "points (pp), with 95 % intervals.",
        facts=_facts(folder, clean, tables, list(found)) | _map(folder, layout),
        tables=tables | _examples(clean) | _ablations(found),
        arrays={name: array.astype(np.float32) for name, array in weights.items()}
        | _predictions(found),
        pictures={"atlas": picture},
    )


def _facts(
    folder: RunFolder, clean: Results, tables: Mapping[str, pd.DataFrame], found: Sequence[str]
) -> dict[str, Any]:
    study, shown = study_of(folder), captions(folder)
    return {
        "kind": "mlp",
        "study": study.name,
        "run": folder.path.resolve().name,
        "numbers": _numbers(clean, tables),
        "first_unit": clean.first_unit,
        "classes": list(clean.class_names),
        "evaluations": [{"name": name, "title": _TITLES[name]} for name in found],
        "cases": _cases(clean, shown),
        "figures": figure_notes(shown),
        "claims_note": _claims_note(tables["claims"]),
        "tables": table_notes(_NOTES, tables, {}),
        "provenance": folder.json("provenance") | {"t-SNE": folder.json("embedding")},
    }


def _numbers(clean: Results, tables: Mapping[str, pd.DataFrame]) -> list[tuple[str, str]]:
    """The few numbers that readers look for first."""
    rows = tables["effects"].query("network == 'main' and `class` == 'all'")
    rows = rows[rows.evaluation == CLEAN]
    worst = rows.query("design == 'singles'").sort_values("drop_pp").iloc[-1]
    holds = tables["claims"].clean_holds
    return [
        ("accuracy, intact", f"{100 * rows.intact_correct.iloc[0] / rows.total.iloc[0]:.2f} %"),
        ("test examples", f"{rows.total.iloc[0]:,}"),
        ("ablations", f"{len(rows):,}"),
        (
            f"largest single drop, {clean.name(int(worst.units))}",
            f"{worst.drop_pp:.2f} pp [{worst.drop_low_pp:.2f}, {worst.drop_high_pp:.2f}]",
        ),
        ("claims that hold", f"{holds.sum()} of {len(holds)}"),
    ]


def _map(folder: RunFolder, layout: Mapping[str, Any]) -> dict[str, Any]:
    note = map_note("the pixels", "an example's {} nearest neighbours", folder.json("embedding"))
    return {"map": {"note": note, "absent": "", "atlas": layout}}


def _examples(clean: Results) -> dict[str, pd.DataFrame]:
    x, y = clean.embedding.astype(np.float32).T
    label = clean.outcomes["label"].values
    return {"examples": pd.DataFrame({"label": label, "x": x, "y": y})}


def _predictions(found: Mapping[str, MlpEvaluation]) -> dict[str, np.ndarray]:
    arrays: dict[str, np.ndarray] = {}
    for name, part in found.items():
        arrays |= sweep_arrays(name, part.outcomes)
    return arrays


def _ablations(found: Mapping[str, MlpEvaluation]) -> dict[str, pd.DataFrame]:
    names = ("site", "units", "method", "design")
    return {
        f"ablations-{name}": pd.DataFrame({n: part.outcomes[n].values.astype(str) for n in names})
        for name, part in found.items()
    }


def _cases(clean: Results, captions: Mapping[str, str]) -> list[dict[str, str]]:
    """The ablations that the figures show, as addresses inside the page."""
    found = []
    for number, role in _CASES.items():
        units = [int(unit) for unit in np.atleast_1d(getattr(clean.cases, role))]
        found.append({
            "title": f"{title_of(number)}: {clean.name(*units)}",
            "caption": captions[f"figure-{number}"],
            "fragment": f"#view=explore&units={','.join(map(str, units))}",
        })  # fmt: skip
    return found


def _claims_note(claims: pd.DataFrame) -> str:
    note = "What the paper says, and what this run measured on clean data."
    if "published" in claims:
        note += (
            " The column published replays the paper's mistake: ablated networks measured on "
            "digits binarised by its plotting code, against the intact network on clean ones."
        )
    return note
