"""What Ray costs, and what a second worker gives: a sweep plain, with one worker, and with two.

    python -m benchmarks.cluster [--images 500] [--share 0.02] [--rounds 1] [--tiny]

The sweep of the study vgg19-cifar10 (VGG-19 at half width, every convolution, all its proportions
and methods), a stratified share of its ablations, on a cluster of its own on this machine. Like is
compared with like: one worker with one CPU against the plain sweep with one thread, two such
workers against the plain sweep with two threads; in turn, in one process. The start of Ray and of
its workers is timed separately: each cluster first does a task that does nothing.

Also reported: what the plan's cost model forecasts for one and two workers, by simulation; how far
tiles' times are from the model by which the ledger deals them out; and Ray's time for a task that
does nothing.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from math import ceil
from typing import Any

import numpy as np
import torch
import xarray as xr

import lashley as la
from lashley import planning, studies
from lashley.distribute import Cluster, Task, Work, cluster
from lashley.distribute.cells import Cells
from lashley.distribute.local import threads
from lashley.distribute.simulation import Modelled, Prices, simulate
from lashley.distribute.tiles import Tile
from lashley.papers.meyes2019.layers.run import ablations_of

from engine import cpu_images, cpu_network, stratified
from measuring import BESIDE, machine, row

TASKS = 200  # tasks that do nothing
SIZES = (1, 2)  # threads of the plain sweep, workers of the others


@dataclass(frozen=True)
class Sweep:
    """What every way gets."""

    network: torch.nn.Module
    examples: la.Examples
    cuts: list[la.Ablation]
    dtype: torch.dtype

    def run(self, evaluate: Any) -> xr.Dataset:
        """All outcomes, by this evaluator."""
        return evaluate(self.network, self.examples, self.cuts, dtype=self.dtype)


@dataclass(eq=False)
class Book:
    """What was noted about a sweep on workers.

    Attributes:
        start: Seconds until Ray and its workers were there.
        total: Seconds of the sweep, with its preparation.
        inner: Seconds from the first tile that was handed out to the last outcome.
        task: Seconds of a task that does nothing.
        batch: Examples that the engine takes at once.
        model: The one by which the ledger deals out tiles.
        tiles: Worker, tile and its seconds, in the order in which they ended.
    """

    start: float = 0.0
    total: float = 0.0
    inner: float = 0.0
    task: float = 0.0
    batch: int = 0
    model: Any = None
    tiles: list[tuple[int, Tile, float]] = field(default_factory=list)


class Watched(Cells):
    """Cells with a clock."""

    def __init__(self, book: Book, record: Any, model: Any, *rest: Any) -> None:
        super().__init__(record, model, *rest)
        book.model, book.batch = model, record.batches[0].stop
        book.tiles.clear()
        self._book, self._begun, self._start = book, {}, time.perf_counter()

    def take(self, worker: int) -> Task | None:
        """As `Source.take`."""
        task = super().take(worker)
        if task is not None:
            self._begun[task.name] = worker, time.perf_counter()
        return task

    def keep(self, task: Task, result: Any) -> None:
        """As `Source.keep`."""
        now = time.perf_counter()
        super().keep(task, result)
        worker, start = self._begun.pop(task.name)
        tile = task.content
        self._book.tiles.append((worker, tile, now - start))
        self._book.inner = time.perf_counter() - self._start


def the_sweep(given: argparse.Namespace) -> tuple[str, Sweep]:
    study = studies.load("vgg19-cifar10")
    weights, network = cpu_network(given.seed)
    images, examples = cpu_images(given.images, given.seed)
    sites = [s for s in la.find_sites(network, examples).values() if s.kind == "filter"]
    layers = [ablations_of([site], study.sweep) for site in sites]
    cuts = stratified(layers, given.share, given.seed)
    what = f"VGG-19 at half width, {weights}; {len(examples)} images of 32 x 32, {images}; "
    what += f"{len(cuts)} of {sum(map(len, layers)):,} ablations"
    return what, Sweep(network, examples, cuts, getattr(torch, study.sweep.dtype))


def plain(sweep: Sweep, n_threads: int) -> tuple[xr.Dataset, float]:
    with threads(n_threads):
        start = time.perf_counter()
        return sweep.run(la.evaluate), time.perf_counter() - start


def on_ray(sweep: Sweep, workers: int) -> tuple[xr.Dataset, Book]:
    book = Book()
    cluster.Cells = partial(Watched, book)
    try:
        with threads(1):
            start = time.perf_counter()
            with Cluster("local", workers=workers, cpus=1) as place:
                doing_nothing(place, 1)
                book.start = time.perf_counter() - start
                book.task = doing_nothing(place, TASKS)
                start = time.perf_counter()
                found = sweep.run(place.evaluate)
                book.total = time.perf_counter() - start
    finally:
        cluster.Cells = Cells
    return found, book


def doing_nothing(place: Cluster, count: int) -> float:
    """Seconds of a task that does nothing; several in turn."""
    tasks = (Task(str(i), None) for i in range(count))
    start = time.perf_counter()
    place.carry_out(Work("nothing", _nothing, _nothing), [tasks], lambda _: None)
    return (time.perf_counter() - start) / count


def _nothing(*_: Any) -> None:
    return None


def against_model(sweep: Sweep, book: Book) -> list[tuple[float, float]]:
    """For each tile its seconds, and those of the model by which it was dealt out."""
    n = len(sweep.examples)
    sizes = [min(book.batch, n - start) for start in range(0, n, book.batch)]
    prices = Prices.of(book.model, sweep.cuts, sizes)
    crew = {worker: Modelled(prices, 1.0, 0.0) for worker, _, _ in book.tiles}
    found = []
    for worker, tile, spent in book.tiles:
        before = crew[worker].end
        batches = slice(tile.start // book.batch, ceil(tile.stop / book.batch))
        crew[worker].do(tile, batches, 1.0)
        found.append((spent, crew[worker].end - before))
    return found


def spread(tiles: Sequence[tuple[float, float]]) -> float:
    """Standard deviation of log(seconds / model's); a tile counts by the model's seconds."""
    spent, said = np.array(tiles).T
    off = np.log(spent / said)
    mean = np.average(off, weights=said)
    return float(np.sqrt(np.average((off - mean) ** 2, weights=said)))


def report(sweep: Sweep, model: Any, n: int, plains: dict[int, list[float]],
           books: Sequence[Book]) -> None:  # fmt: skip
    """Print the results for one number of threads and workers."""
    totals = [book.total for book in books]
    total, start, inner, latency = (
        statistics.median(getattr(book, name) for book in books)
        for name in ("total", "start", "inner", "task")
    )
    said = simulate(model, sweep.cuts, len(sweep.examples), workers=n, batch=books[0].batch,
                    setup=0.0, latency=latency)  # fmt: skip
    tiles = [tile for book in books for tile in against_model(sweep, book)]
    spent, expected = (sum(part) for part in zip(*tiles, strict=True))
    ratios = [f"{total / statistics.median(plains[k]):.3f} of plain with threads: {k}"
              for k in sorted({n, 1})]  # fmt: skip
    print(row(f"plain, threads: {n}", plains[n]))
    print(row(f"Ray, workers of one CPU: {n}", totals))
    print(f"    {', '.join(ratios)}")
    print(f"    start of Ray, workers {start:.1f} s; before the first tile {total - inner:.1f} s")
    print(f"    from the first tile on {inner:.2f} s; forecast {said.seconds:.2f} s, "
          f"{said.seconds / inner:.2f} of it")  # fmt: skip
    print(f"    tiles {len(books[-1].tiles)} (simulated {said.tiles}); their seconds / model "
          f"{spent / expected:.2f} together, spread of its log {spread(tiles):.2f}")  # fmt: skip
    print(f"    a task that does nothing {1000 * latency:.1f} ms", flush=True)


def differing(first: xr.Dataset, others: Sequence[xr.Dataset]) -> str:
    names = {name for other in others for name in first.variables
             if not first[name].equals(other[name])}  # fmt: skip
    alike = all(set(other.variables) == set(first.variables) for other in others)
    return ", ".join(map(str, sorted(names))) or ("none" if alike else "not the same variables")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=500)
    parser.add_argument("--share", type=float, default=0.02, help="of each layer's ablations")
    parser.add_argument("--rounds", type=int, default=1, help="how often each way is timed")
    parser.add_argument("--seconds", type=float, default=10.0, help="of the plan's calibration")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--tiny", action="store_true", help="40 images, one ablation per layer")
    given = parser.parse_args()
    if given.tiny:
        given.images, given.share, given.seconds = 40, 0.0, 1.0
    return given


def main() -> None:
    given = arguments()
    os.environ.setdefault("LASHLEY_DATA", str(BESIDE))
    what, sweep = the_sweep(given)
    print(f"{what}\n{machine()}; {given.rounds} rounds in turn, median:", flush=True)
    with threads(1):
        model = planning.plan(sweep.network, sweep.examples, sweep.cuts, dtype=sweep.dtype,
                              seconds=given.seconds).model  # fmt: skip
    plains: dict[int, list[float]] = {n: [] for n in SIZES}
    books: dict[int, list[Book]] = {n: [] for n in SIZES}
    outcomes: list[xr.Dataset] = []
    for _ in range(given.rounds):
        for n in SIZES:
            found, spent = plain(sweep, n)
            plains[n].append(spent)
            on_workers, book = on_ray(sweep, n)
            books[n].append(book)
            outcomes += [found, on_workers]
    for n in SIZES:
        report(sweep, model, n, plains, books[n])
    print(f"  variables that differ between any two: {differing(outcomes[0], outcomes[1:])}")


if __name__ == "__main__":
    main()
