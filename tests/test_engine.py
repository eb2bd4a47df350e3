"""The engine's contract: every path against the reference, and a network left as it was."""

import copy
from itertools import combinations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import lashley as la
from lashley.data import Examples
from lashley.engine import settle, sweep
from lashley.engine.program import Program, straight_line
from lashley.engine.shortcuts import decide, group_by_touch, updated_consumer
from lashley.errors import DataError, EngineError, IntegrityError, NetworkError
from lashley.readouts import classification

from networks_under_test import Branching, others, straight_lines

VARIABLES = ("rank", "prediction", "intact_rank", "intact_prediction", "label")
METHODS = ("silence", "zero_weights")


def made(make, seed=0):
    """A network with random weights, some units of it dead, and examples of all classes."""
    with la.networks.seeded(seed):
        network = make()
        for module in network.modules():
            if isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=0.7)
                if module.bias is not None:
                    nn.init.normal_(module.bias, std=0.5)
        inputs, labels = torch.randn(60, 3, 4), torch.arange(60) % 5
    return network, Examples(inputs, labels, tuple("abcde"))


def all_sets(site, method):
    """Singles, pairs, all but one and all units of a site."""
    sets = [*combinations(range(site.n_units), 1), *combinations(range(site.n_units), 2)]
    sets += [tuple(range(1, site.n_units)), tuple(range(site.n_units))]
    return [la.Ablation(site, units, method) for units in sets if units]


def assert_same(one, other):
    for name in VARIABLES:
        np.testing.assert_array_equal(one[name].values, other[name].values, err_msg=name)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", straight_lines())
def test_the_fast_engine_equals_the_reference(name, method):
    network, examples = made(straight_lines()[name])
    sites = la.find_sites(network, examples).values()
    cuts = [cut for site in sites for cut in all_sets(site, method)]
    fast = la.evaluate(network, examples, cuts)
    assert fast.attrs["engine"] == "straight line"
    assert_same(fast, la.evaluate(network, examples, cuts, engine="reference"))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", others())
def test_other_networks_fall_back_and_say_why(name, method):
    network, examples = made(others()[name])
    sites = la.find_sites(network, examples).values()
    cuts = [cut for site in sites for cut in la.singles(site, method)]
    outcomes = la.evaluate(network, examples, cuts)
    assert outcomes.attrs["engine"] == "reference"
    assert outcomes.attrs["engine_reason"]


def test_both_methods_and_several_sites_in_one_call_keep_the_order():
    network, examples = made(straight_lines()["sigmoid"])
    cuts = [cut for site in la.find_sites(network, examples).values() for method in METHODS
            for cut in la.singles(site, method)]  # fmt: skip
    order = np.random.default_rng(0).permutation(len(cuts))
    cuts = [cuts[i] for i in order] + [cuts[0]]
    outcomes = la.evaluate(network, examples, cuts)
    assert outcomes["units"].values.tolist() == [cut.label for cut in cuts]
    assert_same(outcomes, la.evaluate(network, examples, cuts, engine="reference"))


@pytest.mark.parametrize("stack", [1, 1 << 20])
def test_the_size_of_stacks_and_batches_does_not_matter(stack, monkeypatch):
    network, examples = made(straight_lines()["relu"])
    cuts = all_sets(la.find_sites(network, examples)["1"], "silence")
    whole = la.evaluate(network, examples, cuts)
    monkeypatch.setattr(sweep, "_STACK", stack)
    monkeypatch.setattr(sweep, "_BATCH", 100)
    monkeypatch.setattr(settle, "_AT_ONCE", 7)
    assert_same(la.evaluate(network, examples, cuts), whole)


@given(widths=st.lists(st.integers(1, 12), min_size=1, max_size=3), seed=st.integers(0, 10**6),
       bias=st.booleans(), method=st.sampled_from(METHODS))  # fmt: skip
@settings(max_examples=25, deadline=None)
def test_the_contract_holds_for_any_mlp(widths, seed, bias, method):
    network = la.networks.mlp([12, *widths, 5], bias=bias, seed=seed)
    with la.networks.seeded(seed):
        examples = Examples(torch.randn(20, 12), torch.arange(20) % 5, tuple("abcde"))
    cuts = [cut for site in la.find_sites(network, examples).values()
            for cut in all_sets(site, method)[: 3 * site.n_units]]  # fmt: skip
    assert_same(la.evaluate(network, examples, cuts),
                la.evaluate(network, examples, cuts, engine="reference"))  # fmt: skip


