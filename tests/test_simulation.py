"""The real ledger in virtual time: workers end together, nothing is done twice or left out.

The cost models were measured on 23 November 2026 on one thread of an Intel Xeon with AMX (a virtual
machine of 2 cores that other work used too), PyTorch 2.13.0 for CPU, Python 3.11, by `lashley.plan`
of the studies' sweeps in bfloat16:

- vgg19-cifar10: its trained network, 10,000 images, seconds=20; the quieter of two (16.6 h);
- meyes2019-vgg19: 50,000 images of 224 pixels, seconds=150; the second of two (501 days; the first
  434 days). Random weights, but outputs that tell the 64 images of the sample apart as a trained
  network's do: an outcome in doubt costs many times as much. Sites before features.30 have had no
  laps: their setup and costs are told from those behind.
"""

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

import lashley as la
from lashley.distribute import ledger, simulation
from lashley.distribute.ledger import Ledger
from lashley.distribute.simulation import simulate
from lashley.errors import ClusterError
from lashley.planning import CostModel, SiteCost, seconds_of

# by site: ablations, and in milliseconds setup, per example, per outcome
CIFAR10 = 1.17, 2.58, {
    "features.0": (416, 564.6, 1.942, 1.501),
    "features.3": (416, 416.9, 2.846, 0.9568),
    "features.7": (672, 441.4, 2.642, 0.841),
    "features.10": (672, 304.6, 1.269, 0.841),
    "features.14": (1184, 272.1, 0.9704, 0.8116),
    "features.17": (1184, 292.2, 1.943, 0.4573),
    "features.20": (1184, 192.8, 1.183, 0.3841),
    "features.23": (1184, 111.2, 1.549, 0.3176),
    "features.27": (2208, 74.24, 1.594, 0.3176),
    "features.30": (2208, 51.3, 0.9112, 0.1775),
    "features.33": (2208, 41.54, 0.2295, 0.1492),
    "features.36": (2208, 34, 0.2234, 0.08479),
    "features.40": (2208, 28.26, 0.1935, 0.03006),
    "features.43": (2208, 18.32, 0.09768, 0.02448),
    "features.46": (2208, 10.3, 0.04777, 0.02023),
    "features.49": (2208, 5.342, 0.05932, 0.009664),
}  # fmt: skip
IMAGENET = 56.3, 305, {
    "features.0": (672, 4.269e+04, 0, 51.74),
    "features.3": (672, 4.031e+04, 0, 48.85),
    "features.7": (1184, 3.911e+04, 0, 47.4),
    "features.10": (1184, 3.673e+04, 0, 44.51),
    "features.14": (2208, 3.554e+04, 0, 43.07),
    "features.17": (2208, 3.315e+04, 0, 40.18),
    "features.20": (2208, 3.077e+04, 0, 37.29),
    "features.23": (2208, 2.838e+04, 0, 34.4),
    "features.27": (4256, 2.719e+04, 0, 32.95),
    "features.30": (4256, 1.233e+04, 270.5, 30.06),
    "features.33": (4256, 7262, 132.5, 6.341),
    "features.36": (4256, 4598, 113.3, 3.358),
    "features.40": (4256, 3443, 88.48, 3.102),
    "features.43": (4256, 2052, 72.45, 2.486),
    "features.46": (4256, 787.6, 59.12, 2.463),
    "features.49": (4256, 1184, 23.35, 2.463),
}  # fmt: skip


def measured(setup, per_example, rows):
    """A model and its sweep; equal ablations do here, as only their sites count."""
    sites = {name: la.Site(name, "filter", 64, 1) for name in rows}
    model = CostModel(setup, per_example / 1000, {
        name: SiteCost(*(part / 1000 for part in costs)) for name, (_, *costs) in rows.items()
    })  # fmt: skip
    cuts = [cut for name, (count, *_) in rows.items()
            for cut in la.singles(sites[name])[:1] * count]  # fmt: skip
    return model, cuts


SMALL = measured(
    1.0, 3.0, {"a": (30, 40, 2.0, 0.7), "b": (30, 20, 1.0, 0.3), "c": (30, 9, 0.5, 0.1)}
)


@pytest.fixture
def few_units(monkeypatch):
    """Tiles of any length: fewer than are handed out, so quicker to simulate, and harder to end.

    (50,000 images take 730,000 tiles of a minute; simulated, they end with 0.004 % idle.)
    """
    monkeypatch.setattr(ledger, "MOST", float("inf"))


@pytest.fixture
def cells(monkeypatch):
    """How often each (row, batch) is handed out."""
    seen = Counter()

    class Counting(Ledger):
        def take(self, worker):
            tile = super().take(worker)
            if tile is not None:
                which = self.batches_of(tile)
                seen.update((row, b) for row in tile.rows for b in range(which.start, which.stop))
            return tile

    monkeypatch.setattr(simulation, "Ledger", Counting)
    return seen


# At the end


@pytest.mark.parametrize("slow", [0.0, 0.1])
def test_64_workers_end_together_on_all_of_cifar10(slow):
    model, cuts = measured(*CIFAR10)
    found = simulate(model, cuts, 10_000, workers=64, batch=256, slow=slow)
    assert found.idle_at_end < 0.05


