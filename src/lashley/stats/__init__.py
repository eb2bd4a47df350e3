"""Statistics: arrays in, arrays or small frozen dataclasses out; each is parameters and a call."""

from lashley.stats.changes import ks_distance, mann_whitney_p
from lashley.stats.correlations import Correlation, correlation, density
from lashley.stats.paired import (
    Interval,
    benjamini_hochberg,
    mean_zero_p,
    paired_interval,
    sign_p,
)

__all__ = [
    "Correlation",
    "Interval",
    "benjamini_hochberg",
    "correlation",
    "density",
    "ks_distance",
    "mann_whitney_p",
    "mean_zero_p",
    "paired_interval",
    "sign_p",
]
