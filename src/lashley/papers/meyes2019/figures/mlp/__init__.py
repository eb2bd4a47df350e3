"""Figures of the MLP study: what each unit and each pair costs, class by class, digit by digit."""

from lashley.papers.meyes2019.figures.mlp.cases import PAPER, Cases, choose
from lashley.papers.meyes2019.figures.mlp.mlp_results import Population, Results
from lashley.papers.meyes2019.figures.mlp.plan import mlp_figures

__all__ = ["PAPER", "Cases", "Population", "Results", "choose", "mlp_figures"]
