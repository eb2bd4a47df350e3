"""Designs: pure functions from a site to the ablations of an experiment."""

from __future__ import annotations

from itertools import combinations

from lashley.ablations import Ablation
from lashley.errors import AblationError
from lashley.sites import Site, as_site


def singles(site: Site, method: str = "silence") -> list[Ablation]:
    """Every unit of the site alone, in the order of the units.

    Source: Meyes et al. 2019, section 4.1.
    """
    return [Ablation(site, (unit,), method, "singles") for unit in range(as_site(site).n_units)]


def pairs(site: Site, method: str = "silence") -> list[Ablation]:
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
