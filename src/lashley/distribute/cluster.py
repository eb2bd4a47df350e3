"""A Ray cluster as a place to work: joined or started, left as it was found."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
import xarray as xr

from lashley.data import Examples
from lashley.distribute.cells import Cells
from lashley.distribute.sharing import (
    Shared,
    fingerprint_of,
    packed,
    read_from,
    unpacked,
    write_to,
)
from lashley.distribute.sources import Lanes
from lashley.distribute.stage import Stage
from lashley.distribute.sweeping import sweep
from lashley.distribute.work import Lane, Running, Task, Work
from lashley.distribute.worker import Worker
from lashley.engine.asked import asked
from lashley.engine.guards import evaluation_of
from lashley.engine.record import Record
from lashley.errors import ClusterError

if TYPE_CHECKING:  # it imports Ray, which need not be there
    from lashley.distribute.pool import Pool

_PATIENCE = 10  # seconds for a cluster's head to answer
_CPUS = 4  # of a worker, where nothing else is said and the nodes have them


@dataclass(eq=False)
class Cluster:
    """Workers on a Ray cluster; a context manager.

    Attributes:
        address: "HOST:PORT" of the cluster's head; "auto": the one that runs on this machine or
            stands in RAY_ADDRESS; "local": one of its own on this machine; None: "auto" if there is
            one, else "local".
        device: Where each worker computes: "cpu", or "cuda", one GPU each.
        workers: How many; None: one per GPU, or as many as the CPUs carry.
        cpus: Of each worker; None: its share of the CPUs, 4 at most if `workers` is None too.
        share: A folder, path or URL that fsspec knows, that examples are written to and that all
            workers read them from; None: they travel through Ray's object store.
    """

    address: str | None = None
    device: str = "cpu"
    workers: int | None = None
    cpus: int | None = None
    share: str | None = None
    _pool: Pool | None = field(default=None, init=False)
    _cpus: int = field(default=0, init=False)
    _joined: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        for name in ("workers", "cpus"):
            given = getattr(self, name)
            if given is not None and (type(given) is not int or given < 1):
                raise ClusterError(
                    f"{name}: given {given!r}; allowed is a whole number from 1 on. Leave it out "
                    "for what the cluster has room for."
                )
        if self.device not in ("cpu", "cuda"):
            raise ClusterError(
                f"device: given {self.device!r}; on a cluster 'cpu' and 'cuda' are allowed: each "
                "worker has a GPU of its own. Give --device cuda."
            )

    def __enter__(self) -> Cluster:
        ray = _ray()
        from lashley.distribute.pool import Pool

        self._joined = not ray.is_initialized()
        if self._joined:
            _join(ray, self.address)
        try:
            workers, self._cpus = _sizes(ray, self)
        except ClusterError:
            self.__exit__()
            raise
        self._pool = Pool(partial(_started, self.device, self._cpus), workers)
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.end()
            self._pool = None
        if self._joined:
            _ray().shutdown()

    def __str__(self) -> str:
        pool = self._pool
        if pool is None:
            return "a Ray cluster"
        return f"{_count(pool.size, 'worker')} of {_count(self._cpus, 'CPU')} on a Ray cluster"

    @property
    def here(self) -> str:
        """Of the process that hands out the work."""
        return self.device if torch.cuda.is_available() else "cpu"

    @property
    def parts(self) -> int:
        """As many as there are workers."""
        return self._open.size

    def evaluate(
        self, network: Any, examples: Any, ablations: Any, *, store: Any = None,
        progress: Any = None, reference: Any = None, **how: Any,
    ) -> xr.Dataset:  # fmt: skip
        """As `lashley.evaluate`, but for `device`."""
        question = asked(network, examples, ablations, reference=reference, **how)
        work = sweep(network, question.examples, question.reference, question.ablations, how)
        with evaluation_of(network, question.examples):
            stage, told = Stage.of(work, self._shared), []
            self._open.run(stage, Lanes([_asking(told)], lambda _: None))
            about, model = told[0]
            record = Record(question, about, store)
            if record.finished is not None:
                return record.finished
            cells = Cells(record, model, self.parts, progress or (lambda done, total: None))
            try:
                self._open.run(stage, cells)
            finally:
                record.sink.flush()  # what is finished is kept
            self._open.close(stage)
            return cells.finish()

    def carry_out(self, work: Work, lanes: Sequence[Lane], running: Running) -> None:
        """As `Workplace.carry_out`."""
        self._open.run(Stage.of(work, self._shared), Lanes(lanes, running))

    @property
    def _open(self) -> Pool:
        if self._pool is None:
            raise ClusterError("cluster: it is not open. Use it in a `with` statement.")
        return self._pool

    def _shared(self, name: str, value: Any) -> Shared:
        """A value on its way to the workers."""
        ray, found = _ray(), fingerprint_of(value)
        if not isinstance(value, Examples):
            return Shared(name, partial(_got, ray.put(value)), found)
        if self.share is not None:
            return Shared(name, partial(read_from, write_to(self.share, value)), found)
        return Shared(name, partial(_unpacked, ray.put(packed(value))), found)


def _started(device: str, cpus: int) -> Any:
    """A worker that starts as soon as there is room for it."""
    # The second thread says how far the first one is.
    made = (
        _ray()
        .remote(Worker)
        .options(num_cpus=cpus, num_gpus=int(device == "cuda"), max_concurrency=2)
    )
    return made.remote(device, cpus)


def _ray() -> Any:
    """Ray itself.

    Raises:
        ClusterError: If it is not installed.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # Lashley sends nothing anywhere
    try:
        import ray
    except ImportError as error:
        raise ClusterError(
            "--ray: Ray is not installed. Install it with: pip install 'lashley[ray]'"
        ) from error
    return ray