@pytest.mark.parametrize("classes", [2, 255, 256, 300])
def test_any_number_of_classes(classes):
    network = la.networks.mlp([12, 9, classes], seed=3)
    with torch.no_grad():
        network.fc2.weight[1], network.fc2.bias[1] = network.fc2.weight[0], network.fc2.bias[0]
    with la.networks.seeded(0):
        inputs = torch.randn(2 * classes, 12)
    examples = (inputs, torch.arange(2 * classes) % classes)
    cuts = la.pairs(la.find_sites(network, examples)["fc1"])
    fast = la.evaluate(network, examples, cuts)
    assert fast.attrs["settled_in_float64"] > 0  # the two tied outputs
    assert_same(fast, la.evaluate(network, examples, cuts, engine="reference"))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_networks_of_other_number_formats(dtype):
    network, examples = made(straight_lines()["relu"])
    cuts = la.singles(la.find_sites(network, examples)["1"])
    network = network.to(dtype)
    assert_same(la.evaluate(network, examples, cuts),
                la.evaluate(network, examples, cuts, engine="reference"))  # fmt: skip


def test_silence_equals_removing_the_units():
    network, examples = made(straight_lines()["sigmoid"])
    removed = copy.deepcopy(network).double()
    keep = [0, 1, 3, 4, 6, 7, 8]
    removed[1].weight = nn.Parameter(network[1].weight[keep].double())
    removed[1].bias = nn.Parameter(network[1].bias[keep].double())
    removed[3].weight = nn.Parameter(network[3].weight[:, keep].double())
    cut = la.Ablation(la.find_sites(network, examples)["1"], (2, 5))
    rank, prediction = classification(removed(examples.inputs.double()), examples.labels)
    outcomes = la.evaluate(network, examples, [cut])
    assert outcomes["rank"].values[0].tolist() == rank.tolist()
    assert outcomes["prediction"].values[0].tolist() == prediction.tolist()


def test_zero_weights_is_zeroing_the_rows_by_hand():
    network, examples = made(straight_lines()["sigmoid"])
    damaged = copy.deepcopy(network).double()
    with torch.no_grad():
        damaged[1].weight[[2, 5]] = 0
        damaged[1].bias[[2, 5]] = 0
    cut = la.Ablation(la.find_sites(network, examples)["1"], (2, 5), "zero_weights")
    rank, _ = classification(damaged(examples.inputs.double()), examples.labels)
    assert la.evaluate(network, examples, [cut])["rank"].values[0].tolist() == rank.tolist()


def test_the_methods_are_one_without_bias_and_differ_with_a_constant_behind():
    for name, same in (("no bias", True), ("sigmoid", False)):
        network, examples = made(straight_lines()[name])
        site = la.find_sites(network, examples)["1"]
        one, other = (
            la.evaluate(network, examples, la.singles(site, method)) for method in METHODS
        )
        assert np.array_equal(one["rank"], other["rank"]) is same


def test_a_unit_called_twice_is_ablated_in_each_call():
    network, examples = made(others()["shared"])
    site = la.find_sites(network, examples)["b"]
    assert len(site.points) == 2
    units, x = (0, 1, 2), examples.inputs.double().flatten(1)
    twin = copy.deepcopy(network).double()
    mask = torch.ones(9).double()
    mask[list(units)] = 0
    x = torch.relu(twin.a(x))
    for _ in range(2):
        x = torch.relu(twin.b(x)) * mask
    rank, _ = classification(twin.c(x), examples.labels)
    assert la.evaluate(network, examples, [la.Ablation(site, units)])["rank"].values[
        0
    ].tolist() == (rank.tolist())


def test_all_logits_equal_is_decided_by_the_lower_index():
    network, examples = made(straight_lines()["no bias"])
    site = la.find_sites(network, examples)["1"]
    cut = la.Ablation(site, tuple(range(9)))
    outcomes = la.evaluate(network, examples, [cut])
    assert (outcomes["prediction"] == 0).all()
    assert outcomes["rank"].values[0].tolist() == examples.labels.tolist()


