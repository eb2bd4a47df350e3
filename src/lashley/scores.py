"""Scores: how important a unit looks without ablating it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from lashley.data import Examples, as_examples
from lashley.data.inputs import inputs_to, take
from lashley.engine import evaluation_of
from lashley.errors import DataError, NetworkError, SiteError
from lashley.graph.reading import Output, reading
from lashley.networks import as_network, check_finite
from lashley.sites import Site, as_site
from lashley.stats import benjamini_hochberg, ks_distance, mann_whitney_p
from lashley.units import Units, units_of

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
        per_network: (network, class) in pp, the standard deviation over the units of the drop.
        mean: (class,) in pp, its mean over the networks.
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
    output: Output = None,
) -> xr.Dataset:
    """Weight- and activation-based scores of a site's units.

    Incoming weights are all weights that feed the unit, without the bias. Activations are taken
    after the normalisation and the nonlinearity. The network is not changed.

    Args:
        network: The trained network.
        site: One of its sites, from `find_sites`.
        examples: As for `evaluate`, for the activations.
        initial: The same network before training; None leaves out what compares the two.
        batch_size: How many examples run at a time.
        output: Which part of what the network returns is its output, as for `evaluate`.

    Returns:
        Over `unit`, counted from 0: `weight_l1`, `weight_l2`; `mean_activation`, `firing_share`
        (0 to 1: examples on which the activation is above 0, for a filter anywhere in the image);
        with `initial` also `mann_whitney_p`, `mann_whitney_p_adjusted`, `ks_distance`, `l2_change`.

    Raises:
        SiteError: If the network has no such site, cannot be captured, or calls the module twice,
            or the site's units are heads.
        NetworkError: If `initial` has another shape there, or a weight is not finite.
        IntegrityError: If network or examples change meanwhile.
    """
    check_finite(as_network(network))
    network, examples = reading(network, output), as_examples(examples)
    with evaluation_of(network, examples), torch.no_grad():
        units = units_of(network, as_site(site), examples)
        weights = _array(units.incoming(network))
        before = None if initial is None else _initial_weights(initial, units, weights)
        columns = {
            "weight_l1": np.abs(weights).sum(axis=1),
            "weight_l2": np.linalg.norm(weights, axis=1),
            **({} if before is None else _changes(before, weights)),
            **_activity(network, units, examples, batch_size),
        }
    return as_dataset(columns, site.name)


def selectivity(class_drop_pp: ArrayLike) -> Selectivity:
    """The deviation, over single ablations, of each class's drop; and its mean over networks.

    Args:
        class_drop_pp: (network, unit, class) in pp.

    Raises:
        DataError: If the array has other dimensions, or one of them is empty.

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
    network: nn.Module, units: Units, examples: Examples, batch_size: int
) -> dict[str, Array]:
    """Mean activation and firing share, (unit,) each."""
    parameter = next(network.parameters())
    total, fired = torch.zeros(2, units.site.n_units, dtype=torch.float64)
    for start in range(0, len(examples), batch_size):
        batch = take(examples.inputs, slice(start, start + batch_size))
        activation = units.activation(inputs_to(batch, parameter.device, parameter.dtype)).cpu()
        total += activation.double().mean(dim=2).sum(dim=0)
        fired += (activation > 0).any(dim=2).sum(dim=0)
    return {
        "mean_activation": (total / len(examples)).numpy(),
        "firing_share": (fired / len(examples)).numpy(),
    }


def _array(weights: Tensor) -> Array:
    return weights.cpu().double().numpy()


def _initial_weights(initial: nn.Module, units: Units, trained: Array) -> Array:
    try:
        check_finite(initial)
        before = _array(units.incoming(initial))
    except SiteError as error:
        raise NetworkError(f"initial: {error}") from error
    if before.shape != trained.shape:
        raise NetworkError(
            f"initial: {units.site.name} has {before.shape[1]} weights per unit, but "
            f"{trained.shape[1]} in the trained network. Give the same network as it was before "
            "training."
        )
    return before


def as_dataset(columns: Mapping[str, Array], site: str) -> xr.Dataset:
    """Scores as `scores` returns them.

    Args:
        columns: (unit,) each, by name.
        site: Its name.
    """
    dataset = xr.Dataset(
        {name: ("unit", column) for name, column in columns.items()},
        coords={"unit": np.arange(len(next(iter(columns.values()))))},
        attrs={"site": site},
    )
    for name in columns:
        long_name, units = _MEANING[name]
        dataset[name].attrs = {"long_name": long_name} | ({"units": units} if units else {})
    return dataset
