"""Precision, end to end: ablations that are known well enough stop, and their intervals hold."""

import numpy as np
import pytest
import torch
import xarray as xr
from torch import nn

import lashley as la
from lashley import stats
from lashley.errors import EngineError, OutcomesError

from stopping import Stopped, stop_at

WANTED = 3.0  # pp
# Shares of all examples that an ablation loses and gains: none, rare, common; one way and both.
PLANTED = [(lost, gained) for lost in (0, 0.005, 0.02, 0.1, 0.3) for gained in (0, 0.01, 0.05)]
DROPS = np.array([100 * (lost - gained) for lost, gained in PLANTED])
RIGHT = 0.8  # share of examples that the intact network has right
UNSEEN = np.iinfo(np.uint8).max


def network():
    """Adds its inputs up; a sum above 0 is class 1. Ablating unit k leaves input k out."""
    inputs = len(PLANTED) + 1
    made = nn.Sequential(nn.Linear(inputs, inputs, bias=False), nn.Linear(inputs, 2, bias=False))
    with torch.no_grad():
        made[0].weight.copy_(torch.eye(inputs))
        made[1].weight.copy_(torch.tensor([[-1.0], [1.0]]).expand(2, inputs))
    return made.eval()


def drawn(n, seed, classes=(0.5, 0.5)):
    """Examples from an endless population in which ablation k has exactly the planted drop."""
    random = np.random.default_rng(seed)
    right, labels = random.random(n) < RIGHT, random.choice(2, n, p=classes)
    inputs = np.zeros((n, len(PLANTED) + 1), np.float32)
    for k, (lost, gained) in enumerate(PLANTED):
        chance = random.random(n)
        inputs[:, k] = np.where(
            right, 2.0 * (chance < lost / RIGHT), -2.0 * (chance < gained / (1 - RIGHT))
        )
    inputs[:, -1] = np.where(right, 1, -1) - inputs.sum(1)
    inputs *= 2 * labels[:, None] - 1
    return la.Examples(torch.from_numpy(inputs), torch.from_numpy(labels), ("no", "yes"))


def cuts_of(model, examples):
    return la.singles(la.find_sites(model, examples)["0"])[: len(PLANTED)]


def measured(examples, precision=WANTED, **how):
    model = network()
    return la.evaluate(model, examples, cuts_of(model, examples), precision=precision, **how)


@pytest.fixture(scope="module")
def examples():
    return drawn(4000, 0, classes=(0.9, 0.1))


@pytest.fixture(scope="module")
def full(examples):
    return measured(examples, None)


@pytest.fixture(scope="module")
def early(examples):
    return measured(examples)


def seen(outcomes):
    return outcomes["rank"].values != UNSEEN


def test_what_was_seen_equals_the_full_run(full, early):
    assert not seen(early).all()
    for name in ("rank", "prediction"):
        np.testing.assert_array_equal(
            early[name].values[seen(early)], full[name].values[seen(early)]
        )
    np.testing.assert_array_equal(early["label"], full["label"])
    some = seen(early).any(0)
    np.testing.assert_array_equal(early["intact_rank"].values[some], full["intact_rank"][some])
    assert (early["intact_rank"].values[~some] == UNSEEN).all()


def test_each_ablation_says_how_many_examples_it_needed(early):
    """They are the first ones of the order that `position` tells."""
    np.testing.assert_array_equal(seen(early).sum(1), early["n_examples"])
    assert sorted(early["position"].values) == list(range(4000))
    turns = np.argsort(early["position"].values)
    for row, n in zip(seen(early), early["n_examples"].values, strict=True):
        assert row[turns[:n]].all()
        assert not row[turns[n:]].any()


def test_easy_ablations_stop_early_and_all_examples_serve_where_they_must(examples, early):
    needed = dict(zip(PLANTED, early["n_examples"].values.tolist(), strict=True))
    assert needed[0, 0] <= 300
    assert needed[0, 0] < needed[0.02, 0] < needed[0.1, 0] < needed[0.3, 0.05]
    fine = measured(examples, 0.3)
    assert fine["n_examples"].values[-1] == len(examples)
    assert measured(examples, 100)["n_examples"].values.tolist() == [100] * len(PLANTED)


def test_the_order_is_that_of_the_seed_and_balanced(examples, early):
    xr.testing.assert_identical(measured(examples), early)
    other = measured(examples, seed=1)
    assert not np.array_equal(other["position"], early["position"])
    for outcomes in (early, other):
        labels = outcomes["label"].values[np.argsort(outcomes["position"].values)]
        share = np.cumsum(labels) / np.arange(1, len(labels) + 1)
        assert abs(share - labels.mean())[100:].max() <= 0.01


