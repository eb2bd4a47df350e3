"""Sites: found in forward order, behind what acts on each unit alone, and nothing disturbed."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import lashley as la
from lashley.errors import AblationError, SiteError
from lashley.sites import trace

from networks_under_test import Branching, Functional, Shared, Skip

PAIR = (torch.randn(2, 3, 4), torch.tensor([0, 1]))
IMAGES = (torch.randn(2, 3, 8, 8), torch.tensor([0, 1]))


class _Conv(nn.Module):
    """Defined in another order than it runs in; norm, ReLU, pooling, dropout."""

    def __init__(self):
        super().__init__()
        self.head = nn.Linear(24, 5)
        self.second = nn.Conv2d(4, 6, 3, padding=1)
        self.first = nn.Sequential(
            nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(inplace=True)
        )
        self.drop = nn.Dropout2d(0.5)
        self.unused = nn.Linear(2, 2)

    def forward(self, x):
        x = F.max_pool2d(self.first(x), 2)
        x = torch.relu(self.drop(self.second(x)))
        return self.head(F.adaptive_avg_pool2d(x, 2).flatten(1))


def test_an_mlp_in_forward_order_without_its_output_layer():
    sites = la.find_sites(la.networks.mlp([12, 9, 7, 5]), PAIR)
    assert list(sites) == ["fc1", "fc2"]
    assert sites["fc1"] == la.Site("fc1", "hidden", 9, -1, ("relu1",))
    assert [s.n_units for s in sites.values()] == [9, 7]


def test_a_convolutional_network_in_the_order_of_the_calls():
    sites = la.find_sites(_Conv(), IMAGES)
    assert list(sites) == ["first.0", "second"]
    assert sites["first.0"] == la.Site("first.0", "filter", 4, -3, ("first_2",))
    assert (sites["second"].kind, sites["second"].n_units) == ("filter", 6)
    assert sites["second"].points == ("relu",)  # behind dropout, before pooling


@pytest.mark.parametrize(
    ("layer", "axis", "shape"),
    [(nn.Conv1d, -2, (2, 3, 9)), (nn.Conv2d, -3, (2, 3, 9, 9)), (nn.Conv3d, -4, (2, 3, 5, 5, 5))],
)
def test_the_units_axis_of_convolutions(layer, axis, shape):
    network = nn.Sequential(layer(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.LazyLinear(2))
    network(torch.randn(shape))
    (site,) = la.find_sites(network, (torch.randn(shape), torch.tensor([0, 1]))).values()
    assert (site.axis, site.n_units) == (axis, 4)
    assert network[0](torch.randn(shape)).shape[axis] == 4


@pytest.mark.parametrize(
    ("behind", "point"),
    [
        ([nn.ReLU()], "1"), ([nn.BatchNorm1d(9), nn.ReLU()], "2"), ([nn.GELU(), nn.Dropout()], "2"),
        ([nn.Dropout(), nn.Tanh(), nn.Identity(), nn.Dropout()], "4"), ([], "0"),
        ([nn.Softmax(1)], "0"), ([nn.ReLU(), nn.Softmax(1), nn.ReLU()], "1"),
    ],
)  # fmt: skip
def test_the_point_is_behind_all_that_acts_on_each_unit_alone(behind, point):
    network = nn.Sequential(nn.Linear(12, 9), *behind, nn.Linear(9, 5))
    (site,) = la.find_sites(network, (torch.randn(2, 12), PAIR[1])).values()
    assert site.points == (f"_{point}",)


class _Activated(nn.Module):
    def __init__(self, activation):
        super().__init__()
        self.a, self.b, self.activation = nn.Linear(12, 9), nn.Linear(9, 5), activation

    def forward(self, x):
        return self.b(self.activation(self.a(x.flatten(1))))


@pytest.mark.parametrize(
    ("activation", "point"),
    [
        (F.relu, "relu"), (torch.relu, "relu"), (lambda x: x.relu(), "relu"),
        (lambda x: F.dropout(F.gelu(x), 0.5, training=False), "dropout"),
        (lambda x: x.tanh().sigmoid(), "sigmoid"),
        (lambda x: F.leaky_relu(x, 0.2), "leaky_relu"),
        (lambda x: x.softmax(1), "a"), (lambda x: x * 2, "a"), (lambda x: x, "a"),
    ],
)  # fmt: skip
def test_activations_as_functions_and_methods(activation, point):
    (site,) = la.find_sites(_Activated(activation), PAIR).values()
    assert site.points == (point,)


def test_functions_in_a_row():
    sites = la.find_sites(Functional(), PAIR)
    assert [s.points for s in sites.values()] == [("relu",), ("tanh",)]


def test_a_value_used_twice_is_the_last_that_is_the_units_own():
    sites = la.find_sites(Skip(), PAIR)
    assert sites["a"].points == ("relu",)  # goes into b and around it
    assert sites["b"].points == ("relu_1",)


def test_a_module_called_twice_has_two_points():
    sites = la.find_sites(Shared(), PAIR)
    assert list(sites) == ["a", "b"]
    assert sites["b"].points == ("relu_1", "relu_2")


class _Again(nn.Module):
    """A layer that is called once more behind another."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.head = nn.Linear(12, 12), nn.Linear(12, 12), nn.Linear(12, 5)

    def forward(self, x):
        return self.head(F.relu(self.a(F.relu(self.b(F.relu(self.a(x.flatten(1))))))))


