"""A partial lesion: the activation times a number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from lashley.methods.method import Method
from lashley.methods.numbers import checked
from lashley.methods.replacement import Function, Replacement
from lashley.sites import Site


@dataclass(frozen=True)
class Scale(Method):
    """The activation times a number, at the same place as `Silence`.

    Attributes:
        factor: 0 silences, 0.5 halves, 1 leaves the units as they are.

    Raises:
        AblationError: If it is not a finite number.
    """

    alias: ClassVar[str] = "scale"
    factor: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "factor", checked("scale", "factor", self.factor))

    def replacement(self, site: Site) -> Replacement:
        """See `Method`."""
        return Function(self._scaled)

    def _scaled(self, activation: Tensor) -> Tensor:
        return activation * self.factor
