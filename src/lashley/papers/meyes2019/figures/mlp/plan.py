"""The figures of the paper's MLP study, in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from matplotlib.figure import Figure

from lashley.papers.meyes2019.figures.mlp import change, damage, excess, selectivity, weights
from lashley.papers.meyes2019.figures.mlp.mlp_results import Results
from lashley.plot import style


def mlp_figures(results: Results) -> Iterator[tuple[str, Figure]]:
    """Figures 1 to 13, A.1 to A.4 and the map of the pairs' excess, each drawn when asked for.

    Without a population figure 9 shows the network alone, and figures 10 and 11 are not there.

    Yields:
        The figure's name ("figure-01", ..., "figure-a4", "figure-excess") and the figure.

    Source: Meyes et al. 2019, sections 4.1 and 4.2.
    """
    return style.in_turn(_plan(results))


def _plan(results: Results) -> dict[str, Callable[[], Figure]]:
    cases, single, pair = (
        results.cases,
        partial(damage.single, results),
        partial(damage.pair, results),
    )
    plan: dict[str, Callable[[], Figure]] = {
        "figure-01": partial(damage.tsne_map, results),
        "figure-02": partial(damage.intact, results),
        "figure-03": partial(single, cases.strongest),
        "figure-04": partial(single, cases.selective),
        "figure-05": partial(single, cases.negligible),
        "figure-06": partial(single, cases.subtle),
        "figure-07": partial(single, cases.gaining),
        "figure-08": partial(weights.incoming_weights, results),
        "figure-09": partial(change.scatter, results),
    }
    if results.population is not None:
        plan["figure-10"] = partial(change.densities, results, results.population)
        plan["figure-11"] = partial(selectivity.deviations, results, results.population)
    return plan | {
        "figure-12": partial(pair, cases.excess),
        "figure-13": partial(pair, cases.gaining_pair),
        "figure-a1": partial(single, cases.runner_up),
        "figure-a2": partial(damage.weakest, results),
        "figure-a3": partial(pair, cases.redundant_pair),
        "figure-a4": partial(damage.singles_of_pair, results, cases.gaining_pair),
        "figure-excess": partial(excess.excess_map, results),
    }