@pytest.mark.parametrize("which", [0, 1])
def test_all_single_and_pair_ablations_of_the_authors_networks(mnist_data, which):
    network, test = la.networks.authors_mlp()[which], la.data.mnist("test")
    site = la.find_sites(network, test)["fc1"]
    cuts = [*la.singles(site, "zero_weights"), *la.pairs(site, "zero_weights")]
    fast = la.evaluate(network, test, cuts)
    assert fast.sizes["ablation"] == 210
    assert_same(fast, la.evaluate(network, test, cuts, engine="reference"))


# --- the network and the data come back as they were ---------------------------------------------


@pytest.mark.parametrize("engine", ["auto", "reference"])
@pytest.mark.parametrize("name", ["in place", "dropout"])
def test_network_and_data_are_left_as_they_were(name, engine):
    network, examples = made(straight_lines()[name])
    network.train()
    list(network.children())[1].eval()
    modes = [m.training for m in network.modules()]
    state = copy.deepcopy(network.state_dict())
    inputs = examples.inputs.clone()
    site = next(iter(la.find_sites(network, examples).values()))
    la.evaluate(network, examples, la.singles(site), engine=engine)
    assert [m.training for m in network.modules()] == modes
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in network.modules())
    assert all(torch.equal(state[k], v) for k, v in network.state_dict().items())
    assert all(p.requires_grad and p.grad is None for p in network.parameters())
    assert torch.equal(inputs, examples.inputs)


def test_modes_come_back_after_an_exception():
    network, examples = made(straight_lines()["dropout"])
    network.train()
    site = la.find_sites(network, examples)["1"]

    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        la.evaluate(network, examples, la.singles(site), progress=stop)
    assert all(m.training for m in network.modules())


class Meddling(nn.Module):
    """A network whose forward pass writes into whatever it is given to spoil."""

    def __init__(self, network, spoil):
        super().__init__()
        self.network, self.spoil = network, spoil

    def forward(self, x):
        self.spoil()
        return self.network(x)


def test_data_that_change_under_the_run_are_an_error_that_names_them():
    network, examples = made(straight_lines()["relu"])
    site = la.find_sites(network, examples)["1"]
    view = examples.inputs[:]
    calls = []

    def binarise_once():  # what the authors' plotting code did
        calls.append(1)
        if len(calls) == 3:
            view[view > 0.1] = 1

    meddling = nn.Sequential(Meddling(nn.Identity(), binarise_once), *network)
    shifted = la.Ablation(la.Site("2", "hidden", 9, -1), (0,), "zero_weights")
    with pytest.raises(IntegrityError, match=r"examples: inputs changed since they were made"):
        la.evaluate(meddling, examples, [shifted], engine="reference")
    assert len(calls) >= 3
    with pytest.raises(IntegrityError, match=r"inputs changed since they were made.*clone"):
        la.evaluate(network, examples, la.singles(site))


def test_a_network_that_changes_under_the_run_is_an_error_that_names_the_parameter():
    network, examples = made(straight_lines()["relu"])
    site = la.find_sites(network, examples)["1"]

    def spoil(done, total):
        with torch.no_grad():
            network[3].bias[0] += 1

    with pytest.raises(IntegrityError, match=r"network: 3\.bias changed"):
        la.evaluate(network, examples, la.singles(site), progress=spoil)


def test_an_ablation_of_nothing_that_has_an_effect_is_an_error(monkeypatch):
    network, examples = made(straight_lines()["relu"])
    site = la.find_sites(network, examples)["1"]
    wrong = Program.rest
    monkeypatch.setattr(Program, "rest", lambda self, v, start: wrong(self, v, start).flip(1))
    with pytest.raises(EngineError, match="an ablation of no units has an effect"):
        la.evaluate(network, examples, la.singles(site))


def test_a_program_that_does_not_compute_the_network_is_an_error(monkeypatch):
    network, examples = made(straight_lines()["relu"])
    site = la.find_sites(network, examples)["1"]
    program, _ = straight_line(network)
    wrong = Program(program.steps[:1] + program.steps[1:2] + program.steps[3:])
    monkeypatch.setattr("lashley.engine.straight_line", lambda network: (wrong, ""))
    with pytest.raises(EngineError, match="does not compute what its graph says"):
        la.evaluate(network, examples, la.singles(site))


