"""A network as a graph of pure operations, and what the graph tells."""

from lashley.graph.capture import Captured, Inputs, capture
from lashley.graph.retype import retyped

__all__ = ["Captured", "Inputs", "capture", "retyped"]
