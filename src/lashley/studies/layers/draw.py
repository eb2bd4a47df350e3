"""Figures and report of a layer study, drawn from its folder alone: no network is run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from lashley import report
from lashley.figures import layers as layer
from lashley.figures import recovery
from lashley.figures.layers import LayerResults
from lashley.figures.recovery import RecoveryResults
from lashley.studies.drawing import drawn, picture, save_all, write_page
from lashley.studies.folder import RunFolder, Tell
from lashley.studies.layers.recovering.shown import brief
from lashley.studies.layers.results import recovery_results, results

_PAGE_TABLES = {
    "layers": "Means over the groups of each layer, with their 95 % intervals over the images, "
    "standard deviations over the groups, and the same of random groups.",
    "classes": "The same class by class; top-1, and the largest share of the filters only.",
    "constants": "What each filter holds behind batch norm and ReLU when its weights and bias are "
    "zeroed; beside it what the intact filter holds. The 100 largest.",
}
_RECOVERY_TABLES = {
    "recovery": "Of every retraining before it and after it; with the drop against the intact "
    "network, and what should not have moved of the held weights (held_norm).",
    "recovery_classes": "The same class by class; the retrained instances, top-1 only.",
    "recovery_layers": "How far each module moved in retraining, and the top-1 drop when it alone "
    "goes back to what it was before; instances and the last iteration.",
}
_CAPTIONS = {**layer.CAPTIONS, **recovery.CAPTIONS}
_LARGEST = 100


def draw_figures(folder: RunFolder, tell: Tell, again: bool = False) -> None:
    """Draw all figures into `figures/`.

    Args:
        folder: A run that has its tables.
        tell: Told of the progress.
        again: Draw those as well that are there.
    """
    home, found = folder.path / "figures", results(folder)
    names = _names(folder, found)
    if again or not drawn(home, names):
        save_all(_figures(folder, found), home, len(names), tell)
    tell("figures", len(names), len(names))


def _names(folder: RunFolder, found: LayerResults) -> list[str]:
    retrained = recovery_results(folder)
    further = recovery.figure_names(retrained) if retrained else ()
    return [*layer.figure_names(found), *further]


def _figures(folder: RunFolder, found: LayerResults) -> Iterator[tuple[str, Figure]]:
    yield from layer.layer_figures(found)
    retrained = recovery_results(folder)
    if retrained:
        yield from recovery.recovery_figures(retrained)


def write_report(folder: RunFolder) -> Path:
    """Write `report.html` from what lies in the folder, and return its path."""
    return write_page(folder, _page(folder, results(folder)))


def _page(folder: RunFolder, found: LayerResults) -> report.Page:
    study, claims = folder.study(), folder.table("claims")
    similar = found.effects.query("design == 'similar_groups'")
    first = similar.query("top == 1")
    worst = first.loc[first.drop_pp.idxmax()]
    kept, hold = found.constants.constant, int((claims.holds == "yes").sum())
    numbers = {f"accuracy, intact, top-{top}": f"{value:.2f} % [{low:.2f}, {high:.2f}]"
               for top, (value, low, high) in found.intact.items()}  # fmt: skip
    return report.Page(
        title=study.title,
        lead=f"Run {folder.path.resolve().name} of the study {study.name}. Drops are in percentage "
        "points, with 95 % intervals; layers are named by their index in features, as in the "
        "paper; filters count from 0.",
        numbers=numbers | {
            "test images": f"{found.n_images:,}",
            "ablations": f"{len(found.effects.query('top == 1')):,}",
            f"largest drop of {len(first):,} (layer {worst.label}, {worst['size']} filters)":
                f"{worst.drop_pp:.1f} %p [{worst.drop_low_pp:.1f}, {worst.drop_high_pp:.1f}]",
            "filters that zeroing leaves active": f"{100 * (kept > 0).mean():.0f} %",
            **_recovered(recovery_results(folder)),
            "claims that hold": f"{hold} of {len(claims)}",
        },
        claims=report.Table("claims", "Claims of the paper", _note(claims), _view(claims), True),
        figures=[_figure(folder, name) for name in _names(folder, found)],
        tables=[_table(folder, name, note) for name, note in _tables(folder).items()],
        provenance=folder.json("provenance"),
    )  # fmt: skip


def _note(claims: pd.DataFrame) -> str:
    methods = " and, in the recovery, ".join(claims.method.unique())
    return f"What the paper says, and what this run measured with the method {methods}."


def _view(claims: pd.DataFrame) -> pd.DataFrame:
    """The claims with each interval in one cell."""
    ends = zip(claims.low, claims.high, strict=True)
    text = ["" if pd.isna(low) else f"{low:.2f} to {high:.2f}" for low, high in ends]
    view = claims.drop(columns=["low", "high", "method"])
    view.insert(list(view.columns).index("measured") + 1, "95 % interval", text)
    return view


def _tables(folder: RunFolder) -> dict[str, str]:
    return _PAGE_TABLES | (_RECOVERY_TABLES if recovery_results(folder) else {})


def _recovered(found: RecoveryResults | None) -> dict[str, str]:
    """The drop right after the ablation and after retraining, mean over the instances."""
    if found is None:
        return {}
    rows = brief("recovery", found.recovery.query("experiment == 'instances'"))
    rows = rows.query("start == 'ablated' and top == @found.top")
    numbers = {}
    for label, runs in rows.groupby("label", sort=False):
        before, after = (runs[name].mean() for name in ("drop_before_pp", "drop_pp"))
        name = f"top-{found.top} drop, layer {label}, ablated, and retrained"
        numbers[name] = f"{before:.1f}, {after:.1f} %p"
    return numbers


def _figure(folder: RunFolder, name: str) -> report.Figure:
    number = name.removeprefix("figure-")
    title = f"Figure {number}" if number.isdigit() else number.replace("-", " ").capitalize()
    return report.Figure(name, title, _CAPTIONS[name], picture(folder, name))


def _table(folder: RunFolder, name: str, note: str) -> report.Table:
    rows = folder.table(name)
    if name == "classes":
        rows = rows.query("top == 1 and proportion == proportion.max()")
    if name == "constants":
        rows = rows.sort_values("constant", ascending=False).head(_LARGEST)
    title = name.replace("_", ", ").capitalize()
    return report.Table(f"table-{name}", title, note, brief(name, rows))
