"""The figures of recovery in order, with a sentence on each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import pandas as pd
from matplotlib.figure import Figure

from lashley.papers.meyes2019.figures.layers.layer_results import pick
from lashley.papers.meyes2019.figures.recovery import (
    classes,
    epochs,
    gap,
    iterated,
    modules,
    severity,
)
from lashley.papers.meyes2019.figures.recovery.recovery_results import RecoveryResults
from lashley.plot import style

CAPTIONS: Mapping[str, str] = {
    "figure-18": "Accuracy against the epochs of retraining for each instance, from the ablation "
    "on and, enlarged, from epoch 1 on, beside the intact network and the controls.",
    "figure-19": "Accuracy through iterated ablation and retraining, beside the intact network and "
    "the intact network trained just as long; below, the share of the layer ablated so far.",
    "figure-recovery-drop": "Drop that remains after retraining against the drop right after the "
    "ablation, instance by instance, and what remains in the controls.",
    "figure-recovery-classes": "Drop of each class right after the ablation and after retraining, "
    "and what of it is lost and gained.",
    "figure-recovery-layers": "Relative weight change of each trained module, and the drop when "
    "that module alone goes back to what it was before the retraining.",
    "figure-gap": "Gap to the intact network after retraining against the share ablated, beside "
    "the intact network trained just as long.",
}


def recovery_figures(results: RecoveryResults) -> Iterator[tuple[str, Figure]]:
    """Figures 18 and 19 and those that the paper lacks, each drawn when asked for.

    What was not measured is not there: see `figure_names`.

    Yields:
        The figure's name, a key of `CAPTIONS`, and the figure.

    Source: Meyes et al. 2019, section 4.4.
    """
    return style.in_turn(_plan(results), results)


def figure_names(results: RecoveryResults) -> tuple[str, ...]:
    """The figures that `recovery_figures` draws from these results, in their order.

    Figure 18 and those of the drop and the classes need instances, figure 19 and that of the gap
    iterations; the classes and the layers need their tables.
    """
    return tuple(_plan(results))


def _plan(results: RecoveryResults) -> dict[str, Callable[[RecoveryResults], Figure]]:
    instances, chains = results.has("instances"), results.has("iterated")
    of_instances = {"experiment": "instances", "start": "ablated", "top": results.top}
    plan: dict[str, tuple[bool, Callable[[RecoveryResults], Figure]]] = {
        "figure-18": (instances, epochs.recovery_by_epoch),
        "figure-19": (chains, iterated.iterated),
        "figure-recovery-drop": (instances, severity.against_severity),
        "figure-recovery-classes": (_any(results.classes, **of_instances), classes.by_class),
        "figure-recovery-layers": (_any(results.layers, start="ablated"), modules.by_module),
        "figure-gap": (chains, gap.against_share),
    }
    return {name: draw for name, (there, draw) in plan.items() if there}


def _any(table: pd.DataFrame, **keys: str | int) -> bool:
    """Whether a table, which may be empty, holds a row with these keys."""
    return not table.empty and not pick(table, **keys).empty
