"""The engine: methods by hand, a network and data left as they were, and bad input refused."""

import copy
from itertools import combinations

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

import lashley as la
from lashley.data import Examples
from lashley.engine import rows
from lashley.errors import (
    DataError,
    EngineError,
    IntegrityError,
    NetworkError,
    ReadoutError,
    SiteError,
)
from lashley.readouts import classification

from architectures import cases, initialised

CASES = cases()
VARIABLES = ("rank", "prediction", "intact_rank", "intact_prediction", "label")
METHODS = ("silence", "zero_weights", "mean", "resample")
ENGINES = ("auto", "fx", "export", "hooks", "naive")
GRAPHS = ("fx", "export", "naive")


def made(name="mlp", seed=0):
    """A network of the contract's, with examples of all classes and its sites."""
    network, (inputs, labels) = initialised(CASES[name], seed)
    examples = Examples(inputs, labels, tuple("abcd"))
    return network, examples, la.find_sites(network, examples)


def others(name, n=10):
    """Examples that are not evaluated."""
    return CASES[name].inputs(n, 99), torch.arange(n) % 4


def assert_same(one, other):
    for name in VARIABLES:
        np.testing.assert_array_equal(one[name].values, other[name].values, err_msg=name)


def assert_ranks(outcomes, logits, labels, row=0):
    """The outcomes are those of logits that were computed by hand."""
    rank, prediction = classification(logits.detach(), labels)
    assert outcomes["rank"].values[row].tolist() == rank.tolist()
    assert outcomes["prediction"].values[row].tolist() == prediction.tolist()
    assert (outcomes["rank"][row] != outcomes["intact_rank"]).any()


# --- the methods, by hand ------------------------------------------------------------------------


@pytest.mark.thinned(8)
@pytest.mark.parametrize("engine", [*GRAPHS, "hooks"])
@pytest.mark.parametrize(("name", "site"), [("mlp softplus", "0"), ("conv2d with biases", "0"),
                                            ("mlp layer norm", "0"), ("group norm", "3"),
                                            ("conv3d", "3")])  # fmt: skip
def test_zero_weights_is_zeroing_the_rows_by_hand(name, site, engine):
    network, examples, sites = made(name)
    twin = copy.deepcopy(network).double()
    layer = twin.get_submodule(site)
    with torch.no_grad():
        layer.weight[[1, 3]] = 0
        if layer.bias is not None:
            layer.bias[[1, 3]] = 0
    cuts = [la.Ablation(sites[site], (1, 3), "zero_weights")]
    outcomes = la.evaluate(network, examples, cuts, engine=engine)
    assert_ranks(outcomes, twin(examples.inputs.double()), examples.labels)


@pytest.mark.parametrize("engine", GRAPHS)
def test_zero_weights_of_a_transposed_convolution_in_groups(engine):
    with la.networks.seeded(0):
        network = nn.Sequential(
            nn.Conv2d(3, 4, 3), nn.ReLU(), nn.ConvTranspose2d(4, 6, 2, stride=2, groups=2),
            nn.Tanh(), nn.Flatten(), nn.Linear(6 * 12 * 12, 4),
        )  # fmt: skip
        inputs, labels = torch.randn(40, 3, 8, 8), torch.arange(40) % 4
    twin = copy.deepcopy(network).double()
    with torch.no_grad():  # filter 4 is the second one of the second group
        twin[2].weight[2:4, 1], twin[2].bias[4] = 0, 0
    site = la.find_sites(network, (inputs, labels))["2"]
    assert site.n_units == 6
    cuts = [la.Ablation(site, (4,), "zero_weights")]
    outcomes = la.evaluate(network, (inputs, labels), cuts, engine=engine)
    assert_ranks(outcomes, twin(inputs.double()), labels)


def test_zero_weights_of_tied_layers_changes_the_one_alone():
    network, examples, sites = made("tied weights")
    twin = copy.deepcopy(network).double()
    twin.one.weight = nn.Parameter(twin.one.weight.detach().clone())
    with torch.no_grad():
        twin.one.weight[[0, 2]] = 0
        twin.one.bias[[0, 2]] = 0
    cuts = [la.Ablation(sites["one"], (0, 2), "zero_weights")]
    for engine in GRAPHS:
        outcomes = la.evaluate(network, examples, cuts, engine=engine)
        assert_ranks(outcomes, twin(examples.inputs.double()), examples.labels)


