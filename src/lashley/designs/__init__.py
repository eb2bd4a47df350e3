"""Designs: pure functions from a site to the ablations of an experiment."""

from lashley.designs.groups import random_groups, similar_groups
from lashley.designs.similarity import distances
from lashley.designs.sizes import group_size
from lashley.designs.units import cumulative, pairs, singles

__all__ = [
    "cumulative",
    "distances",
    "group_size",
    "pairs",
    "random_groups",
    "similar_groups",
    "singles",
]
