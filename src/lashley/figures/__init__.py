"""Figures: each a function from results to numbers, and one that draws them."""

from lashley.figures.cases import PAPER, Cases, choose
from lashley.figures.maps import compose
from lashley.figures.mlp import mlp_figures
from lashley.figures.results import Population, Results
from lashley.figures.style import save

__all__ = [
    "PAPER", "Cases", "Population", "Results", "choose", "compose", "mlp_figures", "save",
]  # fmt: skip
