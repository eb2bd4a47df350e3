"""Statistics: arrays in, arrays or small frozen dataclasses out; each is parameters and a call."""

from lashley.stats.chance import Agreement, agreement
from lashley.stats.changes import ks_distance, mann_whitney_p
from lashley.stats.correlations import Correlation, correlation, density
from lashley.stats.paired import (
    Interval,
    benjamini_hochberg,
    mean_interval,
    mean_zero_p,
    paired_interval,
    share_interval,
    sign_p,
)
from lashley.stats.sequence import (
    confidence_sequence,
    precise_enough,
    stratified_order,
)

__all__ = [
    "Agreement",
    "Correlation",
    "Interval",
    "agreement",
    "benjamini_hochberg",
    "confidence_sequence",
    "correlation",
    "density",
    "ks_distance",
    "mann_whitney_p",
    "mean_interval",
    "mean_zero_p",
    "paired_interval",
    "precise_enough",
    "share_interval",
    "sign_p",
    "stratified_order",
]
