"""The stages of a layer study; each leaves whole files and is not run again."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import product
from pathlib import Path

import torch
from torch import nn

from lashley import data, networks
from lashley import outcomes as schema
from lashley.ablations import Ablation
from lashley.data import Examples
from lashley.designs import random_groups, similar_groups
from lashley.engine import network_fingerprint
from lashley.errors import StudyError
from lashley.papers.meyes2019.layers import mapping, tables
from lashley.papers.meyes2019.layers.study import LayerNetworkPart, LayerStudy, LayerSweepPart
from lashley.papers.meyes2019.recovery import rows, whole
from lashley.papers.meyes2019.recovery.claims import add_claims
from lashley.sites import Site, find_sites
from lashley.studies.bar import Bar
from lashley.studies.folder import RunFolder, Tell
from lashley.studies.provenance import keep_provenance
from lashley.studies.stages import Job, Stage, parquet
from lashley.studies.training import Group, alone, train_groups
from lashley.training import Recipe


def stages(study: LayerStudy) -> list[Stage]:
    """The sweep with its tables, the map, recovery."""
    swept = parquet(*tables.NAMES)
    found = [
        Stage(swept, (), _measure),
        Stage((), swept, _map),
    ]
    if study.recovery is None:
        return found
    retrained = (*parquet(*rows.NAMES), f"{whole.RANKS}.npz")
    return [*found, Stage(retrained, swept, _recover), Stage((), retrained, add_claims)]


def network_of(part: LayerNetworkPart) -> nn.Module:
    """The study's architecture with its initial weights."""
    return networks.vgg19_bn(part.classes, part.width, part.image_size, seed=part.seed).eval()


def example_of(part: LayerNetworkPart) -> tuple[torch.Tensor, torch.Tensor]:
    """An input of the network's shape, with a label."""
    side = part.image_size
    return torch.zeros(1, 3, side, side), torch.zeros(1, dtype=torch.int64)


def given_network(part: LayerNetworkPart) -> nn.Module:
    """The network under study, if it is not to be trained."""
    if part.weights == "imagenet":
        return networks.vgg19_bn_imagenet().eval()
    network = networks.with_weights(network_of(part), networks.read_weights(part.weights))
    networks.check_finite(network)
    return network


def examples_of(study: LayerStudy, store: Path | None, tell: Tell) -> Examples:
    """The examples that ablated networks are measured on.

    Args:
        study: Which ones.
        store: A folder for decoded images, which many of them need; None keeps them in memory.
        tell: Called with the decoding's progress.

    Raises:
        DataError: If they cannot be loaded.
    """
    part = study.data
    if part.name == "cifar10":
        test = data.cifar10("test")
        return test if part.images is None else data.subset(test, part.images, part.seed)
    return data.image_folder(
        str(part.root), class_names=part.class_names, images=part.images, seed=part.seed,
        resize=part.resize, crop=study.network.image_size, skip_broken=part.skip_broken,
        store=store, progress=partial(tell, "images"),
    )  # fmt: skip


def class_names_of(study: LayerStudy) -> tuple[str, ...]:
    """The names of the classes, without reading an image.

    Raises:
        DataError: If they cannot be loaded.
        StudyError: If there are not as many as the network's outputs.
    """
    part = study.data
    if part.name == "cifar10":
        return data.cifar10_classes()
    _, names = data.look_into(str(part.root), class_names=part.class_names)
    if len(names) != study.network.classes:
        raise StudyError(
            f"data.root: {part.root} has {len(names)} classes; the network has "
            f"{study.network.classes} outputs. Name all of them in a file, in the order of the "
            "outputs: --set data.class_names=FILE, or change network.classes."
        )
    return names


def ablations_of(sites: Sequence[Site], sweep: LayerSweepPart) -> list[Ablation]:
    """All ablations of a sweep: layer by layer, method by method, smaller groups first."""
    return [cut for site in sites for method in sweep.methods for share in sweep.proportions
            for cut in _groups(site, method, share, sweep)]  # fmt: skip


def _groups(
    site: Site, method: str, proportion: float, sweep: LayerSweepPart
) -> Iterator[Ablation]:
    yield from similar_groups(site, proportion, method)
    yield from random_groups(site, proportion, sweep.random_groups, sweep.seed, method)


def filters_of(study: LayerStudy, network: nn.Module) -> list[Site]:
    """The convolutions, in forward order.

    Raises:
        StudyError: If the figures name a layer that is not one of them.
    """
    sites = find_sites(network, example_of(study.network))
    filters = [site for site in sites.values() if site.kind == "filter"]
    unknown = set(study.figures.sites or ()) - {site.name for site in filters}
    if unknown:
        raise StudyError(
            f"figures.sites: given {', '.join(sorted(unknown))}; allowed are "
            f"{', '.join(site.name for site in filters)}."
        )
    return filters