def test_effects_are_over_the_seen_with_an_interval_that_holds_there(full, early):
    found, all_of_them = la.effects(early), la.effects(full)
    ranks, intact = early["rank"].values, early["intact_rank"].values
    lost = ((intact == 0) & (ranks != 0) & seen(early)).sum(1)
    gained = ((intact != 0) & (ranks == 0) & seen(early)).sum(1)
    np.testing.assert_array_equal(found["overall_lost"], lost)
    np.testing.assert_array_equal(found["overall_gained"], gained)
    np.testing.assert_array_equal(found["overall_seen"], early["n_examples"])
    expected = stats.confidence_sequence(lost, gained, early["n_examples"].values)
    np.testing.assert_allclose(found["overall_drop_low_pp"], expected.low * 100)
    np.testing.assert_allclose(found["overall_drop_high_pp"], expected.high * 100)
    half = (found["overall_drop_high_pp"] - found["overall_drop_low_pp"]).values / 2
    stopped = early["n_examples"].values < early.sizes["example"]
    assert stopped.any()
    assert (half[stopped] <= WANTED).all()
    drop = all_of_them["overall_drop_pp"].values
    assert (abs(found["overall_drop_pp"].values - drop) < 2 * WANTED).all()


def test_the_table_has_a_row_per_ablation_and_class(early):
    assert len(la.effects(early).to_dataframe()) == len(PLANTED) * 2
    assert len(la.effects(early)["overall_drop_pp"].to_dataframe()) == len(PLANTED)


def test_coverage_at_the_stopping_time():
    """The true drop is that of the population, known as it was planted."""
    held = []
    for seed in range(12):
        found = la.effects(measured(drawn(3000, seed), seed=seed))
        low, high = found["overall_drop_low_pp"].values, found["overall_drop_high_pp"].values
        held.append((low <= DROPS) & (high >= DROPS))
        assert ((high - low)[found["n_examples"].values < 3000] <= 2 * WANTED).all()
    assert np.mean(held) >= 0.95
    assert np.mean(held, 0).min() >= 0.85  # of each alone, in 12 runs


def test_an_interval_for_a_fixed_sample_would_not_cover(monkeypatch):
    """The simulation notices: Wald's interval is certain as soon as nothing has changed yet."""

    def wald(lost, gained, seen, level=0.95):
        lost, gained, seen = (np.asarray(part, float) for part in (lost, gained, seen))
        mean = (lost - gained) / seen
        half = 1.96 * np.sqrt(((lost + gained) / seen - mean**2) / seen)
        return stats.Interval(mean - half, mean + half)

    monkeypatch.setattr("lashley.engine.precision.confidence_sequence", wald)
    monkeypatch.setattr("lashley.stats.confidence_sequence", wald)
    found = [la.effects(measured(drawn(3000, seed), seed=seed)) for seed in range(10)]
    held = [
        (f["overall_drop_low_pp"].values <= DROPS) & (f["overall_drop_high_pp"].values >= DROPS)
        for f in found
    ]
    assert np.mean(held) < 0.9


@pytest.mark.parametrize("engine", ["export", "hooks", "naive"])
def test_every_engine_stops(engine, early):
    some = drawn(1000, 5)
    model = network()
    cuts = cuts_of(model, some)[::7]
    found = la.evaluate(model, some, cuts, precision=8, engine=engine)
    fast = la.evaluate(model, some, cuts, precision=8, engine="fx")
    assert found.attrs["engine"] == engine
    xr.testing.assert_equal(found, fast)
    assert seen(found).sum(1).max() < 1000


class TestInAStore:
    def test_equals_memory(self, tmp_path, examples, early):
        found = measured(examples, store=tmp_path / "store")
        xr.testing.assert_identical(found.load(), early)
        effects = la.effects(measured(examples, store=tmp_path / "store"))
        xr.testing.assert_identical(effects, la.effects(early))

    def test_goes_on_where_it_was_stopped(self, tmp_path, examples, early):
        for at in (0.02, 0.1, 0.3, 0.6):
            with pytest.raises(Stopped):
                measured(examples, store=tmp_path / "store", progress=stop_at(at))
        xr.testing.assert_identical(measured(examples, store=tmp_path / "store").load(), early)

    def test_of_another_precision_or_order_is_refused(self, tmp_path, examples):
        measured(examples, store=tmp_path / "store")
        with pytest.raises(OutcomesError, match=r"precision differ \(precision: 3.0 there, 4 here"):
            measured(examples, 4, store=tmp_path / "store")
        with pytest.raises(OutcomesError, match="seed, order of the examples differ"):
            measured(examples, seed=1, store=tmp_path / "store")


@pytest.mark.parametrize("wrong", [0, -1, "x", float("nan"), float("inf"), 101, [3]])
def test_what_is_no_half_width_is_refused(examples, wrong):
    with pytest.raises(EngineError, match=r"precision: given .* allowed is a half width in pp"):
        measured(examples, wrong)


@pytest.mark.parametrize("readout", ["loss", lambda outputs, _: {"best": outputs.amax(1)}])
def test_only_classification_stops_early(examples, readout):
    with pytest.raises(EngineError, match=r"precision: given with the readout .* 'classification'"):
        measured(examples, readout=readout)
