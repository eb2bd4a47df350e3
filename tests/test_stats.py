"""Statistics: coverage by simulation, agreement with SciPy, and what they refuse."""

import time

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats as sps

from lashley import stats
from lashley.errors import DataError
from lashley.stats.correlations import _coefficients, _drawn

COUNTS = st.integers(0, 400)
SHARES = (0, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 0.6)


def coverage(values, shares, n, bound, draws=4000):
    """How often the interval, and how often a plain Wald interval, holds the planted mean."""
    counts = np.random.default_rng(n).multinomial(n, shares, size=draws)
    total, squares, mean = counts @ values, counts @ values**2, values @ shares
    found = stats.paired_interval(total, squares, n, bound=bound)
    half = 1.96 * np.sqrt(np.maximum(squares / n - (total / n) ** 2, 0) / n)
    wald = np.abs(total / n - mean) <= half
    return ((found.low <= mean) & (mean <= found.high)).mean(), wald.mean()


class TestPairedInterval:
    @pytest.mark.parametrize("n", [30, 100, 300, 1000])
    def test_covers_the_planted_drop_where_a_wald_interval_does_not(self, n):
        planted = [(lost, gained) for lost in SHARES for gained in SHARES if lost + gained <= 1]
        found = np.array([
            coverage(np.array([1, -1, 0]), np.array([lost, gained, 1 - lost - gained]), n, bound=1)
            for lost, gained in planted
        ])  # fmt: skip
        # Counts are discrete, so coverage ripples around 95 %; 4,000 draws are known to +-0.7 %.
        assert found[:, 0].min() >= 0.93
        assert found[:, 0].mean() >= 0.95
        assert found[:, 1].min() < 0.7

    @pytest.mark.parametrize("n", [30, 300])
    def test_covers_a_rare_excess_of_two_only_with_its_bound(self, n):
        values, shares = np.array([2, 1, 0]), np.array([2 / n, 0.001, 1 - 2 / n - 0.001])
        assert coverage(values, shares, n, bound=2)[0] >= 0.94
        assert coverage(values, shares, n, bound=2)[1] < 0.9

    def test_is_bonett_and_price(self):
        lost, gained, n = 59, 16, 73 + 59 + 16 + 6
        mean, z = (lost - gained) / (n + 2), sps.norm.ppf(0.975)
        half = z * np.sqrt(((lost + gained + 2) / (n + 2) - mean**2) / (n + 2))
        found = stats.paired_interval(lost - gained, lost + gained, n)
        assert (found.low, found.high) == pytest.approx((mean - half, mean + half))

    @given(COUNTS, COUNTS, COUNTS, st.floats(0.01, 0.999))
    @example(lost=0, gained=9, same=0, confidence=0.1)
    @example(lost=9, gained=0, same=0, confidence=0.1)
    def test_holds_the_mean_has_a_width_and_stays_possible(self, lost, gained, same, confidence):
        n = lost + gained + same + 1
        found = stats.paired_interval(lost - gained, lost + gained, n, confidence)
        assert -1 <= found.low <= (lost - gained) / n <= found.high <= 1
        assert found.low < found.high

    @given(COUNTS, COUNTS, COUNTS)
    def test_turns_with_the_sign_and_scales_with_the_bound(self, lost, gained, same):
        n = lost + gained + same + 1
        found = stats.paired_interval(lost - gained, lost + gained, n)
        turned = stats.paired_interval(gained - lost, lost + gained, n)
        doubled = stats.paired_interval(2 * (lost - gained), 4 * (lost + gained), n, bound=2)
        np.testing.assert_allclose([turned.low, turned.high], [-found.high, -found.low], atol=1e-12)
        np.testing.assert_allclose(
            [doubled.low, doubled.high], [2 * found.low, 2 * found.high], atol=1e-12
        )

    def test_broadcasts_and_knows_nothing_without_examples(self):
        found = stats.paired_interval([[1, 0], [0, 0]], [[1, 2], [0, 0]], [10, 0 + 10])
        assert found.low.shape == (2, 2)
        empty = stats.paired_interval(0, 0, 0)
        assert (empty.low, empty.high) == (-1, 1)

    @pytest.mark.parametrize(
        ("total", "squares", "n"), [(3, 1, 5), (0, 6, 5), ([0, 2], 2, [5, 1]), (np.nan, 1, 5)]
    )
    def test_refuses_impossible_sums(self, total, squares, n):
        with pytest.raises(DataError, match=r"have this sum and sum of squares.*give `bound`"):
            stats.paired_interval(total, squares, n)

    def test_refuses_a_confidence_in_percent(self):
        with pytest.raises(DataError, match=r"confidence: given 95; allowed is 0 to 1"):
            stats.paired_interval(0, 0, 5, 95)


