"""The cost model: what a sweep takes, as a pure function of its ablations and examples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import ArrayLike

from lashley.ablations import Ablation


@dataclass(frozen=True)
class SiteCost:
    """What the ablations of one site take, in seconds.

    Attributes:
        setup: Once: the suffix, its rounding, the trials of its ways.
        per_example: Of the prefix since the site before, and of checks, whatever is ablated.
        per_outcome: For one ablation on one example.
    """

    setup: float
    per_example: float
    per_outcome: float


@dataclass(frozen=True)
class CostModel:
    """What a sweep takes on one device, in seconds.

    Attributes:
        setup: Once: graph, copies of the network, checks.
        per_example: To load it, its fingerprint and its intact outcome.
        sites: Costs by site.
    """

    setup: float
    per_example: float
    sites: Mapping[str, SiteCost]


def seconds_of(model: CostModel, ablations: Sequence[Ablation], examples: ArrayLike) -> float:
    """What a sweep takes on one device.

    Args:
        model: From `Plan.model`.
        ablations: Different ones of the model's sites: equal ones run once.
        examples: How many each ablation is run on: one number, or one per ablation.
    """
    most = float(np.max(examples)) if len(ablations) else 0.0
    by_site = seconds_by_site(model, ablations, examples)
    return model.setup + most * model.per_example + sum(by_site.values())


def seconds_by_site(
    model: CostModel, ablations: Sequence[Ablation], examples: ArrayLike
) -> dict[str, float]:
    """What each ablated site takes of that; arguments as for `seconds_of`."""
    return {site: _site_seconds(model.sites[site], counts)
            for site, counts in counts_by_site(ablations, examples).items()}  # fmt: skip


def seconds_on(
    model: CostModel, ablations: Sequence[Ablation], examples: ArrayLike, devices: int, batch: int
) -> float:
    """What a sweep takes on several devices like this one.

    The examples are dealt out in whole batches and each device sets up for itself, so the device
    with the most batches ends last. The time to start processes and move data is left out.

    Args:
        model: Of one device.
        ablations: As for `seconds_of`.
        examples: As for `seconds_of`.
        devices: How many.
        batch: Examples that the engine takes at once.
    """
    setup = model.setup + sum(model.sites[site].setup for site in {a.site.name for a in ablations})
    batches = max(1, ceil(float(np.max(examples)) / batch))
    share = ceil(batches / devices) / batches
    return setup + share * (seconds_of(model, ablations, examples) - setup)


def equivalents(
    ablations: Sequence[Ablation], examples: ArrayLike, shares: Mapping[str, float]
) -> float:
    """How many full passes of one example the suffixes of all outcomes amount to.

    Args:
        ablations: Different ones.
        examples: How many each ablation is run on: one number, or one per ablation.
        shares: The part of a forward pass after each site.
    """
    by_site = counts_by_site(ablations, examples)
    return sum(shares[site] * sum(counts) for site, counts in by_site.items())


def _site_seconds(cost: SiteCost, counts: list[float]) -> float:
    return cost.setup + max(counts) * cost.per_example + sum(counts) * cost.per_outcome


def counts_by_site(ablations: Sequence[Ablation], examples: ArrayLike) -> dict[str, list[float]]:
    """How many examples the ablations of each site are run on."""
    found: dict[str, list[float]] = {}
    counts = np.broadcast_to(np.asarray(examples, float), len(ablations)).tolist()
    for ablation, count in zip(ablations, counts, strict=True):
        found.setdefault(ablation.site.name, []).append(count)
    return found
