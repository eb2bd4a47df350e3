"""The commands that say what is there, and what will be or was found."""

from __future__ import annotations

from typing import Annotated

import pandas as pd
import typer

from lashley import studies
from lashley.cli.bars import bars
from lashley.cli.parameters import Device, RunPath, Settings, StudyName
from lashley.cli.printing import Format, err, print_table, say, say_of
from lashley.errors import LashleyError
from lashley.studies.folder import RunFolder
from lashley.studies.kind import Forecast
from lashley.studies.opening import disk_errors


def plan(
    study: StudyName,
    settings: Settings = None,
    device: Device = "cpu",
    devices: Annotated[int, typer.Option(help="Also say how long this many devices take.")] = 1,
    seconds: Annotated[float, typer.Option(help="For the calibration, about.")] = 10,
) -> None:
    """Say what a study will take, before anything runs: time, memory, disk."""
    checked = studies.load(study, settings or [])
    with err.status("calibrating"):
        found = studies.plan(checked, device=device, devices=devices, seconds=seconds)
    print_forecast(found)


def print_forecast(found: Forecast) -> None:
    """Print what a study will take."""
    print_table(found.plan.table)
    typer.echo()
    for name, words in found.plan.lines().items():
        say_of(name, words)
    for note in found.notes:
        say_of("", note)


def list_studies() -> None:
    """List the built-in studies."""
    for name, title in studies.builtin().items():
        say(f"{name:16}{title}")


def show(
    run: RunPath,
    what: Annotated[str, typer.Argument(help="Which table, such as claims or effects.")],
    style: Annotated[Format, typer.Option("--format", help="How to print it.")] = Format.table,
    every: Annotated[
        bool, typer.Option("--all", help="All rows and columns, class by class.")
    ] = False,
    units: Annotated[str | None, typer.Option(help="Only these units: 3, or 3,15.")] = None,
) -> None:
    """Print a table of a run. CSV and JSON hold every column and row."""
    folder = RunFolder(run)
    study = studies.study_of(folder)
    kind = studies.kind_of(study)
    tables = kind.tables(study)
    if what not in tables:
        raise LashleyError(f"show: given {what!r}; this run has the tables {', '.join(tables)}.")
    table = folder.table(what)
    if units is not None:
        if "units" not in table:
            raise LashleyError(f"--units: {what} has no units. Leave it out.")
        table = _of_units(table, units)
    brief = table if every or style is not Format.table else kind.brief(what, table)
    shown = table if brief.empty else brief  # what its units asked for
    print_table(shown, style)
    if len(shown) < len(table):
        err.print(f"{len(shown)} of {len(table):,} rows; --all shows every one.", highlight=False)


def figures(run: RunPath) -> None:
    """Draw a run's figures and report anew, from its folder alone."""
    folder = RunFolder(run)
    _check_done(folder)
    with disk_errors(run), bars() as tell:
        studies.draw_figures(folder, tell, again=True)
        path = studies.write_report(folder)
    say(f"Report: {path.resolve()}")


def report(run: RunPath) -> None:
    """Write a run's report anew, from its folder alone: one page that opens in a browser."""
    folder = RunFolder(run)
    _check_done(folder)
    with disk_errors(run):
        path = studies.write_report(folder)
    say(f"Report: {path.resolve()}")


def _check_done(folder: RunFolder) -> None:
    """Refuse a run that has not come to its last table yet.

    Raises:
        RunError: Naming the table.
    """
    study = studies.study_of(folder)
    folder.table(studies.kind_of(study).tables(study)[-1])


def _of_units(table: pd.DataFrame, units: str) -> pd.DataFrame:
    """The rows of one ablation, whatever order its units are given in."""
    try:
        label = ",".join(map(str, sorted(map(int, units.split(",")))))
    except ValueError as error:
        raise LashleyError(
            f"--units: given {units!r}; allowed are numbers, counted from 0, such as 3 or 3,15."
        ) from error
    found = table.query("units == @label", local_dict={"label": label})
    if found.empty:
        raise LashleyError(
            f"--units: no ablation of {label} in this run. Leave it out to see which there are."
        )
    return found