@pytest.mark.parametrize("engine", GRAPHS)
@pytest.mark.parametrize("method", ["silence", "zero_weights"])
def test_a_head_is_silenced_by_its_rows_of_v_or_its_columns_of_the_projection(method, engine):
    network, examples, sites = made("vit multihead attention")
    cuts = [la.Ablation(sites["block.attn.mha"], (1,), method)]
    outcomes = la.evaluate(network, examples, cuts, engine=engine)
    size = 2  # of a head: a width of 6 over 3 heads
    by_rows, by_columns = (copy.deepcopy(network).double() for _ in range(2))
    with torch.no_grad():
        mha = by_rows.block.attn.mha
        for part in range(3):  # q, k, v
            mha.in_proj_weight[6 * part + size : 6 * part + 2 * size] = 0
            mha.in_proj_bias[6 * part + size : 6 * part + 2 * size] = 0
        by_columns.block.attn.mha.out_proj.weight[:, size : 2 * size] = 0
    for twin in (by_rows, by_columns):
        assert_ranks(outcomes, twin(examples.inputs.double()), examples.labels)


@pytest.mark.thinned(2, by="engine")
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", ["conv relu", "conv2d with biases", "pooling"])
def test_mean_and_resample_by_a_hook_of_ones_own(name, engine):
    """The units of layer 0, behind its norm and ReLU, as reference examples have them."""
    network, examples, sites = made(name)
    reference = others(name)
    point = {"conv relu": 1, "conv2d with biases": 2, "pooling": 1}[name]
    cuts = [la.Ablation(sites["0"], (0, 2), method) for method in ("mean", "resample")]
    outcomes = la.evaluate(network, examples, cuts, reference=reference, seed=7, engine=engine)
    twin = copy.deepcopy(network).double()
    held = twin[: point + 1](reference[0].double())
    donors = torch.randint(10, (40,), generator=torch.Generator().manual_seed(7))
    for row, new in enumerate((held.mean((0, 2, 3))[:, None, None], held[donors])):

        def replace(module, given, value, new=new):
            mask = torch.zeros(value.shape[1], dtype=torch.bool)
            mask[[0, 2]] = True
            return torch.where(mask[:, None, None], new, value)

        handle = twin[point].register_forward_hook(replace)
        assert_ranks(outcomes, twin(examples.inputs.double()), examples.labels, row)
        handle.remove()


def test_another_seed_draws_other_reference_examples():
    network, examples, sites = made()
    cuts = la.singles(sites["0"], "resample")
    one, same, other = (
        la.evaluate(network, examples, cuts, reference=others("mlp"), seed=seed)
        for seed in (1, 1, 2)
    )
    assert_same(one, same)
    assert not np.array_equal(one["rank"], other["rank"])


@pytest.mark.parametrize("engine", GRAPHS)
def test_a_module_that_is_called_twice_is_ablated_in_each_call(engine):
    network, examples, sites = made("shared linear")
    assert len(sites["again"].points) == 2
    twin = copy.deepcopy(network).double()
    mask = torch.tensor([1.0, 0, 1, 0, 1]).double()
    x = F.relu(twin.again(F.relu(twin.into(examples.inputs.double())))) * mask
    x = F.relu(twin.again(F.relu(twin.between(x)))) * mask
    cuts = [la.Ablation(sites["again"], (1, 3))]
    outcomes = la.evaluate(network, examples, cuts, engine=engine)
    assert_ranks(outcomes, twin.head(x), examples.labels)


class TwiceAndBranching(nn.Module):
    """Calls a layer twice; what depends on the data keeps it from being captured."""

    def __init__(self):
        super().__init__()
        self.into, self.again, self.relu = nn.Linear(12, 5), nn.Linear(5, 5), nn.ReLU()
        self.head = nn.Linear(5, 4)

    def forward(self, x):
        x = self.relu(self.again(torch.tanh(self.into(x))))
        x = x * 2 if bool(x.sum() > -1) else x
        return self.head(self.relu(self.again(x)))