class TestMeanInterval:
    @given(st.integers(2, 50), st.floats(-3, 3), st.sampled_from([0.5, 0.95]), st.integers(0, 99))
    def test_is_students_interval(self, n, shift, confidence, seed):
        differences = np.random.default_rng(seed).normal(shift, 1, n)
        found = stats.mean_interval(differences.sum(), np.square(differences).sum(), n, confidence)
        expected = sps.ttest_1samp(differences, 0).confidence_interval(confidence)
        assert (found.low, found.high) == pytest.approx(tuple(expected), abs=1e-6)

    def test_is_everything_below_two_examples_and_broadcasts(self):
        found = stats.mean_interval([[0], [3]], [[0], [9]], [0, 1, 4][1:])
        assert found.low.shape == (2, 2)
        assert found.low[:, 0].tolist() == [-np.inf] * 2
        assert found.high[:, 0].tolist() == [np.inf] * 2
        assert np.isfinite(found.high[:, 1]).all()
        assert stats.mean_interval(0, 0, 0).high == np.inf

    def test_has_no_width_where_all_differences_are_equal(self):
        n = np.arange(2, 200)  # for some of them rounding makes the variance negative
        found = stats.mean_interval(n * 0.1, n * 0.1**2, n)
        np.testing.assert_allclose([found.low, found.high], 0.1, atol=1e-7)

    @pytest.mark.parametrize(
        ("total", "squares", "n"),
        [(3, 1, 5), (1, 0, 0), (0, -1, 5), (0, 1, -1), (np.nan, 1, 5), (np.inf, np.inf, 5)],
    )
    def test_refuses_impossible_sums(self, total, squares, n):
        with pytest.raises(DataError, match=r"total, squares, n: .*have this sum and sum of sq"):
            stats.mean_interval(total, squares, n)

    def test_refuses_a_confidence_in_percent(self):
        with pytest.raises(DataError, match=r"confidence: given 95; allowed is 0 to 1"):
            stats.mean_interval(0, 0, 5, 95)


class TestPValues:
    @given(hnp.arrays(np.int64, (2, 5), elements=st.integers(0, 300)))
    def test_sign_p_is_the_exact_binomial_test(self, counts):
        lost, gained = counts
        exact = [
            sps.binomtest(int(a), int(a + b)).pvalue if a + b else 1.0
            for a, b in zip(lost, gained, strict=True)
        ]
        np.testing.assert_allclose(stats.sign_p(lost, gained), exact, rtol=1e-9)

    def test_mean_zero_p_nears_the_exact_test_in_large_samples(self):
        lost, gained = np.array([5000, 5100, 0]), np.array([5000, 4900, 0])
        found = stats.mean_zero_p(lost - gained, lost + gained, 20000)
        np.testing.assert_allclose(found, stats.sign_p(lost, gained), atol=0.01)
        assert found[2] == 1

    def test_mean_zero_p_is_uniform_where_the_mean_is_zero(self):
        values, n = np.array([-2, -1, 0, 1, 2]), 2000
        counts = np.random.default_rng(0).multinomial(n, [0.02, 0.06, 0.84, 0.06, 0.02], 4000)
        p = stats.mean_zero_p(counts @ values, counts @ values**2, n)
        assert (p < 0.05).mean() == pytest.approx(0.05, abs=0.012)

    def test_mean_zero_p_refuses_impossible_sums(self):
        with pytest.raises(DataError, match=r"no 5 differences within \+-2"):
            stats.mean_zero_p(11, 22, 5)

    def test_benjamini_hochberg_by_hand_and_past_nan(self):
        found = stats.benjamini_hochberg([[0.01, np.nan], [0.04, 0.03]])
        np.testing.assert_allclose(found, [[0.03, np.nan], [0.04, 0.04]])
        assert np.isnan(stats.benjamini_hochberg([np.nan])).all()

    def test_benjamini_hochberg_leaves_what_it_is_given(self):
        p = np.array([0.01, 0.02])
        stats.benjamini_hochberg(p)
        assert p.tolist() == [0.01, 0.02]


