"""The stages of an MLP study; each leaves whole files and is not run again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import nn

from lashley import data, networks
from lashley.data import Examples
from lashley.data.examples import require_tensor
from lashley.designs import pairs, singles
from lashley.distribute import Workplace
from lashley.embedding import embed
from lashley.engine import network_fingerprint
from lashley.planning import plan
from lashley.sites import find_sites
from lashley.studies.folder import RunFolder, Tell, keep_provenance
from lashley.studies.kind import Forecast
from lashley.studies.mlp import tables
from lashley.studies.mlp.draw import draw_figures
from lashley.studies.mlp.page import write_report
from lashley.studies.mlp.results import CLEAN, PUBLISHED
from lashley.studies.mlp.results import member as member_name
from lashley.studies.mlp.study import MlpNetworkPart, MlpStudy
from lashley.studies.mlp.sweeping import Sweep, sweep
from lashley.studies.mlp.training import clear, train_members
from lashley.training import Recipe

_LOADERS = {"mnist": data.mnist, "digits": data.digits}


@dataclass(frozen=True)
class Members:
    """The networks of a study: (trained, initial) each.

    Attributes:
        main: The one under study.
        population: The further ones.
    """

    main: tuple[nn.Module, nn.Module]
    population: tuple[tuple[nn.Module, nn.Module], ...]


def run(study: MlpStudy, folder: RunFolder, where: Workplace, tell: Tell) -> None:
    """Carry out what of the study the folder does not have yet.

    Args:
        study: What to do.
        folder: Where to.
        where: Who runs the networks.
        tell: Told of each stage and its progress.

    Raises:
        RunError: If data or networks changed since the run began.
        DataError: If the data cannot be had.
    """
    test = _LOADERS[study.data.name]("test")
    members = _networks(study, folder, where, tell)
    _keep_provenance(study, folder, where.device, test, members)
    _outcomes(study, folder, test, members, where, tell)
    _embedding(study, folder, test, tell)
    tables.write(study, folder, test, members.main, members.population, tell)
    draw_figures(folder, tell)
    write_report(folder)


def forecast(study: MlpStudy, device: str, devices: int, seconds: float) -> Forecast:
    """What the ablations of the network under study will take; with its initial weights.

    Args:
        study: Which.
        device: Where to evaluate the network.
        devices: How many of these.
        seconds: For the calibration, about.
    """
    test, network = _LOADERS[study.data.name]("test"), network_of(study.network)
    site, method = find_sites(network, test)[study.ablation.site], study.ablation.method
    found = plan(network, test, [*singles(site, method), *pairs(site, method)],
                 device=device, devices=devices, seconds=seconds)  # fmt: skip
    count = study.population.networks
    return Forecast(found, (
        "the network under study alone, with its initial weights",
        f"{count} further networks: {site.n_units} ablations each, and their training",
    ))  # fmt: skip


def network_of(part: MlpNetworkPart, seed: int | None = None) -> nn.Module:
    """The study's architecture with its initial weights."""
    return networks.mlp(part.widths, bias=part.bias, seed=part.seed if seed is None else seed)


def _networks(study: MlpStudy, folder: RunFolder, where: Workplace, tell: Tell) -> Members:
    """Train, or load, all networks; they lie in the run folder from then on."""
    home, fresh = folder.path / "networks", partial(network_of, study.network)
    if not folder.has(*(f"networks/{n}.safetensors" for n in ("population", "trained", "initial"))):
        _train(study, home, where, tell)
    clear(home)
    states = (networks.read_weights(home / f"{n}.safetensors") for n in ("trained", "initial"))
    trained, initial = (networks.with_weights(fresh(), state).eval() for state in states)
    stacked = networks.read_weights(home / "population.safetensors")
    population = [
        (networks.with_weights(fresh(), {k: v[i] for k, v in stacked.items()}).eval(), fresh(seed))
        for i, seed in enumerate(_seeds(study)[1:])
    ]
    return Members((trained, initial), tuple(population))


def _train(study: MlpStudy, home: Path, where: Workplace, tell: Tell) -> None:
    main, *further = _seeds(study)
    given = _given(study.network)
    seeds = further if given else (main, *further)
    initial = {seed: network_of(study.network, seed) for seed in seeds}
    examples, recipe = _LOADERS[study.data.name]("train"), Recipe(**study.training.model_dump())
    states = train_members(initial, examples, recipe, home, where, tell)
    before, after = (
        (given[1].state_dict(), given[0].state_dict())
        if given else (initial[main].state_dict(), states[main])
    )  # fmt: skip
    stacked = {k: torch.stack([states[seed][k] for seed in further]) for k in before}
    networks.write_weights(stacked, home / "population.safetensors")
    networks.write_weights(before, home / "initial.safetensors")
    networks.write_weights(after, home / "trained.safetensors")


def _seeds(study: MlpStudy) -> range:
    """Of all networks, that under study first."""
    first = study.network.seed
    return range(first, first + 1 + study.population.networks)


def _given(part: MlpNetworkPart) -> tuple[nn.Module, nn.Module] | None:
    """The network under study (trained, initial) if it is not to be trained."""
    if part.weights == "train":
        return None
    if part.weights == "authors":
        return networks.authors_mlp()
    files = (part.weights, str(part.initial))
    trained, initial = (
        networks.with_weights(network_of(part), networks.read_weights(f)) for f in files
    )
    networks.check_finite(trained)
    networks.check_finite(initial)
    return trained, initial


def _keep_provenance(
    study: MlpStudy, folder: RunFolder, device: str, test: Examples, members: Members
) -> None:
    first, *further = _seeds(study)
    seeds = {
        "network": first,
        "population": further,
        "batches": study.training.seed,
        "bootstrap": study.scores.seed,
        "embedding": study.embedding.seed,
    }
    fingerprints = {
        "test examples": test.fingerprint,
        "network": network_fingerprint(members.main[0]),
        "initial network": network_fingerprint(members.main[1]),
    }
    keep_provenance(folder, device, seeds, fingerprints)


def _outcomes(
    study: MlpStudy, folder: RunFolder, test: Examples, members: Members, where: Workplace,
    tell: Tell,
) -> None:  # fmt: skip
    trained, method = members.main[0], study.ablation.method
    found = find_sites(trained, test)[study.ablation.site]
    site = replace(found, weights=None)  # what travels is small
    cuts = [*singles(site, method), *pairs(site, method)]
    main = {CLEAN: Sweep(trained, cuts)}
    if study.network.weights == "authors":
        main[PUBLISHED] = Sweep(trained, cuts, binarised=True)
    further = [
        {member_name(i): Sweep(member, singles(site, method))}
        for i, (member, _) in enumerate(members.population, start=1)
    ]
    sweep(folder, [main, *further], test, where, tell)


def _embedding(study: MlpStudy, folder: RunFolder, test: Examples, tell: Tell) -> None:
    pixels = require_tensor(test)
    if not folder.has("images.npz"):
        ink = (pixels[:, 0].numpy() * 0.5 + 0.5) * 255
        folder.write_arrays("images", {"images": np.rint(ink).astype(np.uint8)})
    if folder.has("embedding.npy", "embedding.json"):
        return
    part = study.embedding
    found = embed(
        pixels.flatten(1).numpy(),
        components=part.components,
        perplexity=part.perplexity,
        seed=part.seed,
        progress=partial(tell, "t-SNE"),
    )
    folder.write_json("embedding", found.numbers())
    folder.write_array("embedding", found.points)
