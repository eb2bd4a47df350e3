"""Scores: how important a unit looks without ablating it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, fx, nn

from lashley.data import Examples, as_examples
from lashley.engine.guards import evaluation_of
from lashley.errors import DataError, NetworkError, SiteError
from lashley.networks import check_finite
from lashley.sites import Site, trace
from lashley.stats import benjamini_hochberg, ks_distance, mann_whitney_p

Array = NDArray[np.float64]

_MEANING = {
    "weight_l1": ("L1 norm of the incoming weights", ""),
    "weight_l2": ("L2 norm of the incoming weights", ""),
    "mann_whitney_p": ("Mann-Whitney p, initial against trained weights, two-sided", "1"),
    "mann_whitney_p_adjusted": ("Mann-Whitney p, adjusted after Benjamini and Hochberg", "1"),
    "ks_distance": ("Kolmogorov-Smirnov distance, initial to trained weights", "1"),
    "l2_change": ("L2 distance, initial to trained weights", ""),
    "mean_activation": ("mean activation", ""),
    "firing_share": ("share of examples on which the unit fires", "1"),
}


@dataclass(frozen=True)
class Selectivity:
    """How unevenly a network's units serve each class.

    Attributes:
        per_network: (network, class) in %p, the standard deviation over the units of the drop.
        mean: (class,) in %p, its mean over the networks.
    """

    per_network: Array
    mean: Array


def scores(
    network: nn.Module,
    site: Site,
    examples: Any,
    initial: nn.Module | None = None,
    *,
    batch_size: int = 250,
) -> xr.Dataset:
    """Weight- and activation-based scores of a site's units.

    Incoming weights are the rows of the module's `weight`; the bias is not among them. Activations
    are those behind the normalisation and the nonlinearity. The network stays as it is.

    Args:
        network: The trained network.
        site: One of its sites, from `find_sites`.
        examples: `Examples` or a pair (inputs, labels), for the activations.
        initial: The same network before training; None leaves out what compares the two.
        batch_size: How many examples run at a time.

    Returns:
        Over `unit`, counted from 0: `weight_l1`, `weight_l2`; `mean_activation`, `firing_share`
        (0 to 1: examples on which the activation is above 0, for a filter anywhere in the image);
        with `initial` also `mann_whitney_p`, `mann_whitney_p_adjusted`, `ks_distance`, `l2_change`.

    Raises:
        SiteError: If the network has no such site, cannot be traced, or calls the module twice.
        NetworkError: If `initial` has another shape there, or a weight is not finite.
        IntegrityError: If network or examples change meanwhile.
    """
    check_finite(network)
    weights = _incoming(network, site)
    columns = {
        "weight_l1": np.abs(weights).sum(axis=1),
        "weight_l2": np.linalg.norm(weights, axis=1),
        **({} if initial is None else _changes(_initial_weights(initial, site, weights), weights)),
        **_activity(network, site, as_examples(examples), batch_size),
    }
    return _dataset(columns, site)


def selectivity(class_drop_pp: ArrayLike) -> Selectivity:
    """The deviation, over single ablations, of each class's drop; and its mean over networks.

    Args:
        class_drop_pp: (network, unit, class) in %p.

    Raises:
        DataError: If the array has other dimensions, or none of a kind.

    Source: Meyes et al. 2019, figure 11; the deviation is numpy's default (ddof=0), as theirs.
    """
    drops = np.asarray(class_drop_pp, np.float64)
    if drops.ndim != 3 or not drops.size:
        raise DataError(
            f"class_drop_pp: given shape {drops.shape}; allowed is (network, unit, class), at "
            "least one of each. Give a single network as class_drop_pp[None]."
        )
    per_network = drops.std(axis=1)
    return Selectivity(per_network, per_network.mean(axis=0))


def _changes(before: Array, after: Array) -> dict[str, Array]:
    p = mann_whitney_p(before, after)
    return {
        "mann_whitney_p": p,
        "mann_whitney_p_adjusted": benjamini_hochberg(p),
        "ks_distance": ks_distance(before, after),
        "l2_change": np.linalg.norm(after - before, axis=1),
    }


def _activity(
    network: nn.Module, site: Site, examples: Examples, batch_size: int
) -> dict[str, Array]:
    """Mean activation and firing share, (unit,) each."""
    total = torch.zeros(site.n_units, dtype=torch.float64)
    fired = torch.zeros(site.n_units, dtype=torch.float64)
    with evaluation_of(network, examples), torch.inference_mode():
        reader = fx.Interpreter(network, graph=_graph_up_to(network, site))
        for batch in examples.inputs.split(batch_size):
            activation = _by_unit(reader.run(_like(network, batch)).cpu(), site)
            total += activation.double().mean(dim=2).sum(dim=0)
            fired += (activation > 0).any(dim=2).sum(dim=0)
    return {
        "mean_activation": (total / len(examples)).numpy(),
        "firing_share": (fired / len(examples)).numpy(),
    }


def _graph_up_to(network: nn.Module, site: Site) -> fx.Graph:
    """The traced graph, ending at the site's only point."""
    if len(site.points) != 1:
        why = "could not be traced" if not site.points else f"calls it {len(site.points)} times"
        raise SiteError(
            f"site: the activation of {site.name} is not one tensor, because the network {why}; "
            "allowed is a module called once in a network that torch.fx can trace. Use another "
            "site, or write the forward without control flow that depends on the data."
        )
    graph, reason = trace(network)
    short, copies = fx.Graph(), {}
    for node in graph.nodes if graph else ():
        copies[node] = short.node_copy(node, copies.__getitem__)
        if node.name == site.points[0]:
            short.output(copies[node])
            return short
    raise SiteError(
        f"site: the network has no point {site.points[0]!r} {f'({reason})' if reason else ''}. "
        "Take the site from find_sites(network, examples) of this very network."
    )


