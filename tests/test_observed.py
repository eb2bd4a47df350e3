"""What hooks see of a network that cannot be captured."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from lashley.graph.observed import Observed, call, observe

from forward import Forward

X = torch.randn(3, 4, generator=torch.Generator().manual_seed(0))


def seen(function, inputs=X, **parts):
    parts = {"a": nn.Linear(4, 6), "relu": nn.ReLU(), "b": nn.Linear(6, 5)} | parts
    return observe(Forward(function, **parts).eval(), inputs)


def point_of_a(function, **parts):
    return seen(function, **parts)["a"].point


def test_layers_in_the_order_of_their_first_call_without_the_last():
    network = nn.Sequential(
        nn.Conv2d(2, 4, 3), nn.ReLU(), nn.ConvTranspose2d(4, 6, 3, groups=2), nn.Flatten(),
        nn.Linear(6 * 64, 7), nn.Tanh(), nn.Linear(7, 5),
    )  # fmt: skip
    assert observe(network.eval(), torch.randn(3, 2, 8, 8)) == {
        "0": Observed("0", "filter", 4, -3, "1"),
        "2": Observed("2", "filter", 6, -3, "2"),
        "4": Observed("4", "hidden", 7, -1, "5"),
    }


def test_a_layer_that_is_called_again_counts_once():
    found = seen(lambda n, x: n.b(n.relu(n.a(n.a(x)))), a=nn.Linear(4, 4), b=nn.Linear(4, 5))
    assert list(found) == ["a"]


def test_layers_that_are_not_called_are_not_seen():
    assert list(seen(lambda n, x: n.b(n.relu(n.a(x))), unused=nn.Linear(2, 2))) == ["a"]


class TestPoint:
    @pytest.mark.parametrize(
        ("behind", "point"),
        [
            ([nn.ReLU()], "1"), ([nn.BatchNorm1d(6), nn.ReLU()], "2"), ([], "0"),
            ([nn.LayerNorm(6), nn.GELU(), nn.Dropout()], "3"), ([nn.Softmax(1)], "0"),
            ([nn.ReLU(inplace=True)], "1"), ([nn.ReLU(), nn.Softmax(1), nn.ReLU()], "1"),
        ],
    )  # fmt: skip
    def test_is_the_last_module_that_acts_on_each_unit_alone(self, behind, point):
        network = nn.Sequential(nn.Linear(4, 6), *behind, nn.Linear(6, 5)).eval()
        assert observe(network, X)["0"].point == point

    @pytest.mark.parametrize(
        "function",
        [
            lambda n, x: n.b(n.relu(n.a(x) * 2)),
            lambda n, x: n.b(n.relu(torch.cat([n.a(x)], 1))),
            lambda n, x: n.b(F.relu(n.a(x))),
            lambda n, x: n.b(n.a(x).relu()),
            lambda n, x: n.b(n.relu(n.a(x).view(-1, 2, 3)).flatten(1)),
        ],
    )
    def test_a_function_in_between_ends_the_chain(self, function):
        assert point_of_a(function) == "a"

    @pytest.mark.parametrize(
        "function",
        [
            lambda n, x: n.b(n.relu(h := n.a(x))) + h.mean(1, keepdim=True),  # read afterwards
            lambda n, x: n.b(n.relu(h := n.a(x)) + h),
            lambda n, x: n.b(n.relu(h := n.a(x))) + n.b(h),
            lambda n, x: n.b(n.relu(h := n.a(x)) + torch.stack([h, h]).sum(0)),
        ],
    )
    def test_another_reader_ends_the_chain(self, function):
        assert point_of_a(function) == "a"

    def test_in_place_later_readers_read_what_was_written(self):
        def function(n, x):
            h = n.a(x)
            return n.b(n.relu(h) + h)

        assert point_of_a(function, relu=nn.ReLU(inplace=True)) == "relu"
        assert point_of_a(function, relu=nn.ReLU()) == "a"

    def test_a_skip_around_the_next_layer(self):
        def function(n, x):
            h = n.relu(n.a(x))
            return n.b(h + n.c(h))

        assert point_of_a(function, c=nn.Linear(6, 6)) == "relu"

    def test_a_module_that_others_call_too_is_no_point(self):
        """Units replaced in it would be replaced for both."""

        def function(n, x):
            return n.b(n.relu(n.c(n.relu(n.a(x)))))

        found = seen(function, c=nn.Linear(6, 6))
        assert {name: layer.point for name, layer in found.items()} == {"a": "a", "c": "c"}

    def test_called_as_often_as_the_layer_it_is_one(self):
        def function(n, x):
            return n.b(n.relu(n.a(n.relu(n.a(x)))))

        found = seen(function, a=nn.Linear(4, 4), b=nn.Linear(4, 5))
        assert found["a"].point == "relu"

    def test_called_as_often_but_not_always_behind_the_layer(self):
        """Behind both calls of `a` lies a relu, but its second call is that of `c`."""

        def function(n, x):
            return n.b(n.relu(n.c(n.a(n.relu(n.a(x))))))

        parts = {"a": nn.Linear(4, 4), "c": nn.Linear(4, 4), "b": nn.Linear(4, 5)}
        assert point_of_a(function, **parts) == "a"


def test_functions_of_the_data_and_indexing_are_readers():
    def branching(n, x):
        h = n.a(x)
        return n.b(n.relu(h)) if bool(h.sum() > -1e9) else n.b(h)

    assert point_of_a(branching) == "a"
    assert point_of_a(lambda n, x: n.b(n.relu(h := n.a(x)))[:, :4] + h[:, :4]) == "a"


def test_inputs_by_name_are_keyword_arguments():
    class Named(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(4, 6), nn.Linear(6, 5)

        def forward(self, one, *, two):
            return self.b(self.a(one) * two)

    network = Named().eval()
    found = observe(network, {"two": torch.rand(3, 6), "one": X})
    assert found == {"a": Observed("a", "hidden", 6, -1, "a")}
    assert call(network, {"two": torch.zeros(3, 6), "one": X}).allclose(network.b.bias)


@pytest.mark.parametrize("fits", [True, False])
def test_no_hook_is_left(fits):
    network = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 5)).eval()
    if fits:
        observe(network, X)
    else:
        with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
            observe(network, X[:, :3])
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in network.modules())
    assert torch.equal(torch.relu(X), F.relu(X))  # functions are no longer watched
