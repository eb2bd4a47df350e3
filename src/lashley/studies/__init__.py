"""Studies: one YAML file says what to do, one folder holds what was found."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lashley.distribute import Local, Workplace
from lashley.engine import check_device
from lashley.errors import TaskFailed
from lashley.studies.drawing import draw_galleries, write_page
from lashley.studies.folder import RunFolder, Tell
from lashley.studies.kind import Forecast, Kind
from lashley.studies.loading import builtin, load, study_of
from lashley.studies.opening import disk_errors, open_folder
from lashley.studies.progress import check_alone, kept
from lashley.studies.registry import kinds
from lashley.studies.stages import Job, carry_out
from lashley.studies.study import StudyForm

__all__ = [
    "RunFolder",
    "StudyForm",
    "builtin",
    "draw_figures",
    "kind_of",
    "load",
    "plan",
    "run",
    "study_of",
    "take_steps",
    "write_report",
]

_LOCAL = Local()


def kind_of(study: StudyForm) -> Kind:
    """How studies of this kind are carried out and shown."""
    return kinds()[study.kind]


def run(
    study: StudyForm, path: Path, *, where: Workplace = _LOCAL, tell: Tell,
    objects: Mapping[str, Any] | None = None,
) -> RunFolder:  # fmt: skip
    """Carry out a study, or continue one that was stopped; what is finished is not run again.

    Args:
        study: What to do.
        path: The run folder: new, empty, or of the same study.
        where: Who runs the networks: this process, or a cluster.
        tell: Called with each stage and its progress.
        objects: What was given in Python, not by a name: a network, examples; by their parts.

    Raises:
        RunError: If the folder cannot be used or another process uses it, or the disk is full.
        DataError: If the data cannot be loaded.
        TaskFailed: If a task fails again and again on a cluster.
    """
    check_alone(RunFolder(path))
    folder = open_folder(path, study)
    try:
        with kept(folder, where, tell) as told, disk_errors(path):
            take_steps(study, folder, where, told, objects)
            shutil.rmtree(folder.scratch, ignore_errors=True)
            draw_figures(folder, told)
            write_report(folder)
    except TaskFailed as error:
        alone = shlex.join(["lashley", "task", str(path), error.task])
        raise TaskFailed(f"{error} To see it alone: {alone}", error.task) from error
    return folder


def take_steps(
    study: StudyForm, folder: RunFolder, where: Workplace, tell: Tell,
    objects: Mapping[str, Any] | None = None,
) -> None:  # fmt: skip
    """Carry out the stages of a study that its folder does not have yet.

    Args:
        study: Which.
        folder: Of its run.
        where: Who runs the networks.
        tell: Called with each stage and its progress.
        objects: As for `run`.
    """
    job = Job(study, folder, where, tell, objects or {})
    carry_out(kind_of(study).stages(study), job)


def plan(
    study: StudyForm, *, device: str = "cpu", devices: int = 1, seconds: float = 10
) -> Forecast:
    """What a study will take, before anything runs, from a few seconds of calibration.

    Args:
        study: Which.
        device: Where networks will be evaluated.
        devices: How many of them.
        seconds: For the calibration, about; building the engine takes extra time.

    Raises:
        EngineError: If devices or seconds are not above 0.
        DataError: If the data cannot be loaded.
    """
    check_device(device)
    return kind_of(study).plan(study, device, devices, seconds)


def draw_figures(folder: RunFolder, tell: Tell, *, again: bool = False) -> None:
    """Draw a run's figures into `figures/`, from its folder alone.

    Args:
        folder: A run that has its tables.
        tell: Called with the progress.
        again: Also draw those that exist already.
    """
    draw_galleries(kind_of(study_of(folder)).galleries(folder), tell, again=again)


def write_report(folder: RunFolder) -> Path:
    """Write `report.html` from what lies in the folder, and return its path."""
    return write_page(folder, kind_of(study_of(folder)).page(folder))
