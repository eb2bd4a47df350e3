"""Effects and interactions: counted by hand, by a slow loop, and on the paper's own network."""

import json

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as sps

import lashley as la
from lashley import outcomes as schema
from lashley import stats
from lashley.ablations import Ablation
from lashley.errors import OutcomesError
from lashley.sites import Site

from real_data import SHARED

SITE = Site("fc1", "hidden", 4, -1, ("relu1",))


def planted(ranks, intact, labels, sets, classes=2):
    """Outcomes with these ranks; predictions do not matter for effects."""
    ranks, intact = np.asarray(ranks, np.uint8), np.asarray(intact, np.uint8)
    arrays = {"rank": ranks, "prediction": ranks, "intact_rank": intact,
              "intact_prediction": intact, "label": np.asarray(labels, np.uint8)}  # fmt: skip
    cuts = [Ablation(SITE, units) for units in sets]
    return schema.assemble(cuts, arrays, [str(c) for c in range(classes)], {})


def test_lost_and_gained_are_counted_apart_and_by_class():
    outcomes = planted([[1, 0, 0, 1, 0, 0]], [0, 1, 0, 0, 0, 1], [0, 0, 0, 1, 1, 1], [(0,)])
    effects = la.effects(outcomes)
    assert effects["lost"].values.tolist() == [[1, 1]]
    assert effects["gained"].values.tolist() == [[1, 1]]
    assert effects["total"].values.tolist() == [3, 3]
    assert effects["intact_correct"].values.tolist() == [2, 2]
    assert effects["overall_drop_pp"].values.tolist() == [0]
    assert float(effects["overall_p"][0]) == 1
    one = la.effects(outcomes.isel(example=[0, 2, 3, 4]))
    assert one["drop_pp"].values.tolist() == [[50, 50]]
    assert one["overall_drop_pp"].values.tolist() == [50]


@given(seed=st.integers(0, 10**6))
@settings(max_examples=25, deadline=None)
def test_false_positives_equal_a_slow_loop(seed):
    """By predictions, whatever `top` is; a prediction of no named class counts nowhere."""
    random = np.random.default_rng(seed)
    labels, intact = random.integers(0, 3, (2, 40))
    predictions = random.integers(0, 5, (4, 40))
    outcomes = planted(predictions, intact, labels, [(u,) for u in range(4)], classes=3)
    ranks = (outcomes["prediction"] != outcomes["label"]).astype("u1")
    outcomes = outcomes.assign(rank=ranks, intact_prediction=("example", intact.astype("u1")))
    for top in (1, 2):
        effects = la.effects(outcomes, top)
        for c in range(3):
            for a in range(4):
                count = sum(
                    p == c != label for p, label in zip(predictions[a], labels, strict=True)
                )
                assert effects["false_positives"].values[a, c] == count
            count = sum(p == c != label for p, label in zip(intact, labels, strict=True))
            assert effects["intact_false_positives"].values[c] == count
    right = (predictions == labels).sum(1)
    beyond = (predictions > 2).sum(1)
    total = la.effects(outcomes)["false_positives"].values.sum(1)
    assert (total + right + beyond == 40).all()


def test_a_class_that_all_others_fall_into_shows():
    outcomes = planted([[1, 0, 1, 1]], [0, 0, 0, 0], [0, 1, 2, 1], [(0,)], classes=3)
    outcomes = outcomes.assign(
        prediction=(("ablation", "example"), np.array([[1, 1, 1, 1]], np.uint8)),
        intact_prediction=("example", np.array([0, 1, 2, 1], np.uint8)),
    )
    effects = la.effects(outcomes)
    assert effects["false_positives"].values.tolist() == [[0, 2, 0]]
    assert effects["intact_false_positives"].values.tolist() == [0, 0, 0]
    assert effects["false_positives"].attrs["units"] == "examples"


def test_top_counts_the_true_class_among_the_largest():
    outcomes = planted([[2, 1]], [0, 0], [0, 1], [(0,)], classes=3)
    outcomes = outcomes.isel({"class": slice(0, 3)})
    with np.errstate(all="ignore"):
        assert la.effects(outcomes.isel({"class": [0, 1]}), top=2)["lost"].values.tolist() == [
            [1, 0]
        ]


