"""Figures of the layer study: what each layer costs, class by class, method by method."""

from lashley.papers.meyes2019.figures.layers.choice import (
    choose_examples,
    choose_shown,
    top_of_classes,
)
from lashley.papers.meyes2019.figures.layers.layer_results import LayerResults
from lashley.papers.meyes2019.figures.layers.plan import CAPTIONS, figure_names, layer_figures

__all__ = [
    "CAPTIONS", "LayerResults", "choose_examples", "choose_shown", "figure_names", "layer_figures",
    "top_of_classes",
]  # fmt: skip
