"""Many image files to grey levels, by worker processes.

The workers are plain subprocesses that run `pixels.py`, not multiprocessing's: those would import
the caller's script and all of PyTorch again. They end when their pipe closes, so also when this
process is killed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import IO, cast

import numpy as np

from lashley.data import pixels
from lashley.errors import DataError

_AHEAD = 32  # images per worker that may wait for the caller
_FEW = 32  # images for which starting a process does not pay

Found = np.ndarray | str
Process = subprocess.Popen[bytes]


def decode(
    paths: Sequence[str],
    resize: int,
    crop: int,
    keep: Callable[[int, Found], None],
    workers: int | None = None,
) -> None:
    """Hand the pixels of each image to `keep`, in order.

    Args:
        paths: Of the files.
        resize: As for `pixels.grey_levels`.
        crop: As for `pixels.grey_levels`.
        keep: Called with an image's place in `paths` and its (crop, crop, 3) uint8 grey levels,
            or what is wrong with it.
        workers: Processes; 0: this one only; None: one per core, or this one only for few images.

    Raises:
        DataError: If a worker ends before it has answered.
    """
    if workers is None:
        workers = _cores() if len(paths) > _FEW else 0
    if not workers:
        for place, path in enumerate(paths):
            keep(place, pixels.attempt(path, resize, crop))
        return
    # The workers are ended first, then the threads that wait for them.
    with ThreadPoolExecutor(workers) as pool, _started(workers, resize, crop) as idle:
        ask = partial(_ask, idle, crop)
        for start in range(0, len(paths), _AHEAD * workers):
            found = pool.map(ask, paths[start : start + _AHEAD * workers])
            for place, levels in enumerate(found, start):
                keep(place, levels)


@contextmanager
def _started(n: int, resize: int, crop: int) -> Iterator[SimpleQueue[Process]]:
    """`n` workers, all of which have ended when the context is left."""
    # -P: the modules beside pixels.py must not stand in for others of their name
    command = [sys.executable, "-P", str(Path(pixels.__file__)), str(resize), str(crop)]
    where = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    idle: SimpleQueue[Process] = SimpleQueue()
    processes: list[Process] = []
    try:
        for _ in range(n):
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=where,
                start_new_session=True,  # Ctrl-C is this process's affair
            )
            processes.append(process)
            idle.put(process)
        yield idle
    finally:
        for process in processes:
            process.kill()
        for process in processes:
            with suppress(BrokenPipeError), process:  # waits, and closes the pipes
                pass


def _ask(idle: SimpleQueue[Process], crop: int, path: str) -> Found:
    process = idle.get()
    try:
        return _answer(process, crop, path)
    finally:
        idle.put(process)


def _answer(process: Process, crop: int, path: str) -> Found:
    there, back = cast(IO[bytes], process.stdin), cast(IO[bytes], process.stdout)
    size = crop * crop * 3
    try:
        there.write(json.dumps(path).encode() + b"\n")
        there.flush()
        wrong = json.loads(back.readline())
        found = b"" if wrong else back.read(size)
    except (BrokenPipeError, json.JSONDecodeError):
        wrong, found = "", b""
    if not wrong and len(found) < size:
        raise DataError(
            f"{path}: the process that decoded it ended with {process.wait()}. Look at what it "
            "printed, or give workers=0 to decode in this process; it may lack memory."
        )
    return wrong or np.frombuffer(found, np.uint8).reshape(crop, crop, 3)


def _cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
