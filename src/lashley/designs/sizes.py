"""How many units a share of a site is."""

from __future__ import annotations

from math import floor
from numbers import Real
from typing import Any

from lashley.errors import AblationError
from lashley.sites import Site

_DIGITS = 9  # to which a product is exact enough: 0.285 * 100 is 28.499999999999996


def group_size(n_units: int, proportion: float) -> int:
    """The units that are a share of `n_units`: at least 1, else rounded half up.

    The product counts to 9 decimal places, so that 28.5 % of 100 units is 29.

    Args:
        n_units: Of the site.
        proportion: Above 0, at most 1.

    Raises:
        AblationError: If the proportion is anything else.
    """
    if not _is_share(proportion):
        raise AblationError(
            f"proportion: given {proportion!r}; allowed are numbers above 0 and at most 1. Write "
            "10 % as 0.1."
        )
    return max(1, floor(round(float(proportion) * n_units, _DIGITS) + 0.5))


def size_of_part(site: Site, proportion: float) -> int:
    """`group_size` of a site, if some of its units are left.

    Raises:
        AblationError: If the proportion is not allowed, or all units are in the group.
    """
    size = group_size(site.n_units, proportion)
    if size == site.n_units:
        raise AblationError(
            f"proportion: given {proportion!r}, which is all {size} units of {site.name} and "
            "leaves nothing. Take a smaller one, or la.Ablation(site, range(site.n_units))."
        )
    return size


def _is_share(given: Any) -> bool:
    return isinstance(given, Real) and not isinstance(given, bool) and 0 < float(given) <= 1
