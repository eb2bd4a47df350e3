"""The activation of another example."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lashley.methods.method import Method
from lashley.methods.replacement import Donated, Replacement
from lashley.sites import Site


@dataclass(frozen=True)
class Resample(Method):
    """The activation of a reference example at the same position, drawn for each example.

    The seed of the draw is that of `evaluate`.
    """

    alias: ClassVar[str] = "resample"

    def replacement(self, site: Site) -> Replacement:
        """See `Method`."""
        return Donated()