@pytest.mark.parametrize("engine", ["hooks", "naive"])
def test_hooks_resample_each_call_from_the_same_call(engine):
    with la.networks.seeded(0):
        network, examples = TwiceAndBranching(), (torch.randn(40, 12), torch.arange(40) % 4)
    reference = others("mlp")
    cuts = [la.Ablation(la.find_sites(network, examples)["again"], (0, 2, 3), "resample")]
    outcomes = la.evaluate(network, examples, cuts, reference=reference, seed=5, engine=engine)
    twin = copy.deepcopy(network).double()
    donors = torch.randint(10, (40,), generator=torch.Generator().manual_seed(5))
    seen, mask = [], torch.tensor([True, False, True, True, False])
    handle = twin.relu.register_forward_hook(lambda m, i, value: seen.append(value.clone()))
    twin(reference[0][donors].double())
    handle.remove()
    twin.relu.register_forward_hook(lambda m, i, value: torch.where(mask, seen.pop(0), value))
    assert_ranks(outcomes, twin(examples[0].double()), examples[1])


def test_silence_and_zero_weights_are_one_without_bias_and_norm_and_differ_with_them():
    for name, same in (("mlp without biases", True), ("mlp softplus", False), ("conv2d", False)):
        network, examples, sites = made(name)
        one, other = (
            la.evaluate(network, examples, la.singles(sites["0"], m)) for m in METHODS[:2]
        )
        assert np.array_equal(one["rank"], other["rank"]) is same


def test_equal_ablations_of_different_methods_run_once(monkeypatch):
    network, examples, sites = made("conv relu")
    network[0].bias.data.zero_()
    examples = Examples(examples.inputs, examples.labels, examples.class_names)
    counts = []
    run = rows.Stacks._run
    monkeypatch.setattr(
        rows.Stacks, "_run", lambda self, r, *rest: counts.append(len(r)) or run(self, r, *rest)
    )
    one, both = la.singles(sites["0"]), [
        *la.singles(sites["0"]), *la.singles(sites["0"], "zero_weights")]  # fmt: skip
    la.evaluate(network, examples, one)
    alone, counts[:] = sum(counts), []
    outcomes = la.evaluate(network, examples, both)
    assert sum(counts) == alone
    assert np.array_equal(outcomes["rank"][:5], outcomes["rank"][5:])


def test_a_skip_reads_the_silenced_tensor_too_and_the_site_says_so():
    network, examples, sites = made("pre-activation")
    assert any("add" in reader for reader in sites["stem"].readers)
    twin = copy.deepcopy(network).double()
    twin.stem.register_forward_hook(lambda m, i, o: o * torch.tensor([1.0, 0, 1, 1])[:, None, None])
    outcomes = la.evaluate(network, examples, [la.Ablation(sites["stem"], (1,))])
    assert_ranks(outcomes, twin(examples.inputs.double()), examples.labels)


# --- ties, classes, formats ----------------------------------------------------------------------


def all_sets(site, method):
    """Singles, pairs, all but one and all units of a site."""
    sets = [*combinations(range(site.n_units), 1), *combinations(range(site.n_units), 2)]
    sets += [tuple(range(1, site.n_units)), tuple(range(site.n_units))]
    return [la.Ablation(site, units, method) for units in sets if units]


@given(widths=st.lists(st.integers(1, 12), min_size=1, max_size=3), seed=st.integers(0, 10**6),
       bias=st.booleans(), method=st.sampled_from(METHODS[:2]))  # fmt: skip
@settings(max_examples=25, deadline=None)
def test_the_contract_holds_for_any_mlp(widths, seed, bias, method):
    network = la.networks.mlp([12, *widths, 5], bias=bias, seed=seed)
    with la.networks.seeded(seed):
        examples = Examples(torch.randn(20, 12), torch.arange(20) % 5, tuple("abcde"))
    assume(network(examples.inputs).any())  # see the network that always answers nothing
    cuts = [cut for site in la.find_sites(network, examples).values()
            for cut in all_sets(site, method)[: 3 * site.n_units]]  # fmt: skip
    assert_same(la.evaluate(network, examples, cuts),
                la.evaluate(network, examples, cuts, engine="naive"))  # fmt: skip


