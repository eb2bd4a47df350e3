"""What a run folder says about a layer study, in the figures' form; no network is run."""

from __future__ import annotations

import pandas as pd

from lashley.papers.meyes2019.figures.layers import (
    LayerResults,
    choose_examples,
    choose_shown,
    top_of_classes,
)
from lashley.papers.meyes2019.figures.recovery import RecoveryResults
from lashley.papers.meyes2019.recovery.rows import NAMES
from lashley.studies.claim import share
from lashley.studies.folder import RunFolder
from lashley.studies.loading import study_of


def results(folder: RunFolder) -> LayerResults:
    """All numbers behind the figures, from the run folder alone."""
    study, layers = study_of(folder), folder.table("layers")
    classes = folder.table("classes")
    intact = intact_of(classes)
    return LayerResults(
        layers=layers, classes=classes, effects=folder.table("effects"),
        constants=folder.table("constants"), distances=folder.arrays("distances"), intact=intact,
        examples=tuple(study.figures.classes or choose_examples(classes)),
        shown=tuple(study.figures.sites or choose_shown(layers, top_of_classes(classes))),
        n_images=int(_once(classes, int(classes.top.min())).total.sum()),
        class_names=tuple(_once(classes, int(classes.top.min()))["class"]), title=study.name,
    )  # fmt: skip


def recovery_results(folder: RunFolder) -> RecoveryResults | None:
    """The same for the recovery; None for a study without one, and before it is done."""
    study = study_of(folder)
    if study.recovery is None or not folder.has(*(f"{name}.parquet" for name in NAMES)):
        return None
    n = folder.json("provenance")["recovery"]["images"]["training images"]
    recovery, classes, layers = map(folder.table, NAMES)
    return RecoveryResults(recovery, classes, layers, study.name, f"trained on {n:,} images")


def intact_of(classes: pd.DataFrame) -> dict[int, tuple[float, float, float]]:
    """Accuracy of the intact network in percent with its 95 % interval, by top."""
    found = {}
    for top in sorted(int(t) for t in classes.top.unique()):
        rows = _once(classes, top)
        right = share(int(rows.intact_correct.sum()), int(rows.total.sum()))
        found[top] = (right.value, right.low, right.high)
    return found


def _once(classes: pd.DataFrame, top: int) -> pd.DataFrame:
    """Each class once: what is said about it does not depend on the ablation."""
    rows = classes.query("top == @top")
    return rows.loc[~rows.class_index.duplicated()].sort_values("class_index")
