"""A Ray cluster of several nodes on this machine, for tests; nothing of it is left behind."""

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from lashley.distribute import Task, Work, Workplace

MEMORY = 1 << 27  # bytes of a node's object store


@contextmanager
def nodes(*cpus: int) -> Iterator[Any]:
    """A cluster with a head without CPUs, and a node for each number."""
    with (  # paths of sockets must be short
        tempfile.TemporaryDirectory(prefix="r", dir="/tmp", ignore_cleanup_errors=True) as home,
        pytest.MonkeyPatch.context() as surroundings,
    ):
        surroundings.setenv("RAY_USAGE_STATS_ENABLED", "0")
        # Workers know what tests define.
        surroundings.setenv("PYTHONPATH", str(Path(__file__).parent), prepend=os.pathsep)
        # Of all clusters of a machine the last is named in a file, which each writes and deletes;
        # two processes that start one at the same time must not share it.
        surroundings.setenv("RAY_TMPDIR", home)
        with _started(cpus) as made:
            made.home = home
            yield made


@contextmanager
def _started(cpus: Sequence[int]) -> Iterator[Any]:
    from ray.cluster_utils import Cluster

    noticed = {
        "health_check_initial_delay_ms": 0,
        "health_check_period_ms": 500,
        "health_check_failure_threshold": 3,
    }  # a lost node, sooner than by default
    head = {"num_cpus": 0, "include_dashboard": False, "_system_config": noticed}
    made = Cluster(head_node_args=head | {"object_store_memory": MEMORY}, initialize_head=True)
    try:
        for n in cpus:
            made.add_node(num_cpus=n, object_store_memory=MEMORY)
        yield made
    finally:
        made.shutdown()


def processes(home: str) -> list[int]:
    """Processes that know a folder by their arguments or surroundings."""
    found = []
    for folder in Path("/proc").iterdir():
        try:
            said = (folder / "cmdline").read_bytes() + (folder / "environ").read_bytes()
        except OSError:
            continue
        if home.encode() in said and folder.name != str(os.getpid()):
            found.append(int(folder.name))
    return found


def pids(place: Workplace, lanes: int = 8) -> set[int]:
    """The processes of a workplace's workers."""
    found: set[int] = set()

    def lane(i: int):
        found.add((yield Task(str(i), i)))

    place.carry_out(Work("pids", ready, pid), [lane(i) for i in range(lanes)], lambda _: None)
    return found


def ready(device: str) -> None:
    """Nothing to prepare."""


def pid(prepared: None, content: int, report: Any) -> int:
    """Of the worker; others get a turn meanwhile."""
    import time

    time.sleep(0.2)
    return os.getpid()
