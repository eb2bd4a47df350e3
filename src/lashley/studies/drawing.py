"""Figures and reports in a run folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from lashley.files import written_whole
from lashley.page import Page, render
from lashley.plot.style import save
from lashley.studies.folder import RunFolder, Tell


@dataclass(frozen=True)
class Gallery:
    """Figures that lie in one folder.

    Attributes:
        home: The folder.
        captions: What each figure shows, by its name.
        draw: Yields the figures with their names, each drawn when asked for.
    """

    home: Path
    captions: Mapping[str, str]
    draw: Callable[[], Iterator[tuple[str, Figure]]]


def draw_galleries(galleries: Sequence[Gallery], tell: Tell, *, again: bool) -> None:
    """Write the figures of a run.

    Args:
        galleries: All of them.
        tell: Called with the progress.
        again: Also draw those that exist already.
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
    """A figure's name in words: "Figure 3", "Figure A.1", "Recovery curves"."""
    plain = number.lstrip("0").upper().replace("A", "A.")
    is_numbered = plain.removeprefix("A.").isdigit()
    return f"Figure {plain}" if is_numbered else number.replace("-", " ").capitalize()


def figure_notes(captions: Mapping[str, str]) -> list[dict[str, str]]:
    """What the report says about the figures in the run folder."""
    return [
        {"name": name, "title": title_of(name.removeprefix("figure-")), "caption": caption}
        for name, caption in captions.items()
    ]


def map_note(what: str, neighbours: str, quality: Mapping[str, Any]) -> str:
    """What the report says about a map.

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


def write_page(folder: RunFolder, page: Page) -> Path:
    """Write `report.html`, and return its path."""
    path = folder.path / "report.html"
    with written_whole(path) as draft:
        draft.write_text(render(page), encoding="utf-8")
    return path
