"""Plans: the arithmetic of the cost model, what a calibration samples, and what a plan says."""

import copy
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import lashley as la
from lashley import outcomes as schema
from lashley.engine.batch import Batch
from lashley.errors import DataError, EngineError
from lashley.planning import CostModel, SiteCost, plan, seconds_by_site, seconds_of, seconds_on
from lashley.planning.calibration import TRIALS, Samples, calibrate, sampling_order
from lashley.planning.fit import fit
from lashley.planning.flops import flops
from lashley.planning.laps import INTACT, Course
from lashley.planning.model import equivalents
from lashley.planning.planned import duration, size
from lashley.planning.stopping import Changed, expected_examples, overall, shrunk
from lashley.stats import confidence_sequence, precise_enough

SITES = [la.Site(name, "hidden", 12, -1) for name in ("a", "b", "c")]
A, B, C = SITES
COSTS = CostModel(7.0, 0.5, {"a": SiteCost(1.0, 0.1, 0.01), "b": SiteCost(2.0, 0.2, 0.02)})


def examples_of(n=40, features=6, classes=3, seed=0):
    inputs = torch.randn(n, features, generator=torch.Generator().manual_seed(seed))
    return la.Examples(inputs, torch.arange(n) % classes, tuple("xyz"[:classes]))


def network_of(widths=(6, 5, 4, 3)):
    return la.networks.mlp(list(widths), bias=False, seed=0).eval()


def all_cuts(network, examples, method="silence"):
    sites = la.find_sites(network, examples).values()
    return [cut for site in sites for cut in la.singles(site, method)]


@pytest.fixture
def ticking(monkeypatch):
    """A clock that goes on by a millisecond with each look at it: plans can then be repeated."""
    looks = Counter()

    def clock():
        looks["n"] += 1
        return looks["n"] / 1000

    for name in ("laps", "sampling", "calibration", "making"):
        monkeypatch.setattr(f"lashley.planning.{name}.perf_counter", clock)


# The cost model


def test_the_model_adds_up_as_by_hand():
    cuts = [*la.singles(A)[:3], *la.singles(B)[:2]]
    assert seconds_by_site(COSTS, cuts, 10) == pytest.approx(
        {"a": 1 + 10 * 0.1 + 30 * 0.01, "b": 2 + 10 * 0.2 + 20 * 0.02}
    )
    assert seconds_of(COSTS, cuts, 10) == pytest.approx(7 + 10 * 0.5 + 2.3 + 4.4)


def test_each_ablation_may_have_its_own_number_of_examples():
    cuts = [*la.singles(A)[:2], la.singles(B)[0]]
    expected = 7 + 30 * 0.5 + (1 + 30 * 0.1 + 40 * 0.01) + (2 + 20 * 0.2 + 20 * 0.02)
    assert seconds_of(COSTS, cuts, [10, 30, 20]) == pytest.approx(expected)


@given(st.integers(1, 12), st.integers(1, 12), st.integers(1, 500), st.integers(0, 500))
def test_more_ablations_or_examples_never_take_less(few, more, n, further):
    cuts = la.singles(A)
    assert seconds_of(COSTS, cuts[: min(few, more)], n) <= seconds_of(
        COSTS, cuts[: max(few, more)], n
    )
    assert seconds_of(COSTS, cuts[:few], n) <= seconds_of(COSTS, cuts[:few], n + further)


