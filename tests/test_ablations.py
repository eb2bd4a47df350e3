"""Ablations: what they take, what they refuse, and when two are equal."""

import copy
import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import lashley as la
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
    assert ablation.method == la.methods.Silence()


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
        ((0.5,), r"given \(0\.5,\); allowed are whole numbers, not a mask\. fc1 has the units 0"),
        ((float("nan"),), "allowed are whole numbers"),
        ((float("inf"),), "allowed are whole numbers"),
        ("3", "given '3'; allowed are whole numbers"),
        (("a",), "allowed are whole numbers"),
        (((1, 2),), "allowed are whole numbers"),
        ((None,), "allowed are whole numbers"),
        ((False, True), "not a mask"),
        ((True,), "not a mask"),
        (np.array([True, False]), "not a mask"),
        (torch.tensor([True, False]), "not a mask"),
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


@pytest.mark.parametrize("method", ["silence", "zero_weights", "mean", "resample"])
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


class TestColumns:
    def test_are_numbers_by_name_that_no_one_changes(self):
        given = {"proportion": np.float32(0.5), "reference": np.int64(3), "draw": -1}
        ablation = la.Ablation(SITE, (3,), columns=given)
        given["draw"] = 7
        assert ablation.columns == {"proportion": 0.5, "reference": 3, "draw": -1}
        assert [type(v) for v in ablation.columns.values()] == [float, int, int]
        with pytest.raises(TypeError):
            ablation.columns["draw"] = 7

    def test_two_ablations_are_equal_without_regard_to_them(self):
        one, other = la.Ablation(SITE, (3,)), la.Ablation(SITE, (3,), columns={"draw": 1})
        assert one == other
        assert len({one, other}) == 1
        assert not one.columns

    @pytest.mark.parametrize(
        "twin_of", [copy.copy, copy.deepcopy, replace, lambda a: pickle.loads(pickle.dumps(a))]
    )
    def test_survive_copies_and_pickles(self, twin_of):
        site = replace(SITE, weights=torch.randn(20, 3))
        ablation = la.Ablation(site, (15, 3), "mean", "mine", {"draw": 1})
        twin = twin_of(ablation)
        assert twin == ablation
        assert (twin.design, twin.columns) == ("mine", {"draw": 1})
        assert torch.equal(twin.site.weights, site.weights)

    @pytest.mark.parametrize("given", [[("draw", 1)], None, 3, "draw"])
    def test_without_names_are_refused(self, given):
        with pytest.raises(AblationError, match=r"columns: given .*; allowed are numbers by name"):
            la.Ablation(SITE, (3,), columns=given)

    @pytest.mark.parametrize(
        "name", ["units", "label", "loss", "n_examples", "intact_x", "overall_x", "a b", "", 3]
    )
    def test_of_other_names_are_refused(self, name):
        words = r"columns: given the name .*; allowed are letters.*Choose another name"
        with pytest.raises(AblationError, match=words):
            la.Ablation(SITE, (3,), columns={name: 1})

    @pytest.mark.parametrize("value", [True, np.True_, "1", None, 2**63, 1j, (1,)])
    def test_that_are_no_numbers_are_refused(self, value):
        words = r"columns: given .* as 'draw'; allowed are real numbers, and whole numbers of 64"
        with pytest.raises(AblationError, match=words):
            la.Ablation(SITE, (3,), columns={"draw": value})


def test_a_name_in_place_of_a_site_is_refused():
    with pytest.raises(SiteError, match=r"site: given 'fc1'.*la\.find_sites"):
        la.Ablation("fc1", (0,))
