"""The page docs/networks.md: a table for each library, totals, versions, the machine."""

from __future__ import annotations

import datetime
import platform
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

Row = Mapping[str, Any]

_HEAD = Path(__file__).with_name("head.md")
_COLUMNS = (
    "network", "family", "engine", "sites", "weights", "unlisted", "checked", "not", "wrong",
    "seconds: sites", "ablations", "forward", "GiB", "error",
)  # fmt: skip
_SHORT = {"hidden": "hidden", "filter": "filters", "head": "heads"}


def page(rows: Sequence[Row], n_listed: int) -> str:
    """All of it, in Markdown; `n_listed` networks could be taken."""
    libraries = list(dict.fromkeys(str(r.get("library")) for r in rows))
    when = (
        f"{datetime.date.today():%d %B %Y}; Python {platform.python_version()}, torch "
        f"{torch.__version__}, {platform.machine()}, one thread; {_versions(libraries)}."
    )
    parts = [
        _HEAD.read_text().format(
            n_libraries=len(libraries),
            n_listed=n_listed,
            totals=_filled(_totals(rows)),
            when=_filled(when),
        )
    ]
    of_library = {name: [r for r in rows if r.get("library") == name] for name in libraries}
    large = [name for name in libraries if len(of_library[name]) > 20]
    far = [r for name in libraries if name not in large for r in of_library[name]]
    parts += [f"## {name}\n\n{_table(of_library[name])}\n" for name in large]
    if far:
        parts.append(f"## Other libraries\n\n{_table(far, by_library=True)}\n")
    return "\n".join(parts)


def _filled(words: str) -> str:
    """A paragraph in lines of at most 100 columns."""
    return textwrap.fill(words, 100, break_long_words=False, break_on_hyphens=False)


def summary(rows: Sequence[Row]) -> str:
    """The totals in one line."""
    return _counts(rows)


def _totals(rows: Sequence[Row]) -> str:
    timm = len({r["family"] for r in rows if r.get("library") == "timm"})
    hf = sum(r.get("library") == "transformers" for r in rows)
    return f"**{_counts(rows)}** {timm} families of timm, {hf} architectures of transformers."


def _counts(rows: Sequence[Row]) -> str:
    def total(name: str) -> int:
        return sum(_number(r.get(name, 0)) for r in rows)

    return (
        f"{len(rows)} networks; {total('checked'):,} ablations and {total('ranks_checked'):,} "
        f"ranks checked: {total('wrong')} wrong; {total('unaccounted')} unlisted parameters; "
        f"{sum(bool(r.get('bare')) for r in rows)} networks with a bare error, "
        f"{sum(bool(r.get('errors')) for r in rows)} with an error that says why; "
        f"{total('not_checked')} ablations and {total('n_unclear')} sites not followed by the twin."
    )


def _number(value: Any) -> int:
    return len(value) if isinstance(value, list | dict) else int(value)


def _table(rows: Iterable[Row], by_library: bool = False) -> str:
    lines = ["| " + " | ".join(_COLUMNS) + " |", "|" + "---|" * len(_COLUMNS)]
    for row in rows:
        family = row.get("library" if by_library else "family", "")
        lines.append("| " + " | ".join([row["name"], str(family), *_cells(row)]) + " |")
    return "\n".join(lines)


def _cells(row: Row) -> list[str]:
    sites = ", ".join(f"{n} {_SHORT.get(k, k)}" for k, n in row.get("sites", {}).items())
    seconds = [
        _decimal(row.get(f"{name}_seconds")) for name in ("find_sites", "evaluate", "forward")
    ]
    return [
        str(row.get("engine", "-")), sites, f"{row['share']:.1%}" if "share" in row else "-",
        str(_number(row.get("unaccounted", []))), str(row.get("checked", 0)),
        str(_number(row.get("not_checked", []))), str(_number(row.get("wrong", []))), *seconds,
        _decimal(row.get("gib")), _error(row),
    ]  # fmt: skip


def _decimal(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}" if value < 10 else f"{value:.0f}"


def _error(row: Row) -> str:
    for name in ("died", "not_built", "twin_error"):
        if row.get(name):
            return _plain(f"{name.replace('_', ' ')}: {row[name]}")
    if row.get("no_sites"):
        return "no site; all weights are in sites.left_out"
    found = {**row.get("errors", {}), **row.get("bare", {})}
    return _plain("; ".join(str(text) for text in found.values()))


def _plain(text: str) -> str:
    return text.replace("|", "/").replace("\n", " ")[:160]


def _versions(libraries: Sequence[str]) -> str:
    found = []
    for name in libraries:
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            continue
    return ", ".join(found)