def test_a_network_that_always_answers_nothing_keeps_to_the_contract():
    """Silencing both units leaves exactly 0, but W h - W h is no exact 0 in float32."""
    network = la.networks.mlp([12, 2, 2, 5], bias=False, seed=10)
    with la.networks.seeded(10):
        examples = Examples(torch.randn(20, 12), torch.arange(20) % 5, tuple("abcde"))
    assert not network(examples.inputs).any()
    cuts = [la.Ablation(la.find_sites(network, examples)["fc1"], (0, 1))]
    assert_same(la.evaluate(network, examples, cuts),
                la.evaluate(network, examples, cuts, engine="naive"))  # fmt: skip


@pytest.mark.parametrize("classes", [2, 255, 256, 300])
def test_any_number_of_classes_and_ties_are_settled(classes):
    network = la.networks.mlp([12, 9, classes], seed=3)
    with torch.no_grad():
        network.fc2.weight[1], network.fc2.bias[1] = network.fc2.weight[0], network.fc2.bias[0]
    with la.networks.seeded(0):
        inputs = torch.randn(2 * classes, 12)
    examples = (inputs, torch.arange(2 * classes) % classes)
    cuts = la.pairs(la.find_sites(network, examples)["fc1"])
    truth = la.evaluate(network, examples, cuts, engine="naive")
    for dtype in (torch.float32, torch.bfloat16):
        fast = la.evaluate(network, examples, cuts, dtype=dtype)
        assert fast.attrs["settled_in_float64"] > 0  # the two tied outputs
        assert_same(fast, truth)


@pytest.mark.parametrize("engine", ENGINES)
def test_all_logits_equal_is_decided_by_the_lower_index(engine):
    network, examples, sites = made("mlp without biases")
    cuts = [la.Ablation(sites["2"], tuple(range(5)))]
    outcomes = la.evaluate(network, examples, cuts, engine=engine)
    assert (outcomes["prediction"] == 0).all()
    assert outcomes["rank"].values[0].tolist() == examples.labels.tolist()


@pytest.mark.parametrize("name", ["mlp", "conv2d", "vit fused qkv"])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_networks_of_other_number_formats(name, dtype):
    network, examples, sites = made(name)
    cuts = la.singles(next(iter(sites.values())))
    network = network.to(dtype)
    assert_same(la.evaluate(network, examples, cuts),
                la.evaluate(network, examples, cuts, engine="naive"))  # fmt: skip
    assert {p.dtype for p in network.parameters()} == {dtype}


@pytest.mark.parametrize("which", [0, 1])
def test_all_single_and_pair_ablations_of_the_authors_networks(mnist_data, which):
    network, test = la.networks.authors_mlp()[which], la.data.mnist("test")
    test = la.Examples(test.inputs[:2500], test.labels[:2500], test.class_names)
    site = la.find_sites(network, test)["fc1"]
    cuts = [*la.singles(site, "zero_weights"), *la.pairs(site, "zero_weights")]
    fast = la.evaluate(network, test, cuts)
    assert fast.sizes["ablation"] == 210
    assert_same(fast, la.evaluate(network, test, cuts, engine="naive"))


# --- which engine, and why -----------------------------------------------------------------------


def test_the_outcomes_say_which_engine_ran_and_why():
    def attrs(name, **options):
        network, examples, sites = made(name)
        cuts = la.singles(next(iter(sites.values())))
        return la.evaluate(network, examples, cuts, **options).attrs

    assert attrs("mlp")["engine"] == "fx"
    assert attrs("mlp", engine="export")["engine"] == "export"
    asked = attrs("mlp", engine="hooks")
    assert (asked["engine"], asked["engine_reason"]) == ("hooks", "asked for")
    assert attrs("mlp", engine="naive")["engine"] == "naive"
    control = attrs("control flow")
    assert control["engine"] == "hooks"
    assert "torch.fx" in control["engine_reason"]
    assert "torch.export" in control["engine_reason"]


class BatchMean(nn.Module):
    """Subtracts the mean of the batch, and branches or not."""

    def __init__(self, branches):
        super().__init__()
        self.a, self.b, self.branches = nn.Linear(12, 6), nn.Linear(6, 4), branches

    def forward(self, x):
        x = F.relu(self.a(x))
        x = -x if self.branches and bool(x.sum() < -1) else x
        return self.b(x - x.mean(0))


