"""Lashley: ablation studies of trained neural networks.

Cut units out of a network, measure what is lost, class by class and example by example.

    import lashley as la

    sites = la.find_sites(network, examples)
    outcomes = la.evaluate(network, examples, la.singles(sites["fc1"]))
    la.effects(outcomes).to_dataframe()
    la.report(outcomes, "report.html", examples=examples)
"""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING

from lashley import data, distribute, methods, networks
from lashley.ablations import Ablation
from lashley.data import Examples
from lashley.designs import cumulative, distances, pairs, random_groups, similar_groups, singles
from lashley.effects import effects, interactions, mean_effect
from lashley.embedding import embed
from lashley.engine import Savings, evaluate
from lashley.errors import LashleyError
from lashley.outcomes import open_store
from lashley.page import report
from lashley.planning import Plan, plan
from lashley.readouts import Readout
from lashley.recovery import (
    Patience,
    Recovery,
    iterated_ablations,
    recover,
    recover_each,
    recover_iterated,
)
from lashley.scores import scores
from lashley.sites import Site, find_sites
from lashley.training import Recipe, train, train_population

if TYPE_CHECKING:
    from lashley import plot
    from lashley.studies.python import Run, Study, open_run

__version__ = version("lashley")

__all__ = [
    "Ablation",
    "Examples",
    "LashleyError",
    "Patience",
    "Plan",
    "Readout",
    "Recipe",
    "Recovery",
    "Run",
    "Savings",
    "Site",
    "Study",
    "cumulative",
    "data",
    "distances",
    "distribute",
    "effects",
    "embed",
    "evaluate",
    "find_sites",
    "interactions",
    "iterated_ablations",
    "mean_effect",
    "methods",
    "networks",
    "open_run",
    "open_store",
    "pairs",
    "plan",
    "plot",
    "random_groups",
    "recover",
    "recover_each",
    "recover_iterated",
    "report",
    "scores",
    "similar_groups",
    "singles",
    "train",
    "train_population",
]


_OF_STUDIES = ("Run", "Study", "open_run")


def __getattr__(name: str) -> object:
    """Names that need matplotlib, which takes its time to import, when they are first asked for."""
    if name == "plot":
        return import_module("lashley.plot")
    if name in _OF_STUDIES:
        return getattr(import_module("lashley.studies.python"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_OF_STUDIES, "plot"})
