"""Training: one network, or a whole population at once."""

from lashley.training.alone import train
from lashley.training.population import train_population
from lashley.training.recipe import Recipe

__all__ = ["Recipe", "train", "train_population"]
