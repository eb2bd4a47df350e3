"""Figures and reports in a run folder."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from lashley import report
from lashley.figures import save
from lashley.files import written_whole
from lashley.studies.folder import RunFolder, Tell


def drawn(home: Path, names: Iterable[str]) -> bool:
    """Whether these figures are there; what is there is whole."""
    return all((home / f"{name}.{kind}").is_file() for name in names for kind in ("png", "svg"))


def save_all(
    figures: Iterable[tuple[str, Figure]], home: Path, total: int, tell: Tell, done: int = 0
) -> None:
    """Write figures as they are drawn.

    Args:
        figures: By name.
        home: The folder they go to.
        total: Of the figures of the run.
        tell: Told of the progress.
        done: How many of the run's are there already.
    """
    for i, (name, figure) in enumerate(figures):
        tell("figures", done + i, total)
        save(figure, home, name)


def title_of(number: str) -> str:
    """A figure's name as one says it: "Figure 3", "Figure A.1", "Recovery curves"."""
    plain = number.lstrip("0").upper().replace("A", "A.")
    is_numbered = plain.removeprefix("A.").isdigit()
    return f"Figure {plain}" if is_numbered else number.replace("-", " ").capitalize()


def figure_notes(captions: Mapping[str, str]) -> list[dict[str, str]]:
    """What the report says of the figures that lie in the run folder."""
    return [
        {"name": name, "title": title_of(name.removeprefix("figure-")), "caption": caption}
        for name, caption in captions.items()
    ]


def table_notes(
    notes: Mapping[str, str], tables: Mapping[str, pd.DataFrame], titles: Mapping[str, str]
) -> list[dict[str, Any]]:
    """What the report says of its tables, as far as the run has them.

    Args:
        notes: What the rows of each are, by name.
        tables: By name.
        titles: Of those that are called otherwise than by their name.
    """
    return [
        {"name": name, "title": titles.get(name, name.replace("_", ", ").capitalize()),
         "note": note, "rows": len(tables[name])}
        for name, note in notes.items() if name in tables
    ]  # fmt: skip


def map_note(what: str, neighbours: str, quality: Mapping[str, Any]) -> str:
    """What the report says of a map.

    Args:
        what: Is mapped, such as "the pixels".
        neighbours: Whose nearest neighbours are looked at, with "{}" for their number.
        quality: As `embedding.json` has it.
    """
    return (
        f"t-SNE of {what} (perplexity {quality['perplexity']:g}); "
        f"of {neighbours.format(quality['neighbours'])} "
        f"{100 * quality['knn_preservation']:.0f} % are among its nearest on the map, "
        f"trustworthiness {quality['trustworthiness']:.3f}."
    )


def write_page(folder: RunFolder, page: report.Page) -> Path:
    """Write `report.html`, and return its path."""
    path = folder.path / "report.html"
    with written_whole(path) as draft:
        draft.write_text(report.render(page), encoding="utf-8")
    return path
