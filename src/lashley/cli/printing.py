"""Tables and words on a terminal, in a file or a pipe."""

from __future__ import annotations

from enum import StrEnum

import pandas as pd
import typer
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

out, err = Console(soft_wrap=True), Console(stderr=True, soft_wrap=True)
_WIDE, _LEAST = (
    {"note", "claim", "reason"},
    30,
)  # columns that wrap, but not below this many characters
_ENDLESS = 100_000


class Format(StrEnum):
    """How tables are printed."""

    table = "table"
    csv = "csv"
    json = "json"


def say(words: str) -> None:
    """Print a line as it is."""
    out.print(words, highlight=False, markup=False)


def say_of(name: str, words: str) -> None:
    """Print a line with its name before it."""
    say(f"{name:<12}{words}")


def clock(seconds: float) -> str:
    """Seconds as 0:12:34."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"


def print_table(table: pd.DataFrame, style: Format = Format.table) -> None:
    """Print a table; no column is ever cut off."""
    if style is Format.csv:
        typer.echo(table.to_csv(index=False), nl=False)
    elif style is Format.json:
        typer.echo(table.to_json(orient="records", indent=2))
    else:
        shown = _rich(table)
        needed = Measurement.get(out, out.options.update(max_width=_ENDLESS), shown)
        width = max(out.width, needed.minimum) if out.is_terminal else needed.maximum
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
        shown.add_row(*map(cell, row))
    return shown


def cell(value: object) -> str:
    """A value in few digits; nothing for what is missing."""
    if value is None or value != value:
        return ""
    if isinstance(value, float):
        return f"{value:.2f}" if value == 0 or abs(value) >= 0.01 else f"{value:.1e}"
    return {"True": "yes", "False": "no"}.get(str(value), str(value))