@given(seed=st.integers(0, 10**6), n=st.integers(10, 60))
@settings(max_examples=40, deadline=None)
def test_effects_equal_a_slow_loop(seed, n):
    random = np.random.default_rng(seed)
    labels = np.concatenate([np.arange(3), random.integers(0, 3, n - 3)])
    ranks, intact = random.integers(0, 3, (4, n)), random.integers(0, 3, n)
    outcomes = planted(ranks, intact, labels, [(0,), (1,), (2,), (3,)], classes=3)
    effects = la.effects(outcomes)
    for a in range(4):
        for c in range(3):
            mine = [(intact[i] == 0, ranks[a, i] == 0) for i in range(n) if labels[i] == c]
            lost, gained = mine.count((True, False)), mine.count((False, True))
            assert effects["lost"].values[a, c] == lost
            assert effects["gained"].values[a, c] == gained
            assert effects["drop_pp"].values[a, c] == pytest.approx(
                100 * (lost - gained) / len(mine)
            )
    low, high = effects["drop_low_pp"].values, effects["drop_high_pp"].values
    assert ((low <= effects["drop_pp"]) & (effects["drop_pp"] <= high) & (low < high)).all()
    assert (np.abs([low, high]) <= 100).all()
    p, adjusted = effects["overall_p"].values, effects["overall_p_adjusted"].values
    assert (adjusted >= p).all()


@given(seed=st.integers(0, 10**6))
@settings(max_examples=30, deadline=None)
def test_interactions_equal_a_slow_loop(seed):
    random = np.random.default_rng(seed)
    n = 30
    labels = np.concatenate([np.arange(2), random.integers(0, 2, n - 2)])
    ranks, intact = random.integers(0, 2, (4, n)), random.integers(0, 2, n)
    outcomes = planted(ranks, intact, labels, [(0,), (1,), (2,), (0, 2)])
    found = la.interactions(outcomes.isel(ablation=[0, 1, 2]), outcomes.isel(ablation=[3]))
    wrong = (ranks != 0).sum(1) - (intact != 0).sum()
    excess = wrong[3] - wrong[0] - wrong[2]
    assert int(found["excess"][0]) == excess
    assert bool(found["super_additive"][0]) == (excess > 0)
    assert float(found["excess_pp"][0]) == pytest.approx(100 * excess / n)
    assert float(found["drop_pp"][0] - found["sum_pp"][0]) == pytest.approx(100 * excess / n)
    assert found["excess_low_pp"][0] <= found["excess_pp"][0] <= found["excess_high_pp"][0]
    only = (ranks[0] == 0) & (ranks[2] == 0) & (ranks[3] != 0)
    assert found["only_pair"].values[0].tolist() == [(only & (labels == c)).sum() for c in (0, 1)]
    assert found["only_pair_lost"].values.sum() == (only & (intact == 0)).sum()
    assert (int(found["unit_a"][0]), int(found["unit_b"][0])) == (0, 2)


def test_a_tidy_table_has_a_row_per_ablation_and_class():
    outcomes = planted([[0, 1], [1, 1]], [0, 0], [0, 1], [(0,), (1, 2)])
    table = la.effects(outcomes).to_dataframe()
    assert len(table) == 4
    assert set(table["units"]) == {"0", "1,2"}


def test_bad_input_is_refused():
    outcomes = planted([[0, 1], [1, 1], [1, 1]], [0, 0], [0, 1], [(0,), (1,), (0, 1)])
    singles, pairs = outcomes.isel(ablation=[0, 1]), outcomes.isel(ablation=[2])
    with pytest.raises(OutcomesError, match="top: given 3; allowed are the whole numbers 1 to 2"):
        la.effects(outcomes, top=3)
    with pytest.raises(OutcomesError, match=r"unit 1 of fc1 by silence is missing.*la\.singles"):
        la.interactions(singles.isel(ablation=[0]), pairs)
    with pytest.raises(OutcomesError, match="an ablation has 1 units; allowed are two"):
        la.interactions(singles, singles)
    with pytest.raises(OutcomesError, match="label differs between singles and pairs"):
        la.interactions(singles, pairs.assign(label=1 - pairs["label"]))
    with pytest.raises(OutcomesError, match=r"network_fingerprint differs.*Evaluate both together"):
        la.interactions(singles, pairs.assign_attrs(network_fingerprint="another"))
    with pytest.raises(OutcomesError, match="pairs: there are none"):
        la.interactions(singles, pairs.isel(ablation=[]))
    with pytest.raises(OutcomesError, match="some were not measured"):
        la.effects(outcomes.assign(rank=outcomes["rank"].where(False, 255).astype("uint8")))


