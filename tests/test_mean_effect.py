"""The mean over ablations, with the interval that the shared examples give it."""

import numpy as np
import pytest
import torch
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import lashley as la
from lashley import stats
from lashley.effects import effects, mean_effect
from lashley.errors import OutcomesError


def outcomes(ranks, intact, labels, n_classes=3):
    ranks, intact = np.asarray(ranks, np.uint8), np.asarray(intact, np.uint8)
    coords = {
        name: ("ablation", np.full(len(ranks), "x"))
        for name in ("site", "units", "method", "design")
    } | {"class": [f"c{i}" for i in range(n_classes)]}  # fmt: skip
    cells = ("ablation", "example")
    return xr.Dataset(
        {
            "rank": (cells, ranks), "prediction": (cells, ranks % n_classes),
            "intact_rank": ("example", intact),
            "intact_prediction": ("example", intact % n_classes),
            "label": ("example", np.asarray(labels, np.uint8)),
        },
        coords=coords,
    )  # fmt: skip


def random(seed, n_ablations=7, n=40):
    rng = np.random.default_rng(seed)
    common = rng.integers(0, 3, n)  # examples differ in how hard they are
    ranks = np.where(
        rng.random((n_ablations, n)) < 0.6, common, rng.integers(0, 3, (n_ablations, n))
    )
    return outcomes(ranks, rng.integers(0, 2, n), rng.integers(0, 3, n))


@given(st.integers(0, 10_000), st.sampled_from([1, 2]))
def test_is_the_mean_of_the_effects_and_its_deviation(seed, top):
    data = random(seed)
    each, found = effects(data, top), mean_effect(data, top)
    for prefix in ("", "overall_"):
        drops = each[f"{prefix}drop_pp"].values
        np.testing.assert_allclose(found[f"{prefix}drop_pp"], drops.mean(0), atol=1e-9)
        np.testing.assert_allclose(found[f"{prefix}sd_pp"], drops.std(0), atol=1e-9)
        for name in ("total", "intact_correct"):
            np.testing.assert_array_equal(found[prefix + name], each[prefix + name])


@given(st.integers(0, 10_000))
def test_the_interval_is_that_of_the_average_example(seed):
    """For each example the mean over the ablations of lost - gained; the mean of these means."""
    data = random(seed)
    change = (data["intact_rank"].values < 1).astype(int) - (data["rank"].values < 1)
    label = data["label"].values
    found = mean_effect(data)
    np.testing.assert_allclose(found["change"], change.mean(0), atol=1e-12)
    for which, prefix, at in [(label >= 0, "overall_", ()), (label == 1, "", 1)]:
        average = change[:, which].mean(0)
        ends = stats.paired_interval(average.sum(), (average**2).sum(), len(average))
        low, high = (found[f"{prefix}drop_{end}_pp"].values[at] for end in ("low", "high"))
        assert (low, high) == pytest.approx((100 * float(ends.low), 100 * float(ends.high)))


@pytest.mark.parametrize(("n", "share"), [(50, 0.02), (50, 0.1), (200, 0.01)])
def test_the_interval_covers_the_truth_where_few_examples_can_change(n, share):
    rng, times, covered = np.random.default_rng(0), 300, 0
    for _ in range(times):
        ranks = np.repeat((rng.random(n) < share)[None], 5, 0).astype(np.uint8)
        found = mean_effect(outcomes(ranks, np.zeros(n), np.arange(n) % 3))
        low, high = (float(found[f"overall_drop_{end}_pp"]) for end in ("low", "high"))
        covered += low <= 100 * share <= high
    assert covered / times > 0.93


def test_the_changes_are_in_the_order_of_the_examples():
    """Outcomes of a store lie in another order."""
    data = random(5)
    places = np.random.default_rng(0).permutation(data.sizes["example"])
    shuffled = data.assign_coords(position=("example", places))
    xr.testing.assert_identical(mean_effect(shuffled)["change"], mean_effect(data)["change"])


