"""Zeroed weights: the ablation of Meyes et al., 2019 (arXiv 1901.08644, section 3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lashley.methods.method import Method, Where
from lashley.methods.replacement import ZEROS, Replacement
from lashley.sites import Site


@dataclass(frozen=True)
class ZeroWeights(Method):
    """The incoming weights and biases of the units are 0; all that comes after is unchanged.

    After a batch normalisation such a unit holds a constant, which need not be 0. Units without
    weights of their own, such as attention heads, are silenced.
    """

    alias: ClassVar[str] = "zero_weights"
    where: ClassVar[Where] = Where.WEIGHTS

    def replacement(self, site: Site) -> Replacement:
        """See `Method`."""
        return ZEROS


ZERO_WEIGHTS = ZeroWeights()