@given(seed=st.integers(0, 10**6))
@settings(max_examples=20, deadline=None)
def test_effects_do_not_depend_on_the_parts_that_are_looked_at_together(seed):
    random = np.random.default_rng(seed)
    outcomes = planted(random.integers(0, 3, (5, 40)), random.integers(0, 3, 40),
                       np.arange(40) % 3, [(0,), (1,), (2,), (3,), (0, 1)], classes=3)  # fmt: skip
    whole = la.effects(outcomes)
    outcomes["rank"].encoding["chunks"] = tuple(random.integers(1, 12, 2).tolist())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lashley.outcomes.schema._CELLS", int(random.integers(1, 60)))
        assert la.effects(outcomes).identical(whole)


class TestToAPrecision:
    """Each ablation is seen by as many examples as it needs."""

    @pytest.fixture
    def outcomes(self):
        random = np.random.default_rng(3)
        ranks, intact = random.integers(0, 2, (3, 60)), random.integers(0, 2, 60)
        order, needed = random.permutation(60), np.array([20, 60, 7])
        for row, n in enumerate(needed):
            ranks[row, order[n:]] = 255
        intact[order[58:]] = 255  # whether or not the intact network saw all examples
        ranks[1, order[58:]] = 255
        found = planted(ranks, intact, np.arange(60) % 2, [(0,), (1,), (2,)])
        return found.assign_attrs(precision=0.5).assign_coords(
            n_examples=("ablation", np.minimum(needed, 58)), position=("example", np.argsort(order))
        )

    def test_counts_are_over_the_examples_that_were_seen(self, outcomes):
        effects = la.effects(outcomes)
        label = outcomes["label"].values
        for a, ranks in enumerate(outcomes["rank"].values):
            seen = ranks != 255
            alone = planted(ranks[None, seen], outcomes["intact_rank"].values[seen], label[seen],
                            [(0,)])  # fmt: skip
            expected = la.effects(alone)
            for name in ("drop_pp", "drop_low_pp", "drop_high_pp", "lost", "gained"):
                np.testing.assert_allclose(effects[name][a], expected[name][0])
            for name in ("overall_drop_pp", "overall_lost", "overall_gained"):
                assert float(effects[name][a]) == float(expected[name][0])
            assert effects["seen"][a].values.tolist() == expected["total"].values.tolist()
            own = outcomes.isel(ablation=[a], example=np.flatnonzero(seen))
            own = own.assign(prediction=own["rank"])
            of_seen = la.effects(own.drop_vars(["position", "n_examples"], errors="ignore"))
            found = la.effects(outcomes.assign(prediction=outcomes["rank"]))["false_positives"][a]
            assert found.values.tolist() == of_seen["false_positives"][0].values.tolist()
        assert effects["overall_seen"].values.tolist() == [20, 58, 7]
        assert effects["n_examples"].values.tolist() == [20, 58, 7]
        assert int(effects["overall_total"]) == effects["total"].values.sum() == 58
        right = (outcomes["intact_rank"].values == 0).sum()
        assert int(effects["overall_intact_correct"]) == effects["intact_correct"].sum() == right

    def test_the_interval_holds_at_any_stopping_time_and_there_is_no_p(self, outcomes):
        effects = la.effects(outcomes)
        interval = stats.confidence_sequence(
            effects["overall_lost"].values, effects["overall_gained"].values, [20, 58, 7]
        )
        np.testing.assert_allclose(effects["overall_drop_low_pp"], 100 * interval.low)
        np.testing.assert_allclose(effects["overall_drop_high_pp"], 100 * interval.high)
        assert not [name for name in effects if name.startswith("overall_p")]

    def test_of_a_class_that_was_not_seen_nothing_is_known(self, outcomes):
        rank = outcomes["rank"].where((outcomes.label == 0) | (outcomes.units != "2"), 255)
        effects = la.effects(outcomes.assign(rank=rank.astype("u1")))
        assert np.isnan(effects["drop_pp"][2, 1])
        assert (effects["drop_low_pp"][2, 1], effects["drop_high_pp"][2, 1]) == (-100, 100)

    def test_interactions_need_all_examples(self, outcomes):
        with pytest.raises(OutcomesError, match="some were not measured"):
            la.interactions(outcomes, outcomes)