class TestCorrelation:
    def data(self, n=400, seed=0):
        draw = np.random.default_rng(seed)
        x = draw.normal(size=n)
        return x, x + 2 * draw.normal(size=n)

    def test_is_scipys_and_fast(self):
        x, y = self.data()
        begun = time.process_time()
        found = stats.correlation(x, y)
        assert time.process_time() - begun < 2  # 0.1 s on an idle machine
        assert (found.pearson, found.pearson_p) == pytest.approx(tuple(sps.pearsonr(x, y)))
        assert (found.spearman, found.spearman_p) == pytest.approx(tuple(sps.spearmanr(x, y)))
        assert found.n == 400

    def test_each_resample_is_what_scipy_says_of_it(self):
        draw = np.random.default_rng(3)
        x, y = draw.integers(0, 6, 30) / 2, draw.normal(size=30)  # x with ties
        counts = _drawn(np.arange(30), 40, 0)
        pearson, spearman = _coefficients(x, y, counts)
        for i, count in enumerate(counts):
            one, other = np.repeat(x, count), np.repeat(y, count)
            assert pearson[i] == pytest.approx(sps.pearsonr(one, other).statistic)
            assert spearman[i] == pytest.approx(sps.spearmanr(one, other).statistic)

    def test_intervals_cover_the_planted_coefficient(self):
        planted = 1 / np.sqrt(5)
        found = [stats.correlation(*self.data(100, seed), resamples=300) for seed in range(150)]
        assert np.mean([f.pearson_low <= planted <= f.pearson_high for f in found]) > 0.88
        assert np.mean([f.pearson_high - f.pearson_low for f in found]) < 0.5

    def test_units_of_one_network_are_drawn_together(self):
        draw = np.random.default_rng(0)
        groups = np.repeat(np.arange(10), 20)
        x, y = (draw.normal(size=10)[groups] + 0.1 * draw.normal(size=200) for _ in range(2))
        single = stats.correlation(x, y)
        whole = stats.correlation(x, y, groups=groups)
        assert whole.pearson == single.pearson
        assert whole.pearson_high - whole.pearson_low > 2 * (
            single.pearson_high - single.pearson_low
        )

    def test_a_network_is_drawn_with_all_its_units(self):
        counts = _drawn(np.array([0, 1, 0, 2, 1]), 50, 0)
        assert (counts[:, 0] == counts[:, 2]).all()
        assert (counts[:, 1] == counts[:, 4]).all()
        assert (counts[:, [0, 1, 3]].sum(1) == 3).all()
        assert len(np.unique(counts, axis=0)) > 5

    def test_groups_of_one_unit_are_no_groups_and_names_will_do(self):
        x, y = self.data(30)
        names = np.array([f"{i:02}" for i in range(30)])
        assert stats.correlation(x, y, groups=names) == stats.correlation(x, y)

    def test_the_seed_decides(self):
        x, y = self.data(50)
        assert stats.correlation(x, y, seed=1) == stats.correlation(x, y, seed=1)
        assert stats.correlation(x, y, seed=1) != stats.correlation(x, y, seed=2)

    def test_a_constant_has_no_coefficient(self):
        found = stats.correlation(np.zeros(5), np.arange(5.0))
        assert np.isnan([found.pearson, found.spearman, found.pearson_low, found.spearman_p]).all()
        assert found.n == 5

    def test_constant_resamples_are_left_out(self):
        x, counts = np.array([0.1, 0.1, 0.1, 5]), np.array([[1, 1, 1, 0]])  # 3 * 0.1 / 3 is not 0.1
        assert np.isnan(_coefficients(x, np.arange(4.0), counts)).all()
        found = stats.correlation([0, 0, 0, 1], [0, 1, 2, 9])  # a third are constant
        assert np.isfinite([found.pearson_low, found.spearman_high]).all()

    @pytest.mark.parametrize(
        ("x", "y", "options", "words"),
        [
            ([1, 2, 3], [1, 2], {}, r"x, y: given shapes \(3,\) and \(2,\)"),
            ([1, 2], [1, 2], {}, "at least 3"),
            ([1, 2, np.nan], [1, 2, 3], {}, "1 of 3 pairs hold NaN or infinity.* number 2"),
            ([1, 2, 3], [1, 2, 4], {"groups": [0, 0, 0]}, "at least 2 different ones"),
            ([1, 2, 3], [1, 2, 4], {"groups": [0, 1]}, r"groups: given shape \(2,\)"),
            ([1, 2, 3], [1, 2, 4], {"resamples": 0}, "resamples, confidence: given 0"),
            ([1, 2, 3], [1, 2, 4], {"confidence": 95}, "given 2000 and 95"),
        ],
    )
    def test_refuses(self, x, y, options, words):
        with pytest.raises(DataError, match=words):
            stats.correlation(x, y, **options)