@pytest.mark.parametrize(("n", "batch"), [(1_000, 16), (50_000, 128)])  # 16 are taken at once
@pytest.mark.slow
def test_64_workers_end_together_on_the_papers_sweep(n, batch, few_units):
    model, cuts = measured(*IMAGENET)
    assert simulate(model, cuts, n, workers=64, batch=batch).idle_at_end < 0.05


def test_without_smaller_units_at_the_end_workers_would_wait(monkeypatch):
    model, cuts = measured(*CIFAR10)
    monkeypatch.setattr(ledger, "_SHARE", 0.9)
    monkeypatch.setattr(ledger, "MOST", float("inf"))
    assert simulate(model, cuts, 10_000, workers=64, batch=256).idle_at_end > 0.05


# What is done


@pytest.mark.parametrize("workers", [1, 3, 64])
def test_every_outcome_is_found_exactly_once(workers, cells):
    model, cuts = SMALL
    simulate(model, cuts, 1_000, workers=workers, batch=96)
    wanted = {(row, batch) for row in range(1, 1 + len(cuts)) for batch in range(11)}
    assert set(cells) == wanted
    assert set(cells.values()) == {1}


def test_a_single_worker_takes_what_the_model_says():
    model, cuts = SMALL
    found = simulate(model, cuts, 1_000, workers=1, batch=96, noise=0, latency=0.25)
    alone = found.seconds * (1 - found.overhead) - 0.25 * (found.tiles - 1)
    assert alone == pytest.approx(seconds_of(model, cuts, 1_000), rel=1e-9)
    assert 0 < found.overhead < 0.05  # tiles that go on at a site check it again
    assert found.busy == pytest.approx(found.seconds - 0.25 * (found.tiles - 1), rel=1e-9)
    assert found.idle_at_end == 0


def test_a_single_worker_repeats_nothing_where_nothing_is_checked():
    model, cuts = SMALL
    free = CostModel(model.setup, model.per_example, {
        name: SiteCost(cost.setup, 0.0, cost.per_outcome) for name, cost in model.sites.items()
    })  # fmt: skip
    found = simulate(free, cuts, 1_000, workers=1, batch=96, noise=0, latency=0)
    assert found.seconds == pytest.approx(seconds_of(free, cuts, 1_000), rel=1e-9)
    assert found.overhead == pytest.approx(0, abs=1e-9)


def test_two_workers_on_one_batch_both_compute_its_prefix():
    model, cuts = SMALL
    found = simulate(model, cuts, 500, workers=2, batch=500, noise=0, latency=0)
    least = model.setup + 500 * model.per_example  # of the second one
    assert found.overhead * 2 * found.seconds > least
    assert found.busy > seconds_of(model, cuts, 500) + least


def test_more_workers_are_not_slower():
    model, cuts = measured(*CIFAR10)
    times = [simulate(model, cuts, 500, workers=w, batch=256).seconds for w in (1, 2, 4, 8, 16, 32)]
    assert all(more < 1.02 * less for less, more in pairwise(times))
    assert times[0] / times[3] > 7


def test_slow_workers_get_less_to_do():
    model, cuts = measured(*CIFAR10)
    even, slower = (simulate(model, cuts, 500, workers=10, batch=256, slow=s, noise=0)
                    for s in (0.0, 0.1))  # fmt: skip
    assert even.seconds < slower.seconds < 1.2 * even.seconds  # a fixed share would take twice


# Chance and arguments


def test_the_seed_alone_decides():
    model, cuts = SMALL
    runs = [simulate(model, cuts, 1_000, workers=5, batch=96, seed=s) for s in (0, 0, 1)]
    assert runs[0] == runs[1]
    assert runs[0].seconds != runs[2].seconds


def test_noise_leaves_the_mean():
    model, cuts = SMALL
    quiet, *noisy = (simulate(model, cuts, 1_000, workers=2, batch=96, noise=n, seed=s).busy
                     for n, s in [(0.0, 0), *((0.5, s) for s in range(30))])  # fmt: skip
    assert np.mean(noisy) == pytest.approx(quiet, rel=0.05)
    assert np.std(noisy) > 0.01 * quiet


def test_the_setup_can_be_another():
    model, cuts = SMALL
    said, longer = (simulate(model, cuts, 1_000, workers=3, batch=96, noise=0, setup=s)
                    for s in (None, 11.0))  # fmt: skip
    assert longer.seconds == pytest.approx(said.seconds + 10)


@pytest.mark.parametrize("name", ["n_examples", "workers", "batch"])
def test_counts_are_checked(name):
    model, cuts = SMALL
    counts = {"n_examples": 10, "workers": 2, "batch": 5} | {name: 0}
    with pytest.raises(ClusterError, match=f"{name}: given 0; allowed is a number of at least 1"):
        simulate(model, cuts, **counts)


def test_a_sweep_of_nothing_is_refused():
    with pytest.raises(ClusterError, match="ablations: given 0; allowed is a number of at least 1"):
        simulate(SMALL[0], [], 10, workers=2, batch=5)
