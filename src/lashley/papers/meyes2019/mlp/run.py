"""The stages of an MLP study; each leaves whole files and is not run again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from torch import nn

from lashley import data, networks
from lashley.data import Examples
from lashley.data.examples import require_tensor
from lashley.designs import pairs, singles
from lashley.embedding import embed
from lashley.engine import network_fingerprint
from lashley.methods import as_method
from lashley.papers.meyes2019.mlp import tables
from lashley.papers.meyes2019.mlp.evaluations import CLEAN, PUBLISHED
from lashley.papers.meyes2019.mlp.evaluations import member as member_name
from lashley.papers.meyes2019.mlp.study import MlpNetworkPart, MlpStudy
from lashley.papers.meyes2019.mlp.sweeping import Sweep, sweep
from lashley.papers.meyes2019.mlp.training import clear, train_members
from lashley.planning import plan
from lashley.sites import find_sites
from lashley.studies.kind import Forecast
from lashley.studies.provenance import keep_provenance
from lashley.studies.stages import Job, Stage, parquet
from lashley.training import Recipe

_LOADERS = {"mnist": data.mnist, "digits": data.digits}
_NETWORKS = [f"networks/{name}.safetensors" for name in ("population", "trained", "initial")]


@dataclass(frozen=True)
class Members:
    """The networks of a study: (trained, initial) each.

    Attributes:
        main: The one under study.
        population: The further ones.
    """

    main: tuple[nn.Module, nn.Module]
    population: tuple[tuple[nn.Module, nn.Module], ...]


def stages(_study: MlpStudy) -> list[Stage]:
    """Networks, outcomes, the map, tables."""
    return [
        Stage(_NETWORKS, (), _obtain),
        Stage((), _NETWORKS, _measure),
        Stage(("images.npz", "embedding.npy", "embedding.json"), (), _embedding),
        Stage(parquet(*tables.NAMES), _NETWORKS, _tables),
    ]


def forecast(study: MlpStudy, device: str, devices: int, seconds: float) -> Forecast:
    """What the ablations of the network under study will take; with its initial weights.

    Args:
        study: Which.
        device: Where to evaluate the network.
        devices: How many of them.
        seconds: For the calibration, about.
    """
    test, network = _test(study), network_of(study.network)
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


def _test(study: MlpStudy) -> Examples:
    return _LOADERS[study.data.name]("test")


def _members(job: Job) -> Members:
    """The networks in the run folder."""
    home, fresh = job.folder.path / "networks", partial(network_of, job.study.network)
    states = (networks.read_weights(home / f"{n}.safetensors") for n in ("trained", "initial"))
    trained, initial = (networks.with_weights(fresh(), state).eval() for state in states)
    stacked = networks.read_weights(home / "population.safetensors")
    population = [
        (networks.with_weights(fresh(), {k: v[i] for k, v in stacked.items()}).eval(), fresh(seed))
        for i, seed in enumerate(_seeds(job.study)[1:])
    ]
    return Members((trained, initial), tuple(population))


def _obtain(job: Job) -> None:
    """Train or load all networks; they are in the run folder from then on."""
    study, home = job.study, job.folder.path / "networks"
    main, *further = _seeds(study)
    given = _given(study.network)
    site = find_sites(network_of(study.network), _test(study))[study.ablation.site]
    as_method(study.ablation.method).at(site)  # refused before the training
    seeds = further if given else (main, *further)
    initial = {seed: network_of(study.network, seed) for seed in seeds}
    examples, recipe = _LOADERS[study.data.name]("train"), Recipe(**study.training.model_dump())
    states = train_members(initial, examples, recipe, home, job.where, job.tell)
    before, after = (
        (given[1].state_dict(), given[0].state_dict())
        if given else (initial[main].state_dict(), states[main])
    )  # fmt: skip
    stacked = {k: torch.stack([states[seed][k] for seed in further]) for k in before}
    networks.write_weights(stacked, home / "population.safetensors")
    networks.write_weights(before, home / "initial.safetensors")
    networks.write_weights(after, home / "trained.safetensors")


def _seeds(study: MlpStudy) -> range:
    """Of all networks, the one under study first."""
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


def _measure(job: Job) -> None:
    clear(job.folder.path / "networks")
    test, members = _test(job.study), _members(job)
    _check_same(job, test, members)
    _outcomes(job, test, members)


def _check_same(job: Job, test: Examples, members: Members) -> None:
    """Write down what the run is made with, or check that data and networks did not change."""
    study, (trained, initial) = job.study, members.main
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
        "network": network_fingerprint(trained),
        "initial network": network_fingerprint(initial),
    }
    keep_provenance(job, seeds, fingerprints)


def _outcomes(job: Job, test: Examples, members: Members) -> None:
    study = job.study
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
    sweep(job, [main, *further], test)


def _embedding(job: Job) -> None:
    pixels, part = require_tensor(_test(job.study)), job.study.embedding
    ink = (pixels[:, 0].numpy() * 0.5 + 0.5) * 255
    job.folder.write_arrays("images", {"images": np.rint(ink).astype(np.uint8)})
    found = embed(
        pixels.flatten(1).numpy(),
        components=part.components,
        perplexity=part.perplexity,
        seed=part.seed,
        progress=partial(job.tell, "t-SNE"),
    )
    job.folder.write_json("embedding", found.numbers())
    job.folder.write_array("embedding", found.points)


def _tables(job: Job) -> None:
    members = _members(job)
    tables.write(job, _test(job.study), members.main, members.population)
