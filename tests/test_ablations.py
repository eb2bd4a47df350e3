"""Ablations and designs: what they take, what they refuse, and when two are equal."""

from itertools import combinations
from math import comb

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import lashley as la
from lashley.ablations import METHODS
from lashley.errors import AblationError, SiteError

SITE = la.Site("fc1", "hidden", 20, -1, ("relu1",))


@pytest.mark.parametrize(
    "units",
    [(3, 15), [15, 3], np.array([15, 3]), torch.tensor([3, 15]), {3, 15}, range(3, 16, 12),
     (3.0, 15.0), (np.int64(3), torch.tensor(15)), (u for u in (15, 3))],
)  # fmt: skip
def test_units_are_whole_numbers_in_any_form_kept_sorted(units):
    ablation = la.Ablation(SITE, units)
    assert ablation.units == (3, 15)
    assert {type(u) for u in ablation.units} == {int}
    assert ablation.label == "3,15"
    assert ablation.method == "silence"


@given(st.sets(st.integers(0, 19), min_size=1), st.randoms())
def test_the_order_in_which_units_are_named_does_not_matter(units, draw):
    order = list(units)
    draw.shuffle(order)
    one, other = la.Ablation(SITE, tuple(order)), la.Ablation(SITE, tuple(sorted(units)))
    assert one == other
    assert hash(one) == hash(other)
    assert [int(u) for u in one.label.split(",")] == sorted(units)


@pytest.mark.parametrize(
    ("units", "words"),
    [
        ((20,), r"given 20, which is out of range\. fc1 has the units 0 to 19, counted from 0"),
        ((3, -1), "given -1, which is out of range"),
        ((3, 15, 3), "3 is given twice. Name each unit once"),
        ((), r"given \(\); allowed is one index or more in a tuple, such as \(3,\)"),
        (3, r"given 3; allowed is one index or more in a tuple, such as \(3,\)\. fc1 has"),
        (np.int64(3), "allowed is one index or more in a tuple"),
        (None, "given None; allowed is one index or more"),
        ((0.5,), r"given \(0\.5,\); allowed are whole numbers, and no mask\. fc1 has the units 0"),
        ((float("nan"),), "allowed are whole numbers"),
        ((float("inf"),), "allowed are whole numbers"),
        ("3", "given '3'; allowed are whole numbers"),
        (("a",), "allowed are whole numbers"),
        (((1, 2),), "allowed are whole numbers"),
        ((None,), "allowed are whole numbers"),
        ((False, True), "no mask"),
        ((True,), "no mask"),
        (np.array([True, False]), "no mask"),
        (torch.tensor([True, False]), "no mask"),
    ],
)
def test_units_that_are_refused(units, words):
    with pytest.raises(AblationError, match=words):
        la.Ablation(SITE, units)


@pytest.mark.parametrize("method", ["average", "Silence", "", None])
def test_methods_that_are_not_there(method):
    with pytest.raises(
        AblationError, match=r"method: given .*; allowed are silence, .*, mean, res"
    ):
        la.Ablation(SITE, (3,), method)


@pytest.mark.parametrize("method", METHODS)
def test_a_site_need_not_describe_its_points(method):
    bare = la.Site("fc1", "hidden", 20, -1)
    assert la.Ablation(bare, (3,), method) == la.Ablation(SITE, (3,), method)


def test_two_ablations_are_equal_without_regard_to_their_design():
    one, other = la.Ablation(SITE, (3, 4)), la.pairs(SITE)[54]
    assert other.units == (3, 4)
    assert (one.design, other.design) == ("", "pairs")
    assert one == other
    assert len({one, other}) == 1
    different = [
        la.Ablation(SITE, (3,)), la.Ablation(SITE, (3, 4), "zero_weights"),
        la.Ablation(la.Site("fc2", "hidden", 20, -1, ("relu1",)), (3, 4)),
    ]  # fmt: skip
    assert len({one, *different}) == 4


def test_ablations_are_frozen():
    with pytest.raises(AttributeError):
        la.Ablation(SITE, (3,)).units = (4,)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("n", [2, 3, 20])
def test_singles_and_pairs_in_order(n, method):
    site = la.Site("fc1", "hidden", n, -1, ("relu1",))
    singles, pairs = la.singles(site, method), la.pairs(site, method)
    assert [a.units for a in singles] == [(u,) for u in range(n)]
    assert [a.units for a in pairs] == list(combinations(range(n), 2))
    assert len(pairs) == comb(n, 2)
    assert {a.design for a in singles} == {"singles"}
    assert {a.design for a in pairs} == {"pairs"}
    assert {a.method for a in [*singles, *pairs]} == {method}
    assert len({*singles, *pairs}) == n + comb(n, 2)


def test_silence_is_the_default_of_the_designs():
    assert {a.method for a in [*la.singles(SITE), *la.pairs(SITE)]} == {"silence"}


def test_a_pair_needs_two_units():
    site = la.Site("fc1", "hidden", 1, -1, ("relu1",))
    assert len(la.singles(site)) == 1
    with pytest.raises(AblationError, match=r"fc1 has 1 unit; two are needed\. Use singles"):
        la.pairs(site)


@pytest.mark.parametrize("make", [la.singles, la.pairs, lambda site: la.Ablation(site, (0,))])
def test_a_name_in_place_of_a_site_is_refused(make):
    with pytest.raises(SiteError, match=r"site: given 'fc1'.*la\.find_sites"):
        make("fc1")
