"""Sites: found in forward order, behind what acts on each unit alone, and nothing disturbed."""

import copy
import pickle

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import lashley as la
from lashley.errors import SiteError

from forward import Forward
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
    assert sites["fc1"] == la.Site("fc1", "hidden", 9, -1)
    assert (sites["fc1"].points, sites["fc1"].readers) == (("relu1",), ("fc2",))
    assert [s.n_units for s in sites.values()] == [9, 7]


def test_a_convolutional_network_in_the_order_of_the_calls():
    sites = la.find_sites(_Conv(), IMAGES)
    assert list(sites) == ["first.0", "second"]
    assert sites["first.0"] == la.Site("first.0", "filter", 4, -3)
    assert sites["first.0"].points == ("first.2",)
    assert sites["first.0"].readers == ("max_pool2d",)
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
        ([nn.ReLU()], "1"), ([nn.BatchNorm1d(9), nn.ReLU()], "2"), ([nn.GELU(), nn.Dropout()], "1"),
        ([nn.Dropout(), nn.Tanh(), nn.Identity(), nn.Dropout()], "2"), ([], "0"),
        ([nn.Softmax(1)], "0"), ([nn.ReLU(), nn.Softmax(1), nn.ReLU()], "1"),
    ],
)  # fmt: skip
def test_the_point_is_behind_all_that_acts_on_each_unit_alone(behind, point):
    network = nn.Sequential(nn.Linear(12, 9), *behind, nn.Linear(9, 5))
    (site,) = la.find_sites(network, (torch.randn(2, 12), PAIR[1])).values()
    assert site.points == (point,)


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
        (lambda x: F.dropout(F.gelu(x), 0.5, training=False), "gelu"),
        (lambda x: x.tanh().sigmoid(), "sigmoid"),
        (lambda x: F.leaky_relu(x, 0.2), "leaky_relu"),
        (lambda x: x * torch.sigmoid(x), "mul"), (lambda x: x * 2, "mul"),
        (lambda x: x.softmax(1), "a"), (lambda x: x, "a"),
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
    assert sites["a"].readers == ("b", "add")
    assert sites["b"].points == ("relu",)  # before the addition, which the readers tell
    assert sites["b"].readers == ("add",)


def test_a_module_called_twice_has_two_points():
    sites = la.find_sites(Shared(), PAIR)
    assert list(sites) == ["a", "b"]
    assert sites["b"].points == ("relu", "relu")
    assert sites["b"].readers == ("b", "c")


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
    assert sites["a"].points == ("relu", "relu")
    assert sites["a"].readers == ("b", "head")


def test_what_cannot_be_captured_is_recorded():
    sites = la.find_sites(Branching(), PAIR)
    assert sites == {"a": la.Site("a", "hidden", 9, -1)}
    assert sites["a"].points == ("relu",)
    assert len(la.singles(sites["a"])) == 9


def test_points_and_readers_are_descriptions():
    one, other = (la.Site("a", "hidden", 9, -1, points) for points in (("relu",), ("gelu",)))
    assert one == other
    assert hash(one) == hash(other)
    assert one != la.Site("a", "hidden", 8, -1, ("relu",))


def test_functions_are_described_by_the_module_that_calls_them():
    inner = Forward(lambda n, x: n.a(x).relu(), a=nn.Linear(12, 9))
    sites = la.find_sites(nn.Sequential(nn.Flatten(), inner, nn.Linear(9, 5)), PAIR)
    assert sites["1.a"].points == ("relu in 1",)
    assert sites["1.a"].readers == ("2",)


class TestUnknownNames:
    def test_the_nearest_are_shown(self):
        sites = la.find_sites(la.networks.mlp([12, 9, 7, 5]), PAIR)
        words = r"site: given 'fc3', which is not one of the network's 2 sites \(the output layer"
        with pytest.raises(
            SiteError, match=words + r" is not a site\); the nearest are fc2, fc1\. See all"
        ):
            sites["fc3"]
        assert sites.get("fc3") is None
        assert "fc3" not in sites

    def test_far_from_all_the_first_are_shown(self):
        with pytest.raises(SiteError, match=r"given 7, .*the nearest are fc1, fc2"):
            la.find_sites(la.networks.mlp([12, 9, 7, 5]), PAIR)[7]

    def test_a_network_without_sites(self):
        with pytest.raises(SiteError, match=r"one of the network's 0 sites .*has no site\. See"):
            la.find_sites(nn.Linear(12, 5), (torch.randn(2, 12), PAIR[1]))["fc1"]