def _join(ray: Any, address: str | None) -> None:
    """Join a cluster, or start one.

    Raises:
        ClusterError: If there is none at the address.
    """
    try:
        if address is not None and ":" in address:  # Ray itself would try for minutes
            host, _, port = address.rpartition(":")
            socket.create_connection((host.strip("[]"), int(port)), _PATIENCE).close()
        ray.init(
            address=address, include_dashboard=False if address == "local" else None,
            log_to_driver=False, logging_level="ERROR", namespace="lashley",
        )  # fmt: skip
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        raise ClusterError(
            f"--ray: there is no cluster to join at {address!r} ({str(error).splitlines()[0]}). "
            "Start one with `ray start --head`, give its HOST:PORT, or leave the address out."
        ) from error


def _sizes(ray: Any, cluster: Cluster) -> tuple[int, int]:
    """How many workers, with how many CPUs each.

    Raises:
        ClusterError: If there is no room for them.
    """
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    gpus = sum(int(node.get("GPU", 0)) for node in nodes)
    cores = [int(node.get("CPU", 0)) for node in nodes]
    wanted, cpus = cluster.workers, cluster.cpus
    on_gpus = cluster.device == "cuda"
    if on_gpus:
        wanted = gpus if wanted is None else wanted
        if not 1 <= wanted <= gpus:
            raise ClusterError(
                f"workers: {wanted or 'one or more'} on device cuda need a GPU each; the cluster "
                f"has {gpus}. Use fewer of them, or --device cpu."
            )
    if cpus is None:
        fair = max((c for c in range(1, max(cores, default=1) + 1)
                    if _room(cores, c) >= (wanted or 1)), default=1)  # fmt: skip
        least = min((c for c in cores if c), default=1)
        spared = cluster.workers is None or on_gpus
        cpus = min(_CPUS, least, fair) if spared else fair
    room = _room(cores, cpus)
    wanted = room if wanted is None else wanted
    if not 1 <= wanted <= room:
        raise ClusterError(
            f"workers: {wanted or 'one'} of {cpus} CPUs each were to start; the cluster's nodes "
            f"have {', '.join(map(str, cores)) or 'no'} CPUs, room for {room}. Use fewer workers, "
            "or fewer CPUs for each."
        )
    return wanted, cpus


def _room(cores: Sequence[int], cpus: int) -> int:
    return sum(c // cpus for c in cores)


def _count(n: int, what: str) -> str:
    return f"{n} {what}{'s' * (n != 1)}"


def _asking(told: list[Any]) -> Lane:
    told.append((yield Task("about", None)))


def _got(ref: Any) -> Any:
    return _ray().get(ref)


def _unpacked(ref: Any) -> Examples:
    return unpacked(_got(ref))
