"""The command line: `lashley run`, `status`, `task`, `plan`, `show`, `figures`, `report` ..."""

from __future__ import annotations

import sys

import typer

from lashley.cli import beginning, printing, running, showing, sites, status
from lashley.cli.workplace import RunCommand
from lashley.errors import CodeError, LashleyError

app = typer.Typer(
    help="Ablation studies of trained neural networks.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command(cls=RunCommand)(running.run)
app.command()(status.status)
app.command()(running.task)
app.command()(showing.plan)
app.command("list")(showing.list_studies)
app.command()(sites.sites)
app.command()(beginning.new)
app.command()(showing.show)
app.command()(showing.figures)
app.command()(showing.report)


def main() -> None:
    """The entry point: Lashley's own errors are printed without a traceback."""
    try:
        app()
    except LashleyError as error:
        if isinstance(error, CodeError) and error.own:
            printing.err.print(error.own, highlight=False, markup=False, soft_wrap=True)
        printing.err.print(f"lashley: {error}", style="red", highlight=False, markup=False)
        sys.exit(1)