def measured(values, intact, labels=None, classes=0):
    """Outcomes of a readout `loss`."""
    arrays = {"loss": np.asarray(values, np.float32), "intact_loss": np.asarray(intact, np.float32)}
    if classes:
        arrays["label"] = np.asarray(labels, np.uint8)
    cuts = [Ablation(SITE, (u,)) for u in range(len(values))]
    return schema.assemble(cuts, arrays, [str(c) for c in range(classes)], {"readout": "loss"})


def singles_and_pairs(classes=0):
    """Losses of three units alone, and of two pairs of them."""
    random = np.random.default_rng(3)
    values, intact = random.normal(size=(5, 40)), random.normal(size=40)
    labels = random.integers(0, classes, 40) if classes else None
    arrays = {"loss": values, "intact_loss": intact}
    arrays |= {"label": labels.astype(np.uint8)} if classes else {}
    cuts = [Ablation(SITE, units) for units in ((0,), (1,), (2,), (0, 2), (1, 2))]
    found = schema.assemble(cuts, arrays, [str(c) for c in range(classes)], {"readout": "loss"})
    return found.isel(ablation=[0, 1, 2]), found.isel(ablation=[3, 4])


class TestGroups:
    """Groups of examples stand where classes do."""

    def test_of_a_classification_they_count_as_labels_would(self):
        random = np.random.default_rng(0)
        labels, kinds = random.integers(0, 3, (2, 60))
        ranks, intact = random.integers(0, 3, (4, 60)), random.integers(0, 3, 60)
        sets = [(0,), (1,), (0, 1), (2,)]
        outcomes = planted(ranks, intact, labels, sets, classes=3)
        relabelled = planted(ranks, intact, kinds, sets, classes=3)
        texts = np.array(["b", "a", "c"])[kinds]
        for made in (la.effects, la.mean_effect, lambda o, **how: la.interactions(
                o.isel(ablation=[0, 1]), o.isel(ablation=[2]), **how)):  # fmt: skip
            expected = made(relabelled).drop_vars(
                ["false_positives", "intact_false_positives"], errors="ignore")  # fmt: skip
            xr.testing.assert_equal(made(outcomes, groups=kinds), expected)
            found = made(outcomes, groups=texts)
            assert found["class"].values.tolist() == ["a", "b", "c"]
            xr.testing.assert_equal(
                found.isel({"class": [1, 0, 2]}).drop_vars("class"), expected.drop_vars("class")
            )
        assert la.effects(outcomes, top=3, groups=np.zeros(60, int)).attrs["top"] == 3

    def test_of_any_readout(self):
        values, intact = np.random.default_rng(1).normal(size=(2, 6)), np.zeros(6)
        found = la.effects(measured(values, intact), groups=["x", "y", "x", "x", "y", "y"])
        assert found["class"].values.tolist() == ["x", "y"]
        mean = values.astype("f4")[:, [0, 2, 3]].mean(1)
        assert found["loss_change"].values[:, 0] == pytest.approx(mean)
        assert found["total"].values.tolist() == [3, 3]

    def test_go_with_the_examples(self):
        values, intact = np.random.default_rng(2).normal(size=(2, 6)), np.zeros(6)
        groups, order = np.array([0, 0, 1, 1, 2, 2]), np.array([3, 1, 5, 0, 4, 2])
        outcomes = measured(values, intact)
        again = la.effects(outcomes.isel(example=order), groups=groups[order])
        xr.testing.assert_allclose(again, la.effects(outcomes, groups=groups))

    @pytest.mark.parametrize("groups", [[0.5] * 6, [0, 1], [[0] * 6], [None] * 6, "abcdef"])
    def test_what_is_refused(self, groups):
        outcomes = measured(np.zeros((1, 6)), np.zeros(6))
        for made in (la.effects, la.mean_effect):
            with pytest.raises(OutcomesError, match=r"groups: given .*whole number or a text"):
                made(outcomes, groups=groups)


