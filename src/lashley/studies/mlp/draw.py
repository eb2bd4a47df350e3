"""Figures of a run, drawn from its folder alone: no network is run."""

from __future__ import annotations

from lashley.figures import mlp_figures
from lashley.studies.drawing import drawn, save_all
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


def captions(folder: RunFolder) -> dict[str, str]:
    """What each figure of a run shows, by its name."""
    authors = folder.study().network.weights == "authors"
    return _CAPTIONS | _PAPERS_EXAMPLES if authors else dict(_CAPTIONS)
