"""A page as HTML: what it carries, and the explorer that shows it.

What it shows lies in the page as blocks (`blocks.py`), and the explorer, built from `explorer/`,
reads them. Both are the page's own text; a content security policy forbids everything else.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

import jinja2
import numpy as np
import pandas as pd

from lashley.errors import DataError
from lashley.page.blocks import PageBlock, array_block, json_block, picture_block, table_block


@dataclass(frozen=True)
class Page:
    """What a report shows.

    Attributes:
        title: Of the study.
        lead: A sentence or two; a browser without scripts shows nothing else.
        facts: What the explorer is told about the report (`Report` in explorer/src/page/report.ts).
        tables: By name.
        arrays: By name; uint8, uint16, uint32, int16, int32, float32 or float64.
        pictures: By name; (height, width, channels) uint8, as `atlas` lays them out.
    """

    title: str
    lead: str
    facts: Mapping[str, Any]
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    arrays: Mapping[str, np.ndarray] = field(default_factory=dict)
    pictures: Mapping[str, np.ndarray] = field(default_factory=dict)


def render(page: Page) -> str:
    """The page as HTML. Names and tables show as text, never as markup.

    Raises:
        DataError: If an array has a type that the explorer does not read, or a name is used twice.
    """
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    script, style = (_bundled(f"explorer.{kind}") for kind in ("js", "css"))
    return environment.from_string(_read("page.html.j2")).render(
        page=page, blocks=_blocks(page), script=script, style=style, script_hash=_hash(script)
    )


def _blocks(page: Page) -> Sequence[PageBlock]:
    names = ["report", "licences", *page.tables, *page.arrays, *page.pictures]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(
            f"page: {', '.join(twice)} names several blocks; allowed is each name once, and "
            "neither report nor licences. Rename them."
        )
    return [
        json_block("report", {"title": page.title, "lead": page.lead, **page.facts}),
        json_block("licences", {"text": _read("bundle/LICENSES.md")}),
        *(table_block(name, table) for name, table in page.tables.items()),
        *(array_block(name, array) for name, array in page.arrays.items()),
        *(picture_block(name, picture) for name, picture in page.pictures.items()),
    ]


def _bundled(name: str) -> str:
    """A file of the built explorer, as it may stand inside a script or style element."""
    text = _read(f"bundle/{name}")
    for end in ("</script", "</style", "<!--"):
        text = text.replace(end, f"<\\{end[1:]}")
    return text


def _read(name: str) -> str:
    return (resources.files("lashley.page") / name).read_text(encoding="utf-8")


def _hash(script: str) -> str:
    """The hash by which the policy knows the script."""
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
