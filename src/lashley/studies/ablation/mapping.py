"""The map of a study's examples, by their inputs or by what a site holds."""

from __future__ import annotations

import numpy as np
import torch

from lashley.data import Examples
from lashley.data.inputs import take, tensors
from lashley.data.subset import drawn
from lashley.errors import StudyError
from lashley.studies.ablation.form import MapPart
from lashley.studies.ablation.given import Subject
from lashley.studies.folder import RunFolder
from lashley.studies.mapped import mapped
from lashley.studies.stages import Job
from lashley.units import units_of

_AT_ONCE = 256  # examples that run through the network together


def is_done(folder: RunFolder) -> bool:
    """Whether the map is there, or the reason why it is missing."""
    return folder.has("embedding.json")


def which_are_mapped(part: MapPart, examples: Examples) -> np.ndarray:
    """(mapped,) the numbers of the examples on the map, ascending."""
    return drawn(examples, min(part.examples, len(examples)), part.seed)


def map_of(folder: RunFolder) -> tuple[np.ndarray, np.ndarray]:
    """(mapped, 2) the places of a run that has a map; (mapped,) the numbers of their examples."""
    found = folder.arrays("embedding")
    return found["points"], found["example"]


def carry_out(job: Job, about: Subject) -> None:
    """Write `embedding.npz` (points, and which examples they are of) and `embedding.json`.

    Where the examples are too few or too alike for a map, `embedding.json` says so under `absent`.
    """
    part = job.study.embedding
    chosen = which_are_mapped(part, about.examples)
    found = mapped(_values(about, part.of, chosen), part, job.folder, job.tell)
    if found is not None:
        job.folder.write_arrays("embedding", {"points": found.points, "example": chosen})
        job.folder.write_json("embedding", found.numbers())


def _values(about: Subject, of: str, chosen: np.ndarray) -> np.ndarray:
    """(example, feature) what is mapped."""
    inputs = take(about.examples.inputs, chosen)
    if of == "inputs":
        return np.concatenate([t.flatten(1).double().numpy() for t in tensors(inputs)], axis=1)
    if of not in about.sites:
        raise StudyError(
            f"embedding.of: given {of!r}; allowed are 'inputs' and the sites "
            f"{', '.join(about.sites)}."
        )
    units = units_of(about.network, about.sites[of], about.examples)
    with torch.no_grad():
        parts = [
            units.activation(take(inputs, slice(i, i + _AT_ONCE))).flatten(1)
            for i in range(0, len(chosen), _AT_ONCE)
        ]
    return torch.cat(parts).double().numpy()
