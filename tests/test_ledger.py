"""The ledger: every cell is handed out once, in tiles that workers can share well."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lashley.distribute.ledger import LEAST, MOST, Costs, Ledger
from lashley.distribute.tiles import Tile, named, spelt
from lashley.errors import ClusterError


def ledger_of(rows, batches, workers, *, each=1.0, size=10, ready=None):
    costs = Costs(np.full(rows, each), np.arange(rows), np.full(batches, size))
    return Ledger(costs, np.ones((batches, rows), bool) if ready is None else ready, workers)


def cells(ledger, tile):
    batches = ledger.batches_of(tile)
    return [(b, row) for b in range(batches.start, batches.stop) for row in tile.rows]


@given(
    rows=st.integers(1, 40), batches=st.integers(1, 6), workers=st.integers(1, 9),
    each=st.sampled_from([1e-4, 0.01, 0.1, 5.0]), seed=st.integers(0, 99),
)  # fmt: skip
def test_every_ready_cell_is_in_one_unit(rows, batches, workers, each, seed):
    draw = np.random.default_rng(seed)
    ready = draw.random((batches, rows)) < 0.7
    order = draw.permutation(rows)
    ledger = Ledger(Costs(np.full(rows, each), order, np.full(batches, 10)), ready, workers)
    seen = Counter()
    while (tile := ledger.take(int(draw.integers(workers)))) is not None:
        seen.update(cells(ledger, tile))
        assert sum(part.stop - part.start for part in tile.batches) == (tile.stop - tile.start)
    wanted = {(int(b), int(row)) for b, row in np.argwhere(ready)}
    assert seen == dict.fromkeys(wanted, 1)
    assert ledger.seconds_left == 0


def test_units_become_smaller_towards_the_end():
    ledger, sizes = ledger_of(1000, 20, 4, each=0.01), []
    while (tile := ledger.take(len(sizes) % 4)) is not None:
        sizes.append(0.01 * len(cells(ledger, tile)) * 10)
    assert sizes[0] > 20 * LEAST
    assert max(sizes) <= MOST * 1.01
    assert np.mean(sizes[-8:]) < 3 * LEAST


def test_a_worker_stays_with_its_batch_and_goes_forward():
    ledger = ledger_of(1000, 4, 4, each=0.05)
    first = [ledger.take(worker) for worker in range(4)]
    assert [tile.start for tile in first] == [0, 10, 20, 30]
    second = [ledger.take(worker) for worker in (3, 1, 2, 0)]
    assert [tile.start for tile in second] == [30, 10, 20, 0]
    for before, after in zip([first[3], first[1], first[2], first[0]], second, strict=True):
        assert after.rows[0] == before.rows[-1] + 1


def test_a_worker_without_a_batch_helps_with_the_longest():
    ledger = ledger_of(1000, 2, 3, each=0.05)
    for worker in (0, 1, 1):
        ledger.take(worker)
    assert ledger.take(2).start == 0  # of the second batch more is done


def test_small_batches_are_taken_together():
    ledger = ledger_of(3, 50, 2, each=1e-3)
    tile = ledger.take(0)
    assert tile.rows == (0, 1, 2)
    assert tile.stop - tile.start > 10


def test_what_becomes_ready_later_is_handed_out_then():
    ready = np.zeros((2, 5), bool)
    ready[0] = True
    ledger = ledger_of(5, 2, 1, ready=ready)
    while (tile := ledger.take(0)) is not None:
        assert tile.stop == 10
    ledger.add(np.array([1, 3]), slice(1, 2))
    assert ledger.take(0) == Tile((1,), 10, 20)
    assert ledger.take(0) == Tile((3,), 10, 20)


class TestNames:
    @given(st.sets(st.integers(1, 50), min_size=1), st.integers(0, 9), st.integers(1, 9))
    def test_say_which_unit_it_is(self, rows, start, length):
        tile = Tile(tuple(sorted(rows)), start, start + length)
        assert named(tile.name) == tile

    def test_are_short(self):
        assert Tile((1, 2, 3, 4, 9), 0, 125).name == "0-3,8/0-124"
        assert spelt([]) == ""

    @pytest.mark.parametrize("name", ["", "0-3", "a/b", "0-3/0", "3,/1-2", "5-3/0-1", "1/5-2"])
    def test_that_are_none_are_refused(self, name):
        with pytest.raises(ClusterError, match=r"task: given .*allowed are names such as 0-11"):
            named(name)