def _measure(job: Job) -> None:
    study = job.study
    _check(study)
    test, left_out = _examples(job)
    network = _network(job)
    seeds = {
        "network": study.network.seed, "images": study.data.seed, "groups": study.sweep.seed,
        "order": study.sweep.seed, "batches": study.training.seed if study.training else None,
        "embedding": study.embedding.seed,
    }  # fmt: skip
    found = {"test examples": test.fingerprint, "network": network_fingerprint(network)}
    keep_provenance(job, seeds, found, {"images left out": left_out})
    sites = filters_of(study, network)  # with the trained weights, which the groups depend on
    _sweep(job, network, test, sites)
    tables.write(job, network, test, sites)


def _measured(job: Job) -> tuple[Examples, nn.Module]:
    """The examples and the network of the sweep, again."""
    swept, _ = _examples(job)
    network = _network(job)
    same = {"test examples": swept.fingerprint, "network": network_fingerprint(network)}
    keep_provenance(job, {}, same)
    return swept, network


def _map(job: Job) -> None:
    if not mapping.is_done(job.folder):
        swept, network = _measured(job)
        mapping.carry_out(job, network, swept)


def _recover(job: Job) -> None:
    swept, network = _measured(job)
    whole.carry_out(job, network, swept, filters_of(job.study, network))


def _check(study: LayerStudy) -> None:
    """Check all that can be wrong before any long work.

    Raises:
        StudyError: If data, network and figures do not fit together.
        AblationError: If a proportion leaves no filter.
        DataError: If images cannot be loaded.
    """
    network = network_of(study.network)
    sites = filters_of(study, network)
    for site, proportion, method in product(sites, study.sweep.proportions, study.sweep.methods):
        random_groups(site, proportion, 1, method=method)
    if study.network.weights not in ("train", "imagenet"):
        given_network(study.network)
    names = class_names_of(study)
    unknown = set(study.figures.classes or ()) - set(names)
    if unknown:
        raise StudyError(
            f"figures.classes: given {', '.join(sorted(unknown))}; allowed are names of classes, "
            f"such as {', '.join(names[:3])}."
        )
    whole.check(study, network, sites, example_of(study.network))


def _examples(job: Job) -> tuple[Examples, list[str]]:
    """The examples, and the warnings about images that were left out."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        found = examples_of(job.study, job.folder.scratch, job.tell)
    for warning in said:
        warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    return found, [str(w.message) for w in said if issubclass(w.category, UserWarning)]


def _network(job: Job) -> nn.Module:
    """Train or load the network; it is in the run folder from then on."""
    home = job.folder.path / "networks"
    kept, checkpoint = home / "trained.safetensors", home / "checkpoint.safetensors"
    if not kept.is_file():
        _obtain(job, kept, checkpoint)
    checkpoint.unlink(missing_ok=True)
    return networks.with_weights(network_of(job.study.network), networks.read_weights(kept)).eval()


def _obtain(job: Job, kept: Path, checkpoint: Path) -> None:
    """Write the network's weights, given or trained."""
    study = job.study
    if study.network.weights != "train" or study.training is None:
        networks.save_weights(given_network(study.network), kept)
        return
    recipe = Recipe(**study.training.model_dump())
    train_groups(
        job.where, alone, [Group("network", [network_of(study.network)], checkpoint.absolute())],
        data.cifar10("train"), recipe, torch.get_num_threads(),
        lambda _, trained: networks.write_weights(trained[0], kept),
        Bar(job.tell, "training", recipe.epochs),
    )  # fmt: skip


def _sweep(job: Job, network: nn.Module, test: Examples, sites: Sequence[Site]) -> None:
    study, folder, sweep = job.study, job.folder, job.study.sweep
    cuts = ablations_of(sites, sweep)
    kind = schema.dtype_for(study.network.classes)
    size = schema.size_of(len(cuts), len(test), {"rank": kind, "prediction": kind})
    if not folder.outcomes.exists():
        _warn_of_room(folder, size)
    job.where.evaluate(
        network, test, cuts, precision=sweep.precision, seed=sweep.seed,
        dtype=getattr(torch, sweep.dtype), store=folder.outcomes,
        progress=partial(job.tell, f"ablations, {size / 1e6:,.0f} MB"),
    )  # fmt: skip


def _warn_of_room(folder: RunFolder, size: int) -> None:
    free = shutil.disk_usage(folder.path).free
    if free < size:
        warnings.warn(
            f"the outcomes may take up to {size / 1e9:.1f} GB (they are compressed), and the disk "
            f"of {folder.path} has {free / 1e9:.1f} GB left. If it fills up, nothing is lost: free "
            "some space and give the same command again.",
            stacklevel=2,
        )
