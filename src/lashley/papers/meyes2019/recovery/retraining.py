"""One retraining, as a worker does it: from a network and images to rows of the tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from torch import nn

from lashley import networks
from lashley.data import Examples
from lashley.distribute import Report, Work
from lashley.graph.copies import copied
from lashley.papers.meyes2019.recovery import rows
from lashley.papers.meyes2019.recovery.form import RecoveryPart
from lashley.papers.meyes2019.recovery.images import Sets
from lashley.papers.meyes2019.recovery.runs import INSTANCES, RecoveryRun, runs_of
from lashley.papers.meyes2019.recovery.undone import not_measured, undone
from lashley.recovery import Recovery, recover
from lashley.recovery.freezing import frozen_by, trained_modules
from lashley.studies.training import Weights, reachable, weights_of


@dataclass(frozen=True, eq=False)
class SharedImages:
    """What the retrainings of all layers share.

    Attributes:
        part: How to retrain.
        network: The intact one, on the device that trains.
        layers: Where each layer stands in forward order, by site.
        sets: Images.
    """

    part: RecoveryPart
    network: nn.Module
    layers: Mapping[str, int]
    sets: Sets


@dataclass(frozen=True, eq=False)
class Retraining:
    """What there is to know about one retraining.

    Attributes:
        run: Which one.
        weights: What it begins with; None for the intact network's.
        begun: Epochs that were trained before, since the chain of runs began.
        checkpoint: A file to continue from.
    """

    run: RecoveryRun
    weights: Weights | None
    begun: int
    checkpoint: Path


@dataclass(frozen=True, eq=False)
class Kept:
    """What is kept of one retraining.

    Attributes:
        tables: Its rows, by the names of the tables.
        ranks: Of the true classes: "rank" (epoch, image), "intact" (image,).
        weights: Of a step of a chain, for the next one.
    """

    tables: Mapping[str, pd.DataFrame]
    ranks: Mapping[str, np.ndarray]
    weights: Weights | None


def work(
    part: RecoveryPart, network: nn.Module, layers: Mapping[str, int], sets: Sets, threads: int
) -> Work:
    """All retrainings: sums of gradients, and so all numbers, depend on the threads."""
    inputs = {"part": part, "network": network, "layers": layers, **vars(sets)}
    return Work("recovery", _prepare, _carry_out, inputs, threads)


def _prepare(
    device: str, part: RecoveryPart, network: nn.Module, layers: Mapping[str, int],
    **sets: Examples,
) -> SharedImages:  # fmt: skip
    return SharedImages(part, copied(network).to(device), layers, Sets(**sets))


def _carry_out(shared: SharedImages, given: Retraining, report: Report) -> Kept:
    run, part, sets = given.run, shared.part, shared.sets
    found = recover(
        _begins_with(shared.network, given), run.ablation, sets.training, sets.test, run.recipe,
        validation=sets.validation if run.stop else None, stop=run.stop, freeze=part.freeze,
        train_ablated=part.train_ablated, start=run.start, cache_gb=part.cache_gb,
        intact=shared.network, checkpoint=reachable(given.checkpoint),
        progress=lambda done, _: report(done),
    )  # fmt: skip
    outcomes: Any = found.outcomes
    ranks = {"rank": outcomes["rank"].values, "intact": outcomes["intact_rank"].values}
    weights = weights_of(found.network) if run.is_step else None
    return Kept(_tables(shared, given, found), ranks, weights)


def _begins_with(intact: nn.Module, given: Retraining) -> nn.Module:
    if given.weights is None:
        return intact
    return networks.with_weights(copied(intact), given.weights)


def _tables(shared: SharedImages, given: Retraining, found: Recovery) -> dict[str, pd.DataFrame]:
    run, part, test = given.run, shared.part, shared.sets.test
    site = run.ablation.site
    frozen = frozen_by(found.network, site, part.freeze, part.train_ablated, test)
    modules = trained_modules(found.network, frozen)
    keys = rows.keys_of(run, shared.layers[site.name], part.proportion)
    back = (
        undone(found, modules, frozen, test, run.recipe, part.cache_gb)
        if _is_shown(run, part) else not_measured(modules)
    )  # fmt: skip
    return {
        "recovery": rows.by_epoch(keys, found, given.begun),
        "recovery_classes": rows.by_class(keys, found),
        "recovery_layers": rows.by_module(keys, found, modules, back),
    }


def _is_shown(run: RecoveryRun, part: RecoveryPart) -> bool:
    """Whether its modules are undone: of instances, the last iteration and the intact network."""
    if run.start == "ablated":
        last = max(other.iteration for other in runs_of(run.ablation.site, part))
        return run.experiment == INSTANCES or run.iteration == last
    return run.start == "intact"
