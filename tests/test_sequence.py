"""Stopping early: coverage at the stopping time by simulation, the slow twin, what is refused."""

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as sps

from lashley import stats
from lashley.errors import DataError
from lashley.stats import sequence

COUNTS = st.integers(0, 3000)
HALF_WIDTH = 0.005  # +-0.5 pp


def naive(lost, gained, seen):
    """The fixed-sample interval, wrongly computed again and again until it pleases."""
    return stats.paired_interval(lost - gained, lost + gained, seen)


def when_precise(found):
    return stats.precise_enough(found, HALF_WIDTH)


def when_known_to_matter(found):
    return (found.low > 0) | (found.high < 0)


def when_wrong(drop):
    """The worst rule of all: looks until the interval misses the truth."""
    return lambda found: (found.low > drop) | (found.high < drop)


def covered(found, drop, rule):
    """How often the interval at which a (run, look) path stops holds the planted drop."""
    done = rule(found)
    done[:, -1] = True  # out of examples
    at = np.arange(len(done)), done.argmax(1)
    return ((found.low <= drop) & (drop <= found.high))[at].mean()


def paths(shares, batch, looks, runs=300, seed=0):
    """(run, look) lost and gained of independent examples, (look,) seen, and the planted drop."""
    lost, gained = shares
    rng = np.random.default_rng(seed)
    counts = rng.multinomial(batch, [lost, gained, 1 - lost - gained], (runs, looks)).cumsum(1)
    return counts[..., 0], counts[..., 1], batch * np.arange(1, looks + 1), lost - gained


def class_paths(sizes, lost, gained, batch, order, runs=200):
    """As `paths`, for classes of unequal sizes that lose and gain different shares."""
    labels = np.repeat(np.arange(len(sizes)), sizes)
    ends = np.minimum(np.arange(batch, len(labels) + batch, batch), len(labels))
    rng = np.random.default_rng(0)
    sums = []
    for run in range(runs):
        luck, at = rng.random(len(labels)), order(labels, run)
        is_lost, is_gained = luck < np.take(lost, labels), luck > 1 - np.take(gained, labels)
        sums.append([x[at].cumsum()[ends - 1] for x in (is_lost, is_gained)])
    all_lost, all_gained = np.array(sums).swapaxes(0, 1)
    return all_lost, all_gained, ends, np.subtract(lost, gained) @ sizes / len(labels)


PLANTED = [
    (0, 0), (0.0005, 0.0005), (0.002, 0), (0.005, 0), (0.01, 0), (0.005, 0.005), (0, 0.02),
    (0.03, 0.01), (0.1, 0.02), (0.01, 0.09), (0.3, 0.1), (0.6, 0),
]  # fmt: skip
MIXED = {
    "ten classes, two lose most": (
        np.arange(1, 11) * 60, [0.5, 0.4, 0, 0, 0, 0, 0, 0, 0, 0], [0] * 8 + [0.02, 0.05],
    ),
    "a rare class is lost": ([3, 1997], [1, 0], [0, 0]),
    "hundred classes, every second one lost": ([5, 35] * 50, [1, 0] * 50, [0, 0.2] * 50),
}  # fmt: skip


class TestCoverageAtTheStoppingTime:
    @pytest.mark.parametrize("shares", PLANTED)
    def test_is_what_was_promised(self, shares):
        *counts, drop = paths(shares, batch=100, looks=60)
        found = stats.confidence_sequence(*counts)
        for rule in (when_precise, when_known_to_matter, when_wrong(drop)):
            assert covered(found, drop, rule) >= 0.95

    @pytest.mark.parametrize("batch", [23, 100])
    @pytest.mark.parametrize("name", MIXED)
    def test_holds_in_a_stratified_order_of_unequal_classes(self, name, batch):
        *counts, drop = class_paths(*MIXED[name], batch, stats.stratified_order)
        found = stats.confidence_sequence(*counts)
        for rule in (when_precise, when_known_to_matter, when_wrong(drop)):
            assert covered(found, drop, rule) >= 0.95

    def test_fails_where_the_classes_come_one_after_the_other(self):
        in_turn = class_paths(*MIXED["ten classes, two lose most"], 100, lambda y, _: np.argsort(y))
        *counts, drop = in_turn
        found = stats.confidence_sequence(*counts)
        assert covered(found, drop, when_known_to_matter) < 0.5

    def test_fails_for_the_naive_interval_stopped_when_it_excludes_no_effect(self):
        *counts, drop = paths((0.005, 0.005), batch=100, looks=60, runs=2000)
        assert covered(naive(*counts), drop, when_known_to_matter) < 0.85

    def test_fails_for_the_naive_interval_stopped_when_it_is_precise(self):
        samples = [
            paths((lost, 0), batch=25, looks=120, runs=4000) for lost in (0.009, 0.01, 0.011, 0.012)
        ]
        found = [covered(naive(*counts), drop, when_precise) for *counts, drop in samples]
        assert np.mean(found) < 0.94  # 16,000 runs are known to +-0.4 %


