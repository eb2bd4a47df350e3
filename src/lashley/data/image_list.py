"""What lies in a folder of images: the files, their classes, and the classes' names."""

from __future__ import annotations

import os
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from PIL import Image

from lashley.data.image_classes import ClassNames, distinct, named, some
from lashley.errors import DataError

EXTENSIONS = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")
_SHOWN = 5


@dataclass(frozen=True)
class Listing:
    """The images of a folder.

    Attributes:
        root: The folder.
        files: Paths of the images relative to it, as torchvision's `ImageFolder` orders them.
        labels: Of each file, the index of its class.
        class_names: In the order of the network's outputs.
    """

    root: Path
    files: tuple[str, ...]
    labels: tuple[int, ...]
    class_names: tuple[str, ...]


def listed(root: Path, class_names: ClassNames) -> Listing:
    """The images in the folders of `root`, one folder per class.

    Files with other extensions and hidden files and folders (a leading dot) are skipped. A warning
    counts those that may be images after all.

    Raises:
        DataError: If there is nothing to list, an image belongs to no class, or a folder has no
            image or no name.
    """
    folders = _class_folders(root)
    names = {f: f for f in folders} if class_names is None else named(class_names)
    strange = [folder for folder in folders if folder not in names]
    if strange:
        raise DataError(
            f"class_names: given {len(names)} classes ({some(list(names))}), but {root} also "
            f"holds {some(strange)}. Name every folder's class, or remove these folders."
        )
    within = {folder: _files_below(root, folder) for folder in folders}
    images = {f: [p for p in paths if _is_image(p)] for f, paths in within.items()}
    _refuse_empty(root, within, images)
    _warn_ignored(root, [p for paths in within.values() for p in paths if not _is_image(p)])
    label = {folder: i for i, folder in enumerate(names)}
    found = [(path, label[f]) for f, paths in images.items() for path in paths]
    files, labels = zip(*found, strict=True)
    return Listing(root, files, labels, distinct(names))


def _class_folders(root: Path) -> list[str]:
    if not root.is_dir():
        what = "a file" if root.exists() else "not there"
        raise DataError(
            f"root: {root} is {what}; allowed is a folder with one folder of images per class. "
            "Check the path."
        )
    entries = sorted(root.iterdir())
    stray = [e.name for e in entries if _is_image(e.name) and not e.is_dir()]
    if stray:
        raise DataError(
            f"root: {len(stray)} images lie in {root} itself ({some(stray)}); allowed are "
            "images in one folder per class. Move each into the folder of its class."
        )
    folders = [e.name for e in entries if e.is_dir() and not e.name.startswith(".")]
    if not folders:
        found = some([e.name for e in entries]) if entries else "nothing"
        raise DataError(
            f"root: {root} holds {found}; allowed is a folder with one folder of images per "
            "class. Check the path."
        )
    return folders


def _files_below(root: Path, folder: str) -> list[str]:
    """All files in a folder and its folders, sorted as torchvision's `make_dataset` does."""
    walked = sorted(os.walk(root / folder, onerror=_unreadable, followlinks=True))
    found = ((Path(here).relative_to(root).as_posix(), sorted(names)) for here, _, names in walked)
    return [f"{here}/{name}" for here, names in found for name in names]


def _unreadable(error: OSError) -> NoReturn:
    raise DataError(
        f"{error.filename}: the folder cannot be listed ({error.strerror}), so images would be "
        "missing. Make it readable or remove it."
    ) from error


def _is_hidden(path: str) -> bool:
    return any(part.startswith(".") for part in path.split("/"))


def _is_image(path: str) -> bool:
    return path.lower().endswith(EXTENSIONS) and not _is_hidden(path)


def _refuse_empty(
    root: Path, within: Mapping[str, Sequence[str]], images: Mapping[str, Sequence[str]]
) -> None:
    empty = [folder for folder in within if not images[folder]]
    if not empty:
        return
    kinds = Counter(Path(p).suffix or "no extension" for f in empty for p in within[f])
    found = ", ".join(f"{n} of {kind}" for kind, n in kinds.most_common(_SHOWN)) or "no file"
    raise DataError(
        f"root: in {root} there is no image in {len(empty)} of {len(within)} folders "
        f"({some(empty)}), but {found}; allowed are {' '.join(EXTENSIONS)}. Convert the files, or "
        "remove these folders."
    )


def _warn_ignored(root: Path, ignored: Sequence[str]) -> None:
    known = Image.registered_extensions()
    kinds = Counter(
        "hidden" if _is_hidden(path) else Path(path).suffix or "without extension"
        for path in ignored
        if Path(path).suffix.lower() in known or not (Path(path).suffix or _is_hidden(path))
    )
    if kinds:
        counts = ", ".join(f"{n} {kind}" for kind, n in kinds.most_common())
        warnings.warn(
            f"lashley: in {root} these files are not taken as images: {counts}. "
            f"Images end with {' '.join(EXTENSIONS)}.",
            stacklevel=4,
        )