@given(st.integers(1, 40), st.integers(1, 300), st.integers(1, 50))
def test_devices_share_the_batches_and_each_sets_up(devices, n, batch):
    cuts = [*la.singles(A), *la.singles(B)]
    alone, setup = seconds_of(COSTS, cuts, n), 7 + 1 + 2
    shared = seconds_on(COSTS, cuts, n, devices, batch)
    assert seconds_on(COSTS, cuts, n, 1, batch) == pytest.approx(alone)
    assert seconds_on(COSTS, cuts, n, devices + 1, batch) <= shared + 1e-9
    assert shared >= setup + (alone - setup) / min(devices, -(-n // batch)) - 1e-9
    if devices >= -(-n // batch):  # one batch each: more devices bring nothing
        assert shared == pytest.approx(seconds_on(COSTS, cuts, n, 1000, batch))


def test_forward_equivalents_are_the_suffixes_of_all_outcomes():
    cuts = [*la.singles(A)[:2], la.singles(B)[0]]
    assert equivalents(cuts, 10, {"a": 0.5, "b": 0.25}) == 2 * 10 * 0.5 + 10 * 0.25
    assert equivalents(cuts, [1, 2, 4], {"a": 0.5, "b": 0.25}) == 3 * 0.5 + 4 * 0.25


# FLOPs


def test_flops_behind_the_layers_of_an_mlp_as_by_hand():
    found = flops(network_of(), examples_of(), ["fc1", "fc2"])
    assert (found.n_outputs, found.total) == (3, 2 * (6 * 5 + 5 * 4 + 4 * 3))
    assert found.after == {"fc1": 2 * (5 * 4 + 4 * 3), "fc2": 2 * 4 * 3}
    assert found.share("fc2") == 24 / 124


def test_flops_of_a_layer_called_twice_count_from_its_first_call():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(6, 6, bias=False), nn.Linear(6, 3, bias=False)

        def forward(self, x):
            return self.b(self.a(self.a(x)))

    assert flops(Twice(), examples_of(), ["a"]).after == {"a": 2 * (36 + 18)}


def test_a_projection_that_is_no_call_counts_from_the_beginning_of_its_module():
    class Attending(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.last = nn.Linear(6, 6), nn.Linear(6, 3)
            self.attention = nn.MultiheadAttention(6, 2, batch_first=True)

        def forward(self, x):
            x = self.first(x)[:, None].expand(-1, 4, -1)
            return self.last(self.attention(x, x, x)[0].mean(1))

    found = flops(Attending(), examples_of(), ["first", "attention.out_proj", "attention"])
    assert found.after["attention.out_proj"] == found.after["first"]
    assert found.after["attention"] == 2 * 6 * 3


def test_where_nothing_can_be_counted_all_lies_behind():
    assert flops(nn.Sequential(nn.ReLU()), examples_of(), ["0"]).share("0") == 1


# The calibration, on a clock that goes as the engine's own costs say


class Simulated:
    """An engine that takes its time by a cost model; places are set up when first seen."""

    def __init__(self, sites, costs, intact=0.01):
        self.sites, self.costs, self.intact = sites, costs, intact
        self.now, self.known, self.runs, self.seen = 0.0, set(), [], []

    def clock(self):
        return self.now

    def run(self, batch, rows):
        n = len(batch.labels)
        self.runs.append((n, set(rows) - {0}))
        self.seen.append(set(batch.inputs[0].tolist()))
        self.now += self.intact * n
        yield (0,), {"rank": torch.zeros(1, n)}
        by_site = {}
        for row in sorted(set(rows) - {0}):
            by_site.setdefault(self.sites[row], []).append(row)
        for site, found in by_site.items():
            cost = self.costs[site]
            self.now += cost.setup * (site not in self.known)
            self.known.add(site)
            self.now += n * cost.per_example + n * len(found) * cost.per_outcome
            yield tuple(found), {"rank": np.ones((len(found), n))}


def simulated(monkeypatch, costs, shares, per_site=40, batch=32, intact=0.001, batches=2):
    rows = {site: list(range(1 + i * per_site, 1 + (i + 1) * per_site))
            for i, site in enumerate(costs)}  # fmt: skip
    sites = {row: site for site, members in rows.items() for row in members}
    engine = Simulated(sites, costs, intact)
    for name in ("laps", "calibration"):
        monkeypatch.setattr(f"lashley.planning.{name}.perf_counter", engine.clock)
    n = batches * batch
    some = Batch((torch.arange(n),), torch.zeros(n), None, None, torch.arange(n))
    return engine, Samples(
        Course(engine, sites), some, batch, rows, dict.fromkeys(costs, 1), shares, 0
    )


def test_laps_on_an_exact_clock_give_back_the_costs(monkeypatch):
    costs = {"a": SiteCost(3.0, 4e-4, 5e-4), "b": SiteCost(0.5, 1e-4, 1e-4)}
    shares = {"a": 0.5, "b": 0.1}
    _, work = simulated(monkeypatch, costs, shares)
    found = fit(calibrate(work, 10.0), shares, 1.0)
    assert found.sampled == {"a", "b"}
    assert found.per_example == pytest.approx(0.001)
    assert found.noise == pytest.approx(1)
    for site, cost in costs.items():
        for name in ("setup", "per_example", "per_outcome"):
            assert getattr(found.sites[site], name) == pytest.approx(getattr(cost, name))


def test_the_plain_laps_come_behind_the_engines_trials(monkeypatch):
    engine, work = simulated(monkeypatch, {"a": SiteCost(0, 0, 1e-4)}, {"a": 0.1})
    laps = calibrate(work, 10.0)
    runs = [rows for _, rows in engine.runs if rows]
    assert all(rows == {1} for rows in runs[: TRIALS + 1])
    assert len(runs[TRIALS + 1]) == laps.pairs[0][1].counts["a"] > 1
    assert len(laps.pairs) == 2
    assert engine.seen[-1] == engine.seen[-2]
    assert not engine.seen[-1] & engine.seen[-3]  # the second pair of laps is on other examples


@pytest.mark.parametrize("seconds", [2.0, 20.0])
def test_a_calibration_takes_about_its_seconds(monkeypatch, seconds):
    costs = {name: SiteCost(0.02, 1e-4, share / 1000)
             for name, share in (("a", 0.9), ("b", 0.5), ("c", 0.1))}  # fmt: skip
    shares = {"a": 0.9, "b": 0.5, "c": 0.1}
    engine, work = simulated(monkeypatch, costs, shares, per_site=5000)
    calibrate(work, seconds)
    assert 0.4 * seconds < engine.now < 1.5 * seconds


def test_laps_slower_than_thought_are_few(monkeypatch):
    costs = {"a": SiteCost(0, 0, 100.0)}  # a suffix takes longer than its part of a pass
    engine, work = simulated(monkeypatch, costs, {"a": 0.5}, batch=1, intact=1e-3)
    laps = calibrate(work, 10.0)
    assert len(laps.pairs) == 1
    assert [len(rows) for _, rows in engine.runs if rows] == [1, 1, 2]
    assert fit(laps, {"a": 0.5}, 1.0).sites["a"].per_outcome == pytest.approx(100)


def test_where_sites_are_many_some_at_even_distances_are_sampled(monkeypatch):
    names = [f"s{i}" for i in range(100)]
    shares = {name: 1 - i / 100 for i, name in enumerate(names)}
    costs = {name: SiteCost(0, 0, shares[name] * 1e-6) for name in names}
    _, work = simulated(monkeypatch, costs, shares, per_site=3, intact=1e-6)
    found = fit(calibrate(work, 10.0), shares, 1e-6)
    assert len(found.sampled) == 24
    assert {"s0", "s99"} < found.sampled
    for name in names:  # between the sampled ones, by the part of a pass
        assert found.sites[name].per_outcome == pytest.approx(shares[name] * 1e-6)


def test_where_time_is_short_the_last_sites_and_a_whole_pass_stand_for_the_others(monkeypatch):
    shares = {"a": 1.0, "b": 0.5, "c": 0.01}
    costs = {name: SiteCost(0, 0, share) for name, share in shares.items()}
    engine, work = simulated(monkeypatch, costs, shares, per_site=3, intact=1.0)
    found = fit(calibrate(work, 2.0), shares, 0.8)
    assert found.sampled == {"c"}
    assert 0.01 < found.sites["b"].per_outcome < found.sites["a"].per_outcome == 0.8
    assert max(n for n, _ in engine.runs) == 1


def test_a_cost_that_falls_where_more_lies_behind_is_smoothed(monkeypatch):
    shares = {"a": 0.9, "b": 0.5, "c": 0.1}
    costs = {"a": SiteCost(0, 0, 1e-4), "b": SiteCost(0, 0, 3e-4), "c": SiteCost(0, 0, 1e-5)}
    _, work = simulated(monkeypatch, costs, shares)
    found = fit(calibrate(work, 100.0), shares, 1.0).sites
    assert found["a"].per_outcome == found["b"].per_outcome == pytest.approx(2e-4)
    assert found["c"].per_outcome == pytest.approx(1e-5)


def test_one_ablation_of_a_site_is_enough_for_a_cost(monkeypatch):
    _, work = simulated(monkeypatch, {"a": SiteCost(1, 1e-4, 1e-4)}, {"a": 0.5}, per_site=1)
    cost = fit(calibrate(work, 5.0), {"a": 0.5}, 1.0).sites["a"]
    assert cost.per_example + cost.per_outcome == pytest.approx(2e-4)


def test_laps_tell_sites_apart_and_keep_ranks(monkeypatch):
    engine, work = simulated(
        monkeypatch, {"a": SiteCost(0, 0, 1.0), "b": SiteCost(0, 0, 2.0)}, {"a": 1, "b": 1}
    )
    lap = work.course.lap(work.examples.take(torch.arange(32)), [1, 2, 41])
    assert lap.counts == {"a": 2, "b": 1}
    assert lap.seconds == pytest.approx({INTACT: 0.032, "a": 64, "b": 64})
    assert set(lap.ranks) == {0, 1, 2, 41}
    assert engine.runs == [(32, {1, 2, 41})]


def test_a_first_part_of_the_sample_has_all_methods_proportions_and_whole_pairs():
    kinds = [(method, p) for method in ("silence", "zero_weights") for p in (0.1, 0.2)]
    groups = [la.Ablation(A, (i, (i + 1) % 12), method, "g", {"proportion": p})
              for method, p in kinds for i in range(12)]  # fmt: skip
    order = sampling_order(dict(enumerate(groups, start=1)), 0)
    assert sorted(order) == list(range(1, 49))
    first = [groups[row - 1] for row in order[:8]]
    assert {str(c.method) for c in first[:2]} == {"silence", "zero_weights"}
    assert len({(str(c.method), c.columns["proportion"]) for c in first}) == 4
    cuts = [*la.singles(A), *la.pairs(A)]
    part = {cuts[row - 1].units for row in sampling_order(dict(enumerate(cuts, start=1)), 0)[:21]}
    assert sum(len(units) == 1 for units in part) == 6  # six units, and all pairs of them
    assert all((unit,) in part for units in part for unit in units)


# Precision


def needed(lost, gained, precision=2.0, n=10_000, batch=200, seen=500, members=4):
    cuts = la.singles(A)[:members]
    changed = {i: Changed(lost, gained, seen) for i in range(members)}
    found = expected_examples(cuts, changed, {"a": "a"}, precision, n, batch)
    assert len(set(found)) == 1
    return found[0]


def test_the_more_an_ablation_changes_the_more_examples_it_needs():
    counts = [needed(lost, 0) for lost in (0, 5, 25, 100)]
    assert counts == sorted(set(counts))
    assert needed(25, 25) > needed(25, 0)
    assert needed(25, 0, precision=1) > needed(25, 0, precision=2) > needed(25, 0, precision=4)
    assert needed(250, 250, n=3000) == 3000


def test_the_expected_number_is_the_first_look_that_is_precise_enough():
    n = needed(50, 0, members=1)
    prior, rare = overall([Changed(50, 0, 500)])
    share, never = (50 + 20 * prior) / 520, 20 * rare / 520
    for examples, enough in ((n, True), (n - 200, False)):
        interval = confidence_sequence(share * examples, never * examples, examples)
        assert bool(precise_enough(interval, 0.02)) == enough
    assert n % 200 == 0


def test_ablations_without_a_sample_are_like_the_sampled_ones_of_their_proportion():
    cuts = [la.Ablation(site, (i,), columns={"proportion": p})
            for site in (A, B) for p in (0.1, 0.2) for i in range(5)]  # fmt: skip
    changed = {0: Changed(0, 0, 500), 1: Changed(0, 0, 500), 5: Changed(200, 0, 500)}
    found = expected_examples(cuts, changed, {"a": "a", "b": "a"}, 2.0, 10_000, 100)
    low, high = found[0], found[5]
    assert low < high
    np.testing.assert_array_equal(found, [*[low] * 5, *[high] * 5] * 2)


def test_shares_are_shrunk_by_what_chance_makes():
    np.testing.assert_allclose(shrunk(np.array([2.0, 2.0]), 100, 0.05), (2 + 2 + 20 * 0.05) / 220)
    alike = shrunk(np.array([1.0, 2.0, 3.0]), 100, 0.02)  # as chance would have it
    assert np.ptp(alike) == 0
    apart = shrunk(np.array([0.0, 50.0]), 100, 0.25)
    assert 0 < apart[0] < 0.02
    assert 0.48 < apart[1] < 0.5


def test_what_a_sample_never_shows_is_rare_and_not_impossible():
    assert overall([Changed(0, 100, 100), Changed(0, 100, 100)]) == (0.5 / 201, 200.5 / 201)


# Plans


def test_a_plan_counts_what_evaluate_will_do(ticking):
    network, examples = network_of(), examples_of()
    cuts = all_cuts(network, examples)
    found = plan(network, examples, [*cuts, *cuts[:2]], devices=3)
    assert (found.n_ablations, found.n_distinct, found.n_examples) == (11, 9, 40)
    assert found.naive_equivalents == 11 * 40
    assert found.forward_equivalents == pytest.approx(40 * (5 * 64 + 4 * 24) / 124)
    outcomes = la.evaluate(network, examples, cuts)
    kinds = {name: outcomes[name].dtype for name in ("rank", "prediction")}
    assert found.disk == schema.size_of(11, 40, kinds)
    assert list(found.table["site"]) == ["fc1", "fc2"]
    assert list(found.table["ablations"]) == [5, 4]
    assert found.table["sampled"].all()
    assert list(found.table["share"]) == [64 / 124, 24 / 124]
    assert found.low < found.seconds < found.high
    distinct = list(dict.fromkeys(cuts))
    assert found.seconds == pytest.approx(seconds_of(found.model, distinct, 40))
    assert found.seconds_on_devices == pytest.approx(
        seconds_on(found.model, distinct, 40, 3, found.batch)
    )
    rest = found.model.setup + 40 * found.model.per_example
    assert found.seconds == pytest.approx(rest + found.table["seconds"].sum())


def test_methods_that_do_the_same_count_once():
    network, examples = network_of(), examples_of()  # no bias, ReLU: zeroed is silent
    cuts = all_cuts(network, examples) + all_cuts(network, examples, "zero_weights")
    assert plan(network, examples, cuts, seconds=0.5).n_distinct == len(cuts) // 2


def test_a_plan_for_more_examples_than_given(ticking):
    network, examples = network_of(), examples_of()
    cuts = all_cuts(network, examples)
    few, many = (plan(network, examples, cuts, n_examples=n) for n in (40, 4000))
    assert many.n_examples == 4000
    assert many.disk == 100 * few.disk
    assert many.forward_equivalents == pytest.approx(100 * few.forward_equivalents)
    assert many.seconds > few.seconds


def test_a_sample_may_lack_classes():
    network, examples = network_of(), examples_of(1)
    plan(network, examples, all_cuts(network, examples), seconds=0.1, n_examples=100)


def test_the_same_plan_comes_twice(ticking):
    network, examples = network_of(), examples_of()
    cuts = all_cuts(network, examples)
    first, second = (plan(network, examples, cuts, seed=3, precision=20.0) for _ in range(2))
    assert list(first.table["examples"]) == list(second.table["examples"])


@pytest.mark.parametrize("engine", ["fx", "hooks"])
def test_network_and_data_stay_as_they_were(engine):
    class Branching(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(6, 5), nn.Linear(5, 3)

        def forward(self, x):
            x = torch.relu(self.a(x))
            return self.b(x if x.sum() > 0 else -x)

    network = network_of() if engine == "fx" else Branching()
    network.train()
    examples = examples_of()
    before, given = copy.deepcopy(network.state_dict()), examples.inputs.clone()
    random = torch.get_rng_state()
    found = plan(network, examples, all_cuts(network, examples), seconds=0.2)
    assert engine in found.how or "naive" in found.how
    assert network.training
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in network.modules())
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert torch.equal(examples.inputs, given)
    assert torch.equal(torch.get_rng_state(), random)


def test_of_many_examples_only_a_sample_is_read():
    read = []

    class Noting(torch.Tensor):
        """Notes how many numbers each function reads of it, and hands out plain parts."""

        @classmethod
        def __torch_function__(cls, function, types, args=(), kwargs=None):
            with torch._C.DisableTorchFunctionSubclass():
                found = function(*args, **(kwargs or {}))
            if function is torch.Tensor.__getitem__:
                read.append(len(found))
                return found.as_subclass(torch.Tensor)
            read.append(len(args[0]) if isinstance(found, torch.Tensor) else 0)
            return found

    network, plain = network_of(), examples_of(200_000)
    cuts = all_cuts(network, plain)
    examples = la.Examples(plain.inputs.as_subclass(Noting), plain.labels, plain.class_names)
    assert max(read) > 100_000  # its fingerprint is of all
    read.clear()
    plan(network, examples, cuts, seconds=0.2, n_examples=1000)
    assert 0 < sum(read) < 10_000


def test_a_precision_needs_fewer_examples_where_little_changes(ticking):
    network, examples = network_of(), examples_of(3000)
    with torch.no_grad():
        network.get_submodule("fc2").weight[:2] = 0  # two units that nothing depends on
    sites = la.find_sites(network, examples)
    dead, alive = la.singles(sites["fc2"])[:2], la.singles(sites["fc1"])
    whole = plan(network, examples, [*dead, *alive], seconds=1.0)
    early = plan(network, examples, [*dead, *alive], seconds=1.0, precision=3.0)
    outcomes = la.evaluate(network, examples, [*dead, *alive], precision=3.0)
    examples_by_site = dict(zip(early.table["site"], early.table["examples"], strict=True))
    assert examples_by_site["fc2"] < examples_by_site["fc1"] <= 3000
    seen = outcomes["n_examples"].values
    assert examples_by_site["fc2"] == pytest.approx(seen[:2].mean(), rel=0.5)
    assert examples_by_site["fc1"] == pytest.approx(seen[2:].mean(), rel=0.5)
    assert early.forward_equivalents < whole.forward_equivalents
    assert "±3 pp" in str(early)


def test_memory_grows_with_the_network_and_not_with_the_examples():
    examples = examples_of()
    plans = {}
    for width in (50, 500):
        network = network_of((6, width, width, 3))
        cuts = all_cuts(network, examples)[:5]
        plans[width] = [plan(network, examples, cuts, seconds=0.1, n_examples=n).memory
                        for n in (10**5, 10**7)]  # fmt: skip
    assert plans[500][0] == plans[500][1]
    assert plans[500][0] > plans[50][0]
    few = plan(network, examples, cuts, seconds=0.1, n_examples=10).memory  # hardly any values
    n_weights = 6 * 500 + 500 * 500 + 500 * 3
    assert 20 * n_weights < few < 40 * n_weights  # in float32, and twice in float64


def test_mean_and_resample_are_planned_with_their_reference():
    network, examples, reference = network_of(), examples_of(), examples_of(seed=1)
    for method in ("mean", "resample"):
        cuts = all_cuts(network, examples, method)
        assert plan(network, examples, cuts, reference=reference, seconds=0.1).n_distinct == 9
    with pytest.raises(EngineError, match="needs examples to take activations from"):
        plan(network, examples, cuts)


def test_a_plan_is_read_in_plain_lines(ticking):
    network, examples = network_of(), examples_of()
    lines = plan(network, examples, all_cuts(network, examples), devices=4).lines()
    assert lines["ablations"] == "9, 9 of them different"
    assert lines["passes"].endswith("takes 360")
    assert lines["devices"].startswith("4: ")
    assert "precision" not in lines


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.034, "0.034 s"), (42, "42 s"), (300, "5 min"), (9000, "2.5 h"), (1e6, "11.6 days")],
)
def test_durations_in_words(seconds, words):
    assert duration(seconds) == words


@pytest.mark.parametrize(("n", "words"), [(999, "999 B"), (12e3, "12 kB"), (3.4e13, "34 TB")])
def test_sizes_in_words(n, words):
    assert size(n) == words


# What is refused


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"devices": 0}, "devices: given 0; allowed is a whole number of at least 1"),
        ({"devices": 1.5}, "devices: given 1.5; allowed is a whole number of at least 1"),
        ({"n_examples": 0}, "n_examples: given 0; allowed is a whole number of at least 1"),
        ({"n_examples": True}, "n_examples: given True; allowed is a whole number of at least 1"),
        ({"seconds": 0}, "seconds: given 0; allowed is a time above 0"),
        ({"seconds": float("nan")}, "seconds: given nan; allowed is a time above 0"),
        ({"precision": -1}, "precision: given -1; allowed is a half width in pp above 0"),
        ({"device": "nowhere"}, "device: 'nowhere' is not available here"),
        ({"dtype": torch.float16}, "dtype: given torch.float16"),
        ({"seed": -1}, "seed: given -1"),
    ],
)
def test_bad_arguments(wrong, words):
    network, examples = network_of(), examples_of()
    with pytest.raises(EngineError, match=words.replace("(", r"\(")):
        plan(network, examples, all_cuts(network, examples), **wrong)


def test_no_ablations():
    with pytest.raises(EngineError, match="ablations: given none"):
        plan(network_of(), examples_of(), [])


def test_ablations_of_another_network():
    network, examples = network_of(), examples_of()
    with pytest.raises(EngineError, match="one of the network's 2 sites"):
        plan(network, examples, [la.Ablation(A, (0,))], seconds=0.1)


@pytest.mark.parametrize("n_examples", [None, 100])
def test_more_classes_than_outputs(n_examples):
    network, examples = network_of((6, 5, 4, 2)), examples_of()
    with pytest.raises(DataError, match="labels: there are 3 classes, but the network has 2 out"):
        plan(network, examples, all_cuts(network, examples), n_examples=n_examples)


def test_a_class_without_examples_is_planned_like_others():
    network, some = network_of(), examples_of(2)
    assert plan(network, some, all_cuts(network, some), seconds=0.1).n_examples == len(some)


def test_a_part_of_the_examples_may_lack_a_class():
    network = network_of()
    given = examples_of()
    some = la.Examples(given.inputs[:4], torch.tensor([0, 2, 2, 0]), given.class_names)
    cuts = all_cuts(network, given)
    assert plan(network, some, cuts, seconds=0.1, n_examples=100).n_examples == 100