def twin(lost, same, gained, confidence, means):
    """The same interval from a grid of means, the gamblers betting example by example."""
    d = np.repeat([1, 0, -1], [lost, same, gained])

    def holds(d, means):
        capital = np.zeros(len(means))
        for stake, weight in zip(sequence._STAKES, sequence._WEIGHTS, strict=True):
            won = 1 + stake / (1 + means[:, None]) * (d - means[:, None])
            capital += weight * won.prod(1)
        return capital < 2 / (1 - confidence)

    inside = means[holds(d, means) & holds(-d, -means)]
    return inside.min(), inside.max()


class TestConfidenceSequence:
    @given(*[st.integers(0, 30)] * 3, st.sampled_from([0.5, 0.9, 0.95, 0.999]))
    def test_equals_its_slow_twin(self, lost, same, gained, confidence):
        means = np.linspace(-1, 1, 2003)[1:-1]
        found = stats.confidence_sequence(lost, gained, lost + same + gained, confidence)
        ends = twin(lost, same, gained, confidence, means)
        np.testing.assert_allclose([found.low, found.high], ends, atol=0.001)

    @pytest.mark.parametrize("drop", [-0.6, -0.01, 0, 0.3])
    def test_the_bets_are_fair(self, drop):
        n, lost = 6, max(drop, 0) + 0.1
        counts = np.array([(a, b, n - a - b) for a in range(n + 1) for b in range(n + 1 - a)])
        chance = sps.multinomial.pmf(counts, n, [lost, lost - drop, 1 - 2 * lost + drop])
        columns = counts[:, 0], counts[:, 2], counts[:, 1]
        capital = np.exp(sequence._log_capital(np.full(len(counts), np.log1p(drop)), *columns)[0])
        assert chance @ capital == pytest.approx(1)

    @given(COUNTS, COUNTS, COUNTS, st.floats(0.01, 0.9999))
    def test_holds_the_mean_has_a_width_and_stays_possible(self, lost, gained, same, confidence):
        n = lost + gained + same + 1
        found = stats.confidence_sequence(lost, gained, n, confidence)
        assert -1 <= found.low <= (lost - gained) / n <= found.high <= 1
        assert found.low < found.high

    @given(COUNTS, COUNTS, COUNTS)
    def test_turns_with_the_sign(self, lost, gained, same):
        found = stats.confidence_sequence(lost, gained, lost + gained + same)
        turned = stats.confidence_sequence(gained, lost, lost + gained + same)
        assert (turned.low, turned.high) == (-found.high, -found.low)

    @given(COUNTS, COUNTS, COUNTS, st.integers(2, 50))
    def test_narrows_from_both_ends_with_more_of_the_same(self, lost, gained, same, times):
        counts = np.array([lost, gained, lost + gained + same + 1])
        few, many = stats.confidence_sequence(*counts), stats.confidence_sequence(*times * counts)
        rounding = 1e-9
        assert few.low - rounding <= many.low <= many.high <= few.high + rounding
        assert many.high - many.low < few.high - few.low

    @given(COUNTS, COUNTS, COUNTS)
    def test_widens_with_the_confidence(self, lost, gained, same):
        n = lost + gained + same + 1
        some, more = (
            stats.confidence_sequence(lost, gained, n, confidence) for confidence in (0.8, 0.95)
        )
        assert more.low <= some.low < some.high <= more.high

    @pytest.mark.parametrize("n", [200, 2_000, 20_000, 100_000])
    @pytest.mark.parametrize("changed", [0.001, 0.01, 0.1, 0.3])
    def test_is_at_most_twice_as_wide_as_a_fixed_sample_interval(self, changed, n):
        lost, gained = 0.7 * changed * n, 0.3 * changed * n
        found, fixed = stats.confidence_sequence(lost, gained, n), naive(lost, gained, n)
        assert 1 < (found.high - found.low) / (fixed.high - fixed.low) < 2

    @pytest.mark.parametrize("n", [10**7, 10**9])
    def test_is_finite_at_the_ends(self, n):
        lost, gained = np.array([0, n, 0, n - 1, 0, 1]), np.array([0, 0, n, 0, n - 1, n - 1])
        found = stats.confidence_sequence(lost, gained, n)
        mean = (lost - gained) / n
        assert np.all((found.low >= -1) & (found.low <= mean))
        assert np.all((found.high >= mean) & (found.high <= 1))
        np.testing.assert_allclose([found.low[:5], found.high[:5]], [mean[:5]] * 2, atol=1e-5)

    def test_broadcasts_and_knows_nothing_without_examples(self):
        assert stats.confidence_sequence([[1], [0]], [0, 2, 3], 10).low.shape == (2, 3)
        assert stats.confidence_sequence([], [], 0).low.shape == (0,)
        empty = stats.confidence_sequence([0, 1], 0, [0, 1])
        assert (empty.low[0], empty.high[0]) == (-1, 1)

    def test_takes_a_moment_for_thousands_of_ablations(self):
        counts = np.random.default_rng(0).multinomial(5000, [0.03, 0.01, 0.96], 3000)

        def seconds():
            begin = time.process_time()
            stats.confidence_sequence(counts[:, 0], counts[:, 1], 5000)
            return time.process_time() - begin

        assert min(seconds() for _ in range(3)) < 0.1

    @pytest.mark.parametrize(
        ("lost", "gained", "seen"),
        [(-1, 0, 5), (0, -1, 5), (3, 3, 5), ([0, 6], 0, 5), (np.nan, 0, 5), (0, 0, np.inf)],
    )
    def test_refuses_impossible_counts(self, lost, gained, seen):
        with pytest.raises(DataError, match=r"lost, gained, seen: given .*at most seen\. Check"):
            stats.confidence_sequence(lost, gained, seen)

    @pytest.mark.parametrize("confidence", [0, 1, 95, -0.5, np.nan])
    def test_refuses_a_confidence_that_is_no_share(self, confidence):
        with pytest.raises(DataError, match=r"confidence: given .*; allowed is 0 to 1, as in 0\."):
            stats.confidence_sequence(0, 0, 5, confidence)


