"""Figures: each a function from results to numbers, and one that draws them."""

from lashley.figures.cases import PAPER, Cases, choose
from lashley.figures.layers import CAPTIONS as LAYER_CAPTIONS
from lashley.figures.layers import LayerResults, choose_examples, choose_shown, layer_figures
from lashley.figures.maps import compose
from lashley.figures.mlp import mlp_figures
from lashley.figures.results import Population, Results
from lashley.figures.style import save

__all__ = [
    "LAYER_CAPTIONS", "PAPER", "Cases", "LayerResults", "Population", "Results", "choose",
    "choose_examples", "choose_shown", "compose", "layer_figures", "mlp_figures", "save",
]  # fmt: skip
