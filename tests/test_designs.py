"""Designs: which ablations they list, in which order, and what they refuse."""

import math
from collections import Counter
from dataclasses import replace
from fractions import Fraction
from itertools import combinations
from math import comb

import numpy as np
import pytest
import torch
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import lashley as la
from lashley.designs import group_size
from lashley.errors import AblationError, SiteError

SITE = la.Site("fc1", "hidden", 20, -1, ("relu1",))
MANY = la.Site("features.0", "filter", 512, -3)


def site_of(weights, name="a"):
    return la.Site(name, "hidden", len(weights), -1, weights=torch.as_tensor(weights))


def drawn(n, width=7, seed=0):
    return torch.randn(n, width, generator=torch.Generator().manual_seed(seed))


def units_of(cuts):
    return [cut.units for cut in cuts]


@pytest.mark.parametrize("method", ["silence", "zero_weights", "mean", "resample"])
@pytest.mark.parametrize("n", [2, 3, 20])
def test_singles_and_pairs_in_order(n, method):
    site = la.Site("fc1", "hidden", n, -1, ("relu1",))
    singles, pairs = la.singles(site, method), la.pairs(site, method)
    assert [a.units for a in singles] == [(u,) for u in range(n)]
    assert [a.units for a in pairs] == list(combinations(range(n), 2))
    assert len(pairs) == comb(n, 2)
    assert {a.design for a in singles} == {"singles"}
    assert {a.design for a in pairs} == {"pairs"}
    assert {str(a.method) for a in [*singles, *pairs]} == {method}
    assert len({*singles, *pairs}) == n + comb(n, 2)


def test_silence_is_the_default_of_the_designs():
    assert {str(a.method) for a in [*la.singles(SITE), *la.pairs(SITE)]} == {"silence"}


def test_a_pair_needs_two_units():
    site = la.Site("fc1", "hidden", 1, -1, ("relu1",))
    assert len(la.singles(site)) == 1
    with pytest.raises(AblationError, match=r"fc1 has 1 unit; two are needed\. Use singles"):
        la.pairs(site)


@pytest.mark.parametrize(
    "make",
    [la.singles, la.pairs, la.distances, lambda site: la.similar_groups(site, 0.1),
     lambda site: la.random_groups(site, 0.1), lambda site: la.cumulative(site, [0])],
)  # fmt: skip
def test_a_name_in_place_of_a_site_is_refused(make):
    with pytest.raises(SiteError, match=r"site: given 'fc1'.*la\.find_sites"):
        make("fc1")


class TestSize:
    @pytest.mark.parametrize(
        ("n", "proportion", "size"),
        [
            (64, 0.01, 1), (64, 0.05, 3), (64, 0.1, 6), (64, 0.25, 16), (512, 0.01, 5),
            (512, 0.05, 26), (512, 0.1, 51), (512, 0.25, 128), (128, 0.01, 1), (50, 0.05, 3),
            (50, 0.01, 1), (100, 0.285, 29), (100, 0.29, 29), (2, 1e-12, 1), (7, 1, 7),
            (50, np.float32(0.05), 3), (3, Fraction(1, 2), 2), (50, 0.049999999999999996, 3),
        ],
    )  # fmt: skip
    def test_at_least_one_else_rounded_half_up(self, n, proportion, size):
        assert group_size(n, proportion) == size

    @given(st.integers(1, 5000), st.integers(1, 1000))
    @settings(deadline=None)
    def test_is_that_of_the_decimal_fraction_as_it_is_written(self, n, thousandths):
        exact = Fraction(thousandths, 1000) * n
        assert group_size(n, thousandths / 1000) == max(1, math.floor(exact + Fraction(1, 2)))

    @pytest.mark.parametrize(
        "given_", [0, 0.0, -0.1, 1.0001, 10, math.nan, math.inf, True, np.True_, "0.1", None, [0.1]]
    )
    def test_proportions_that_are_none(self, given_):
        words = r"proportion: given .*; allowed are numbers above 0 and at most 1\. Write 10 %"
        for make in (la.similar_groups, la.random_groups):
            with pytest.raises(AblationError, match=words):
                make(site_of(drawn(9)), given_)
        with pytest.raises(AblationError, match=words):
            la.cumulative(SITE, range(20), proportions=[0.5, given_])

    @pytest.mark.parametrize(("n", "proportion"), [(9, 1), (9, 0.95), (1, 0.01)])
    def test_a_group_must_leave_a_unit(self, n, proportion):
        words = rf"given {proportion}, which is all {n} units of a and leaves nothing\. Take a sma"
        for make in (la.similar_groups, la.random_groups):
            with pytest.raises(AblationError, match=words):
                make(site_of(drawn(n)), proportion)


