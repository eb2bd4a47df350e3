"""Each network in a process of its own, with limits; what is known about it is kept as JSON."""

from __future__ import annotations

import json
import multiprocessing
import os
import re
import resource
import signal
import time
import traceback
from collections.abc import Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import torch

from benchmarks.zoo.check import row_of
from benchmarks.zoo.networks import entries

SECONDS, GIB = 5400, 12  # of one core, and of memory
HANGS = 8 * SECONDS  # by the clock: other work may use most of the machine


def file_of(folder: Path, name: str) -> Path:
    return folder / f"{re.sub(r'[^A-Za-z0-9_.-]', '_', name)}.json"


def known(folder: Path, name: str) -> dict[str, Any] | None:
    """What is known about a network, or None."""
    path = file_of(folder, name)
    return json.loads(path.read_text()) if path.is_file() else None


def run_one(name: str, folder: Path) -> None:
    """Build a network, check it, and write its row; in this process."""
    entry = entries()[name]
    row = _begun(name)
    started = time.process_time()
    try:
        made = entry.build()
        row["build_seconds"] = time.process_time() - started
    except Exception as error:
        row["not_built"] = f"{type(error).__name__}: {error}"[:600]
        _write(row, folder)
        return
    try:
        row_of(made, row)
    except Exception as error:
        row["twin_error"] = f"{type(error).__name__}: {error}"[:300] + traceback.format_exc()[-900:]
    row["seconds"] = time.process_time() - started
    _write(row, folder)


def _begun(name: str) -> dict[str, Any]:
    entry = entries()[name]
    return {"name": name, "library": entry.library, "family": entry.family}


def run_all(names: Sequence[str], folder: Path, jobs: int) -> None:
    """Run each in a process; as many as `jobs` at once."""
    folder.mkdir(parents=True, exist_ok=True)
    waiting, running = list(names), {}
    while waiting or running:
        while waiting and len(running) < jobs:
            name = waiting.pop(0)
            running[name] = _started(name, folder), time.monotonic()
        time.sleep(0.1)
        for name, (process, since) in list(running.items()):
            if process.is_alive() and time.monotonic() - since < HANGS:
                continue
            del running[name]
            _ended(name, process, folder)


def _started(name: str, folder: Path) -> BaseProcess:
    """A copy of this process, which has imported everything that is slow to import."""
    file_of(folder, name).unlink(missing_ok=True)
    process = multiprocessing.get_context("fork").Process(target=_alone, args=(name, folder))
    process.start()
    return process


def _alone(name: str, folder: Path) -> None:
    resource.setrlimit(resource.RLIMIT_DATA, (GIB << 30, GIB << 30))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    torch.set_num_threads(1)
    log = os.open(file_of(folder, name).with_suffix(".log"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(log, 1)
    os.dup2(log, 2)
    run_one(name, folder)


def _ended(name: str, process: BaseProcess, folder: Path) -> None:
    if process.is_alive():
        process.kill()
        _write(_begun(name) | {"died": f"took longer than {HANGS} s by the clock"}, folder)
    process.join()
    row = known(folder, name)
    if row is None:
        slow = process.exitcode in (-signal.SIGXCPU, -signal.SIGKILL)
        why = f"took longer than {SECONDS} s or was killed" if slow else "ended"
        row = _begun(name) | {"died": f"{why} ({process.exitcode})"}
        _write(row, folder)
    print(line_of(row), flush=True)


def _write(row: dict[str, Any], folder: Path) -> None:
    path = file_of(folder, row["name"])
    path.with_suffix(".part").write_text(json.dumps(row, indent=1, default=str))
    path.with_suffix(".part").replace(path)


def line_of(row: dict[str, Any]) -> str:
    """A row in one line."""
    bad = {k: row[k] for k in ("died", "not_built", "twin_error", "bare", "errors") if row.get(k)}
    words = [
        f"{row['name']:<34}", row.get("engine", "-"), str(row.get("sites", "")),
        f"checked {row.get('checked', 0)} wrong {len(row.get('wrong', []))}",
        f"other {len(row.get('other_reading', []))} unchecked {len(row.get('not_checked', []))}",
        f"{row.get('seconds', 0):.0f} s", json.dumps(bad)[:300] if bad else "",
    ]  # fmt: skip
    return "  ".join(words)
