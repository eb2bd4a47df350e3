"""Figures of a run, drawn from its folder alone: no network is run."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from matplotlib.figure import Figure

from lashley.papers.meyes2019.figures.mlp import mlp_figures
from lashley.papers.meyes2019.mlp.evaluations import (
    CLEAN,
    PUBLISHED,
    MlpEvaluation,
    evaluations,
    results,
)
from lashley.studies.drawing import Gallery
from lashley.studies.folder import RunFolder
from lashley.studies.loading import study_of

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


def galleries(folder: RunFolder) -> list[Gallery]:
    """All figures, then those of the published evaluation."""
    home = folder.path / "figures"
    homes = {CLEAN: home, PUBLISHED: home / PUBLISHED}
    return [
        Gallery(homes[name], _CAPTIONS, partial(_figures, folder, found))
        for name, found in evaluations(folder).items()
    ]


def _figures(folder: RunFolder, found: MlpEvaluation) -> Iterator[tuple[str, Figure]]:
    yield from mlp_figures(results(folder, found))


def captions(folder: RunFolder) -> dict[str, str]:
    """What each figure of a run shows, by its name."""
    authors = study_of(folder).network.weights == "authors"
    return _CAPTIONS | _PAPERS_EXAMPLES if authors else dict(_CAPTIONS)
