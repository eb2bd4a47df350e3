"""Simulation: a sweep's ledger hands out its tiles in virtual time, to workers that do not exist.

So how many workers a sweep can use is known before any is paid for. What the model has no number
for is left out: the driver writes outcomes in no time, and no worker is lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush

import numpy as np

from lashley.ablations import Ablation
from lashley.distribute.ledger import Ledger, costs_of
from lashley.distribute.tiles import Tile
from lashley.errors import ClusterError
from lashley.planning import CostModel

NOISE = 0.4  # measured: the spread of tiles' times around the model's, on a busy machine
LATENCY = 0.02  # seconds: Ray takes 0.001 for a task, the rest goes to writing its outcomes
_SLOWER = 2.0  # times as long as the others


@dataclass(frozen=True)
class Simulated:
    """How a sweep on many workers went.

    Attributes:
        seconds: From the start of the workers to the last outcome.
        busy: Seconds that workers prepare or do tiles, summed over all workers.
        idle_at_end: Share of all workers' time that lies between a worker's last tile and the end.
        overhead: Share of all workers' time spent on what one worker would do once, but several do
            each for themselves or anew for each tile: setup, prefix, checks.
        tiles: How many were handed out.
    """

    seconds: float
    busy: float
    idle_at_end: float
    overhead: float
    tiles: int


def simulate(
    model: CostModel, ablations: Sequence[Ablation], n_examples: int, *, workers: int, batch: int,
    noise: float = NOISE, setup: float | None = None, latency: float = LATENCY,
    slow: float = 0.0, seed: int = 0,
) -> Simulated:  # fmt: skip
    """How long a sweep takes on some workers.

    Args:
        model: Of one worker, with its sites in forward order.
        ablations: Of the model's sites.
        n_examples: Each ablation is run on all of them.
        workers: How many; each is like the one that the model describes.
        batch: Examples that the engine takes at once.
        noise: The standard deviation of the logarithm of a tile's time.
        setup: Seconds before a worker's first tile; None: as the model says.
        latency: Seconds between the end of a tile and the start of the worker's next.
        slow: Share of the workers that take twice as long for everything.
        seed: Of the noise.

    Returns:
        What it took.

    Raises:
        ClusterError: If there is nothing to do, or nobody to do it.
    """
    counts = {"ablations": len(ablations), "n_examples": n_examples, "workers": workers,
              "batch": batch}  # fmt: skip
    for name, given in counts.items():
        if given < 1:
            raise ClusterError(
                f"{name}: given {given}; allowed is a number of at least 1. Simulate a sweep that "
                "is not empty, on at least one worker."
            )
    sizes = [min(batch, n_examples - start) for start in range(0, n_examples, batch)]
    prices = Prices.of(model, ablations, sizes)
    began = model.setup if setup is None else setup
    paces = np.where(np.arange(workers) < round(slow * workers), _SLOWER, 1.0)
    crew = [Modelled(prices, pace, pace * began) for pace in paces.tolist()]
    ready = np.ones((len(sizes), 1 + len(ablations)), bool)
    ready[:, 0] = False  # the intact network comes with any other
    tiles = _play(Ledger(costs_of(model, ablations, sizes), ready, workers), crew, noise, latency,
                  np.random.default_rng(seed))  # fmt: skip
    end = max(worker.end for worker in crew if worker.tiles)
    everything = workers * end
    idle = sum(max(0.0, end - worker.end) for worker in crew)
    again = sum(worker.shared for worker in crew) - began - prices.once
    busy = sum(worker.busy for worker in crew)
    return Simulated(end, busy, idle / everything, again / everything, tiles)


@dataclass(frozen=True, eq=False)
class Prices:
    """What a sweep's parts take, in seconds; sites that are not ablated do not count.

    Attributes:
        site_of: (row,) place of its site in forward order; -1 for row 0, the intact network.
        outcome: (row,) seconds of an outcome.
        intact: Seconds per example of loading it and of its intact outcome.
        passed: (site + 1,) seconds per example of the prefix up to before each site.
        setups: (site,) seconds of its first use.
        sizes: Examples of each batch.
    """

    site_of: np.ndarray
    outcome: np.ndarray
    intact: float
    passed: np.ndarray
    setups: np.ndarray
    sizes: Sequence[int]

    @classmethod
    def of(cls, model: CostModel, ablations: Sequence[Ablation], sizes: Sequence[int]) -> Prices:
        """Of a cost model."""
        ablated = {a.site.name for a in ablations}
        costs = {name: cost for name, cost in model.sites.items() if name in ablated}
        place = {name: i for i, name in enumerate(costs)}
        return cls(
            np.array([-1, *(place[a.site.name] for a in ablations)]),
            np.array([0.0, *(costs[a.site.name].per_outcome for a in ablations)]),
            model.per_example,
            np.cumsum([0.0, *(cost.per_example for cost in costs.values())]),
            np.array([cost.setup for cost in costs.values()]),
            sizes,
        )

    @property
    def once(self) -> float:
        """Seconds, setup aside, that a single worker needs besides outcomes."""
        return float(self.setups.sum() + sum(self.sizes) * (self.intact + self.passed[-1]))


@dataclass(eq=False)
class Modelled:
    """A worker as the model describes it, and where its engine stands.

    Attributes:
        prices: Of what it does.
        pace: Its time as a multiple of the model's.
        end: Seconds from the start until it last finished.
        tiles: How many it has done.
        busy: How many seconds it has worked.
        shared: The part of them that one worker alone would spend once, without noise.
        at: The batch whose prefix it keeps, and the place of the last site on it.
        used: Places of the sites it is set up for.
    """

    prices: Prices
    pace: float
    end: float
    tiles: int = 0
    busy: float = field(init=False)
    shared: float = field(init=False)
    at: tuple[int, int] | None = None
    used: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.busy = self.shared = self.end

    def do(self, tile: Tile, batches: slice, noise: float) -> None:
        """Do a tile, and what has to be done before it."""
        rows = np.asarray(tile.rows)
        sites = np.unique(self.prices.site_of[rows]).tolist()
        shared = float(sum(self.prices.setups[site] for site in sites if site not in self.used))
        shared += sum(self._walk(i, sites) for i in range(batches.start, batches.stop))
        outcomes = float(self.prices.outcome[rows].sum()) * (tile.stop - tile.start)
        spent = self.pace * (shared + outcomes) * noise
        self.used.update(sites)
        self.tiles += 1
        self.shared += self.pace * shared
        self.busy += spent
        self.end += spent

    def _walk(self, batch: int, sites: Sequence[int]) -> float:
        """Seconds of the prefix and of checks, which each tile repeats at its sites."""
        passed, last = self.prices.passed, self.at
        before = -self.prices.intact
        if last is not None and last[0] == batch and last[1] <= sites[0]:
            before = passed[min(last[1] + 1, sites[0])]
        self.at = batch, sites[-1]
        return self.prices.sizes[batch] * float(passed[sites[-1] + 1] - before)


def _play(
    ledger: Ledger, crew: Sequence[Modelled], noise: float, latency: float,
    random: np.random.Generator,
) -> int:  # fmt: skip
    """The first free worker asks first; returns the number of tiles."""
    free = [(worker.end, i) for i, worker in enumerate(crew)]
    heapify(free)
    tiles = 0
    while free:
        now, i = heappop(free)
        tile = ledger.take(i)
        if tile is None:
            continue
        factor = float(np.exp(random.normal(-(noise**2) / 2, noise)))  # 1 on average
        crew[i].end = now
        crew[i].do(tile, ledger.batches_of(tile), factor)
        heappush(free, (crew[i].end + latency, i))
        tiles += 1
    return tiles
