"""Scores: against planted activations and weights, and against the paper's network."""

import copy
import json
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import pearsonr, spearmanr
from torch import nn

from lashley import data, networks
from lashley.data import Examples
from lashley.errors import DataError, IntegrityError, NetworkError, SiteError
from lashley.scores import scores, selectivity
from lashley.sites import Site, find_sites

PUBLISHED = Path(__file__).resolve().parents[2] / "shared" / "paper" / "expected.json"
COMPARING = {"mann_whitney_p", "mann_whitney_p_adjusted", "ks_distance", "l2_change"}


def examples(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(*shape, generator=generator)
    return Examples(inputs, torch.zeros(len(inputs), dtype=torch.long), ("a", "b"))


def convolutional():
    with networks.seeded(0):
        return nn.Sequential(OrderedDict(
            conv=nn.Conv2d(2, 3, 3), norm=nn.BatchNorm2d(3), relu=nn.ReLU(inplace=True),
            dropout=nn.Dropout(0.9), flatten=nn.Flatten(), out=nn.Linear(3 * 16, 2),
        )).train()  # fmt: skip


class TestPaper:
    @pytest.fixture
    def found(self, mnist_data):
        trained, untrained = networks.authors_mlp()
        test = data.mnist("test")
        return scores(trained, find_sites(trained, test)["fc1"], test, untrained)

    def test_dead_units_hardly_fire(self, found):
        percent = 100 * found["firing_share"].values
        assert percent[5] == 0
        assert np.round(percent[[17, 10, 12]], 2).tolist() == [0.21, 0.04, 10.52]

    def test_weight_change_ranks_the_drops_as_the_facts_say(self, found):
        if not PUBLISHED.is_file():
            pytest.skip("the paper's single drops are not here: ../shared/paper/expected.json")
        drops = json.loads(PUBLISHED.read_text())["single_drop_pp"]
        p, distance = found["mann_whitney_p"].values, found["ks_distance"].values
        assert round(p[6], 2) == 0.95
        assert round(spearmanr(distance, drops["clean"]).statistic, 2) == 0.91
        expected = {"clean": (-0.44, -0.60), "published": (-0.39, -0.53)}
        for kind, (pearson, spearman) in expected.items():
            assert round(pearsonr(p, drops[kind]).statistic, 2) == pearson
            assert round(spearmanr(p, drops[kind]).statistic, 2) == spearman


class TestWeights:
    def test_by_hand(self):
        network = networks.mlp([2, 3, 2])
        with torch.no_grad():
            network.fc1.weight.copy_(torch.tensor([[3.0, -4.0], [0, 0], [1, 1]]))
            network.fc1.bias.fill_(100)  # no part of the incoming weights
        test = examples(5, 2)
        found = scores(network, find_sites(network, test)["fc1"], test)
        assert found["weight_l1"].values.tolist() == [7, 0, 2]
        np.testing.assert_allclose(found["weight_l2"], [5, 0, np.sqrt(2)])
        assert not COMPARING & set(found)

    def test_change_from_the_initial_weights(self):
        trained, initial = (networks.mlp([12, 2, 2], seed=0) for _ in range(2))
        with torch.no_grad():
            trained.fc1.weight[1] += 1
        test = examples(5, 12)
        found = scores(trained, find_sites(trained, test)["fc1"], test, initial)
        np.testing.assert_allclose(found["l2_change"], [0, np.sqrt(12)])
        assert found["ks_distance"].values.tolist() == [0, 1]
        p, adjusted = found["mann_whitney_p"].values, found["mann_whitney_p_adjusted"].values
        assert p[0] == 1
        assert adjusted[1] == pytest.approx(2 * p[1])

    def test_a_filters_weights_are_all_of_its_kernel(self):
        network, test = convolutional(), examples(4, 2, 6, 6)
        found = scores(network, find_sites(network, test)["conv"], test)
        expected = network.conv.weight.detach().abs().sum((1, 2, 3))
        np.testing.assert_allclose(found["weight_l1"], expected, rtol=1e-6)


class TestLayouts:
    """Weights and activations that do not lie unit by unit."""

    def test_transposed_convolutions_with_groups(self):
        with networks.seeded(0):
            network = nn.Sequential(
                nn.ConvTranspose2d(4, 6, 3, groups=2), nn.ReLU(), nn.Flatten(),
                nn.Linear(6 * 36, 2),
            )  # fmt: skip
        test = examples(5, 4, 4, 4)
        found = scores(network, find_sites(network, test)["0"], test)
        weight = network[0].weight.detach()
        expected = [weight[2 * (u // 3) : 2 * (u // 3) + 2, u % 3].abs().sum() for u in range(6)]
        np.testing.assert_allclose(found["weight_l1"], expected, rtol=1e-6)

    def test_units_in_columns_as_in_transformers(self):
        conv1d = pytest.importorskip("transformers.pytorch_utils").Conv1D
        with networks.seeded(0):
            network = nn.Sequential(conv1d(7, 3), nn.GELU(), nn.Flatten(), nn.Linear(35, 2))
        test = examples(4, 5, 3)
        found = scores(network, find_sites(network, test)["0"], test)
        np.testing.assert_allclose(found["weight_l1"], network[0].weight.detach().abs().sum(0))

    @pytest.mark.parametrize("batch_size", [2, 5])
    def test_sequence_first(self, batch_size):
        network, test = Turned(), examples(5, 4, 3)
        found = scores(network, find_sites(network, test)["fc"], test, batch_size=batch_size)
        with torch.inference_mode():
            active = network.fc(test.inputs).relu()
        np.testing.assert_allclose(found["mean_activation"], active.mean((0, 1)), atol=1e-6)
        fires = (active > 0).any(1).double().mean(0)
        np.testing.assert_allclose(found["firing_share"], fires)
        assert fires.min() < 1

    def test_inputs_by_name(self):
        network, one = Turned(), examples(5, 4, 3)
        by_name = Examples({"x": one.inputs}, one.labels, one.class_names)
        site = find_sites(network, one)["fc"]
        assert scores(network, site, by_name).identical(scores(network, site, one))


class Turned(nn.Module):
    """Examples on the second axis, as a sequence model has them."""

    def __init__(self):
        super().__init__()
        with networks.seeded(1):
            self.fc, self.out = nn.Linear(3, 6), nn.Linear(6, 2)

    def forward(self, x):
        return self.out(self.fc(x.transpose(0, 1)).relu().mean(0))


class TestActivations:
    def test_by_hand(self):
        network = networks.mlp([1, 3, 2])
        with torch.no_grad():
            network.fc1.weight.copy_(torch.tensor([[1.0], [-1.0], [0.0]]))
            network.fc1.bias.copy_(torch.tensor([0.0, 0.0, -1.0]))
        test = Examples(torch.tensor([[-1.0], [0], [1], [2]]), torch.zeros(4, dtype=int), ("a",))
        found = scores(network, find_sites(network, test)["fc1"], test)
        assert found["mean_activation"].values.tolist() == [0.75, 0.25, 0]
        assert found["firing_share"].values.tolist() == [0.5, 0.25, 0]

    def test_of_a_filter_behind_norm_and_relu_in_eval_mode(self):
        network, test = convolutional(), examples(20, 2, 6, 6)
        with torch.no_grad():
            network.norm.running_mean.copy_(torch.tensor([0.0, 1.0, 9.0]))
        found = scores(network, find_sites(network, test)["conv"], test)
        network.eval()
        with torch.inference_mode():
            active = torch.relu(network.norm(network.conv(test.inputs)))
        np.testing.assert_allclose(found["mean_activation"], active.mean((0, 2, 3)), atol=1e-6)
        anywhere = (active > 0).flatten(2).any(2).double().mean(0)
        np.testing.assert_allclose(found["firing_share"], anywhere)
        assert 0 < anywhere[1] < 1
        assert anywhere[2] == 0

    def test_do_not_depend_on_the_batches(self):
        network, test = convolutional(), examples(23, 2, 6, 6)
        site = find_sites(network, test)["conv"]
        one, other = (scores(network, site, test, batch_size=b) for b in (23, 7))
        np.testing.assert_allclose(one["mean_activation"], other["mean_activation"], rtol=1e-5)
        assert one["firing_share"].equals(other["firing_share"])

    def test_of_units_with_positions_on_another_axis(self):
        network = nn.Sequential(OrderedDict(
            fc=nn.Linear(4, 3), relu=nn.ReLU(), flatten=nn.Flatten(), out=nn.Linear(15, 2)
        ))  # fmt: skip
        test = examples(6, 5, 4)
        found = scores(network, find_sites(network, test)["fc"], test)
        with torch.inference_mode():
            active = network.relu(network.fc(test.inputs))
        np.testing.assert_allclose(found["mean_activation"], active.mean((0, 1)), rtol=1e-5)

    def test_leave_network_and_modes_as_they_were(self):
        network, test = convolutional(), examples(20, 2, 6, 6)
        network.norm.eval()
        before = {name: value.clone() for name, value in network.state_dict().items()}
        scores(network, find_sites(network, test)["conv"], test)
        assert all(torch.equal(before[n], v) for n, v in network.state_dict().items())
        assert [m.training for m in network] == [True, False, True, True, True, True]
        assert not any(m._forward_hooks for m in network.modules())

    def test_say_that_the_examples_have_changed(self):
        network, test = networks.mlp([3, 2, 2]), examples(4, 3)
        site = find_sites(network, test)["fc1"]
        test.inputs.add_(1)
        with pytest.raises(IntegrityError, match="inputs changed"):
            scores(network, site, test)


def test_the_dataset_explains_itself():
    network, test = networks.mlp([3, 2, 2]), examples(4, 3)
    found = scores(network, find_sites(network, test)["fc1"], test, networks.mlp([3, 2, 2]))
    assert found.attrs["site"] == "fc1"
    assert found["unit"].values.tolist() == [0, 1]
    assert set(found) > COMPARING
    assert all(variable.attrs["long_name"] for variable in found.data_vars.values())
    assert found["firing_share"].attrs["units"] == "1"


class Twice(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc, self.out = nn.Linear(3, 3), nn.Linear(3, 2)

    def forward(self, x):
        return self.out(self.fc(self.fc(x).relu()).relu())


class Untraceable(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc, self.out = nn.Linear(3, 3), nn.Linear(3, 2)

    def forward(self, x):
        return self.out(self.fc(x)) if x.sum() > 1e9 else self.out(self.fc(x).relu())


class Attending(nn.Module):
    def __init__(self):
        super().__init__()
        self.attend, self.out = nn.MultiheadAttention(6, 2, batch_first=True), nn.Linear(6, 2)

    def forward(self, x):
        return self.out(self.attend(x, x, x)[0].mean(1))


class Normed(nn.Module):
    """Normalises over the batch even in eval mode."""

    def __init__(self):
        super().__init__()
        self.fc, self.out = nn.Linear(3, 3), nn.Linear(3, 2)

    def forward(self, x):
        return self.out((self.fc(x) - self.fc.bias - x.mean(0)).relu())


class TestRefuses:
    @pytest.mark.parametrize(
        ("network", "words"),
        [(Twice(), "of fc is not one tensor.*calls it 2 times"),
         (Untraceable(), "of fc is not one tensor.*cannot be captured")],
    )  # fmt: skip
    def test_a_site_without_one_activation(self, network, words):
        test = examples(4, 3)
        with pytest.raises(SiteError, match=words):
            scores(network, find_sites(network, test)["fc"], test)

    def test_a_site_of_another_network(self):
        network, test = networks.mlp([3, 2, 2]), examples(4, 3)
        with pytest.raises(SiteError, match=r"given 'fc9', which is not one of .*nearest are fc1"):
            scores(network, Site("fc9", "hidden", 2, -1), test)
        with pytest.raises(SiteError, match=r"fc1 of this network has 2 units, not 7\. Take the"):
            scores(network, Site("fc1", "hidden", 7, -1), test)
        with pytest.raises(SiteError, match=r"site: given 'fc1'; allowed is a lashley\.Site"):
            scores(network, "fc1", test)

    def test_heads_have_no_weights(self):
        network, test = Attending(), examples(4, 5, 6)
        with pytest.raises(SiteError, match=r"attend holds heads, which have no incoming weights"):
            scores(network, find_sites(network, test)["attend"], test)

    def test_a_point_that_mixes_examples(self):
        network, test = Normed(), examples(4, 3)
        with pytest.raises(SiteError, match=r"fc is not one tensor.* does not hold its examples"):
            scores(network, find_sites(network, test)["fc"], test)

    def test_an_initial_network_of_another_shape(self):
        network, test = networks.mlp([3, 2, 2]), examples(4, 3)
        site = find_sites(network, test)["fc1"]
        with pytest.raises(NetworkError, match="initial: fc1 has 4 weights per unit, but "):
            scores(network, site, test, networks.mlp([4, 2, 2]))
        with pytest.raises(NetworkError, match=r"initial: .*fc1 of this network has 5 units, n"):
            scores(network, site, test, networks.mlp([3, 5, 2]))
        with pytest.raises(NetworkError, match=r"initial: .*no weights 'fc1\.weight'.*find_sites"):
            scores(network, site, test, nn.Sequential(nn.Linear(3, 2)))

    def test_weights_that_are_not_finite(self):
        network, test = networks.mlp([3, 2, 2]), examples(4, 3)
        site = find_sites(network, test)["fc1"]
        with torch.no_grad():
            network.fc1.weight[0, 0] = torch.nan
        with pytest.raises(NetworkError, match=r"fc1\.weight hold NaN"):
            scores(network, site, test)

    @pytest.mark.parametrize("shape", [(20, 10), (1, 0, 10)])
    def test_drops_of_another_shape(self, shape):
        with pytest.raises(DataError, match=r"class_drop_pp: given shape .*\(network, unit, class"):
            selectivity(np.zeros(shape))


def test_selectivity_is_the_deviation_over_units_then_the_mean_over_networks():
    drops = np.zeros((2, 4, 3))
    drops[0, :, 0] = [0, 10, 0, 10]  # deviation 5 over n, not n - 1
    drops[1, :, 2] = 7  # the same for every unit
    found = selectivity(drops)
    assert found.per_network.tolist() == [[5, 0, 0], [0, 0, 0]]
    assert found.mean.tolist() == [2.5, 0, 0]


def test_a_network_in_float64_has_the_same_scores():
    network, test = networks.mlp([64, 6, 10], seed=0), data.digits("test")
    site = find_sites(network, test)["fc1"]
    single = scores(network, site, test)
    double = scores(copy.deepcopy(network).double(), site, test)
    np.testing.assert_allclose(single["mean_activation"], double["mean_activation"], rtol=1e-5)
