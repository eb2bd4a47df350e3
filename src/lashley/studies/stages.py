"""Stages: the steps of a study, each of which leaves whole files in the run folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lashley.distribute import Workplace
from lashley.errors import RunError
from lashley.studies.folder import RunFolder, Tell


@dataclass(frozen=True)
class Job:
    """A study that is being carried out.

    Attributes:
        study: What to do.
        folder: Where the results go.
        where: Who runs the networks.
        tell: Called with each stage and its progress.
        objects: What was given in Python, not by a name: a network, examples; by their parts.
    """

    study: Any
    folder: RunFolder
    where: Workplace
    tell: Tell
    objects: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Stage:
    """A step of a study.

    Attributes:
        makes: Files of the run folder. Once all of them exist the stage is not run again; one that
            names no files is always run.
        needs: Files that earlier stages make.
        do: Makes those that are missing.
    """

    makes: Sequence[str]
    needs: Sequence[str]
    do: Callable[[Job], None]


def carry_out(stages: Sequence[Stage], job: Job) -> None:
    """Run each stage whose files do not exist yet.

    Raises:
        RunError: If no earlier stage made the files that a stage needs.
    """
    for stage in stages:
        if stage.makes and job.folder.has(*stage.makes):
            continue
        lacking = [name for name in stage.needs if not job.folder.has(name)]
        if lacking:
            raise RunError(
                f"run: {job.folder.path} lacks {', '.join(lacking)}, which the next stage needs. "
                "Put the stage that makes it before this one."
            )
        stage.do(job)


def parquet(*tables: str) -> list[str]:
    """The files of tables."""
    return [f"{name}.parquet" for name in tables]
