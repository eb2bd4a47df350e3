"""Building the engines that run the whole network: the reference, and hooks."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from lashley.engine.case import STRUCTURE, Case
from lashley.engine.engines import Engine, Hooking, Referring
from lashley.engine.hooks import HookPlace, activations, forward
from lashley.engine.means import mean_by_hook, means_at_points
from lashley.engine.program import exact
from lashley.engine.reference import Reference
from lashley.errors import EngineError
from lashley.graph import Captured
from lashley.graph.anatomy import Organ
from lashley.graph.observed import Observed

_AT_ONCE = 8  # ablations in one full pass of hooks

Made = tuple[Engine, int, str, Callable[[], dict[str, Any]]]  # engine, batch, name, its tally


def referring(
    case: Case, captured: Captured | None, organs: Mapping[str, Organ],
    batch: dict[str, Any] | None, seen: Mapping[str, Observed] | None = None,
) -> Made:  # fmt: skip
    """The reference, on the graph where there is one, else with hooks.

    Args:
        case: What is evaluated.
        captured: The graph, or None.
        organs: Its anatomy.
        batch: How its values depend on the batch, if that is known.
        seen: What hooks have seen, where there is no graph.

    Raises:
        EngineError: If an ablation of no units has an effect.
    """
    graph, means, hooks = None, {}, {}
    if captured is not None:
        graph = exact(captured, batch or {}, case.options.device)
        means = means_at_points(case, graph, organs, case.plain_batch)
    else:
        hooks = _hook_places(case, case.exact, seen or {})
    reference = Reference(case.exact, case.names, graph and graph.module, organs, hooks, means)
    verdict = case.verdict(None)
    for site, method in case.methods:
        donors = case.inputs if method == "resample" else None
        found = reference.of_units(site, method, (), case.inputs, donors)
        _check_nothing(found, case.outputs, site, method)
    engine = Referring(reference, verdict, case.ablations)
    return engine, case.plain_batch, "reference", lambda: {"settled_in_float64": 0}


def hooking(case: Case, seen: Mapping[str, Observed]) -> Made:
    """Full passes with hooks; several ablations at once where modules have one row per example."""
    device = case.options.device
    network = copy.deepcopy(case.network).to(device)
    hooks = _hook_places(case, case.exact, seen)
    reference = Reference(case.exact, case.names, None, {}, hooks, {})
    verdict = case.verdict(forward(network, case.in_float32, case.names))
    rows_first = all(
        all(len(v) == n for v in activations(case.exact, p.module, few, case.names))
        for p in hooks.values() for n in (2, 3) for few in [[i[:n] for i in case.inputs]]
    )  # fmt: skip
    at_once = _AT_ONCE if rows_first and len(case.inputs[0]) >= STRUCTURE else 1
    engine = Hooking(network, reference, verdict, hooks, case.ablations, at_once)
    return engine, case.plain_batch, "hooks", dict


def _hook_places(
    case: Case, network: nn.Module, seen: Mapping[str, Observed]
) -> dict[tuple[str, str], HookPlace]:
    found = {}
    for site, method in case.methods:
        known = seen[site]
        module = known.name if method == "zero_weights" else known.point
        constants = None if method == "resample" else torch.zeros(known.n_units).double()
        if method == "mean":
            constants = mean_by_hook(case, network, known)
        found[site, method] = HookPlace(module, known.axis, constants)
    return found


def _check_nothing(found: Tensor, intact: Tensor, site: str, method: str) -> None:
    if not torch.allclose(found, intact, rtol=0, atol=1e-5 * float(intact.abs().max())):
        raise EngineError(
            f"engine: an ablation of no units of {site} by {method} has an effect. A hook on the "
            "network changes what its graph computes. Remove it."
        )
