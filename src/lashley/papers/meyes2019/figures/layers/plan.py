"""The figures of the layer study in order, with a sentence on each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial

from matplotlib.figure import Figure

from lashley.methods import SILENCE, ZERO_WEIGHTS
from lashley.papers.meyes2019.figures.layers import (
    classes,
    constants,
    curves,
    distances,
    distribution,
    methods,
    null,
    ranked,
    shares,
)
from lashley.papers.meyes2019.figures.layers.layer_results import LayerResults
from lashley.plot import style

CAPTIONS: Mapping[str, str] = {
    "figure-14": "Drop in top-1 accuracy by layer: mean over the layer's groups of similar units, "
    "one standard deviation below and above it, and the mean of random groups of the same size.",
    "figure-15": "The same as figure 14 for top-5 accuracy.",
    "figure-16": "Mean drop by layer for single classes, beside that over all classes.",
    "figure-17": "All classes sorted by their mean drop in two layers; some classes gain.",
    "figure-layers": "Distribution of the drop over the groups of each layer, and the share of "
    "groups whose ablation helped.",
    "figure-null": "Mean drop of groups of similar units minus that of random groups, with an "
    "interval, and the share of groups that cost more than 95 % of the random ones.",
    "figure-share": "Mean drop against the share of a layer's units that is ablated, by layer.",
    "figure-constants": "What a channel holds after batch normalisation once its filter's weights "
    "and bias are 0, beside what it holds on average in the intact network.",
    "figure-methods": "Drop after zeroing the weights minus drop after silencing the same groups, "
    "by layer.",
    "figure-distances": "Distances between the normalised incoming weights of each layer's units, "
    "ordered so that similar units are side by side.",
}


def layer_figures(results: LayerResults) -> Iterator[tuple[str, Figure]]:
    """Figures 14 to 17 and those that the paper lacks, each drawn when asked for.

    What was not measured is not there: figure 15 needs top-5, the figures of the null, of the
    constants, of the methods and of the distances need random groups, constants, both methods and
    distances.

    Yields:
        The figure's name, a key of `CAPTIONS`, and the figure.

    Source: Meyes et al. 2019, section 4.3.
    """
    return style.in_turn(_plan(results), results)


def figure_names(results: LayerResults) -> tuple[str, ...]:
    """The figures that `layer_figures` draws from these results, in their order."""
    return tuple(_plan(results))


def _plan(results: LayerResults) -> dict[str, Callable[[LayerResults], Figure]]:
    plan: dict[str, Callable[[LayerResults], Figure]] = {
        f"figure-{number}": partial(curves.drops, top=top)
        for number, top in ((14, 1), (15, 5))
        if top in results.tops
    }
    plan |= {"figure-16": classes.single_classes, "figure-17": ranked.sorted_classes}
    plan["figure-layers"] = distribution.distributions
    if results.has_random:
        plan["figure-null"] = null.against_random
    plan["figure-share"] = shares.against_share
    if len(results.constants):
        plan["figure-constants"] = constants.constants
    if {str(ZERO_WEIGHTS), str(SILENCE)} <= set(results.methods):
        plan["figure-methods"] = methods.against_silence
    if set(results.sites) & set(results.distances):
        plan["figure-distances"] = distances.matrices
    return plan
