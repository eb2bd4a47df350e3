"""Workers, nodes and drivers are killed at random moments: nothing is lost, nothing twice."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest
import xarray as xr

from lashley import outcomes
from lashley.studies import RunFolder, progress

from finished import carried_out
from layer_study import finished_recovery, recovery_study
from nodes import nodes, processes

pytest.importorskip("ray")

KILLS = 24  # at least
PAUSES = (0.5, 6.0)  # seconds between two of them
DRIVER = """
import sys
from lashley.distribute import ledger
ledger.LEAST = 0.05  # short units, so that a short sweep has many
from lashley.cli import main
main()
"""


@contextmanager
def started(study: Path, run: Path, *options: str) -> Iterator[subprocess.Popen]:
    """A driver, which is gone afterwards."""
    command = ["run", str(study), "--out", str(run), "--cpus", "1", "--ray", *options]
    with (run.parent / f"{run.name}.log").open("a") as log:
        driver = subprocess.Popen(
            [sys.executable, "-c", DRIVER, *command], stdout=log, stderr=log, start_new_session=True
        )
    try:
        yield driver
    finally:
        driver.kill()
        driver.wait()


def same(found: RunFolder, expected: RunFolder) -> None:
    """Tables byte by byte, outcomes number by number."""
    tables = sorted(p.name for p in expected.path.glob("*.parquet"))
    assert len(tables) > 5
    assert sorted(p.name for p in found.path.glob("*.parquet")) == tables
    for name in tables:
        assert (found.path / name).read_bytes() == (expected.path / name).read_bytes(), name
    one, other = (outcomes.open_store(run.outcomes).load() for run in (found, expected))
    xr.testing.assert_identical(one.drop_attrs(), other.drop_attrs())


def workers(home: str) -> list[int]:
    """Processes of a cluster's actors, which know nothing of its folder themselves."""
    found = {pid for leader in processes(home) for pid in _descent(leader)}
    return sorted(pid for pid in found if _title(pid).startswith("ray::Worker"))


def _title(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
    except OSError:
        return ""


class Chaos:
    """Kills something at random, and mends what has to be mended from outside."""

    def __init__(self, ring, seed: int) -> None:
        self.ring, self.draw = ring, random.Random(seed)
        self.done: list[str] = []

    def strike(self, driver: subprocess.Popen) -> None:
        what = self.draw.choice(["worker", "worker", "node", "driver"])
        if what == "worker":
            found = workers(self.ring.home)
            if not found:
                return
            os.kill(self.draw.choice(found), signal.SIGKILL)
        elif what == "node":
            node = self.draw.choice(sorted(self.ring.worker_nodes, key=lambda n: n.node_id))
            self.ring.remove_node(node, allow_graceful=False)
            self.ring.add_node(num_cpus=1, object_store_memory=1 << 27)
        else:
            driver.kill()
        self.done.append(what)


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_whatever_is_killed_the_tables_are_the_same(tmp_path, tmp_path_factory):
    study, expected = recovery_study(tmp_path_factory), finished_recovery(tmp_path_factory)
    with nodes(1, 1) as ring:
        chaos, runs, commands = Chaos(ring, 0), 0, 0
        while len(chaos.done) < KILLS or set(chaos.done) != {"worker", "node", "driver"}:
            run, runs = tmp_path / f"run-{runs}", runs + 1
            while progress.state(RunFolder(run), progress.read(RunFolder(run)), 0) != "finished":
                commands += 1
                with started(study, run, ring.address, "--workers", "2") as driver:
                    while driver.poll() is None:
                        time.sleep(chaos.draw.uniform(*PAUSES))
                        if driver.poll() is None:
                            chaos.strike(driver)
                assert driver.returncode in (0, -9), (run.parent / f"{run.name}.log").read_text()
            same(RunFolder(run), expected)
        print(f"{runs} runs, {commands} commands, killed: {pd.Series(chaos.done).value_counts()}")
    assert not processes(ring.home)


@pytest.mark.slow
def test_a_killed_driver_takes_its_own_cluster_along(tmp_path, tmp_path_factory):
    study, expected = recovery_study(tmp_path_factory), finished_recovery(tmp_path_factory)
    run = tmp_path / "run"
    until = time.monotonic() + 600
    with started(study, run, "local", "--workers", "2") as driver:
        while time.monotonic() < until and driver.poll() is None:
            said = progress.read(RunFolder(run))
            if said is not None and any(0 < s.share < 1 for s in said.stages.values()):
                break
            time.sleep(0.05)
        mine = [pid for pid in _descent(driver.pid) if pid != driver.pid]
    assert len(mine) > 3  # Ray and its workers
    while _at_work(mine) and time.monotonic() < until:
        time.sleep(0.1)
    assert not _at_work(mine)
    for agent in filter(_title, mine):  # Ray's own end by themselves, but after a minute
        os.kill(agent, signal.SIGKILL)
    carried_out(study, run)  # by this process alone
    same(RunFolder(run), expected)


def _at_work(pids: list[int]) -> list[str]:
    return [title for title in map(_title, pids) if title and "Agent" not in title]


def _descent(leader: int) -> list[int]:
    """The processes that were started by a process, and by those in turn."""
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(folder.name)] = int(fields[1])
    found = [leader]
    for pid in found:
        found += [child for child, parent in parents.items() if parent == pid]
    return found
