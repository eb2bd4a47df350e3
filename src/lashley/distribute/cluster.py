"""A Ray cluster as a place to work: joined or started, left as it was found."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
import xarray as xr

from lashley.code import modules_of_files
from lashley.data import Examples
from lashley.distribute.address import checked, join
from lashley.distribute.cells import Cells
from lashley.distribute.sharing import (
    Shared,
    check_folder,
    fingerprint_of,
    packed,
    read_from,
    unpacked,
    write_to,
)
from lashley.distribute.sizes import counted, sizes
from lashley.distribute.sources import Lanes
from lashley.distribute.stage import PooledWork
from lashley.distribute.sweeping import sweep
from lashley.distribute.work import Lane, Running, Task, Work
from lashley.distribute.worker import Worker
from lashley.engine import Record, asked, evaluation_of
from lashley.errors import ClusterError

if TYPE_CHECKING:  # it imports Ray, which may be missing
    from lashley.distribute.pool import Pool


@dataclass(eq=False)
class Cluster:
    """Workers on a Ray cluster; a context manager.

    Attributes:
        address: "HOST:PORT" of the cluster's head; "auto": the one that runs on this machine or
            that RAY_ADDRESS names; "local": one of its own on this machine; None: "auto" if there
            is one, else "local".
        device: Where each worker computes: "cpu", or "cuda", one GPU each.
        workers: How many; None: one per GPU, or as many as the CPUs can serve.
        cpus: For each worker; None: its share of the CPUs, 4 at most if `workers` is None too.
        share: A folder, path or URL that fsspec knows, that examples are written to and all workers
            read them from; None: they travel through Ray's object store.
    """

    address: str | None = None
    device: str = "cpu"
    workers: int | None = None
    cpus: int | None = None
    share: str | None = None
    _pool: Pool | None = field(default=None, init=False)
    _cpus: int = field(default=0, init=False)
    _at: str = field(default="", init=False)
    _joined: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        checked(self.address)
        for name in ("workers", "cpus"):
            given = getattr(self, name)
            if given is not None and (type(given) is not int or given < 1):
                raise ClusterError(
                    f"{name}: given {given!r}; allowed is a whole number of at least 1. Leave it "
                    "out for what the cluster has room for."
                )
        if self.device not in ("cpu", "cuda"):
            raise ClusterError(
                f"device: given {self.device!r}; on a cluster 'cpu' and 'cuda' are allowed: each "
                "worker has a GPU of its own. Give --device cuda."
            )

    def __enter__(self) -> Cluster:
        ray = _ray()
        if self.share is not None:
            check_folder(self.share)
        from lashley.distribute.pool import Pool

        self._joined = not ray.is_initialized()
        started = self._joined and join(ray, self.address)
        try:
            workers, self._cpus = sizes(
                ray.nodes(), self.workers, self.cpus, self.device, may_grow=not started
            )
        except ClusterError:
            self.__exit__()
            raise
        self._at = ray.get_runtime_context().gcs_address
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
        sized = f"{counted(pool.size, 'worker')} of {counted(self._cpus, 'CPU')}"
        waiting = pool.size - pool.ready
        return f"{sized} on Ray at {self._at}{f', {waiting} not ready yet' * (waiting > 0)}"

    @property
    def options(self) -> tuple[str, ...]:
        """Those of the command line that give the same workers again."""
        sizes = {"--workers": self.workers, "--cpus": self.cpus, "--share": self.share}
        given = [part for name, value in sizes.items() if value for part in (name, str(value))]
        return ("--ray", *filter(None, [self.address]), "--device", self.device, *given)

    @property
    def here(self) -> str:
        """The device of the process that hands out the work."""
        return self.device if torch.cuda.is_available() else "cpu"

    @property
    def parts(self) -> int:
        """As many as there are workers."""
        return self._open.size

    def evaluate(
        self, network: Any, examples: Any, ablations: Any, *, store: Any = None,
        progress: Any = None, reference: Any = None, **how: Any,
    ) -> xr.Dataset:  # fmt: skip
        """As `lashley.evaluate`, without `device`."""
        evaluation = asked(network, examples, ablations, reference=reference, **how)
        work = sweep(network, evaluation.examples, evaluation.reference, evaluation.ablations, how)
        with evaluation_of(network, evaluation.examples):
            report = progress or (lambda done, total: None)
            total = len(evaluation.ablations) * len(evaluation.examples)
            report(0, total)
            stage, told = PooledWork.of(work, self._shared), []
            asking = Lanes([_asking(told)], lambda _: report(0, total))
            self._open.run(stage, asking)
            about, model = told[0]
            record = Record(evaluation, about, store)
            if record.finished is not None:
                return record.finished
            cells = Cells(record, model, self.parts, report)
            try:
                self._open.run(stage, cells)
            finally:
                record.sink.flush()  # what is finished is kept
            self._open.close(stage)
            return cells.finish()

    def carry_out(self, work: Work, lanes: Sequence[Lane], running: Running) -> None:
        """As `Workplace.carry_out`."""
        source, pool = Lanes(lanes, running), self._open
        if source.begin():
            pool.run(PooledWork.of(work, self._shared), source)

    @property
    def _open(self) -> Pool:
        if self._pool is None:
            raise ClusterError("cluster: it is not open. Use it in a `with` statement.")
        return self._pool

    def _shared(self, name: str, value: Any) -> Shared:
        """A value on its way to the workers."""
        ray, found = _ray(), fingerprint_of(value)
        if not isinstance(value, Examples):
            for module in modules_of_files():  # classes of the user's own travel along
                ray.cloudpickle.register_pickle_by_value(module)
            return Shared(name, partial(_got, ray.put(value)), found)
        if self.share is not None:
            return Shared(name, partial(read_from, write_to(self.share, value)), found)
        return Shared(name, partial(_unpacked, ray.put(packed(value))), found)


def _started(device: str, cpus: int) -> Any:
    """A worker that starts as soon as there is room for it."""
    # The second thread reports the first one's progress.
    made = (
        _ray()
        .remote(Worker)
        .options(num_cpus=cpus, num_gpus=int(device == "cuda"), max_concurrency=2)
    )
    return made.remote(device, cpus, _node)


def _node() -> str:
    """The node that this runs on."""
    return _ray().get_runtime_context().get_node_id()


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


def _asking(told: list[Any]) -> Lane:
    told.append((yield Task("about", None)))


def _got(ref: Any) -> Any:
    return _ray().get(ref)


def _unpacked(ref: Any) -> Examples:
    return unpacked(_got(ref))
