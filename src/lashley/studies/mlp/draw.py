"""Figures and report of a run, drawn from its folder alone: no network is run."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from lashley import report
from lashley.figures import mlp_figures
from lashley.studies.drawing import drawn, picture, save_all, write_page
from lashley.studies.folder import RunFolder, Tell
from lashley.studies.mlp.results import CLEAN, PUBLISHED, evaluations, results

_CAPTIONS = {
    "figure-01": "All test digits on their t-SNE map.",
    "figure-02": "The intact network: accuracy overall and class by class; on the map right digits "
    "in black, wrong ones in red.",
    "figure-03": "The unit whose ablation costs most.",
    "figure-04": "A unit that matters for one class far more than for all others.",
    "figure-05": "A unit that hardly matters.",
    "figure-06": "A unit of middling weight, spread over several classes.",
    "figure-07": "The unit whose ablation raises one class most.",
    "figure-08": "Incoming weights of all units before and after training, with the two-sided "
    "Mann-Whitney p of the change.",
    "figure-09": "The Mann-Whitney p of a unit's weights against the drop its ablation causes.",
    "figure-10": "Density of the correlation coefficients of the further networks.",
    "figure-11": "How unevenly each class's drop is spread over the units.",
    "figure-12": "The pair whose effect exceeds the sum of its single ablations most.",
    "figure-13": "The pair whose gain of a class exceeds the gains of its units most, or falls "
    "short of them least.",
    "figure-a1": "The unit whose ablation costs second most.",
    "figure-a2": "The four units that matter least.",
    "figure-a3": "The pair that alone loses the largest share of a class.",
    "figure-a4": "The two units of figure 13, each alone.",
    "figure-excess": "Excess of every pair over the sum of its single ablations; not in the paper.",
}
_PAPERS_EXAMPLES = {
    "figure-03": "Unit 12: features of many classes.",
    "figure-04": "Unit 19: features of one class.",
    "figure-05": "Unit 6: a negligible contribution.",
    "figure-06": "Unit 20: features of parts of several classes.",
    "figure-07": "Unit 3: its ablation raises class 5.",
    "figure-12": "Units 4 and 16: in the paper the pair of the strongest excess.",
    "figure-13": "Units 5 and 10: in the paper a pair whose gain of class 5 exceeds the sum.",
    "figure-a1": "Unit 16: features of many classes.",
    "figure-a2": "Units 6, 11, 13 and 18, which the paper calls candidates for pruning.",
    "figure-a3": "Units 12 and 19: class 6 is lost only by the pair.",
    "figure-a4": "Units 5 and 10, each alone.",
}
_PAGE_TABLES = {
    "effects": "Single and pairwise ablations of the network under study, all classes together; "
    "paired 95 % intervals (Bonett and Price), McNemar's exact p, adjusted (Benjamini-Hochberg).",
    "interactions": "What each pair costs beyond the sum of its singles.",
    "scores": "Importance without a functional test, and the measured drop.",
    "correlations": "Of each score with the drop; 95 % bootstrap intervals.",
    "selectivity": "Standard deviation over the units of each class's drop.",
}


def draw_figures(folder: RunFolder, tell: Tell, again: bool = False) -> None:
    """Draw all figures into `figures/`, and those of the published evaluation below it.

    Args:
        folder: A run that has its tables.
        tell: Told of the progress.
        again: Draw those as well that are there.
    """
    found = evaluations(folder)
    homes = {CLEAN: folder.path / "figures", PUBLISHED: folder.path / "figures" / PUBLISHED}
    total = len(_CAPTIONS) * len(found)
    for part, (name, evaluation) in enumerate(found.items()):
        home = homes[name]
        done = part * len(_CAPTIONS)
        if again or not drawn(home, _CAPTIONS):
            save_all(mlp_figures(results(folder, evaluation)), home, total, tell, done)
    tell("figures", total, total)


def write_report(folder: RunFolder) -> Path:
    """Write `report.html` from what lies in the folder, and return its path."""
    return write_page(folder, _page(folder))


def _page(folder: RunFolder) -> report.Page:
    study, effects = folder.study(), folder.table("effects")
    clean = effects.query("network == 'main' and evaluation == @CLEAN and `class` == 'all'")
    worst = clean.query("design == 'singles'").sort_values("drop_pp").iloc[-1]
    claims = folder.table("claims")
    quality = folder.json("embedding")
    return report.Page(
        title=study.title,
        lead=f"Run {folder.path.resolve().name} of the study {study.name}. Drops are in percentage "
        "points, with 95 % intervals; units count from 0 in tables.",
        numbers={
            "accuracy, intact": f"{100 * clean.intact_correct.iloc[0] / clean.total.iloc[0]:.2f} %",
            "test examples": f"{clean.total.iloc[0]:,}",
            "ablations": f"{len(clean)}",
            f"largest single drop (unit {worst.units})": f"{worst.drop_pp:.2f} %p",
            "claims that hold": f"{claims.clean_holds.sum()} of {len(claims)}",
            "map: neighbours kept": f"{100 * quality['knn_preservation']:.0f} %",
            "map: trustworthiness": f"{quality['trustworthiness']:.3f}",
        },
        claims=report.Table(
            "claims", "Claims of the paper", _claims_note(claims), _claims_view(claims), True
        ),
        figures=[_figure(folder, name) for name in _CAPTIONS],
        tables=[_table(folder, name, note) for name, note in _PAGE_TABLES.items()],
        provenance=folder.json("provenance") | {"t-SNE": quality},
    )


def _claims_note(claims: pd.DataFrame) -> str:
    note = "What the paper says, and what this run measured on clean data."
    if "published" in claims:
        note += (
            " The column published replays the paper's mistake: ablated networks measured on "
            "digits binarised by its plotting code, against the intact network on clean ones."
        )
    return note


def _claims_view(claims: pd.DataFrame) -> pd.DataFrame:
    """The claims with each interval in one cell."""
    view = claims.drop(columns=[c for c in claims if c.endswith(("_low", "_high"))])
    ends = zip(claims.clean_low, claims.clean_high, strict=True)
    text = ["" if pd.isna(low) else f"{low:.2f} to {high:.2f}" for low, high in ends]
    view.insert(list(view.columns).index("clean") + 1, "clean, 95 % interval", text)
    return view.rename(columns={"clean_holds": "holds", "published_holds": "holds, published"})


def _figure(folder: RunFolder, name: str) -> report.Figure:
    number = name.removeprefix("figure-").lstrip("0")
    title = "Pair excess" if number == "excess" else f"Figure {number.upper().replace('A', 'A.')}"
    captions = _CAPTIONS
    if folder.study().network.weights == "authors":
        captions = _CAPTIONS | _PAPERS_EXAMPLES
    return report.Figure(name, title, captions[name], picture(folder, name))


def _table(folder: RunFolder, name: str, note: str) -> report.Table:
    rows = folder.table(name)
    if name == "effects":
        rows = rows.query("network == 'main' and `class` == 'all'").drop(columns="class")
    if name == "correlations":
        rows = rows.query("over.str.match('main|population, pooled')")
    return report.Table(f"table-{name}", name.capitalize(), note, rows)