class TestOtherReadouts:
    @pytest.mark.parametrize("classes", [0, 3])
    def test_interactions_equal_a_slow_loop(self, classes):
        singles, pairs = singles_and_pairs(classes)
        found = la.interactions(singles, pairs)
        intact = pairs["intact_loss"].values
        for row, (a, b) in enumerate([(0, 2), (1, 2)]):
            one, other = (singles["loss"].values[u] - intact for u in (a, b))
            both = pairs["loss"].values[row] - intact
            assert float(found["loss_change"][row]) == pytest.approx(both.mean())
            assert float(found["loss_sum"][row]) == pytest.approx(one.mean() + other.mean())
            excess = both - one - other
            t = sps.ttest_1samp(excess, 0).confidence_interval()
            ends = [float(found[f"loss_excess{end}"][row]) for end in ("", "_low", "_high")]
            assert ends == pytest.approx([excess.mean(), t.low, t.high])
            z = excess.sum() / np.sqrt(np.square(excess).sum())
            assert float(found["loss_excess_p"][row]) == pytest.approx(2 * sps.norm.sf(abs(z)))
            for c in range(classes):
                mine = excess[pairs["label"].values == c]
                t = sps.ttest_1samp(mine, 0).confidence_interval()
                ends = [float(found[f"class_loss_excess{end}"][row, c])
                        for end in ("", "_low", "_high")]  # fmt: skip
                assert ends == pytest.approx([mine.mean(), t.low, t.high])
        assert found["unit_b"].values.tolist() == [2, 2]
        assert ("class_loss_excess" in found) == bool(classes)
        assert (found["loss_excess_p_adjusted"] >= found["loss_excess_p"]).all()

    def test_changes_equal_a_slow_loop(self):
        random = np.random.default_rng(0)
        values, intact = random.normal(size=(4, 50)), random.normal(size=50)
        labels = np.arange(50) % 3
        outcomes = measured(values, intact, labels, classes=3)
        effects = la.effects(outcomes)
        change = outcomes["loss"].values.astype(float) - outcomes["intact_loss"].values
        for a in range(4):
            t = sps.ttest_1samp(change[a], 0).confidence_interval()
            assert float(effects["overall_loss_change"][a]) == pytest.approx(change[a].mean())
            assert float(effects["overall_loss_change_low"][a]) == pytest.approx(t.low)
            assert float(effects["overall_loss_change_high"][a]) == pytest.approx(t.high)
            for c in range(3):
                mine = change[a, labels == c]
                t = sps.ttest_1samp(mine, 0).confidence_interval()
                assert float(effects["loss_change"][a, c]) == pytest.approx(mine.mean())
                assert float(effects["loss_change_low"][a, c]) == pytest.approx(t.low)
                assert float(effects["loss_change_high"][a, c]) == pytest.approx(t.high)
        assert effects["total"].values.tolist() == [17, 17, 16]
        p, adjusted = (effects[f"overall_loss_change_{n}"].values for n in ("p", "p_adjusted"))
        z = change.sum(1) / np.sqrt(np.square(change).sum(1))
        np.testing.assert_allclose(p, 2 * sps.norm.sf(np.abs(z)))
        assert (adjusted >= p).all()
        outcomes["loss"].encoding["chunks"] = (3, 7)
        xr.testing.assert_allclose(la.effects(outcomes), effects)

    def test_without_classes_there_is_the_overall_change(self):
        effects = la.effects(measured([[1, 2, 4]], [1, 1, 1]))
        assert float(effects["overall_loss_change"][0]) == pytest.approx(4 / 3)
        assert int(effects["overall_total"]) == 3
        assert set(effects.dims) == {"ablation"}
        assert effects["overall_loss_change_p"].values[0] < 1

    def test_whole_numbers_and_truth_values_count(self):
        arrays = {"hits": np.array([[3, 5]]), "intact_hits": np.array([4, 1]),
                  "agrees": np.array([[0, 1]], np.uint8),
                  "intact_agrees": np.array([1, 1], np.uint8)}  # fmt: skip
        outcomes = schema.assemble([Ablation(SITE, (0,))], arrays, (), {"readout": "mine"})
        effects = la.effects(outcomes)
        assert float(effects["overall_hits_change"][0]) == 1.5
        assert float(effects["overall_agrees_change"][0]) == -0.5

    def test_what_is_refused(self):
        outcomes = measured([[1, 2], [3, 4]], [1, 1])
        with pytest.raises(OutcomesError, match=r"top: given 5, but 'loss' measures no ranks"):
            la.effects(outcomes, top=5)
        singles, pairs = singles_and_pairs()
        with pytest.raises(OutcomesError, match=r"top: given 5, but 'loss' measures no ranks"):
            la.interactions(*singles_and_pairs(), top=5)
        other = singles.rename(loss="margin", intact_loss="intact_margin")
        with pytest.raises(OutcomesError, match="singles have margin, pairs loss"):
            la.interactions(other, pairs)


