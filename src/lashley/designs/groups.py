"""Groups of a share of a site's units: similar ones, and random ones to compare them with."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np

from lashley.ablations import Ablation
from lashley.designs.similarity import distances
from lashley.designs.sizes import size_of_part
from lashley.errors import AblationError
from lashley.methods import SILENCE, Method
from lashley.sites import Site, as_site


def similar_groups(site: Site, proportion: float, method: Method | str = SILENCE) -> list[Ablation]:
    """For every unit, the anchor, the group of the units most like it, itself included.

    Units are alike if their distance is small (`distances`); among equals the lower index goes
    first. The size is the proportion of the site's units, at least 1, else rounded half up.

    Args:
        site: From `find_sites`.
        proportion: Above 0, and less than all units.
        method: See `Ablation`.

    Returns:
        One ablation per unit, in their order; columns `proportion` and `anchor`.

    Raises:
        AblationError: If the proportion is not allowed, or leaves no unit.
        SiteError: If the units have no finite incoming weights.

    Source: Meyes et al. 2019, section 3.2.
    """
    size = size_of_part(as_site(site), proportion)
    apart = distances(site).fill_diagonal_(-1)  # the anchor comes first, whatever equals it
    nearest = apart.sort(dim=1, stable=True).indices[:, :size].tolist()
    return [
        Ablation(site, tuple(units), method, "similar_groups",
                 {"proportion": float(proportion), "anchor": anchor})
        for anchor, units in enumerate(nearest)
    ]  # fmt: skip


def random_groups(
    site: Site,
    proportion: float,
    groups: int = 100,
    seed: int = 0,
    method: Method | str = SILENCE,
) -> list[Ablation]:
    """Groups drawn at random: every set of that size is equally likely, whatever the others are.

    Another seed, site name or size gives other groups; asking for more keeps the first ones.

    Args:
        site: From `find_sites`.
        proportion: As for `similar_groups`, and the groups have the same size.
        groups: How many.
        seed: Of the draws.
        method: See `Ablation`.

    Returns:
        Ablations with the columns `proportion`, `seed` and `draw`, which counts from 0.

    Raises:
        AblationError: If the proportion is not allowed or leaves no unit, or the number of groups
            or the seed is not a whole number in its range.
    """
    size = size_of_part(as_site(site), proportion)
    _check_whole("groups", groups, 1)
    _check_whole("seed", seed, 0)
    draws = np.random.default_rng([int(seed), size, *site.name.encode()])
    columns = {"proportion": float(proportion), "seed": int(seed)}
    return [
        Ablation(site, tuple(draws.choice(site.n_units, size, replace=False).tolist()), method,
                 "random_groups", columns | {"draw": draw})
        for draw in range(groups)
    ]  # fmt: skip


def _check_whole(name: str, value: Any, lowest: int) -> None:
    whole = isinstance(value, Integral) and not isinstance(value, bool)
    if not whole or not lowest <= int(value) < 2**63:
        raise AblationError(
            f"{name}: given {value!r}; allowed are whole numbers from {lowest}, below 2**63. Leave "
            "it out for the default."
        )
