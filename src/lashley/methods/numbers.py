"""Numbers that methods are given."""

from __future__ import annotations

from math import inf, isfinite
from numbers import Integral, Real
from typing import Any

from lashley.errors import AblationError

_SEEDS = 2**63


def checked(method: str, name: str, given: Any, least: float = -inf) -> float:
    """A finite number as a float.

    Raises:
        AblationError: If it is not one, or is below `least`.
    """
    real = isinstance(given, Real) and not isinstance(given, bool)
    if not real or not _is_finite(given) or float(given) < least:
        above = "" if least == -inf else f" of at least {least:g}"
        raise AblationError(
            f"method: given {given!r} as {name} of {method}; allowed is a finite number{above}. "
            f"Give {method}(0.5), for example."
        )
    return float(given)


def _is_finite(given: Any) -> bool:
    try:
        return isfinite(given)
    except OverflowError:  # a whole number too large for a float
        return False


def seeded(method: str, given: Any) -> int:
    """A seed.

    Raises:
        AblationError: If it is not a whole number from 0 to 2**63 - 1.
    """
    whole = isinstance(given, Integral) and not isinstance(given, bool)
    if not whole or not 0 <= int(given) < _SEEDS:
        raise AblationError(
            f"method: given {given!r} as seed of {method}; allowed is a whole number from 0 to "
            "2**63 - 1. Give 0, for example."
        )
    return int(given)