def naive_distance(one, other):
    """Between two lists of weights, each divided by its Euclidean norm."""
    one, other = ([x / (math.sqrt(sum(y * y for y in w)) or 1) for x in w] for w in (one, other))
    return math.sqrt(sum((x - y) ** 2 for x, y in zip(one, other, strict=True)))


def naive_group(weights, anchor, size):
    far = [naive_distance(w, weights[anchor]) for w in weights]
    others = sorted((u for u in range(len(weights)) if u != anchor), key=lambda u: (far[u], u))
    return tuple(sorted([anchor, *others[: size - 1]]))


class TestDistances:
    @given(st.integers(1, 12), st.integers(1, 9), st.integers(0, 10**6))
    @settings(deadline=None)
    def test_are_those_of_normalised_weights(self, n, width, seed):
        weights = drawn(n, width, seed)
        weights[::5] = 0
        found = la.distances(site_of(weights))
        assert (found.dtype, found.shape) == (torch.float64, (n, n))
        wanted = [[naive_distance(a, b) for b in weights.tolist()] for a in weights.tolist()]
        torch.testing.assert_close(found, torch.tensor(wanted, dtype=torch.float64))
        assert torch.equal(found, found.T)
        assert (found.diagonal() == 0).all()

    def test_of_equal_weights_are_equal_to_the_last_bit(self):
        weights = drawn(40, 1001)
        weights[31] = weights[3]
        weights[17] = 4 * weights[3]  # a power of two: equal when normalised
        found = la.distances(site_of(weights))
        assert found[3, 17] == found[3, 31] == found[17, 31] == 0
        assert torch.equal(found[3], found[17])
        assert torch.equal(found[3], found[31])

    def test_of_nearly_equal_weights_are_exact_too(self):
        weights = drawn(2, 50).double()
        weights[1] = weights[0] + 1e-9 * weights[1]
        wanted = naive_distance(*weights.tolist())
        assert la.distances(site_of(weights))[0, 1].item() == pytest.approx(wanted, rel=1e-5)

    def test_of_a_unit_without_weights_are_one(self):
        weights = drawn(5)
        weights[1:3] = 0
        found = la.distances(site_of(weights))
        assert found[1, 2] == 0
        torch.testing.assert_close(found[1, [0, 3, 4]], torch.ones(3, dtype=torch.float64))

    def test_opposite_weights_are_two_apart(self):
        found = la.distances(site_of([[1.0, 1.0], [-3.0, -3.0]]))
        torch.testing.assert_close(found[0, 1], torch.tensor(2.0, dtype=torch.float64))

    @pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
    def test_are_taken_in_float64_of_any_format(self, dtype):
        weights = drawn(6).to(dtype)
        found = la.distances(site_of(weights))
        assert torch.equal(found, la.distances(site_of(weights.double())))

    def test_do_not_touch_the_weights(self):
        weights = drawn(6).requires_grad_()
        before = weights.detach().clone()
        assert not la.distances(site_of(weights)).requires_grad
        assert torch.equal(weights, before)

    @pytest.mark.parametrize("make", [la.distances, lambda site: la.similar_groups(site, 0.5)])
    def test_heads_have_none(self, make):
        words = r"attend \(head\) has no incoming weights.*Use la\.random_groups for others"
        with pytest.raises(SiteError, match=words):
            make(la.Site("attend", "head", 4, -3))

    @pytest.mark.parametrize("bad", [math.nan, math.inf])
    def test_weights_must_be_finite(self, bad):
        weights = drawn(6)
        weights[2, 3] = bad
        with pytest.raises(SiteError, match=r"weights of a hold NaN or infinity; .* did not div"):
            la.distances(site_of(weights))