@pytest.mark.parametrize("branches", [False, True])
def test_a_network_that_mixes_examples_runs_by_the_reference(branches):
    with la.networks.seeded(0):
        network, examples = BatchMean(branches), (torch.randn(40, 12), torch.arange(40) % 4)
    cuts = la.singles(la.find_sites(network, examples)["a"], "zero_weights")
    outcomes = la.evaluate(network, examples, cuts)
    assert outcomes.attrs["engine"] == "naive"
    assert "an example's output depends on the others" in outcomes.attrs["engine_reason"]
    assert_same(outcomes, la.evaluate(network, examples, cuts, engine="naive"))


def test_a_users_hook_is_obeyed():
    network, examples, sites = made("mlp")
    handle = network[1].register_forward_hook(lambda module, inputs, output: output * 0)
    outcomes = la.evaluate(network, examples, la.singles(sites["0"]))
    assert "hook" in outcomes.attrs["engine_reason"]
    assert (outcomes["rank"] == outcomes["intact_rank"]).all()
    assert (outcomes["intact_prediction"] == outcomes["intact_prediction"][0]).all()
    assert handle.id in network[1]._forward_hooks


# --- the network and the data come back as they were ---------------------------------------------


@pytest.mark.thinned(1, by="engine")
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", ["mlp in place", "mlp dropout", "conv2d"])
def test_network_and_data_are_left_as_they_were(name, engine):
    network, examples, sites = made(name)
    network.train()
    list(network.children())[1].eval()
    modes = [m.training for m in network.modules()]
    state = copy.deepcopy(network.state_dict())
    inputs, reference = examples.inputs.clone(), others(name)
    given = reference[0].clone()
    random = torch.get_rng_state()
    methods = METHODS[1:2] if engine == "hooks" else METHODS
    cuts = [la.Ablation(next(iter(sites.values())), (0,), m) for m in methods]
    la.evaluate(network, examples, cuts, engine=engine, reference=reference)
    assert [m.training for m in network.modules()] == modes
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in network.modules())
    assert all(torch.equal(state[k], v) for k, v in network.state_dict().items())
    assert all(p.requires_grad and p.grad is None for p in network.parameters())
    assert torch.equal(inputs, examples.inputs)
    assert torch.equal(given, reference[0])
    assert torch.equal(random, torch.get_rng_state())


@pytest.mark.thinned(5)
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", ["mlp dropout", "conv2d", "mlp batch norm"])
def test_a_network_in_training_mode_is_evaluated_in_eval_mode(name, engine):
    network, examples, sites = made(name)
    cuts = la.singles(next(iter(sites.values())), "zero_weights")
    evaluated = la.evaluate(network, examples, cuts, engine=engine)
    assert_same(la.evaluate(network.train(), examples, cuts, engine=engine), evaluated)
    assert all(m.training for m in network.modules())


@pytest.mark.parametrize("engine", ["auto", "hooks", "naive"])
def test_modes_and_hooks_come_back_after_an_exception(engine):
    network, examples, sites = made("mlp dropout")
    network.train()

    def stop(done, total):
        raise KeyboardInterrupt

    cuts = la.singles(sites["1"], "zero_weights")
    with pytest.raises(KeyboardInterrupt):
        la.evaluate(network, examples, cuts, progress=stop, engine=engine)
    assert all(m.training for m in network.modules())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in network.modules())


class Meddling(nn.Module):
    """A network whose forward pass calls something first."""

    def __init__(self, network, spoil):
        super().__init__()
        self.network, self.spoil = network, spoil

    def forward(self, x):
        self.spoil()
        return self.network(x)


def test_data_that_change_under_the_run_are_an_error_that_names_them():
    network, examples, sites = made("mlp")
    view, calls = examples.inputs[:], []

    def binarise_once():  # what the authors' plotting code did
        calls.append(1)
        if len(calls) == 6:
            view[view > 0.1] = 1

    meddling = nn.Sequential(Meddling(nn.Identity(), binarise_once), *network)
    cuts = [la.Ablation(la.Site("1", "hidden", 6, -1), (0,), "zero_weights")]
    with pytest.raises(IntegrityError, match=r"examples: inputs changed since they were made"):
        la.evaluate(meddling, examples, cuts, engine="naive")
    with pytest.raises(IntegrityError, match=r"inputs changed since they were made.*clone"):
        la.evaluate(network, examples, la.singles(sites["0"]))


