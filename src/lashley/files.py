"""Files that are found, fetched once, or written whole."""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pooch

from lashley.errors import DataError

_DRAFT = re.compile(r"\..+\.[0-9a-f]{8}\.part(\.\w+)?|\.outcomes\.zarr\.part")


@dataclass(frozen=True)
class Remote:
    """A file to download: the same bytes from any of its addresses.

    The beginning of `sha256` is enough where no more is published.
    """

    name: str
    sha256: str
    urls: tuple[str, ...]


def locate(folder: str, files: Sequence[Remote]) -> Mapping[str, Path]:
    """Where each file is: in `LASHLEY_DATA`, else in the user's cache, else downloaded there.

    Args:
        folder: The data set's folder below `LASHLEY_DATA` or the cache.
        files: The files wanted.

    Raises:
        DataError: If a file is nowhere and no address delivers it.
    """
    own = os.environ.get("LASHLEY_DATA")
    cache = Path(pooch.os_cache("lashley")) / folder
    found, missing = {}, []
    for file in files:
        here = find(folder, file.name) or _download(file, cache)
        if here is None:
            missing.append(file)
        else:
            found[file.name] = here
    if missing:
        raise DataError(_not_found(folder, missing, own, cache))
    return found


def find(folder: str, name: str) -> Path | None:
    """Where a file is already: in `LASHLEY_DATA`, else in the user's cache; None if nowhere."""
    homes = (os.environ.get("LASHLEY_DATA"), pooch.os_cache("lashley"))
    paths = (Path(home) / folder / name for home in homes if home)
    return next((path for path in paths if path.is_file()), None)


def _download(file: Remote, cache: Path) -> Path | None:
    if len(file.sha256) == 64:
        how = {"known_hash": f"sha256:{file.sha256}", "progressbar": True}
    else:
        how = {"known_hash": None, "downloader": _begins_with(file.sha256)}
    for url in file.urls:
        try:
            return Path(pooch.retrieve(url, fname=file.name, path=cache, **how))
        except (OSError, ValueError):  # unreachable, or other bytes: try the next address
            continue
    return None


def _begins_with(start: str) -> Callable[[str, str, Any], None]:
    """A download, refused before it is put in place if its SHA-256 begins otherwise."""

    def download(url: str, output: str, pooch_: Any) -> None:
        pooch.HTTPDownloader(progressbar=True)(url, output, pooch_)
        if not pooch.file_hash(output).startswith(start):
            raise ValueError(f"{url}: other bytes than SHA-256 {start}...")

    return download


def _not_found(folder: str, missing: Sequence[Remote], own: str | None, cache: Path) -> str:
    lines = [f"{folder}: {len(missing)} files are missing and could not be downloaded:"]
    for file in missing:
        lines.append(f"  {file.name} (SHA-256 {file.sha256[:12]}...) from")
        lines += [f"    {url}" for url in file.urls]
    target = Path(own) / folder if own else cache
    hint = "" if own else " (or into a folder of yours that LASHLEY_DATA points to)"
    lines.append(f"Download them by hand into {target}{hint} and run again.")
    return "\n".join(lines)


def is_draft(path: Path) -> bool:
    """Whether the path is something half written that a kill left."""
    return _DRAFT.fullmatch(path.name) is not None


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """A path beside `path` to write to; it takes `path`'s place only once it is complete.

    A kill at any moment leaves either the old file (or folder) or the new one.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.part{path.suffix}")
    try:
        yield draft
        draft.replace(path)
    finally:
        if draft.is_file():
            draft.unlink()
