"""The calls of a network: which of them a case is about, and what is put in place there."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from lashley.engine.case import Case
from lashley.engine.hooks import HookPlace, activations, calls_of, hook_place, hook_spots, key_of
from lashley.engine.means import examples_along, moments_at_calls, sites_with_moments
from lashley.engine.numbers import Moments
from lashley.graph.anatomy import Organ
from lashley.graph.calls import CallKey
from lashley.methods import Method, is_noisy


def hook_places(
    case: Case, organs: Mapping[str, Organ]
) -> tuple[dict[tuple[str, Method], HookPlace], Mapping[tuple[str, int], Moments]]:
    """Where methods act on calls, by names of sites and methods; and the moments that they take.

    Args:
        case: What is evaluated.
        organs: Of the network's record.

    Raises:
        EngineError: If units cannot be reached, or nothing can be put there.
    """
    known = calls_of(case.exact, _keys(case, organs), case.few, case.names)
    spots = {key: hook_spots(organs[key[0]], key[1]) for key in case.methods}
    wanted = {
        (site, i): (key_of(held.node, held.layout), held.layout)
        for site in sites_with_moments(case)
        for i, held in enumerate(organs[site].points)
    }
    moments = moments_at_calls(case, wanted) if wanted else {}
    noisy = [key for place, replacement in case.methods.items() if is_noisy(replacement)
             for key in spots[place].keys]  # fmt: skip
    values = partial(activations, case.exact, noisy, names=case.names)
    along = examples_along(case, noisy, values)
    places = {
        (site, method): hook_place(
            site, method, replacement, spots[site, method], moments, along, known
        )
        for (site, method), replacement in case.methods.items()
    }
    return places, moments


def _keys(case: Case, organs: Mapping[str, Organ]) -> list[CallKey]:
    """Of all calls that compute or hold units of the case's sites."""
    sites = {site for site, _ in case.methods}
    calls = [call for site in sites for call in organs[site].calls]
    keys = [key_of(c.source, c.at_source) for c in calls]
    keys += [key_of(held.node, held.layout) for site in sites for held in organs[site].points]
    return [key for key in keys if key is not None]


def calls_by_example(case: Case, organs: Mapping[str, Organ]) -> bool:
    """Whether the network calls a layer more often for more examples, even if all are equal."""
    two, three = (
        calls_of(case.exact, _keys(case, organs), [p[:1][[0] * n] for p in case.inputs], case.names)
        for n in (2, 3)
    )
    return two != three