class TestDensity:
    @given(hnp.arrays(float, st.integers(1, 20), elements=st.floats(-1, 1)))
    def test_integrates_to_one_whatever_the_values(self, values):
        grid = np.linspace(-10, 10, 4001)
        found = stats.density(values, grid)
        assert (found >= 0).all()
        assert np.trapezoid(found, grid) == pytest.approx(1, abs=0.01)

    def test_is_scipys_where_the_grid_is_fine_enough(self):
        values = np.random.default_rng(0).normal(size=20)
        grid = np.linspace(-3, 3, 200)
        np.testing.assert_allclose(stats.density(values, grid), sps.gaussian_kde(values)(grid))

    def test_equal_values_are_a_spike_one_step_wide(self):
        grid = np.linspace(0, 1, 11)
        found = stats.density([0.5, 0.5, 0.5], grid)
        np.testing.assert_allclose(found, sps.norm.pdf(grid, 0.5, 0.1))

    @pytest.mark.parametrize("values", [[], [[1.0, 2.0]], [1.0, np.nan]])
    def test_refuses_values(self, values):
        with pytest.raises(DataError, match="values: given an array of shape"):
            stats.density(values, [0, 1])

    @pytest.mark.parametrize("grid", [[0], [1, 0], [[0, 1]]])
    def test_refuses_grids(self, grid):
        with pytest.raises(DataError, match="grid: allowed are two or more increasing points"):
            stats.density([0, 1], grid)


class TestChanges:
    @given(
        hnp.arrays(
            float,
            st.tuples(st.just(2), st.integers(1, 4), st.integers(9, 30)),
            elements=st.sampled_from([-1.0, -0.5, 0.0, 0.3, 1.0]),  # with many ties
        )
    )
    def test_are_scipys_row_by_row(self, both):
        before, after = both
        rows = list(zip(before, after, strict=True))
        ks = [sps.ks_2samp(a, b, method="asymp").statistic for a, b in rows]
        p = [sps.mannwhitneyu(a, b, alternative="two-sided").pvalue for a, b in rows]
        np.testing.assert_allclose(stats.ks_distance(before, after), ks, atol=1e-12)
        np.testing.assert_allclose(stats.mann_whitney_p(before, after), p, rtol=1e-9)

    def test_an_unchanged_unit_has_not_changed(self):
        weights = np.random.default_rng(0).normal(size=(3, 50))
        assert (stats.ks_distance(weights, weights) == 0).all()
        assert (stats.mann_whitney_p(weights, weights) == 1).all()

    def test_a_wider_distribution_is_seen_by_the_distance_only(self):
        weights = np.linspace(-1, 1, 101)[None]
        assert stats.ks_distance(weights, 10 * weights)[0] > 0.4
        assert stats.mann_whitney_p(weights, 10 * weights)[0] > 0.9

    @pytest.mark.parametrize("test", [stats.ks_distance, stats.mann_whitney_p])
    def test_refuse(self, test):
        rows = np.ones((2, 3))
        with pytest.raises(DataError, match=r"given shapes \(2, 3\) and \(3, 3\).*flatten"):
            test(rows, np.ones((3, 3)))
        with pytest.raises(DataError, match=r"given shapes \(3,\)"):
            test(rows[0], rows[0])
        with pytest.raises(DataError, match="some weights are NaN or infinite"):
            test(rows, rows * np.nan)


