"""The commands that carry out a run, or one task of it."""

from __future__ import annotations

import shlex
import traceback
from pathlib import Path
from typing import Annotated

import typer

from lashley import studies
from lashley.cli.bars import bars
from lashley.cli.parameters import Device, RunPath, Settings, StudyName
from lashley.cli.printing import say
from lashley.cli.workplace import Cpus, Ray, ShareOption, Workers, workplace
from lashley.distribute.alone import CarriedOut, OneTask
from lashley.errors import ClusterError, LashleyError
from lashley.studies import progress
from lashley.studies.folder import RunFolder


def run(
    study: StudyName,
    out: Annotated[
        Path | None, typer.Option(help="The run folder (default: runs/ and the study's name).")
    ] = None,
    settings: Settings = None,
    device: Device = "cpu",
    ray: Ray = None,
    workers: Workers = None,
    cpus: Cpus = None,
    share: ShareOption = None,
) -> None:
    """Carry out a study, or continue a run that was stopped."""
    checked = studies.load(study, settings or [])
    path = out or Path("runs") / checked.name
    place = workplace(ray, device, workers, cpus, share)
    with bars() as tell, place as where:
        folder = studies.run(checked, path, where=where, tell=tell)
    kind = studies.kind_of(checked)
    if "claims" in kind.tables(checked):
        claims = folder.table("claims")
        say(f"{int(kind.holds(claims).sum())} of {len(claims)} claims hold: "
            f"lashley show {path} claims")  # fmt: skip
    else:
        say(f"Tables: {', '.join(kind.tables(checked))}: lashley show {path} effects")
    say(f"Report: {(path / 'report.html').resolve()}")


def task(
    run: RunPath,
    name: Annotated[str, typer.Argument(help="As in the error that the run ended with.")],
    device: Device = "cpu",
) -> None:
    """Carry out one task of a run alone, in this process, to see the error it ends with.

    Nothing is kept; an error is shown with its traceback.
    """
    folder = RunFolder(run)
    study = studies.study_of(folder)
    where = OneTask(device, name)
    try:
        with bars() as tell:  # not `studies.run`: the run itself may be active in its folder
            studies.take_steps(study, folder, where, tell)
    except CarriedOut as found:
        say(str(found))
        return
    except ClusterError:  # there is no such task
        raise
    except LashleyError as error:
        traceback.print_exc()
        raise typer.Exit(1) from error
    raise LashleyError(
        f"task: {run}: there is no task {name!r} left to do. Take the name from the error that the "
        f"run ended with, or continue the run: {go_on(run)}"
    )


def go_on(run: Path) -> str:
    """The command that continues a run where it was carried out before."""
    before = progress.read(RunFolder(run))
    options = () if before is None else before.options
    return shlex.join(["lashley", "run", str(run / "study.yaml"), "--out", str(run), *options])