def _by_unit(activation: Tensor, site: Site) -> Tensor:
    """(example, unit, position)."""
    moved = activation.movedim(site.axis, 1)
    return moved.reshape(*moved.shape[:2], -1)


def _incoming(network: nn.Module, site: Site) -> Array:
    """(unit, weight) float64."""
    weight = getattr(dict(network.named_modules()).get(site.name), "weight", None)
    if not isinstance(weight, Tensor) or len(weight) != site.n_units:
        raise SiteError(
            f"site: the network has no module {site.name!r} with {site.n_units} units. Take the "
            "site from find_sites(network, examples) of this very network."
        )
    return weight.detach().cpu().double().flatten(1).numpy()


def _initial_weights(initial: nn.Module, site: Site, trained: Array) -> Array:
    try:
        check_finite(initial)
        before = _incoming(initial, site)
    except SiteError as error:
        raise NetworkError(f"initial: {error}") from error
    if before.shape != trained.shape:
        raise NetworkError(
            f"initial: {site.name} has {before.shape[1]} weights per unit, in the trained network "
            f"{trained.shape[1]}. Give the same network as it was before training."
        )
    return before


def _dataset(columns: dict[str, Array], site: Site) -> xr.Dataset:
    dataset = xr.Dataset(
        {name: ("unit", column) for name, column in columns.items()},
        coords={"unit": np.arange(site.n_units)},
        attrs={"site": site.name},
    )
    for name in columns:
        long_name, units = _MEANING[name]
        dataset[name].attrs = {"long_name": long_name} | ({"units": units} if units else {})
    return dataset


def _like(network: nn.Module, inputs: Tensor) -> Tensor:
    """A copy of the inputs, on the network's device and in its number format."""
    parameter = next(network.parameters(), inputs)
    dtype = parameter.dtype if inputs.is_floating_point() else inputs.dtype
    return inputs.to(parameter.device, dtype, copy=True)
