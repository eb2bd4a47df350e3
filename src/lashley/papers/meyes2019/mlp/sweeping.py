"""What ablated networks of an MLP study do to examples, wherever there are workers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import xarray as xr
from torch import nn

from lashley import data
from lashley import outcomes as schema
from lashley.ablations import Ablation
from lashley.data import Examples
from lashley.distribute import Lane, Report, Task, Work
from lashley.engine import evaluate
from lashley.papers.meyes2019.mlp.evaluations import CLEAN, PUBLISHED
from lashley.studies.bar import Bar
from lashley.studies.folder import RunFolder
from lashley.studies.stages import Job


@dataclass(frozen=True, eq=False)
class Sweep:
    """What one task evaluates.

    Attributes:
        network: Which one.
        ablations: Of its units.
        binarised: Whether the digits are in black and white, as the authors had them.
    """

    network: nn.Module
    ablations: Sequence[Ablation]
    binarised: bool = False


def sweep(job: Job, chains: Sequence[Mapping[str, Sweep]], test: Examples) -> None:
    """Carry out sweeps, and keep their outcomes under their names; what is kept is left out.

    Args:
        job: The run.
        chains: Sweeps by name; those of a chain run one after another.
        test: Examples.
    """
    bar = Bar(job.tell, "ablations", sum(map(len, chains)))
    work = Work("ablations", _prepare, _carry_out, {"test": test})
    job.where.carry_out(work, [_lane(job.folder, chain, bar) for chain in chains], bar.running)


def _lane(folder: RunFolder, sweeps: Mapping[str, Sweep], bar: Bar) -> Lane:
    for group, content in sweeps.items():
        if not schema.is_saved(folder.outcomes, group):
            found = yield Task(group, content)
            if group == PUBLISHED:
                found = _as_published(folder, found)
            schema.save(found, folder.outcomes, group)
        bar.finish(group, 1)


def _as_published(folder: RunFolder, damaged: xr.Dataset) -> xr.Dataset:
    """Ablated networks on binarised digits, compared with the intact one on clean digits."""
    clean = schema.open_saved(folder.outcomes, CLEAN)
    intact = {name: clean[name] for name in ("intact_rank", "intact_prediction")}
    note = {"intact_data_fingerprint": clean.attrs["data_fingerprint"]}
    return damaged.assign(intact).assign_attrs(note)


def _prepare(device: str, test: Examples) -> tuple[str, Examples]:
    return device, test


def _carry_out(shared: tuple[str, Examples], given: Sweep, _report: Report) -> Any:
    device, test = shared
    examples = data.binarised(test) if given.binarised else test
    return evaluate(given.network, examples, given.ablations, device=device)