class TestSimilarGroups:
    @given(
        st.integers(2, 14), st.integers(1, 9), st.integers(0, 10**6),
        st.lists(st.tuples(st.integers(0, 13), st.integers(0, 13)), max_size=6),
        st.floats(0.01, 0.9),
    )  # fmt: skip
    def test_are_those_of_a_loop(self, n, width, seed, copies, proportion):
        weights = drawn(n, width, seed).double()
        for source, target in copies:
            weights[target % n] = weights[source % n]
        size = group_size(n, proportion)
        if size == n:
            return
        found = la.similar_groups(site_of(weights), proportion)
        assert units_of(found) == [naive_group(weights.tolist(), r, size) for r in range(n)]

    def test_say_of_what_they_are(self):
        found = la.similar_groups(site_of(drawn(9)), 0.25, "zero_weights")
        assert [c.columns for c in found] == [{"proportion": 0.25, "anchor": r} for r in range(9)]
        assert {(c.design, str(c.method), len(c.units)) for c in found} == {
            ("similar_groups", "zero_weights", 2)
        }
        assert {str(c.method) for c in la.similar_groups(site_of(drawn(9)), 0.25)} == {"silence"}

    def test_of_one_unit_are_the_anchors(self):
        found = la.similar_groups(site_of(torch.ones(20, 3)), 0.01)
        assert units_of(found) == [(u,) for u in range(20)]

    def test_of_equal_units_the_lower_index_goes_first_and_the_anchor_is_always_in(self):
        found = la.similar_groups(site_of(torch.ones(5, 3)), 0.6)
        assert units_of(found) == [(0, 1, 2), (0, 1, 2), (0, 1, 2), (0, 1, 3), (0, 1, 4)]

    @given(st.integers(0, 10**6), st.lists(st.floats(0.1, 50), min_size=11, max_size=11))
    @settings(deadline=None)
    def test_lengths_of_the_weights_do_not_matter(self, seed, factors):
        weights = drawn(11, 7, seed).double()
        scaled = weights * torch.tensor(factors, dtype=torch.float64)[:, None]
        one, other = (la.similar_groups(site_of(w), 0.3) for w in (weights, scaled))
        assert units_of(one) == units_of(other)

    def test_signs_do(self):
        weights = torch.tensor([[1.0, 0.1], [1.0, 0.2], [1.0, 0.5]])
        assert la.similar_groups(site_of(weights), 0.6)[0].units == (0, 1)
        weights[1] *= -1
        assert la.similar_groups(site_of(weights), 0.6)[0].units == (0, 2)

    @given(st.integers(0, 10**6), st.permutations(range(11)))
    @settings(deadline=None)
    def test_follow_the_units_where_these_are_renumbered(self, seed, places):
        weights = drawn(11, 7, seed)
        found = la.similar_groups(site_of(weights), 0.3)
        moved = la.similar_groups(site_of(weights[torch.tensor(places)]), 0.3)
        for place, reference in enumerate(places):
            assert {places[u] for u in moved[place].units} == set(found[reference].units)

    def test_larger_groups_hold_the_smaller_ones(self):
        site = site_of(drawn(40))
        few, more = la.similar_groups(site, 0.1), la.similar_groups(site, 0.25)
        for one, other in zip(few, more, strict=True):
            assert set(one.units) < set(other.units)

    def test_biases_do_not_matter(self):
        network = la.networks.mlp([12, 30, 5], bias=True, seed=0)
        examples = (torch.randn(3, 12), torch.arange(3))
        before = la.similar_groups(la.find_sites(network, examples)["fc1"], 0.2)
        nn.init.normal_(network.fc1.bias, std=100)
        after = la.similar_groups(la.find_sites(network, examples)["fc1"], 0.2)
        assert units_of(before) == units_of(after)

    def test_of_vgg_have_the_papers_sizes(self):
        network = la.networks.vgg19_bn(10, image_size=32, seed=0)
        sites = la.find_sites(network, (torch.randn(1, 3, 32, 32), torch.tensor([0])))
        first, last = sites["features.0"], sites["features.49"]
        sizes = [len(la.similar_groups(first, p)[0].units) for p in (0.01, 0.05, 0.1, 0.25)]
        assert sizes == [1, 3, 6, 16]
        found = la.similar_groups(last, 0.25)
        assert (len(found), {len(c.units) for c in found}) == (512, {128})


class TestRandomGroups:
    def test_are_sets_of_the_size_of_the_similar_ones(self):
        found = la.random_groups(MANY, 0.05, 30, 7, "zero_weights")
        assert {len(c.units) for c in found} == {26}
        assert [c.columns for c in found] == [
            {"proportion": 0.05, "seed": 7, "draw": d} for d in range(30)
        ]
        assert {(c.design, str(c.method)) for c in found} == {("random_groups", "zero_weights")}

    def test_need_no_weights(self):
        assert len(la.random_groups(la.Site("attend", "head", 4, -3), 0.5)) == 100

    def test_more_keep_the_first_ones(self):
        few, more = la.random_groups(MANY, 0.1, groups=5), la.random_groups(MANY, 0.1, groups=50)
        assert units_of(few) == units_of(more[:5])
        assert len(set(units_of(more))) == 50

    def test_another_seed_site_or_size_draws_others(self):
        given_ = [
            (MANY, 0.1, 0), (MANY, 0.1, 1), (MANY, 0.2, 0), (MANY, 0.1, 2**40),
            (replace(MANY, name="features.3"), 0.1, 0),
        ]  # fmt: skip
        firsts = [la.random_groups(s, p, 1, seed)[0].units for s, p, seed in given_]
        assert len({units[:10] for units in firsts}) == len(given_)

    def test_of_nearly_the_same_size_are_not_nearly_the_same(self):
        def shared(seed):
            few, more = (la.random_groups(MANY, size / 512, 1, seed)[0].units for size in (51, 52))
            return len(set(few) & set(more))

        mean = np.mean([shared(seed) for seed in range(40)])
        assert abs(mean - 51 * 52 / 512) < 1.5  # 5 standard errors

    @pytest.mark.parametrize("seed", range(3))
    def test_every_set_is_as_likely(self, seed):
        site = la.Site("a", "hidden", 5, -1)
        counts = Counter(units_of(la.random_groups(site, 0.4, 5000, seed)))
        assert set(counts) == set(combinations(range(5), 2))
        chi2 = sum((n - 500) ** 2 / 500 for n in counts.values())
        assert 1.15 < chi2 < 27.9  # 9 degrees of freedom: p of 0.999 and 0.001

    def test_do_not_touch_torchs_generator(self):
        before = torch.get_rng_state()
        la.random_groups(MANY, 0.1)
        assert torch.equal(torch.get_rng_state(), before)

    @pytest.mark.parametrize(
        ("name", "value", "lowest"),
        [("groups", 0, 1), ("groups", 2.0, 1), ("groups", True, 1), ("groups", "5", 1),
         ("seed", -1, 0), ("seed", 0.5, 0), ("seed", None, 0), ("seed", 2**63, 0)],
    )  # fmt: skip
    def test_numbers_that_are_refused(self, name, value, lowest):
        words = rf"{name}: given {value!r}; allowed are whole numbers from {lowest}, below 2\*\*63"
        with pytest.raises(AblationError, match=words):
            la.random_groups(MANY, 0.1, **{name: value})


