"""The stages of an MLP study; each leaves whole files and is not run again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
import xarray as xr
from torch import nn

from lashley import data, networks
from lashley import outcomes as schema
from lashley.data import Examples
from lashley.data.examples import require_tensor
from lashley.designs import pairs, singles
from lashley.embedding import embed
from lashley.engine import evaluate, network_fingerprint
from lashley.planning import plan
from lashley.sites import find_sites
from lashley.studies.folder import RunFolder, Tell, keep_provenance
from lashley.studies.kind import Forecast
from lashley.studies.mlp import tables
from lashley.studies.mlp.draw import draw_figures
from lashley.studies.mlp.page import write_report
from lashley.studies.mlp.results import CLEAN, PUBLISHED
from lashley.studies.mlp.results import member as member_name
from lashley.studies.mlp.study import MlpStudy, NetworkPart
from lashley.training import Recipe, train_population

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


def run(study: MlpStudy, folder: RunFolder, device: str, tell: Tell) -> None:
    """Carry out what of the study the folder does not have yet.

    Args:
        study: What to do.
        folder: Where to.
        device: Where to evaluate the networks.
        tell: Told of each stage and its progress.

    Raises:
        RunError: If data or networks changed since the run began.
        DataError: If the data cannot be had.
    """
    test = _LOADERS[study.data.name]("test")
    members = _networks(study, folder, tell)
    _keep_provenance(study, folder, device, test, members)
    _outcomes(study, folder, test, members, device, tell)
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


def network_of(part: NetworkPart, seed: int | None = None) -> nn.Module:
    """The study's architecture with its initial weights."""
    return networks.mlp(part.widths, bias=part.bias, seed=part.seed if seed is None else seed)


def _networks(study: MlpStudy, folder: RunFolder, tell: Tell) -> Members:
    """Train, or load, all networks; they lie in the run folder from then on."""
    home, part = folder.path / "networks", study.network
    fresh = partial(network_of, part)
    seeds = range(part.seed, part.seed + 1 + study.population.networks)
    checkpoint = home / "checkpoint.safetensors"
    if not folder.has(*(f"networks/{n}.safetensors" for n in ("population", "trained", "initial"))):
        initial = [fresh(seed) for seed in seeds]
        given = _given(part)
        trained = train_population(
            initial if given is None else initial[1:],
            _LOADERS[study.data.name]("train"),
            Recipe(**study.training.model_dump()),
            checkpoint=checkpoint,
            progress=partial(tell, f"training {len(seeds) - (given is not None)} networks"),
        )
        main = given or (trained.pop(0), initial[0])
        _save_stacked(trained, home / "population.safetensors")
        networks.save_weights(main[1], home / "initial.safetensors")
        networks.save_weights(main[0], home / "trained.safetensors")
    checkpoint.unlink(missing_ok=True)
    states = (networks.read_weights(home / f"{n}.safetensors") for n in ("trained", "initial"))
    trained, initial = (networks.with_weights(fresh(), state).eval() for state in states)
    stacked = networks.read_weights(home / "population.safetensors")
    population = [
        (networks.with_weights(fresh(), {k: v[i] for k, v in stacked.items()}).eval(), fresh(seed))
        for i, seed in enumerate(seeds[1:])
    ]
    return Members((trained, initial), tuple(population))


def _given(part: NetworkPart) -> tuple[nn.Module, nn.Module] | None:
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


def _save_stacked(members: Sequence[nn.Module], path: Path) -> None:
    states = [member.state_dict() for member in members]
    stacked = {k: torch.stack([s[k] for s in states]) for k in states[0]}
    networks.write_weights(stacked, path)


def _keep_provenance(
    study: MlpStudy, folder: RunFolder, device: str, test: Examples, members: Members
) -> None:
    first = study.network.seed
    seeds = {
        "network": first,
        "population": [first + i for i in range(1, study.population.networks + 1)],
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
    study: MlpStudy, folder: RunFolder, test: Examples, members: Members, device: str, tell: Tell
) -> None:
    trained, method = members.main[0], study.ablation.method
    site = find_sites(trained, test)[study.ablation.site]
    cuts = [*singles(site, method), *pairs(site, method)]
    work: dict[str, Callable[[], xr.Dataset]] = {
        CLEAN: lambda: evaluate(trained, test, cuts, device=device)
    }
    if study.network.weights == "authors":
        work[PUBLISHED] = lambda: _as_published(folder, trained, test, cuts, device)
    for i, (member, _) in enumerate(members.population, start=1):
        work[member_name(i)] = partial(evaluate, member, test, singles(site, method), device=device)
    for done, (group, measure) in enumerate(work.items()):
        tell("ablations", done, len(work))
        if not schema.is_saved(folder.outcomes, group):
            schema.save(measure(), folder.outcomes, group)
    tell("ablations", len(work), len(work))


def _as_published(
    folder: RunFolder, network: nn.Module, test: Examples, cuts: Sequence, device: str
) -> xr.Dataset:
    """Ablated networks on binarised digits, held against the intact one on clean digits."""
    clean = schema.open_saved(folder.outcomes, CLEAN)
    damaged = evaluate(network, data.binarised(test), cuts, device=device)
    intact = {name: clean[name] for name in ("intact_rank", "intact_prediction")}
    note = {"intact_data_fingerprint": clean.attrs["data_fingerprint"]}
    return damaged.assign(intact).assign_attrs(note)


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
