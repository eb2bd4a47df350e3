"""The report: one self-contained HTML page that opens from disk, with no server and no network."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

import jinja2
import pandas as pd

__all__ = ["Figure", "Page", "Table", "render"]


@dataclass(frozen=True)
class Figure:
    """A picture of the page.

    Attributes:
        name: Unique on the page; a link's target.
        title: Above the picture, such as "Figure 3".
        caption: What it shows; read aloud in place of the picture.
        png: The file's content.
    """

    name: str
    title: str
    caption: str
    png: bytes

    @property
    def address(self) -> str:
        """The picture as an address that needs no file."""
        return "data:image/png;base64," + base64.b64encode(self.png).decode()


@dataclass(frozen=True)
class Table:
    """A table of the page.

    Attributes:
        name: Unique on the page; a link's target.
        title: Its heading.
        note: What its rows are.
        rows: The table itself.
        is_open: Whether it is unfolded at first.
    """

    name: str
    title: str
    note: str
    rows: pd.DataFrame
    is_open: bool = False


@dataclass(frozen=True)
class Page:
    """What a report shows, from top to bottom.

    Attributes:
        title: Of the study.
        lead: A sentence or two below it.
        numbers: The few numbers one looks for first: label to value.
        claims: The table of claims.
        figures: In order.
        tables: In order.
        provenance: Nested mappings, shown as they are.
    """

    title: str
    lead: str
    numbers: Mapping[str, str]
    claims: Table
    figures: Sequence[Figure]
    tables: Sequence[Table]
    provenance: Mapping[str, Any]


def render(page: Page) -> str:
    """The page as HTML. Whatever stands in names or tables shows as text, never as markup."""
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(
            lambda name: (resources.files("lashley.report") / name).read_text()
        ),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["cell"] = _cell
    environment.tests["number"] = _is_number
    return environment.get_template("page.html.j2").render(page=page)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _cell(value: Any) -> str:
    """A value as a reader wants it: few digits, nothing for what is missing."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.2f}" if value == 0 or abs(value) >= 0.01 else f"{value:.1e}"
    return str(value)
