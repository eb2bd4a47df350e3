"""Sizes: how many workers fit on a cluster, with how many CPUs each."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from lashley.errors import ClusterError

_CPUS = 4  # of a worker, by default and if the nodes have them

Node = tuple[int, int]  # its CPUs, and the most workers it takes


def sizes(
    nodes: Sequence[Mapping[str, Any]], workers: int | None, cpus: int | None, device: str, *,
    may_grow: bool,
) -> tuple[int, int]:  # fmt: skip
    """How many workers, with how many CPUs each.

    Args:
        nodes: As Ray reports them.
        workers: How many were asked for, or None.
        cpus: How many for each, or None.
        device: "cuda": each worker needs a GPU of its own.
        may_grow: Whether nodes may come later, as they do to clusters of several machines.

    Raises:
        ClusterError: If there is no room for them.
    """
    having = [node["Resources"] for node in nodes if node["Alive"]]
    found = [(int(has.get("CPU", 0)), int(has.get("GPU", 0))) for has in having]
    on_gpus = device == "cuda"
    limited = [(c, g if on_gpus else c) for c, g in found]
    if cpus is None:
        cpus = _fair(limited, workers, spared=workers is None or on_gpus)
    room = _room(limited, cpus)
    wanted = room if workers is None else workers
    words = (
        f"{counted(wanted or 1, 'worker')} of {counted(cpus, 'CPU')}{' and a GPU' * on_gpus} were "
        f"to start; the cluster's nodes have {_listed([c for c, _ in found])} CPUs"
        f"{f' and {_listed([g for _, g in found])} GPUs' * on_gpus}, room for {room}"
    )
    if not room or (wanted > room and not may_grow):
        without = ", or leave --device cuda out" * on_gpus
        raise ClusterError(f"workers: {words}. Use fewer workers, or fewer CPUs each{without}.")
    if wanted > room:
        warnings.warn(f"workers: {words}. The others start when there is.", stacklevel=2)
    return wanted, cpus


def counted(n: int, what: str) -> str:
    """Such as "1 worker", "2 workers"."""
    return f"{n} {what}{'s' * (n != 1)}"


def _fair(nodes: Sequence[Node], workers: int | None, *, spared: bool) -> int:
    """The most CPUs with which all workers fit; `spared`: no more than are useful."""
    used = [c for c, limit in nodes if c and limit] or [1]
    fitting = [c for c in range(1, max(used) + 1) if _room(nodes, c) >= (workers or 1)]
    fair = max(fitting, default=1)
    return min(_CPUS, min(used), fair) if spared else fair


def _room(nodes: Sequence[Node], cpus: int) -> int:
    return sum(min(c // cpus, limit) for c, limit in nodes)


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers)) or "no"
