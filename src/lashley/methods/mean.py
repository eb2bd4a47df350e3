"""The mean activation over the reference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from lashley.methods.method import Method
from lashley.methods.replacement import Channels, Constants, Replacement
from lashley.sites import Site


@dataclass(frozen=True)
class Mean(Method):
    """The mean activation over the counted positions of all reference examples.

    For a unit with several channels, such as a head, it is the vector of their means.
    """

    alias: ClassVar[str] = "mean"

    def replacement(self, site: Site) -> Replacement:
        """See `Method`."""
        return _MEANS


def _mean(channels: Channels) -> Tensor:
    assert channels.mean is not None
    return channels.mean


_MEANS = Constants(_mean, needs_mean=True)
