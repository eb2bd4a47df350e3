"""What all figures are drawn with: their style, maps of examples, places for labels."""

from lashley.figures.maps import compose
from lashley.figures.style import save

__all__ = ["compose", "save"]
