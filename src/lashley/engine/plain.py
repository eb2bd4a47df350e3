"""Building the engines that run the whole network: the naive one, and interception."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, fx

from lashley.engine.batch import Batch
from lashley.engine.case import STRUCTURE, Case
from lashley.engine.checks import scale_of
from lashley.engine.engines import Hooking, NaiveEngine
from lashley.engine.hooks import (
    HookPlace,
    activations,
    calls_of,
    forward,
    hook_place,
    hook_spots,
    key_of,
)
from lashley.engine.means import (
    moments_at_calls,
    moments_at_points,
    reference_along,
    sites_with_moments,
)
from lashley.engine.naive import Naive, in_parameters, values_of
from lashley.engine.plan import acts_on_weights
from lashley.engine.positions import Along, along
from lashley.engine.program import Program
from lashley.errors import EngineError
from lashley.graph.anatomy import Organ
from lashley.graph.calls import CallKey
from lashley.graph.copies import copied
from lashley.graph.layout import Layout
from lashley.methods import Donated, Function, Method, Replacement

_AT_ONCE = 8  # ablations in one full pass of hooks
_ROUNDING = 1e-5  # of the largest output: what two ways of computing it may differ by in float64

_COARSER = 1e-3  # the same, where the network's own float32 decides


def naive_engine(case: Case, program: Program | None, organs: Mapping[str, Organ]) -> NaiveEngine:
    """The naive one, on the graph where there is one, else by interception.

    Args:
        case: What is evaluated.
        program: The graph in float64, or None.
        organs: Its anatomy, or that of the network's record.

    Raises:
        EngineError: If an ablation of no units has an effect.
    """
    graph, moments, hooks = None, {}, {}
    if program is not None:
        graph, moments = program.module, moments_at_points(case, program, organs, case.plain_batch)
    else:
        hooks = _hook_places(case, organs)
    along = _along(case, graph, organs, hooks)
    aside = frozenset() if graph is None else _aside(case, graph, organs)
    naive = Naive(case.exact, case.names, graph, organs, case.methods, hooks, moments, along, aside)
    verdict = case.verdict(None)
    some = slice(1) if case.is_one_by_one else slice(None)
    inputs = tuple(part[some] for part in case.inputs)
    batch = Batch(inputs, None, inputs, None, torch.arange(len(inputs[0])))
    for site, method in case.methods:
        found = naive.of_units(site, method, (), batch)
        _check_nothing(found, case.outputs[some], site, method)
    return NaiveEngine(case.plain_batch, naive, verdict, case.ablations, case.truth.dtype)


def _aside(case: Case, graph: fx.GraphModule, organs: Mapping[str, Organ]) -> frozenset[str]:
    """The sites whose weights cannot be zeroed as parameters alone."""
    zeroed = {site for site, method in case.methods if acts_on_weights(organs[site], method)}
    return frozenset(
        site
        for site in zeroed
        if not in_parameters(case.exact, site, graph, organs, case.few, case.names)
    )


def _along(
    case: Case, graph: fx.GraphModule | None, organs: Mapping[str, Organ],
    hooks: Mapping[tuple[str, Method], HookPlace],
) -> Mapping[Any, Along]:  # fmt: skip
    """Along which axis values hold examples: donors that are drawn of all, or that get noise."""
    drawn = [key for key, replacement in case.methods.items()
             if isinstance(replacement, Donated) and not case.is_independent]  # fmt: skip
    noisy = [key for key, replacement in case.methods.items() if _is_noisy(replacement)]
    if graph is None:  # of those that get noise the places know it themselves
        return _along_calls(case, [key for place in drawn for key in hooks[place].keys], True)
    found: dict[Any, Along] = {}
    for some, of_donors in ((drawn, True), (noisy, False)):
        names = [held.node.name for site, _ in some for held in organs[site].points]
        found |= _measured(case, names, partial(values_of, graph, names), of_donors)
    return found


def _along_calls(case: Case, keys: Sequence[Any], of_donors: bool) -> Mapping[Any, Along]:
    values = partial(activations, case.exact, keys, names=case.names)
    return _measured(case, keys, values, of_donors)


def _measured(
    case: Case, keys: Sequence[Any], values: Callable[[list[Tensor]], Mapping[Any, Tensor]],
    of_donors: bool,
) -> Mapping[Any, Along]:  # fmt: skip
    if not keys:
        return {}
    if of_donors:
        return reference_along(case, keys, values, case.truth.dtype)
    if case.is_whole:
        return {key: Along(0, 1) for key in keys}
    return along(values, case.few)


def _is_noisy(replacement: Replacement) -> bool:
    return isinstance(replacement, Function) and replacement.seed is not None


def hooking(case: Case, organs: Mapping[str, Organ]) -> Hooking:
    """Full passes; several ablations at once where values have one row per example."""
    network = copied(case.network).to(case.options.device)
    hooks = _hook_places(case, organs)
    naive = Naive(case.exact, case.names, None, organs, case.methods, hooks)
    verdict = case.verdict(forward(network, case.in_float32, case.names))
    alone = case.is_one_by_one or len(case.inputs[0]) < STRUCTURE
    stacked = frozenset() if alone else _stacked(case, hooks)
    rows, batch = case.fitting(torch.float32), min(case.plain_batch, case.n_examples)
    at_once = max(1, min(_AT_ONCE, rows // batch - 1))  # the ablation of no units runs along
    return Hooking(
        batch, network, naive, verdict, hooks, case.ablations, stacked, at_once, case.truth.dtype
    )


def _hook_places(case: Case, organs: Mapping[str, Organ]) -> dict[tuple[str, Method], HookPlace]:
    known = calls_of(case.exact, _keys(case, organs), case.few, case.names)
    spots = {key: hook_spots(organs[key[0]], key[1]) for key in case.methods}
    wanted = {
        (site, i): (key_of(held.node, held.layout), held.layout)
        for site in sites_with_moments(case)
        for i, held in enumerate(organs[site].points)
    }
    moments = moments_at_calls(case, wanted) if wanted else {}
    noisy = [key for place, replacement in case.methods.items() if _is_noisy(replacement)
             for key in spots[place].keys]  # fmt: skip
    along = _along_calls(case, noisy, False)
    return {
        (site, method): hook_place(
            site, method, replacement, spots[site, method], moments, along, known
        )
        for (site, method), replacement in case.methods.items()
    }


def _keys(case: Case, organs: Mapping[str, Organ]) -> list[CallKey]:
    """Of all calls that compute or hold the units of the sites that occur."""
    sites = {site for site, _ in case.methods}
    calls = [call for site in sites for call in organs[site].calls]
    keys = [key_of(c.source, c.at_source) for c in calls]
    keys += [key_of(held.node, held.layout) for site in sites for held in organs[site].points]
    return [key for key in keys if key is not None]


def calls_by_example(case: Case, organs: Mapping[str, Organ]) -> bool:
    """Whether the network calls a layer more often the more examples there are, however alike."""
    two, three = (
        calls_of(case.exact, _keys(case, organs), [p[:1][[0] * n] for p in case.inputs], case.names)
        for n in (2, 3)
    )
    return two != three


def _stacked(
    case: Case, hooks: Mapping[tuple[str, Method], HookPlace]
) -> frozenset[tuple[str, Method]]:
    """The places whose values have their examples along axis 0, slice by slice."""
    plain = {name: place for name, place in hooks.items()
             if all(isinstance(layout, Layout) for layout in place.layouts)}  # fmt: skip
    keys = tuple({key for place in plain.values() for key in place.keys})
    few, more = (activations(case.exact, keys, [i[:n] for i in case.inputs], case.names)
                 for n in (2, 3))  # fmt: skip
    rows = {key for key in few.keys() & more.keys() if _is_first_of(few[key], more[key])}
    return frozenset(name for name, place in plain.items() if rows >= set(place.keys))


def _is_first_of(few: Tensor, more: Tensor) -> bool:
    """Whether a value of two examples is the first two thirds of that of three."""
    if not few.ndim or few.shape[1:] != more.shape[1:] or len(few) * 3 != len(more) * 2:
        return False
    near = _COARSER * scale_of(few)
    return torch.allclose(more[: len(few)].double(), few.double(), rtol=0, atol=near)


def _check_nothing(found: Tensor, intact: Tensor, site: str, method: Method) -> None:
    """Refuse a graph, or a record, that computes something else than the network does.

    Raises:
        EngineError: If an ablation of no units differs from the intact network.
    """
    share = _ROUNDING if intact.dtype == torch.float64 else _COARSER
    if not torch.allclose(found, intact, rtol=0, atol=share * scale_of(intact)):
        raise EngineError(
            f"engine: an ablation of no units of {site} by {method} has an effect, so the network "
            "does not compute what its graph says. Look for a hook on it, or for forward code "
            "that asks how it is called."
        )
