"""Stopping an evaluation or a training on its way."""

import multiprocessing
import random
import time
from collections.abc import Callable
from pathlib import Path

from safetensors import safe_open


class Stopped(Exception):
    pass


def stop_at(share):
    """A `progress` that stops when this share of the outcomes is done."""

    def progress(done, total):
        if done >= share * total:
            raise Stopped

    return progress


def steps_of(path: Path) -> int:
    """How many steps a training's checkpoint is of."""
    with safe_open(path, "pt") as file:
        return int(file.metadata()["steps"])


def killed_at_random(work: Callable[[Path, Path | None], None], folder: Path, path: Path) -> None:
    """Kill work(folder, path) five times, then let it finish; print how each ended, and the steps.

    For a process that has no threads yet. `path` is of the checkpoint.
    """
    work(folder, None)  # undisturbed, and what it imports no child imports again
    draw = random.Random(0)
    for moment in range(6):
        stamp = path.stat().st_mtime_ns if moment else 0
        process = multiprocessing.get_context("fork").Process(target=work, args=(folder, path))
        process.start()
        if moment < 5:
            while not path.exists() or path.stat().st_mtime_ns == stamp:
                time.sleep(0.001)
            time.sleep(draw.uniform(0, 0.08))
            process.kill()
        process.join()
        print(process.exitcode, steps_of(path))
