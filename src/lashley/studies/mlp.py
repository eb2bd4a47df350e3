"""The MLP study, stage by stage; each stage leaves whole files and is not run again."""

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
from lashley.engine import check_device, evaluate, network_fingerprint
from lashley.errors import RunError
from lashley.files import written_whole
from lashley.sites import find_sites
from lashley.studies import tables
from lashley.studies.draw import draw_figures, write_report
from lashley.studies.folder import RunFolder, Tell, disk_errors, open_folder, provenance
from lashley.studies.results import CLEAN, PUBLISHED
from lashley.studies.results import member as member_name
from lashley.studies.study import NetworkPart, Study
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


def run(study: Study, path: Path, *, device: str = "cpu", tell: Tell) -> RunFolder:
    """Carry out a study, or go on with one that was stopped.

    Args:
        study: What to do.
        path: The run folder: new, empty, or of the same study.
        device: Where to evaluate the networks.
        tell: Told of each stage and its progress.

    Raises:
        RunError: If the folder cannot be used, or the disk is full.
        DataError: If the data cannot be had.
    """
    check_device(device)
    folder = open_folder(path, study)
    with disk_errors(path):
        test = _LOADERS[study.data.name]("test")
        members = _networks(study, folder, tell)
        _provenance(study, folder, device, test, members)
        _outcomes(study, folder, test, members, device, tell)
        _embedding(study, folder, test, tell)
        tables.write(study, folder, test, members.main, members.population, tell)
        draw_figures(folder, tell)
        write_report(folder)
    return folder


def network_of(part: NetworkPart, seed: int | None = None) -> nn.Module:
    """The study's architecture with its initial weights."""
    return networks.mlp(part.widths, bias=part.bias, seed=part.seed if seed is None else seed)


def _networks(study: Study, folder: RunFolder, tell: Tell) -> Members:
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


def _provenance(
    study: Study, folder: RunFolder, device: str, test: Examples, members: Members
) -> None:
    found = {
        "test examples": test.fingerprint,
        "network": network_fingerprint(members.main[0]),
        "initial network": network_fingerprint(members.main[1]),
    }
    if not folder.has("provenance.json"):
        folder.write_json("provenance", provenance(study, device, found))
    before = folder.json("provenance")["fingerprints"]
    changed = [name for name in found if before.get(name) != found[name]]
    if changed:
        raise RunError(
            f"run: {', '.join(changed)} changed since this run began, so its parts would not fit "
            "together. Start again in a new folder."
        )


def _outcomes(
    study: Study, folder: RunFolder, test: Examples, members: Members, device: str, tell: Tell
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


def _embedding(study: Study, folder: RunFolder, test: Examples, tell: Tell) -> None:
    pixels = require_tensor(test)
    if not folder.has("images.npz"):
        ink = (pixels[:, 0].numpy() * 0.5 + 0.5) * 255
        with written_whole(folder.path / "images.npz") as draft:
            np.savez_compressed(draft, images=np.rint(ink).astype(np.uint8))
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
    folder.write_json("embedding", tables.embedding_quality(found))
    folder.write_array("embedding", found.points)