def test_the_first_call_counts_for_the_order():
    sites = la.find_sites(_Again(), PAIR)
    assert list(sites) == ["a", "b"]
    assert sites["a"].points == ("relu", "relu_2")


def test_silence_at_a_point_is_a_zero_for_whatever_comes_behind():
    network = _Conv().eval()
    (site, _) = la.find_sites(network, IMAGES).values()
    values = {}

    class Interpreter(torch.fx.Interpreter):
        def run_node(self, node):
            values[node.name] = super().run_node(node)
            return values[node.name]

    graph = torch.fx.GraphModule(network, trace(network)[0])
    Interpreter(graph).run(IMAGES[0])
    assert torch.equal(values[site.points[0]], network.first(IMAGES[0]))


def test_control_flow_that_depends_on_the_data_has_sites_but_no_points():
    sites = la.find_sites(Branching(), PAIR)
    assert sites == {"a": la.Site("a", "hidden", 9, -1, ())}
    with pytest.raises(AblationError, match="Use method='zero_weights', or write the network's"):
        la.singles(sites["a"])
    assert len(la.singles(sites["a"], "zero_weights")) == 9
    assert trace(Branching())[0] is None
    assert "TraceError" in trace(Branching())[1]


@pytest.mark.parametrize("network", [nn.Linear(12, 5), nn.Flatten()])
def test_networks_without_a_hidden_layer_have_no_site(network):
    assert la.find_sites(network, (torch.randn(2, 12), PAIR[1])) == {}


def state_of(network):
    hooks = [len(m._forward_hooks) + len(m._forward_pre_hooks) for m in network.modules()]
    return [m.training for m in network.modules()], hooks, copy.deepcopy(network.state_dict())


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("fits", [True, False])
def test_the_network_is_left_as_it_was(training, fits):
    network = _Conv().train(training)
    network.drop.train(not training)
    network.head.register_forward_hook(lambda *_: None)
    modes, hooks, state = state_of(network)
    examples = IMAGES if fits else (torch.randn(2, 1, 8, 8), IMAGES[1])
    generator = torch.get_rng_state()
    if fits:
        la.find_sites(network, examples)
    else:
        with pytest.raises(SiteError, match=r"shape \(1, 1, 8, 8\) does not run .*Give inputs"):
            la.find_sites(network, examples)
    assert torch.equal(torch.get_rng_state(), generator)
    assert state_of(network)[:2] == (modes, hooks)
    after = network.state_dict()
    assert all(torch.equal(after[name], value) for name, value in state.items())


def test_one_example_is_enough_and_labels_do_not_matter():
    examples = la.Examples(torch.randn(1, 3, 4), torch.tensor([0]), ("a",))
    assert list(la.find_sites(la.networks.mlp([12, 4, 5]), examples)) == ["fc1"]
