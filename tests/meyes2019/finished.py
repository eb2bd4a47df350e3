"""Finished runs that many tests read; tests that change one take a copy."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from filelock import FileLock

from lashley import studies
from lashley.plot import maps, style
from lashley.studies import RunFolder


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """The folder that `make` filled, for the first of the tests' processes that asked for it."""
    home = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        home = home.parent  # of all processes
    folder, whole = home / name, home / f"{name}.whole"
    with FileLock(home / f"{name}.lock"):
        if not whole.exists():
            shutil.rmtree(folder, ignore_errors=True)  # what a failed one left
            folder.mkdir()
            make(folder)
            whole.touch()
    return folder


def carried_out(
    study: str | Path, folder: Path, tell: Callable[..., object] = lambda *_: None
) -> RunFolder:
    """A run of a study, on one thread: tests compare other runs with it, byte by byte."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with small_pictures():
            return studies.run(studies.load(str(study)), folder, tell=tell)
    finally:
        torch.set_num_threads(threads)


@contextmanager
def small_pictures() -> Iterator[None]:
    """Figures in a third of the time."""
    compose = maps.compose
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(style, "PNG_DPI", 40)
        patch.setattr(style, "SVG_DPI", 40)
        patch.setattr(maps, "compose", lambda images, points, states, *_, **__: compose(
            images, points, states, size=300))  # fmt: skip
        yield


def files_of(folder: Path) -> dict[str, bytes]:
    """All but the progress, which holds times."""
    files = {str(p.relative_to(folder)): p for p in folder.rglob("*") if p.is_file()}
    return {name: p.read_bytes() for name, p in files.items() if name != "progress.json"}
