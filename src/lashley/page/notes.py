"""What a page says of its tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd


def table_notes(
    notes: Mapping[str, str], tables: Mapping[str, pd.DataFrame], titles: Mapping[str, str]
) -> list[dict[str, Any]]:
    """What the report says of its tables, those that the run has.

    Args:
        notes: What the rows of each are, by name.
        tables: By name.
        titles: Of those whose title is not their name.
    """
    return [
        {"name": name, "title": titles.get(name, name.replace("_", ", ").capitalize()),
         "note": note, "rows": len(tables[name])}
        for name, note in notes.items() if name in tables
    ]  # fmt: skip