@pytest.fixture
def replay(mnist_data):
    """Outcomes of the authors' network: on clean digits, and as they were published."""
    network, _ = la.networks.authors_mlp()
    test = la.data.mnist("test")
    site = la.find_sites(network, test)["fc1"]
    cuts = [*la.singles(site, "zero_weights"), *la.pairs(site, "zero_weights")]
    clean = la.evaluate(network, test, cuts)
    published = la.evaluate(network, la.data.binarised(test), cuts)
    intact = {name: clean[name] for name in ("intact_rank", "intact_prediction")}
    return {"clean": clean, "published": published.assign(intact)}


def test_the_papers_numbers_are_reproduced_to_the_digit(replay):
    expected = SHARED / "paper" / "expected.json"
    if not expected.is_file():
        pytest.skip(f"the expected drops are not here: {expected}")
    drops = json.loads(expected.read_text())["single_drop_pp"]
    facts = {
        "clean": (47, "4,9", 12.70, 68.14, 9.72, 48.85, [5.83, 4.82, 4.37]),
        "published": (27, "3,15", 12.96, 63.55, 12.96, 52.45, [5.16, 3.14, 0.45]),
    }
    for name, outcomes in replay.items():
        effects = la.effects(outcomes)
        pairs = outcomes["design"].values == "pairs"
        found = la.interactions(outcomes.isel(ablation=~pairs), outcomes.isel(ablation=pairs))
        at = {units: i for i, units in enumerate(effects["units"].values)}
        strongest = int(np.argmax(found["excess"].values))
        more, best, excess, drop, its_excess, only, gains = facts[name]
        assert effects["overall_drop_pp"].values[:20].round(2).tolist() == drops[name]
        assert int(found["super_additive"].sum()) == more
        assert str(found["units"].values[strongest]) == best
        assert float(found["excess_pp"][strongest]) == pytest.approx(excess, abs=0.005)
        assert float(effects["overall_drop_pp"][at["3,15"]]) == pytest.approx(drop, abs=0.005)
        assert float(found["excess_pp"][at["3,15"] - 20]) == pytest.approx(its_excess, abs=0.005)
        share = found["only_pair"][at["11,18"] - 20, 6] / found["intact_correct"][6]
        assert 100 * float(share) == pytest.approx(only, abs=0.005)
        for units, gain in zip(("4,9", "4", "9"), gains, strict=True):
            assert -float(effects["drop_pp"][at[units], 5]) == pytest.approx(gain, abs=0.005)


def test_measuring_ablated_networks_on_changed_data_invents_drops_of_dead_units(replay):
    """The paper's mistake: dead units seem to cost 1.4 pp."""
    for name, seeming in (("clean", 0.0), ("published", 1.44)):
        drops = la.effects(replay[name])["overall_drop_pp"].values
        assert [round(float(drops[u]), 2) for u in (5, 10, 17)] == [seeming] * 3


def test_intervals_do_not_depend_on_the_order_of_examples():
    outcomes = planted([[0, 1, 1, 0]], [0, 0, 1, 1], [0, 1, 0, 1], [(0,)])
    turned = outcomes.isel(example=[3, 1, 0, 2])
    assert la.effects(outcomes).identical(la.effects(turned))
