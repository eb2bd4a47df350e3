"""How Lashley's values show in a notebook: a table, and a line about it."""

from __future__ import annotations

from html import escape

import pandas as pd


def shown(table: pd.DataFrame, said: str = "") -> str:
    """A table as HTML, which scrolls if it is long; names are taken as text, not as markup.

    Args:
        table: What is shown; whole numbers with separators, others with three digits.
        said: A line below it.
    """
    formats = {name: "{:,}".format for name in table if table[name].dtype.kind == "i"}
    body = table.to_html(index=False, border=0, justify="left", formatters=formats,
                         float_format="{:.3g}".format)  # fmt: skip
    line = f"<p>{escape(said)}</p>" if said else ""
    return f'<div style="max-height: 24em; overflow: auto">{body}</div>{line}'