def test_attention_heads_have_the_name_of_their_module():
    network = Forward(
        lambda n, x: n.head(n.attend(x, x, x)[0].mean(1)),
        attend=nn.MultiheadAttention(8, 4, batch_first=True), head=nn.Linear(8, 5),
    )  # fmt: skip
    sites = la.find_sites(network, (torch.randn(2, 6, 8), PAIR[1]))
    assert sites == {
        "attend": la.Site("attend", "head", 4, -3),
        "attend.out_proj": la.Site("attend.out_proj", "hidden", 8, -1),
    }


def test_a_transposed_convolution_has_all_units_of_its_groups():
    network = nn.Sequential(
        nn.ConvTranspose2d(4, 6, 3, groups=2), nn.ReLU(), nn.Flatten(), nn.LazyLinear(5)
    )
    network(torch.randn(2, 4, 8, 8))
    sites = la.find_sites(network, (torch.randn(2, 4, 8, 8), PAIR[1]))
    assert sites == {"0": la.Site("0", "filter", 6, -3)}


class _ByName(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.a, self.b = nn.Embedding(7, 4), nn.Linear(4, 9), nn.Linear(9, 5)

    def forward(self, ids, mask):
        return self.b(F.relu(self.a((self.embed(ids) * mask[..., None]).mean(1))))


def test_inputs_by_name():
    inputs = {"mask": torch.ones(2, 3), "ids": torch.randint(7, (2, 3))}
    sites = la.find_sites(_ByName(), (inputs, PAIR[1]))
    assert sites == {
        "embed": la.Site("embed", "embedding", 4, -1), "a": la.Site("a", "hidden", 9, -1)
    }  # fmt: skip
    wrong = {"mask": torch.ones(2, 4), "ids": inputs["ids"]}
    with pytest.raises(SiteError, match=r"of shape \{'mask': \(4,\), 'ids': \(3,\)\} does"):
        la.find_sites(_ByName(), (wrong, PAIR[1]))


def test_inputs_are_seen_in_the_networks_number_format():
    network = la.networks.mlp([12, 9, 5]).double()
    assert list(la.find_sites(network, PAIR)) == ["fc1"]


@pytest.mark.parametrize("network", [nn.Linear(12, 5), nn.Flatten()])
def test_networks_without_a_hidden_layer_have_no_site(network):
    assert la.find_sites(network, (torch.randn(2, 12), PAIR[1])) == {}


def unit_by_unit(layer):
    """(unit, weight) of a convolution: unit u of its group is read off the weights one by one."""
    weight, groups = layer.weight, layer.groups
    if not layer.transposed:
        return torch.stack([weight[u].flatten() for u in range(layer.out_channels)])
    inputs, units = layer.in_channels // groups, layer.out_channels // groups
    rows = [weight[g * inputs : (g + 1) * inputs, u] for g in range(groups) for u in range(units)]
    return torch.stack([row.flatten() for row in rows])


class TestWeights:
    @pytest.mark.parametrize("bias", [True, False])
    def test_of_linear_layers_are_the_networks_own(self, bias):
        network = la.networks.mlp([12, 9, 7, 5], bias=bias)
        sites = la.find_sites(network, PAIR)
        for name in ("fc1", "fc2"):
            weight = network.get_submodule(name).weight
            assert torch.equal(sites[name].weights, weight)
            assert sites[name].weights.data_ptr() == weight.data_ptr()
            assert not sites[name].weights.requires_grad

    @pytest.mark.thinned(6)
    @pytest.mark.parametrize(
        "layer",
        [
            nn.Conv2d(4, 6, 3), nn.Conv2d(4, 6, (1, 3), groups=2), nn.Conv2d(4, 8, 3, groups=4),
            nn.Conv2d(4, 4, 3, groups=4, bias=False), nn.ConvTranspose2d(4, 6, 3),
            nn.ConvTranspose2d(4, 6, 3, groups=2), nn.ConvTranspose2d(4, 4, 3, groups=4),
        ],
        ids=str,
    )  # fmt: skip
    @pytest.mark.parametrize("branches", [False, True])
    def test_of_convolutions_are_those_of_each_filter(self, layer, branches):
        network = Forward(
            lambda n, x: n.b((-n.a(x) if branches and x.sum() > 1e9 else n.a(x)).flatten(1)),
            a=copy.deepcopy(layer), b=nn.LazyLinear(5),
        )  # fmt: skip
        images = torch.randn(2, 4, 8, 8)
        network(images)
        (site,) = la.find_sites(network, (images, PAIR[1])).values()
        assert site.points[0].endswith("a")
        assert torch.equal(site.weights, unit_by_unit(layer))
        nn.init.zeros_(network.a.weight)
        if not layer.transposed:  # the same numbers in memory, and no copy
            assert (site.weights == 0).all()

    def test_of_an_exported_network_are_its_own(self):
        network = Forward(
            lambda n, x: n.b(torch.relu(n.a(x).view(len(x), 9))),
            a=nn.Linear(12, 9), b=nn.Linear(9, 5),
        )  # fmt: skip
        site = la.find_sites(network, (torch.randn(2, 12), PAIR[1]))["a"]
        assert site.weights.data_ptr() == network.a.weight.data_ptr()
        assert torch.equal(site.weights, network.a.weight)

    def test_of_a_product_of_matrices_are_its_columns(self):
        network = Forward(
            lambda n, x: n.b(torch.relu(x @ n.mix)),
            mix=nn.Parameter(torch.randn(12, 9)), b=nn.Linear(9, 5),
        )  # fmt: skip
        site = la.find_sites(network, (torch.randn(2, 12), PAIR[1]))["mix"]
        assert torch.equal(site.weights, network.mix.T)

    def test_of_what_hooks_see_are_there_too(self):
        network = Branching()
        assert torch.equal(la.find_sites(network, PAIR)["a"].weights, network.a.weight)

    def test_of_a_module_called_twice_are_there_once(self):
        network = Shared()
        assert torch.equal(la.find_sites(network, PAIR)["b"].weights, network.b.weight)

    def test_heads_have_none(self):
        network = Forward(
            lambda n, x: n.head(n.attend(x, x, x)[0].mean(1)),
            attend=nn.MultiheadAttention(8, 4, batch_first=True), head=nn.Linear(8, 5),
        )  # fmt: skip
        sites = la.find_sites(network, (torch.randn(2, 6, 8), PAIR[1]))
        assert sites["attend"].weights is None
        assert torch.equal(sites["attend.out_proj"].weights, network.attend.out_proj.weight)

    def test_do_not_tell_sites_apart_nor_are_printed(self):
        (site,) = la.find_sites(la.networks.mlp([12, 9, 5]), PAIR).values()
        (other,) = la.find_sites(la.networks.mlp([12, 9, 5]), PAIR).values()
        assert not torch.equal(site.weights, other.weights)
        assert site == other
        assert hash(site) == hash(other)
        assert "tensor" not in repr(site)

    @pytest.mark.parametrize("twin_of", [copy.deepcopy, lambda s: pickle.loads(pickle.dumps(s))])
    def test_survive_copies_and_pickles(self, twin_of):
        (site,) = la.find_sites(la.networks.mlp([12, 9, 5]), PAIR).values()
        twin = twin_of(site)
        assert twin == site
        assert torch.equal(twin.weights, site.weights)
        assert twin.weights.data_ptr() != site.weights.data_ptr()


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


class _Checking(nn.Module):
    """Asks for a shape, which torch.fx cannot follow."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(12, 5), nn.Linear(5, 3)

    def forward(self, x):
        if x.shape[1] != 3:
            raise ValueError("three channels are needed")
        return self.b(F.relu(self.a(x.flatten(1))))


class TestEffort:
    """A deep transformer's sites take about two passes of three examples through it."""

    @staticmethod
    def calls(network):
        """With how many examples the first Linear is called."""
        seen, linear = [], F.linear
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(nn.Linear, "forward", lambda layer, x: (
                seen.append(len(x)) if layer is network.a and type(x) is Tensor else None,
                linear(x, layer.weight, layer.bias))[1])  # fmt: skip
            la.find_sites(network, PAIR)
        return seen

    def test_by_fx_graph_and_network_run_once(self):
        network = nn.Sequential()
        network.add_module("flat", nn.Flatten())
        network.add_module("a", nn.Linear(12, 5))
        network.add_module("act", nn.ReLU())
        network.add_module("b", nn.Linear(5, 3))
        assert self.calls(network) == [3, 3]

    def test_a_kept_export_is_held_against_the_network_once(self):
        network = _Checking()
        la.find_sites(network, PAIR)
        assert self.calls(network) == [4]  # the graph calls no module
