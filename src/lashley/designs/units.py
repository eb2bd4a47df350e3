"""Ablations that are listed unit by unit: alone, in pairs, one after the other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import Any

from lashley.ablations import Ablation
from lashley.designs.sizes import group_size
from lashley.errors import AblationError
from lashley.methods import SILENCE, Method
from lashley.sites import Site, as_site


def singles(site: Site, method: Method | str = SILENCE) -> list[Ablation]:
    """Every unit of the site alone, in the order of the units.

    Source: Meyes et al. 2019, section 4.1.
    """
    return [Ablation(site, (unit,), method, "singles") for unit in range(as_site(site).n_units)]


def pairs(site: Site, method: Method | str = SILENCE) -> list[Ablation]:
    """Every two units of the site together: (0, 1), (0, 2), ..., (1, 2), ...

    Raises:
        AblationError: If the site has a single unit.

    Source: Meyes et al. 2019, section 4.2.
    """
    if as_site(site).n_units < 2:
        raise AblationError(
            f"pairs: {site.name} has {site.n_units} unit; two are needed. Use singles."
        )
    return [Ablation(site, two, method, "pairs") for two in combinations(range(site.n_units), 2)]


def cumulative(
    site: Site,
    order: Sequence[int],
    method: Method | str = SILENCE,
    proportions: Iterable[float] | None = None,
) -> list[Ablation]:
    """The first unit of an order, the first two, the first three, ...

    Args:
        site: From `find_sites`.
        order: Units, the first to be cut first, such as a score's ranking; each at most once.
        method: See `Ablation`.
        proportions: Only the steps that are these shares of all the site's units: at least one
            unit, else rounded half up. Shares that give the same step give it once. None: every
            step.

    Returns:
        From few units to many; the column `proportion` is the exact share of the site's units.

    Raises:
        AblationError: If the order names a unit twice or one that does not exist, has no order, or
            is too short for a proportion; or if a proportion is not allowed.
    """
    listed = _listed(as_site(site), order)
    sizes = range(1, len(listed) + 1)
    if proportions is not None:
        sizes = _steps(site, len(listed), proportions)
    return [
        Ablation(site, listed[:k], method, "cumulative", {"proportion": k / site.n_units})
        for k in sizes
    ]


def _listed(site: Site, order: Any) -> tuple[int, ...]:
    if not hasattr(order, "__getitem__") or isinstance(order, Mapping):
        raise AblationError(
            f"order: given {order!r}, which has no first unit; allowed are lists, tuples and "
            "arrays of units. List them from the first to go to the last."
        )
    try:
        Ablation(site, order)
    except AblationError as error:
        raise AblationError(f"order: {error}") from None
    return tuple(int(unit) for unit in order)


def _steps(site: Site, n_listed: int, proportions: Any) -> list[int]:
    if not isinstance(proportions, Iterable) or isinstance(proportions, str):
        raise AblationError(
            f"proportions: given {proportions!r}; allowed are numbers above 0 and at most 1 in a "
            "list, such as [0.1, 0.25]."
        )
    sizes = sorted({group_size(site.n_units, share) for share in proportions})
    if not sizes or sizes[-1] > n_listed:
        most = f"{sizes[-1]} units of {site.name}" if sizes else "no step"
        raise AblationError(
            f"proportions: given {most}; allowed is a step or more of the {n_listed} units in the "
            "order. List more units, or take smaller proportions."
        )
    return sizes