def test_a_users_hook_is_obeyed_by_falling_back():
    network, examples = made(straight_lines()["relu"])
    network[2].register_forward_hook(lambda module, inputs, output: output * 0)
    site = la.find_sites(network, examples)["1"]
    outcomes = la.evaluate(network, examples, la.singles(site))
    assert "forward hooks" in outcomes.attrs["engine_reason"]
    assert (outcomes["rank"] == outcomes["intact_rank"]).all()


# --- shortcuts against their slow twins ----------------------------------------------------------


@given(seed=st.integers(0, 10**6), classes=st.integers(2, 12), levels=st.integers(1, 50))
@settings(max_examples=60, deadline=None)
def test_decide_equals_the_readout_where_it_is_sure(seed, classes, levels):
    random = np.random.default_rng(seed)
    logits = torch.tensor(random.integers(0, levels, (3, classes, 8)), dtype=torch.float32)
    labels = torch.tensor(random.integers(0, classes, 8))
    rank, prediction = classification(logits.transpose(1, 2), labels)
    found = decide(logits.clone(), labels, margin=0.01, largest=0.0, unknown=255.0)
    unsure = found[0] == 255
    assert torch.equal(found[0][~unsure].long(), rank[~unsure])
    assert torch.equal(found[1][~unsure].long(), prediction[~unsure])
    ordered = logits.sort(1).values
    tied_top = ordered[:, -1] == ordered[:, -2]
    tied_label = (logits == logits.gather(1, labels.expand(3, 1, -1))).sum(1) > 1
    assert torch.equal(unsure, tied_top | tied_label)


@given(seed=st.integers(0, 10**6))
@settings(max_examples=30, deadline=None)
def test_the_updated_consumer_equals_running_it(seed):
    generator = torch.Generator().manual_seed(seed)
    weight, bias = torch.randn(4, 6, generator=generator), torch.randn(4, generator=generator)
    units, constants = torch.randn(6, 5, generator=generator), torch.randn(6, generator=generator)
    change = torch.cat([constants[:, None] - units, torch.zeros(1, 5)])
    padded = torch.cat([weight, torch.zeros(4, 1)], 1)
    sets = [(0, 6, 6), (2, 5, 6), (1, 3, 4)]
    found = updated_consumer(weight @ units + bias[:, None], padded, change, torch.tensor(sets))
    for got, chosen in zip(found, sets, strict=True):
        replaced = units.clone()
        for unit in set(chosen) - {6}:
            replaced[unit] = constants[unit]
        torch.testing.assert_close(got, weight @ replaced + bias[:, None])


@given(seed=st.integers(0, 10**6), n=st.integers(1, 6))
@settings(max_examples=50, deadline=None)
def test_groups_cover_every_set_once_and_parents_lack_one_untouched_unit(seed, n):
    random = np.random.default_rng(seed)
    every = [s for k in range(1, n + 1) for s in combinations(range(n), k)]
    sets = [every[i] for i in sorted(random.permutation(len(every))[: random.integers(1, 20)])]
    groups = group_by_touch([(), *sets], random.integers(0, 9, n).tolist())
    assert sorted(m for g in groups for m in g.members) == list(range(1, len(sets) + 1))
    for group in groups:
        for member, parent in zip(group.members, group.parents, strict=True):
            units, without = set(sets[member - 1]), set(sets[parent - 1] if parent else ())
            assert set(group.trigger) | without == units
            assert set(group.trigger) == units - without


# --- bad input -----------------------------------------------------------------------------------


