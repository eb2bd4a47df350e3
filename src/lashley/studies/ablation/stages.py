"""The stages of a study of any network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

from lashley import networks
from lashley.ablations import Ablation
from lashley.engine import network_fingerprint
from lashley.planning import plan
from lashley.sites import Site
from lashley.studies.ablation import mapping, shown, tables
from lashley.studies.ablation.form import AblationStudy
from lashley.studies.ablation.given import Subject, subject_of
from lashley.studies.ablation.sweeps import ablations_of, selected
from lashley.studies.kind import Forecast
from lashley.studies.provenance import keep_provenance
from lashley.studies.stages import Job, Stage, parquet

_WEIGHTS = "networks/network.safetensors"


def stages(study: AblationStudy) -> list[Stage]:
    """All in one, which is always run: a finished run, too, is of this network and these data."""
    return [Stage((), (), partial(_carry_out, parquet(*tables.names_of(study))))]


def swept(study: AblationStudy, sites: Mapping[str, Site]) -> dict[str, list[Ablation]]:
    """The ablations of each sweep.

    Raises:
        StudyError: If a sweep selects nothing, or its design does not fit.
    """
    return {
        name: ablations_of(name, sweep, selected(name, sweep, sites))
        for name, sweep in study.sweeps.items()
    }


def forecast(study: AblationStudy, device: str, devices: int, seconds: float) -> Forecast:
    """What the ablations of a study will take.

    Args:
        study: Which.
        device: Where to evaluate the network.
        devices: How many of these.
        seconds: For the calibration, about.
    """
    about = subject_of(study)
    cuts = [cut for own in swept(study, about.sites).values() for cut in own]
    found = plan(about.network, about.examples, cuts, reference=about.reference, device=device,
                 devices=devices, seconds=seconds, **about.how)  # fmt: skip
    notes = [] if study.embedding is None else ["a map of the examples: t-SNE"]
    return Forecast(found, tuple(notes))


def _carry_out(files: Sequence[str], job: Job) -> None:
    about = _subject(job)
    shown.keep(job.study, about, job.folder)
    if not job.folder.has(*files):
        _measure(job, about)
    if job.study.embedding is not None and not mapping.is_done(job.folder):
        mapping.carry_out(job, about)


def _measure(job: Job, about: Subject) -> None:
    for name, cuts in swept(job.study, about.sites).items():
        light = [replace(cut, site=replace(cut.site, weights=None)) for cut in cuts]
        job.where.evaluate(
            about.network, about.examples, light, reference=about.reference,
            store=job.folder.path / "outcomes" / f"{name}.zarr",
            progress=partial(job.tell, f"ablations: {name}"), **about.how,
        )  # fmt: skip
    tables.write(job, about)


def _subject(job: Job) -> Subject:
    """What the study is about, if it is what it was when the run began."""
    about = subject_of(job.study, job.objects)
    weights = job.folder.path / _WEIGHTS
    if not weights.is_file():
        networks.save_weights(about.network, weights)
    found = {"test examples": about.examples.fingerprint,
             "network": network_fingerprint(about.network)}  # fmt: skip
    if about.reference is not None:
        found["reference examples"] = about.reference.fingerprint
    seeds = {"network": job.study.network.seed, "data": job.study.data.seed,
             "order": job.study.seed}  # fmt: skip
    keep_provenance(job, seeds, found)
    return about