class TestShareInterval:
    def test_is_wilsons(self):
        for part, whole in [(0, 10), (1, 10), (5, 7), (7, 7), (300, 1000)]:
            found = stats.share_interval(part, whole)
            ends = sps.binomtest(part, whole).proportion_ci(method="wilson")
            assert (float(found.low), float(found.high)) == pytest.approx((ends.low, ends.high))
            assert float(found.low) <= part / whole <= float(found.high)

    def test_of_nothing_is_everything(self):
        found = stats.share_interval(0, 0)
        assert (float(found.low), float(found.high)) == (0, 1)

    def test_none_and_all_end_at_0_and_1(self):
        assert float(stats.share_interval(0, 16).low) == 0
        assert float(stats.share_interval(16, 16).high) == 1

    @pytest.mark.parametrize("counts", [(3, 2), (-1, 2)])
    def test_refuses_a_part_above_its_whole(self, counts):
        with pytest.raises(DataError, match="allowed are counts from 0 to the whole"):
            stats.share_interval(*counts)


class TestAgreement:
    """Whether predictions agree with labels more than by chance."""

    @given(seed=st.integers(0, 10**6), classes=st.integers(2, 6))
    @settings(max_examples=20, deadline=None)
    def test_chance_is_the_mean_over_shuffled_labels(self, seed, classes):
        random = np.random.default_rng(seed)
        label, prediction = random.integers(0, classes, (2, 60))
        label[:2] = 0, 1
        found = stats.agreement(prediction, label, classes)
        shuffled = [(random.permutation(label) == prediction).mean() for _ in range(2000)]
        assert abs(np.mean(shuffled) - found.by_chance) < 5 * np.std(shuffled) / np.sqrt(2000)
        assert found.p == pytest.approx(
            sps.binomtest(found.right, 60, found.by_chance, alternative="greater").pvalue
        )

    def test_an_unequal_share_of_classes_is_no_alarm(self):
        """Right on 90 of 95 and 4 of 5: below the larger share, and yet no chance."""
        label = np.repeat([0, 1], [95, 5])
        prediction = np.r_[np.repeat([0, 1], [90, 5]), np.repeat([1, 0], [4, 1])]
        found = stats.agreement(prediction, label, 2)
        assert (found.right, found.n) == (94, 100)
        assert found.p < 0.05

    def test_always_the_largest_class_is_chance(self):
        found = stats.agreement(np.zeros(100, int), np.repeat([0, 1], [95, 5]), 2)
        assert found.by_chance == pytest.approx(0.95)
        assert found.p > 0.5

    @pytest.mark.parametrize(("right", "alarm"), [(20, False), (0, True), (5, True)])
    def test_where_all_labels_are_of_one_class_all_outputs_are_as_likely(self, right, alarm):
        prediction = np.where(np.arange(20) < right, 3, 1)
        found = stats.agreement(prediction, np.full(20, 3), 4)
        assert found.by_chance == 0.25
        assert (found.p > 0.05) == alarm

    @pytest.mark.parametrize(("n", "enough"), [(2, False), (4, False), (8, True)])
    def test_of_few_examples_nothing_can_be_told(self, n, enough):
        label = np.arange(n) % 2
        assert stats.agreement(label, label, 2).can_tell == enough
