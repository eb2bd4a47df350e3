"""Sweeps: which sites a study's patterns name, and which ablations its designs list."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase

from lashley.ablations import Ablation
from lashley.designs import pairs, random_groups, similar_groups, singles
from lashley.errors import AblationError, SiteError, StudyError
from lashley.sites import Site
from lashley.studies.ablation.form import SweepPart

_KIND = "kind:"


def selected(name: str, sweep: SweepPart, sites: Mapping[str, Site]) -> list[Site]:
    """The sites that a sweep's patterns name, in forward order.

    Args:
        name: Of the sweep.
        sweep: It.
        sites: Of the network, by name.

    Raises:
        StudyError: If a pattern names no site.
    """
    for pattern in sweep.patterns:
        if not any(_fits(site, pattern) for site in sites.values()):
            kinds = dict.fromkeys(site.kind for site in sites.values())
            raise StudyError(
                f"sweeps.{name}.sites: given {pattern!r}, which names no site; the network has "
                f"{', '.join(sites)}; of the kinds {', '.join(kinds)}. Give names, patterns such "
                f"as '*', or 'kind:{next(iter(kinds), 'hidden')}'."
            )
    return [s for s in sites.values() if any(_fits(s, p) for p in sweep.patterns)]


def ablations_of(name: str, sweep: SweepPart, sites: Sequence[Site]) -> list[Ablation]:
    """All ablations of a sweep: site by site, method by method, smaller groups first.

    Args:
        name: Of the sweep.
        sweep: It.
        sites: Selected ones.

    Raises:
        StudyError: If its design does not fit a site.
    """
    found: list[Ablation] = []
    for site in sites:
        try:
            found += [cut for method in sweep.methods for cut in _DESIGNS[sweep.design](
                site, method, sweep)]  # fmt: skip
        except (AblationError, SiteError) as error:
            raise StudyError(
                f"sweeps.{name}: {sweep.design} do not fit the site {site.name} ({error}). Leave "
                f"it out of sites, such as sites: {_others(site, sites)}."
            ) from error
    return found


def _fits(site: Site, pattern: str) -> bool:
    if pattern.startswith(_KIND):
        return site.kind == pattern.removeprefix(_KIND)
    return fnmatchcase(site.name, pattern)


def _others(site: Site, sites: Sequence[Site]) -> str:
    others = [other.name for other in sites if other.kind != site.kind][:3]
    return f"[{', '.join(others)}]" if others else "'kind:filter'"


def _singles(site: Site, method: str, _sweep: SweepPart) -> Iterator[Ablation]:
    yield from singles(site, method)


def _pairs(site: Site, method: str, _sweep: SweepPart) -> Iterator[Ablation]:
    yield from singles(site, method)
    yield from pairs(site, method)


def _similar(site: Site, method: str, sweep: SweepPart) -> Iterator[Ablation]:
    for share in sweep.proportions or ():
        yield from similar_groups(site, share, method)
        yield from random_groups(site, share, sweep.random_groups, sweep.seed, method)


def _random(site: Site, method: str, sweep: SweepPart) -> Iterator[Ablation]:
    for share in sweep.proportions or ():
        yield from random_groups(site, share, sweep.random_groups, sweep.seed, method)


_DESIGNS: dict[str, Callable[[Site, str, SweepPart], Iterator[Ablation]]] = {
    "singles": _singles,
    "pairs": _pairs,
    "similar_groups": _similar,
    "random_groups": _random,
}