def test_a_network_that_changes_under_the_run_is_an_error_that_names_the_parameter():
    network, examples, sites = made("mlp")

    def spoil(done, total):
        with torch.no_grad():
            network[2].bias[0] += 1

    with pytest.raises(IntegrityError, match=r"network: 2\.bias changed"):
        la.evaluate(network, examples, la.singles(sites["0"]), progress=spoil)


# --- the engine doubts itself --------------------------------------------------------------------


@pytest.mark.parametrize("name", ["mlp", "conv2d"])
def test_an_ablation_of_nothing_that_has_an_effect_is_an_error(name, monkeypatch):
    network, examples, sites = made(name)
    run = rows.Stacks._run
    monkeypatch.setattr("lashley.engine.sweeper.columns", lambda *_: None)
    monkeypatch.setattr(rows.Stacks, "_run", lambda self, *a: run(self, *a).flip(1))
    for readout in ("classification", "loss"):
        with pytest.raises(EngineError, match="an ablation of no units has an effect"):
            la.evaluate(network, examples, la.singles(sites["0"]), readout=readout)


def test_a_graph_that_is_not_the_network_is_an_error(monkeypatch):
    network, examples, sites = made("conv2d")

    def spoil(module, *_):
        for value in module.buffers():
            if value.ndim > 1:
                value.mul_(1.5)

    monkeypatch.setattr("lashley.engine.program.fold_batch_norm", spoil)
    with pytest.raises(EngineError, match=r"float32 differs from float64 by .*engine='naive'"):
        la.evaluate(network, examples, la.singles(sites["0"]))


# --- bad input: the network ----------------------------------------------------------------------


class AlwaysDropping(nn.Module):
    """Dropout that eval mode does not turn off."""

    def forward(self, x):
        return F.dropout(x, 0.5, training=True)


@pytest.mark.parametrize("engine", ["auto", "hooks", "naive"])
@pytest.mark.parametrize("method", METHODS[:2])
def test_a_network_that_answers_differently_each_time_is_refused(engine, method):
    network, examples, sites = made("mlp")
    random = nn.Sequential(*network, AlwaysDropping())
    cuts = la.singles(sites["0"], method)
    with pytest.raises(EngineError, match=r"two runs on the same examples differ.*deterministic"):
        la.evaluate(random, examples, cuts, engine=engine)


class Root(nn.Module):
    """Gives NaN where a logit is negative."""

    def forward(self, x):
        return x.sqrt()


class Share(nn.Module):
    """Divides by the sum of its units: nothing is left to divide by when all are silent."""

    def __init__(self):
        super().__init__()
        self.a, self.relu, self.b = nn.Linear(12, 6), nn.ReLU(), nn.Linear(6, 4)
        self.a.bias.data += 3

    def forward(self, x):
        x = self.relu(self.a(x))
        return self.b(x) / x.sum(1, keepdim=True)


@pytest.mark.parametrize("engine", ENGINES)
def test_outputs_that_are_not_finite_are_refused(engine):
    network, examples, sites = made("mlp")
    root = nn.Sequential(*network, Root())
    with pytest.raises(EngineError, match=r"\d+ of 40 examples give NaN or infinity under the int"):
        la.evaluate(root, examples, la.singles(sites["0"]), engine=engine)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("readout", ["classification", "loss"])
def test_ablated_outputs_that_are_not_finite_are_refused(engine, readout):
    with la.networks.seeded(0):
        network, examples = Share(), (torch.randn(40, 12), torch.arange(40) % 4)
    cut = la.Ablation(la.find_sites(network, examples)["a"], tuple(range(6)))
    with pytest.raises((EngineError, ReadoutError), match=r"NaN or infini"):
        la.evaluate(network, examples, [cut], engine=engine, readout=readout)


def test_weights_that_are_not_finite_are_refused():
    network, examples, sites = made("mlp")
    with torch.no_grad():
        network[2].weight[0, 0] = float("nan")
    with pytest.raises(NetworkError, match=r"2\.weight hold NaN"):
        la.evaluate(network, examples, la.singles(sites["0"]))


