"""The command line: `lashley run`, `plan`, `show`, `figures`, `report`, `list`, `sites`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import pandas as pd
import typer
from rich.console import Console
from rich.measure import Measurement
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

import lashley
from lashley import studies
from lashley.errors import LashleyError
from lashley.studies.folder import RunFolder, Tell, disk_errors

app = typer.Typer(
    help="Ablation studies of trained neural networks.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
_out, _err = Console(soft_wrap=True), Console(stderr=True, soft_wrap=True)
_WIDE, _LEAST = {"note", "claim"}, 30  # columns that wrap, but not below so many characters
_ENDLESS = 100_000

Settings = Annotated[
    list[str] | None, typer.Option("--set", help="Change the study: key=value, as often as needed.")
]
StudyName = Annotated[str, typer.Argument(help="A built-in study, or the path of a .yaml file.")]
RunPath = Annotated[Path, typer.Argument(help="The folder of a run.")]


class Format(StrEnum):
    """How tables are printed."""

    table = "table"
    csv = "csv"
    json = "json"


@app.command()
def run(
    study: StudyName,
    out: Annotated[
        Path | None, typer.Option(help="The run folder [default: runs/ and the study's name].")
    ] = None,
    settings: Settings = None,
    device: Annotated[str, typer.Option(help="Where to evaluate networks: cpu, cuda.")] = "cpu",
) -> None:
    """Carry out a study, or go on with a run that was stopped."""
    checked = studies.load(study, settings or [])
    path = out or Path("runs") / checked.name
    with _progress() as tell:
        folder = studies.run(checked, path, device=device, tell=tell)
    claims = folder.table("claims")
    _out.print(f"{int(studies.kind_of(checked).holds(claims).sum())} of {len(claims)} claims hold: "
               f"lashley show {path} claims", highlight=False)  # fmt: skip
    _out.print(f"Report: {(path / 'report.html').resolve()}", highlight=False)


@app.command()
def plan(
    study: StudyName,
    settings: Settings = None,
    device: Annotated[str, typer.Option(help="Where to evaluate networks: cpu, cuda.")] = "cpu",
    devices: Annotated[int, typer.Option(help="Say also how long so many devices take.")] = 1,
    seconds: Annotated[float, typer.Option(help="For the calibration, about.")] = 10,
) -> None:
    """Say what a study will take, before anything runs: time, memory, disk."""
    checked = studies.load(study, settings or [])
    with _err.status("calibrating"):
        found = studies.plan(checked, device=device, devices=devices, seconds=seconds)
    _print(found.plan.table, Format.table)
    _out.print()
    for name, words in found.plan.lines().items():
        _out.print(f"{name:<12}{words}", highlight=False)
    for note in found.notes:
        _out.print(f"{'':<12}{note}", highlight=False)


@app.command("list")
def list_studies() -> None:
    """List the built-in studies."""
    for name, title in studies.builtin().items():
        _out.print(f"{name:16}{title}", highlight=False)


@app.command()
def sites(study: StudyName, settings: Settings = None) -> None:
    """List the sites of a study's network: the places whose units can be ablated."""
    checked = studies.load(study, settings or [])
    network, example = studies.kind_of(checked).network(checked)
    table = pd.DataFrame(
        {
            "site": s.name,
            "kind": s.kind,
            "units": s.n_units,
            "held at": ", ".join(s.points),
            "read by": ", ".join(s.readers),
        }
        for s in lashley.find_sites(network, example).values()
    )
    _print(table, Format.table)


@app.command()
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
    study = folder.study()
    kind = studies.kind_of(study)
    tables = kind.tables(study)
    if what not in tables:
        raise lashley.LashleyError(
            f"show: given {what!r}; this run has the tables {', '.join(tables)}."
        )
    table = folder.table(what)
    if units is not None:
        if "units" not in table:
            raise lashley.LashleyError(f"--units: {what} has no units. Leave it out.")
        table = _of_units(table, units)
    brief = table if every or style is not Format.table else kind.brief(what, table)
    shown = table if brief.empty else brief  # what was asked for by its units
    _print(shown, style)
    if len(shown) < len(table):
        _err.print(f"{len(shown)} of {len(table):,} rows; --all shows every one.", highlight=False)