def test_bad_input_is_refused_at_the_door():
    network, examples = made(straight_lines()["relu"])
    sites = la.find_sites(network, examples)
    cuts = la.singles(sites["1"])
    with pytest.raises(EngineError, match="engine: given 'quick'; allowed are auto, reference"):
        la.evaluate(network, examples, cuts, engine="quick")
    with pytest.raises(EngineError, match="ablations: given none"):
        la.evaluate(network, examples, [])
    with pytest.raises(EngineError, match=r"ablations: given \(0,\)"):
        la.evaluate(network, examples, [(0,)])
    with pytest.raises(EngineError, match="no site '1' of 9 units"):
        la.evaluate(la.networks.mlp([12, 9, 5]), examples, cuts)
    with pytest.raises(EngineError, match="do not run through the network"):
        la.evaluate(network, (torch.randn(9, 13), torch.arange(9) % 3), cuts)
    with pytest.raises(DataError, match=r"there are 6 classes, but the network has 5 outputs"):
        la.evaluate(network, (torch.randn(12, 12), torch.arange(12) % 6), cuts)
    with pytest.raises(DataError, match=r"no example of class b.*undefined"):
        la.evaluate(network, Examples(examples.inputs, examples.labels * 0, ("a", "b")), cuts)


class Root(nn.Module):
    """Gives NaN where a logit is negative."""

    def forward(self, x):
        return x.sqrt()


def test_weights_and_outputs_that_are_not_finite_are_refused():
    network, examples = made(straight_lines()["relu"])
    cuts = la.singles(la.find_sites(network, examples)["1"])
    large = Examples(examples.inputs * 6e37, examples.labels, examples.class_names)
    with pytest.raises(EngineError, match=r"\d+ of 60 examples give NaN or infinity under"):
        la.evaluate(nn.Sequential(*network, Root()), examples, cuts)
    with pytest.raises(EngineError, match="examples give NaN or infinity under the intact"):
        la.evaluate(network, large, cuts)
    with torch.no_grad():
        network[3].weight[0, 0] = float("nan")
    with pytest.raises(NetworkError, match=r"3\.weight hold NaN"):
        la.evaluate(network, examples, cuts)


class AlwaysDropping(nn.Module):
    """Dropout that eval mode does not turn off."""

    def forward(self, x):
        return nn.functional.dropout(x, 0.5, training=True)


def test_a_network_that_answers_differently_each_time_is_refused():
    network, examples = made(straight_lines()["relu"])
    random = nn.Sequential(*network, AlwaysDropping())
    for engine in ("auto", "reference"):
        for method in METHODS:
            cuts = la.singles(la.find_sites(random, examples)["1"], method)
            with pytest.raises(EngineError, match=r"no units of 1 by .*deterministic|float64"):
                la.evaluate(random, examples, cuts, engine=engine)


def test_a_parametrised_weight_is_silenced_but_not_zeroed():
    network, examples = made(straight_lines()["relu"])
    nn.utils.parametrizations.weight_norm(network[1])
    site = la.find_sites(network, examples)["1"]
    assert la.evaluate(network, examples, la.singles(site)).attrs["engine"] == "reference"
    with pytest.raises(EngineError, match=r"weight of 1 is no plain parameter.*silence"):
        la.evaluate(network, examples, la.singles(site, "zero_weights"))


def test_what_is_no_list_of_ablations_or_no_device_is_refused():
    network, examples = made(straight_lines()["relu"])
    cuts = la.singles(la.find_sites(network, examples)["1"])
    with pytest.raises(EngineError, match=r"given Ablation\(.*; allowed is a list"):
        la.evaluate(network, examples, cuts[0])
    with pytest.raises(EngineError, match="ablations: given None"):
        la.evaluate(network, examples, None)
    with pytest.raises(EngineError, match=r"device: 'cudda' is not to be had here.*Use 'cpu'"):
        la.evaluate(network, examples, cuts, device="cudda")


def test_outputs_of_another_shape_are_refused():
    network = nn.Sequential(nn.Linear(12, 9), nn.ReLU(), nn.Linear(9, 5), nn.Unflatten(1, (5, 1)))
    examples = (torch.randn(10, 12), torch.arange(10) % 5)
    with pytest.raises(EngineError, match=r"returned \(10, 5, 1\); allowed are logits"):
        la.evaluate(network, examples, la.singles(la.find_sites(network, examples)["0"]))


def test_a_network_that_cannot_be_traced_runs_by_the_reference():
    network, examples = made(Branching)
    site = la.find_sites(network, examples)["a"]
    outcomes = la.evaluate(network, examples, la.singles(site, "zero_weights"))
    assert "cannot trace" in outcomes.attrs["engine_reason"]
    assert outcomes.sizes["ablation"] == 9