@pytest.mark.parametrize("engine", ["auto", "naive"])
def test_outputs_of_another_shape_are_refused(engine):
    network = nn.Sequential(nn.Linear(12, 9), nn.ReLU(), nn.Linear(9, 5), nn.Unflatten(1, (5, 1)))
    examples = (torch.randn(10, 12), torch.arange(10) % 5)
    cuts = la.singles(la.find_sites(network, examples)["0"])
    with pytest.raises(EngineError, match=r"returned \(10, 5, 1\); allowed are logits"):
        la.evaluate(network, examples, cuts, engine=engine)


def test_outputs_that_are_no_tensor_are_refused():
    class Pair(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(12, 6), nn.Linear(6, 4)

        def forward(self, x):
            return {"answer": self.b(self.a(x))}

    cut = la.Ablation(la.Site("a", "hidden", 6, -1), (0,))
    words = r"network returns a dict of 1 \(answer: a tensor \(3, 4\)\); .*: output='answer', or"
    with pytest.raises(EngineError, match=words):
        la.evaluate(Pair(), (torch.randn(9, 12), torch.arange(9) % 3), [cut])


@pytest.mark.parametrize("engine", ["auto", "naive"])
@pytest.mark.parametrize("method", ["silence", "zero_weights"])
def test_a_parametrised_weight_is_silenced_and_zeroed_as_the_plain_one(engine, method):
    network, examples, _ = made("mlp")
    network[0].weight.data[-1] = 1.0  # a row of zeros has no direction
    plain = copy.deepcopy(network)
    nn.utils.parametrizations.weight_norm(network[0])
    site = la.find_sites(network, examples)["0"]
    found, right = (la.evaluate(n, examples, la.singles(site, method), engine=e)
                    for n, e in ((network, engine), (plain, "naive")))  # fmt: skip
    np.testing.assert_array_equal(found["rank"], right["rank"])


# --- bad input: the examples ---------------------------------------------------------------------


@pytest.mark.parametrize("engine", ENGINES)
def test_inputs_of_another_shape_are_refused(engine):
    network, _, sites = made("conv2d")
    wrong = (torch.randn(9, 5, 8, 8), torch.arange(9) % 3)
    with pytest.raises(EngineError, match=r"inputs of shape \(3, 5, 8, 8\) do not run through"):
        la.evaluate(network, wrong, la.singles(sites["0"]), engine=engine)


def test_labels_that_do_not_fit_the_outputs_are_refused():
    network, examples, sites = made("mlp")
    cuts = la.singles(sites["0"])
    for inputs, labels, way_out in (
        (torch.randn(12, 12), torch.arange(12) % 6, "Number the classes as the network's outputs"),
        (examples.inputs, examples.labels + 1, r"If the labels count from 1, give labels - 1\."),
    ):
        words = rf"there are {labels.max() + 1} classes, but the network has 4 outputs.*{way_out}"
        with pytest.raises(DataError, match=words):
            la.evaluate(network, (inputs, labels), cuts)


@pytest.mark.parametrize("method", ["mean", "resample"])
def test_reference_examples_are_needed_and_never_the_evaluated_ones(method):
    network, examples, sites = made("mlp")
    cuts = la.singles(sites["0"], method)
    with pytest.raises(EngineError, match=rf"method '{method}' needs examples.*reference="):
        la.evaluate(network, examples, cuts)
    with pytest.raises(DataError, match=r"reference: 40 of its 40 examples are among the eval"):
        la.evaluate(network, examples, cuts, reference=examples)
    fresh, labels = others("mlp", 200)
    for shared, allowed in (
        (2, True),
        (3, False),
    ):  # of 200: one in a hundred may be there by chance
        fresh[:shared] = examples.inputs[:shared]
        if allowed:
            la.evaluate(network, examples, cuts, reference=(fresh.clone(), labels))
            continue
        with pytest.raises(DataError, match=r"reference: 3 of its 200 examples"):
            la.evaluate(network, examples, cuts, reference=(fresh, labels))


def test_reference_examples_given_by_name_are_compared_too():
    network, examples, sites = made("dict of inputs")
    cuts = la.singles(sites["left"], "mean")
    some = {name: part[:5].clone() for name, part in examples.inputs.items()}
    with pytest.raises(DataError, match=r"reference: 5 of its 5 examples"):
        la.evaluate(network, examples, cuts, reference=(some, torch.arange(5) % 4))


def test_a_module_that_sees_other_numbers_of_rows_cannot_be_resampled():
    network, examples, sites = made("routed experts")
    cuts = la.singles(sites["experts.0.0"], "resample")
    for engine in ("auto", "naive"):
        with pytest.raises(EngineError, match=r"'resample' needs activations.*experts\.0"):
            la.evaluate(network, examples, cuts, reference=others("routed experts"), engine=engine)


# --- bad input: sites and options ----------------------------------------------------------------


@pytest.mark.parametrize("engine", ENGINES)
def test_a_site_that_is_not_there_is_answered_with_the_nearest(engine):
    network, examples, sites = made("basic residual")
    for name in ("blocks.1.conv9", "head"):  # the output layer is no site
        with pytest.raises(SiteError, match=rf"given '{name}', which is not one of the netw"):
            sites[name]
        cut = la.Ablation(la.Site(name, "filter", 4, -3), (0,))
        with pytest.raises(EngineError, match=rf"given '{name}', which is not one.*nearest"):
            la.evaluate(network, examples, [cut], engine=engine)
    with pytest.raises(EngineError, match=r"nearest are blocks\.1\.conv"):
        la.evaluate(network, examples, [la.Ablation(la.Site("blocks.1.conv9", "f", 4, -3), (0,))])


@pytest.mark.parametrize("engine", ["auto", "naive"])
def test_a_site_of_another_network_is_refused(engine):
    network, examples, sites = made("mlp")
    other = la.networks.mlp([12, 9, 4])
    with pytest.raises(EngineError, match=r"0 of this network has 6 units, not 9.*find_sites"):
        la.evaluate(network, examples, [la.Ablation(la.Site("0", "hidden", 9, -1), (0,))],
                    engine=engine)  # fmt: skip
    with pytest.raises(EngineError, match=r"given '0', which is not one of the network's 1 sites"):
        la.evaluate(other, examples, la.singles(sites["0"]), engine=engine)


def test_an_engine_that_cannot_be_had_is_an_error():
    network, examples, sites = made("control flow")
    for engine in ("fx", "export"):
        with pytest.raises(EngineError, match=rf"'{engine}' cannot capture.*engine='auto'"):
            la.evaluate(network, examples, la.singles(sites["a"]), engine=engine)


@pytest.mark.parametrize("name", ["functional", "shared convolution", "vit fused qkv"])
def test_hooks_reach_units_that_functions_hold(name):
    network, examples, sites = made(name)
    cuts = [cut for site in sites.values() for cut in la.singles(site)[:2]]
    found = la.evaluate(network, examples, cuts, engine="hooks")
    assert found.attrs["engine"] == "hooks"
    assert_same(found, la.evaluate(network, examples, cuts, engine="naive"))


def test_bad_options_are_refused_at_the_door():
    network, examples, sites = made("mlp")
    cuts = la.singles(sites["0"])

    def refused(match, ablations=cuts, **options):
        with pytest.raises(EngineError, match=match):
            la.evaluate(network, examples, ablations, **options)

    refused("engine: given 'quick'; allowed are auto, fx, export, hooks, naive", engine="quick")
    refused("ablations: given none", [])
    refused(r"ablations: given \(0,\)", [(0,)])
    refused(r"given Ablation\(.*; allowed is a list", cuts[0])
    refused("ablations: given None", None)
    refused(r"device: 'cudda' is not available here.*Use 'cpu'", device="cudda")
    refused(r"dtype: given torch\.float16; allowed are torch\.float32 and", dtype=torch.float16)
    for precision in (0, -1, 101, "fine"):
        refused("precision: given .*; allowed is a half width", precision=precision)
    refused("precision: given with the readout 'loss'", precision=0.5, readout="loss")
    refused("dtype: given with the readout 'loss'", dtype=torch.bfloat16, readout="loss")
    with pytest.raises(ReadoutError, match="readout"):
        la.evaluate(network, examples, cuts, readout="accuracy")
