"""Figures and reports in a run folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from lashley import report
from lashley.files import written_whole
from lashley.plot.style import save
from lashley.studies.folder import RunFolder, Tell


@dataclass(frozen=True)
class Gallery:
    """Figures that lie in one folder.

    Attributes:
        home: The folder.
        captions: What each figure shows, by its name.
        draw: Gives the figures by name, each drawn when it is asked for.
    """

    home: Path
    captions: Mapping[str, str]
    draw: Callable[[], Iterator[tuple[str, Figure]]]


def draw_galleries(galleries: Sequence[Gallery], tell: Tell, *, again: bool) -> None:
    """Write the figures of a run.

    Args:
        galleries: All of them.
        tell: Told of the progress.
        again: Draw those that are there, too.
    """
    total, done = sum(len(gallery.captions) for gallery in galleries), 0
    for gallery in galleries:
        if again or not _is_drawn(gallery):
            for i, (name, figure) in enumerate(gallery.draw()):
                tell("figures", done + i, total)
                save(figure, gallery.home, name)
        done += len(gallery.captions)
    tell("figures", total, total)


def _is_drawn(gallery: Gallery) -> bool:
    files = [gallery.home / f"{n}.{kind}" for n in gallery.captions for kind in ("png", "svg")]
    return all(file.is_file() for file in files)


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


def map_note(what: str, neighbours: str, quality: Mapping[str, Any]) -> str:
    """What the report says of a map.

    Args:
        what: What is mapped, such as "the pixels".
        neighbours: Whose nearest neighbours are looked at, with "{}" for their number.
        quality: The content of `embedding.json`.
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
