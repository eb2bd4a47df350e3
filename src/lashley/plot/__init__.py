"""What all figures are drawn with: their style, maps of examples, places for labels."""

from lashley.plot.maps import compose
from lashley.plot.style import save

__all__ = ["compose", "save"]