def test_precise_enough_compares_half_the_width():
    found = stats.Interval(np.array([-0.004, 0.1, -1]), np.array([0.005, 0.1101, 1]))
    assert stats.precise_enough(found, HALF_WIDTH).tolist() == [True, False, False]


class TestStratifiedOrder:
    @given(st.lists(st.integers(1, 40), min_size=1, max_size=12), st.integers(0, 2**32))
    def test_no_prefix_has_a_class_more_than_an_example_ahead(self, sizes, seed):
        labels = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(sizes)), sizes))
        order = stats.stratified_order(labels, seed)
        assert sorted(order) == list(range(len(labels)))
        held = (labels[order][:, None] == np.arange(len(sizes))).cumsum(0)
        assert np.all(((held - 1) / sizes).max(1) <= ((held + 1) / sizes).min(1) + 1e-12)

    def test_equal_classes_come_once_in_each_block_in_a_new_order(self):
        labels = np.tile(np.arange(10), 20)
        blocks = labels[stats.stratified_order(labels, 0)].reshape(20, 10)
        assert np.all(np.sort(blocks, axis=1) == np.arange(10))
        assert len(np.unique(blocks, axis=0)) == 20

    def test_is_fair_to_examples_and_to_classes(self):
        labels = np.array([3] * 4 + [-1] * 8)
        orders = np.array([stats.stratified_order(labels, seed) for seed in range(4000)])
        place = orders.argsort(1).mean(0)
        np.testing.assert_allclose(place, (len(labels) - 1) / 2, atol=0.25)  # 4 standard errors
        first = np.bincount(orders[:, 0], minlength=12) / len(orders)
        np.testing.assert_allclose(first[4:], first[4:].mean(), atol=0.02)

    def test_depends_on_the_seed_alone(self):
        labels = np.arange(50) % 7
        same, other = stats.stratified_order(labels, 5), stats.stratified_order(labels, 6)
        assert np.array_equal(same, stats.stratified_order(labels, 5))
        assert not np.array_equal(same, other)
        assert len(stats.stratified_order(labels[:0], 0)) == 0

    @pytest.mark.parametrize("labels", [np.zeros(3), np.zeros((2, 2), int), ["a"]])
    def test_refuses_other_than_one_row_of_whole_numbers(self, labels):
        with pytest.raises(DataError, match=r"labels: given .*one whole number per example"):
            stats.stratified_order(labels, 0)
