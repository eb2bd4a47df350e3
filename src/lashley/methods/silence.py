"""Silence: the activation is 0."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lashley.methods.method import Method
from lashley.methods.replacement import ZEROS, Replacement
from lashley.sites import Site


@dataclass(frozen=True)
class Silence(Method):
    """0 in place of the activation, which equals removing the units.

    It acts after the layer's normalisation and nonlinearity, however these are spelled; for an
    attention head, on the head's whole vector.
    """

    alias: ClassVar[str] = "silence"

    def replacement(self, site: Site) -> Replacement:
        """See `Method`."""
        return ZEROS


SILENCE = Silence()