class TestCumulative:
    ORDER = (7, 3, 15, 0)

    def test_takes_one_unit_more_each_time(self):
        found = la.cumulative(SITE, self.ORDER, "mean")
        assert [set(c.units) for c in found] == [{7}, {7, 3}, {7, 3, 15}, {7, 3, 15, 0}]
        assert [c.columns for c in found] == [{"proportion": k / 20} for k in (1, 2, 3, 4)]
        assert {(c.design, str(c.method)) for c in found} == {("cumulative", "mean")}

    @given(st.permutations(range(20)), st.integers(1, 20))
    @settings(deadline=None)
    def test_each_step_holds_the_one_before(self, order, length):
        found = la.cumulative(SITE, order[:length])
        assert [len(c.units) for c in found] == list(range(1, length + 1))
        for k, cut in enumerate(found, 1):
            assert set(cut.units) == set(order[:k])

    def test_the_steps_nearest_to_proportions(self):
        found = la.cumulative(SITE, range(19, -1, -1), proportions=[0.5, 0.01, 0.02, 0.075, 1])
        assert [len(c.units) for c in found] == [1, 2, 10, 20]
        assert [c.columns["proportion"] for c in found] == [0.05, 0.1, 0.5, 1]
        assert found[1].units == (18, 19)

    @pytest.mark.parametrize(
        "order",
        [list(ORDER), np.array(ORDER), torch.tensor(ORDER), xr.DataArray(np.array(ORDER)),
         np.array(ORDER, float)],
    )  # fmt: skip
    def test_an_order_may_have_any_form(self, order):
        assert units_of(la.cumulative(SITE, order)) == units_of(la.cumulative(SITE, self.ORDER))

    @pytest.mark.parametrize("order", [{3, 7}, {3: 7}, (u for u in (3, 7)), 3, None])
    def test_what_has_no_order_is_refused(self, order):
        with pytest.raises(AblationError, match=r"order: given .*, which has no first unit; allow"):
            la.cumulative(SITE, order)

    @pytest.mark.parametrize(
        ("order", "words"),
        [
            ((3, 20), r"order: units: given 20, which is out of range\. fc1 has the units 0 to 19"),
            ((3, 3), "order: units: 3 is given twice"),
            ([], r"order: units: given \[\]; allowed is one index or more"),
            ("37", "order: units: given '37'; allowed are whole numbers"),
            (np.arange(20) > 5, "not a mask"),
        ],
    )
    def test_units_that_are_refused(self, order, words):
        with pytest.raises(AblationError, match=words):
            la.cumulative(SITE, order)

    @pytest.mark.parametrize("given_", [0.5, "0.5", 3])
    def test_proportions_come_in_a_list(self, given_):
        with pytest.raises(AblationError, match=r"proportions: given .*in a list, such as \[0\.1"):
            la.cumulative(SITE, self.ORDER, proportions=given_)

    @pytest.mark.parametrize(
        ("given_", "what"), [([0.1, 0.25], "5 units of fc1"), ([], "no step"), ([1], "20 units")]
    )
    def test_the_order_must_be_long_enough(self, given_, what):
        words = rf"proportions: given {what}.*of the 4 units in the order\. List more units"
        with pytest.raises(AblationError, match=words):
            la.cumulative(SITE, self.ORDER, proportions=given_)