@app.command()
def figures(run: RunPath) -> None:
    """Draw a run's figures and report anew, from its folder alone."""
    folder = RunFolder(run)
    folder.table("claims")
    with disk_errors(run), _progress() as tell:
        studies.draw_figures(folder, tell, again=True)
        path = studies.write_report(folder)
    _out.print(f"Report: {path.resolve()}", highlight=False)


@app.command()
def report(run: RunPath) -> None:
    """Write a run's report anew, from its folder alone: one page that opens in a browser."""
    folder = RunFolder(run)
    folder.table("claims")
    with disk_errors(run):
        path = studies.write_report(folder)
    _out.print(f"Report: {path.resolve()}", highlight=False)


def main() -> None:
    """The entry point: errors of Lashley's own are printed without a traceback."""
    try:
        app()
    except LashleyError as error:
        _err.print(f"lashley: {error}", style="red", highlight=False, markup=False)
        sys.exit(1)


@contextmanager
def _progress() -> Iterator[Tell]:
    columns = (TextColumn("{task.description:28}"), BarColumn(), MofNCompleteColumn(),
               TimeElapsedColumn())  # fmt: skip
    try:
        with Progress(*columns, console=_err) as progress:
            tasks = {}

            def tell(stage: str, done: int, total: int) -> None:
                if stage not in tasks:
                    tasks[stage] = progress.add_task(stage, total=total)
                progress.update(tasks[stage], completed=done, total=total)

            yield tell
    except KeyboardInterrupt:  # caught here, for typer would leave without a word
        _err.print("Stopped. The same command goes on where it was.", highlight=False)
        raise typer.Exit(130) from None


def _of_units(table: pd.DataFrame, units: str) -> pd.DataFrame:
    """The rows of one ablation, whatever order its units are given in."""
    try:
        label = ",".join(map(str, sorted(map(int, units.split(",")))))
    except ValueError as error:
        raise lashley.LashleyError(
            f"--units: given {units!r}; allowed are numbers, counted from 0, such as 3 or 3,15."
        ) from error
    found = table.query("units == @label", local_dict={"label": label})
    if found.empty:
        raise lashley.LashleyError(
            f"--units: no ablation of {label} in this run. Leave it out to see which there are."
        )
    return found


def _print(table: pd.DataFrame, style: Format) -> None:
    if style is Format.csv:
        typer.echo(table.to_csv(index=False), nl=False)
    elif style is Format.json:
        typer.echo(table.to_json(orient="records", indent=2))
    else:
        shown = _rich(table)
        needed = Measurement.get(_out, _out.options.update(max_width=_ENDLESS), shown)
        width = max(_out.width, needed.minimum) if _out.is_terminal else needed.maximum
        Console(width=width).print(shown)  # a narrow terminal wraps, but no column is cut off


def _rich(table: pd.DataFrame) -> Table:
    shown = Table(box=None, header_style="bold", pad_edge=False)
    for name in table.columns:
        numeric = pd.api.types.is_numeric_dtype(table[name])
        shown.add_column(
            name, justify="right" if numeric else "left", no_wrap=name not in _WIDE,
            overflow="fold", min_width=_LEAST if name in _WIDE else None,
        )  # fmt: skip
    for row in table.itertuples(index=False):
        shown.add_row(*map(_cell, row))
    return shown


def _cell(value: object) -> str:
    if value is None or value != value:
        return ""
    if isinstance(value, float):
        return f"{value:.2f}" if value == 0 or abs(value) >= 0.01 else f"{value:.1e}"
    return {"True": "yes", "False": "no"}.get(str(value), str(value))


if __name__ == "__main__":
    main()
