"""A number of the user's own for each unit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from math import isfinite
from typing import Any, ClassVar

import torch

from lashley.errors import AblationError
from lashley.methods.method import Method
from lashley.methods.replacement import Constants, Replacement
from lashley.sites import Site


@dataclass(frozen=True)
class Constant(Method):
    """A number in place of the activation, at the same place as `Silence`.

    Attributes:
        values: One for all units; or one for each unit of the site, ablated or not, for all its
            channels. Kept as a float or a tuple of floats.

    Raises:
        AblationError: If a value is not a finite number, or there are not as many as units.
    """

    alias: ClassVar[str] = "constant"
    values: Any

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", _plain(self.values))

    def replacement(self, site: Site) -> Replacement:
        """See `Method`."""
        values = self.values if isinstance(self.values, tuple) else (self.values,)
        if len(values) not in (1, site.n_units):
            raise AblationError(
                f"method: given {len(values)} values for constant; {site.name} has {site.n_units} "
                "units. Give one number for all, or one for each unit of the site."
            )
        by_unit = torch.tensor(values, dtype=torch.float64)
        return Constants(lambda channels: channels.each(by_unit))


def _plain(given: Any) -> float | tuple[float, ...]:
    try:
        if isinstance(given, Mapping | Set | str | bytes) or _holds_truth(given):
            raise TypeError
        parts = tuple(given) if isinstance(given, Iterable) else ()
        if any(isinstance(part, str | bytes) or _holds_truth(part) for part in parts):
            raise TypeError
        found = tuple(map(float, parts)) if isinstance(given, Iterable) else float(given)
    except (TypeError, ValueError, OverflowError, RuntimeError):
        found = ()
    numbers = found if isinstance(found, tuple) else (found,)
    if not numbers or not all(map(isfinite, numbers)):
        raise AblationError(
            f"method: given constant of {given!r}; allowed are a finite number, or one for each "
            "unit of the site. Give la.methods.Constant(0.5)."
        )
    return found


def _holds_truth(given: Any) -> bool:
    """Whether it holds truth values, or complex numbers: neither is a number here."""
    kind = str(getattr(given, "dtype", type(given).__name__))
    return "bool" in kind or "complex" in kind
