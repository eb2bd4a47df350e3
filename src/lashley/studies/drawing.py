"""Figures and reports in a run folder."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

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


def write_page(folder: RunFolder, page: report.Page) -> Path:
    """Write `report.html`, and return its path."""
    path = folder.path / "report.html"
    with written_whole(path) as draft:
        draft.write_text(report.render(page), encoding="utf-8")
    return path
