"""The classes of a folder of images, as a user lists them."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from lashley.errors import DataError

_SHOWN = 5

ClassNames = str | os.PathLike[str] | Sequence[str] | None


def named(given: str | os.PathLike[str] | Sequence[str]) -> dict[str, str]:
    """Names by folder, in order, from a file or lines such as "n01440764 tench".

    Raises:
        DataError: If there is no class, or a line or folder is not one class.
    """
    lines = _lines(Path(given)) if isinstance(given, str | os.PathLike) else list(given)
    words = [line.split(None, 1) if isinstance(line, str) else [] for line in lines]
    if not words or not all(words):
        what = f"line {words.index([]) + 1} is {lines[words.index([])]!r}" if words else "no line"
        raise DataError(
            f"class_names: {what}; allowed is one class per line, 'FOLDER' or 'FOLDER name of the "
            "class', in the order of the network's outputs. Name every class."
        )
    counts = Counter(folder for folder, *_ in words)
    folder, n = counts.most_common(1)[0]
    if n > 1:
        raise DataError(
            f"class_names: folder {folder!r} is given {n} times; allowed is once, as its place is "
            "that of the network's output. Remove the wrong lines."
        )
    return {folder: rest[0].strip() if rest else folder for folder, *rest in words}


def _lines(path: Path) -> list[str]:
    try:
        return path.expanduser().read_text("utf-8-sig").rstrip().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"class_names: {path} cannot be read ({error}); allowed is a text file in UTF-8, one "
            "class per line. Check the path, or give the names in a list."
        ) from error


def distinct(names: Mapping[str, str]) -> tuple[str, ...]:
    """The names; those that several classes have (ImageNet's two cranes) with their folder."""
    counts = Counter(names.values())
    return tuple(n if counts[n] == 1 else f"{n} ({folder})" for folder, n in names.items())


def some(names: Sequence[str]) -> str:
    """The first names in words, and how many more there are."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