def test_the_interval_covers_the_truth_as_often_as_it_says():
    """Where ablations share their examples, many ablations do not make up for few examples."""
    rng, n, times, covered = np.random.default_rng(0), 60, 400, 0
    for _ in range(times):
        hard = rng.random(n) < 0.3  # lost by nearly every ablation
        lost = np.where(hard, 0.9, 0.1)
        ranks = (rng.random((50, n)) < lost).astype(np.uint8)
        found = mean_effect(outcomes(ranks, np.zeros(n), np.arange(n) % 3))
        truth = 100 * (0.3 * 0.9 + 0.7 * 0.1)
        covered += float(found["overall_drop_low_pp"]) <= truth <= float(
            found["overall_drop_high_pp"])  # fmt: skip
    assert 0.92 < covered / times < 0.98


def test_of_a_run_to_a_precision_counts_what_each_ablation_has_seen():
    data = random(3)
    missing = np.iinfo(np.uint8).max
    ranks = data["rank"].values.copy()
    ranks[2, 25:] = ranks[4, 30:] = missing
    data = data.assign(rank=(("ablation", "example"), ranks)).assign_attrs(precision=5.0)
    found, each = mean_effect(data), effects(data)
    drops = each["overall_drop_pp"].values
    assert float(found["overall_drop_pp"]) == pytest.approx(drops.mean())
    low, high = (float(found[f"overall_drop_{end}_pp"]) for end in ("low", "high"))
    assert low < drops.mean() < high
    whole = mean_effect(random(3))
    width = float(whole["overall_drop_high_pp"] - whole["overall_drop_low_pp"])
    assert high - low == pytest.approx(width, rel=0.25)


def test_to_a_precision_a_class_that_one_ablation_has_not_seen_is_that_of_the_others():
    missing = np.iinfo(np.uint8).max
    data = outcomes([[1, 0, 0, 1], [0, 1, missing, missing]], [0] * 4, [0, 1, 2, 2])
    found = mean_effect(data.assign_attrs(precision=5.0))
    assert found["drop_pp"].values.tolist() == [50, 50, 50]
    assert not np.isnan(found["drop_high_pp"]).any()


def test_of_a_class_without_examples_there_is_none():
    found = mean_effect(outcomes([[0, 1]], [0, 0], [0, 1]))
    assert np.isnan(found["drop_pp"].values[2])
    assert not np.isnan(found["overall_drop_pp"])


@pytest.mark.parametrize("classes", [True, False])
def test_of_another_readout_is_the_mean_change(classes):
    inputs, labels = torch.randn(12, 4), torch.arange(12) % 3
    network = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.ReLU(), torch.nn.Linear(3, 3))
    data = (inputs, labels if classes else labels.float())
    cuts = la.singles(la.find_sites(network, data)["0"])
    outcomes = la.evaluate(network, data, cuts, readout=largest)
    found = mean_effect(outcomes)
    change = (outcomes["largest"] - outcomes["intact_largest"]).values.astype(float)
    own = change.mean(0)
    ends = la.stats.mean_interval(own.sum(), (own**2).sum(), 12)
    assert found["example_largest_change"].values == pytest.approx(own)
    assert float(found["overall_largest_change"]) == pytest.approx(own.mean())
    assert float(found["overall_largest_change_low"]) == pytest.approx(float(ends.low))
    assert float(found["overall_largest_sd"]) == pytest.approx(change.mean(1).std())
    assert ("largest_change" in found) == classes
    if classes:
        for label in range(3):
            member = labels.numpy() == label
            part, mean = found.isel({"class": label}), own[member]
            ends = la.stats.mean_interval(mean.sum(), (mean**2).sum(), 4)
            assert float(part["largest_change"]) == pytest.approx(mean.mean())
            assert float(part["largest_change_high"]) == pytest.approx(float(ends.high))
            sd = change[:, member].mean(1).std()
            assert float(part["largest_sd"]) == pytest.approx(sd)


def largest(outputs, _targets):
    return {"largest": outputs.amax(1)}


def test_refuses_a_top_that_there_is_not():
    with pytest.raises(OutcomesError, match="top: given 4"):
        mean_effect(random(0), 4)
