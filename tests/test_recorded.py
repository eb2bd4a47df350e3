"""An eager run as a graph, and its calls found again in other runs."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import Tensor, fx, nn
from torch.nn import functional as F

from lashley.errors import EngineError
from lashley.graph.anatomy import anatomy
from lashley.graph.attended import attended_function
from lashley.graph.intercepting import intercepting, values_at
from lashley.graph.recorded import recorded
from lashley.graph.running import Refused
from lashley.graph.symbolic import symbolic

from forward import Forward

X = torch.randn(4, 6, generator=torch.Generator().manual_seed(0))


def made(function, **parts):
    torch.manual_seed(0)
    parts = {"a": nn.Linear(6, 6), "b": nn.Linear(6, 6), "c": nn.Linear(6, 3)} | parts
    return Forward(function, **parts).eval()


def key_of(module, layer):
    """The key of a layer's point."""
    (call,) = anatomy(module)[layer].calls
    return call.points[0].node.meta["key"]


def without(unit):
    return lambda value: value.index_fill(-1, torch.tensor([unit]), 0.0)


def _in_place(net, x):
    h = net.a(x)
    out = torch.relu_(h)
    h += 1
    h.mul_(2).sub_(1)
    return net.c(net.b(out) + h)


def _methods(net, x):
    h = net.a(x)
    h.relu_()
    h.mul_(2).add_(1)
    return net.c(F.leaky_relu(net.b(h), 0.2, True).clamp_(-1, 1) + h)


def _setitem(net, x):
    h = net.a(x)
    h[:, 0] = h[:, 1]
    return net.c(net.b(h))


def _write_to_a_view(net, x):
    h = net.a(x)
    h.view(-1, 2, 3)[:, 0].relu_()
    return net.c(net.b(h))


def _view_of_what_is_written(net, x):
    h = net.a(x)
    part = h[:, :3]
    h.relu_()
    h.add_(1)
    return net.c(net.b(torch.cat([part, part], 1)))


def _write_under_another_name(net, x):
    h = net.a(x)
    h.data.clamp_(0)
    h.detach().add_(1)
    return net.c(net.b(h))


def _into_a_new_tensor(net, x):
    out = torch.zeros(len(x), 6)
    out[:, :3] = net.a(x)[:, :3]
    torch.add(net.b(x), 1, out=out.view(-1, 6))
    return net.c(out)


def _index_add(net, x):
    out = torch.zeros(len(x), 6)
    out.index_add_(0, torch.arange(len(x)), net.a(x))
    return net.c(net.b(out))


def _tuples(net, x):
    one, other = net.a(x).chunk(2, -1)
    largest, place = net.b(x).max(-1, keepdim=True)
    return net.c(torch.cat([other, one], -1)) + largest + place


def _bounds_that_are_tensors(net, x):
    h, middle = net.a(x), torch.tensor(3)
    one, other = h[:, :middle], h[:, middle:]
    return net.c(net.b(torch.cat([other, one], 1).relu()))


def _by_numpy(net, x):
    h = torch.from_numpy(np.tanh(net.a(x).numpy()))
    return net.c(net.b(h))


def _operators(net, x):
    h = 1 - net.a(x) / 2
    return net.c(net.b((2 / (h**2 + 1)) @ net.a.weight.T) % 7 // 0.5 - (~(h > 0)).float())


def _loop(net, x):
    for layer in (net.a, net.b, net.a):
        x = torch.tanh(layer(x))
    return net.c(x)


EAGER = [_in_place, _methods, _setitem, _write_to_a_view, _view_of_what_is_written, _index_add,
         _into_a_new_tensor, _write_under_another_name, _tuples, _bounds_that_are_tensors,
         _by_numpy, _operators, _loop]  # fmt: skip


@pytest.mark.parametrize("function", EAGER)
def test_the_graph_is_pure_and_gives_what_the_network_gives(function):
    network = made(function)
    before = X.clone()
    with torch.no_grad():
        module = recorded(network, X)
        assert torch.allclose(module(X), network(X), atol=1e-6)
    assert torch.equal(X, before)
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in network.modules())


def test_parameters_are_the_networks_own_and_nothing_else_is_added():
    network = made(lambda n, x: n.c(torch.relu(n.b(n.a(x)))) if x.sum() < 1e9 else x)
    module = recorded(network, X)
    names = [str(n.target) for n in module.graph.nodes if n.op == "get_attr"]
    assert names == ["a.weight", "a.bias", "b.weight", "b.bias", "c.weight", "c.bias"]
    assert module.a.weight is network.a.weight


def _convolutions():
    return nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.MaxPool2d(2),
        nn.Dropout(0.5), nn.Conv2d(4, 4, 3, groups=4), nn.Hardswish(inplace=True),
        nn.ConvTranspose2d(4, 6, 2), nn.GroupNorm(2, 6), nn.GELU(), nn.AdaptiveAvgPool2d(2),
        nn.Flatten(), nn.Identity(), nn.Linear(24, 7), nn.LayerNorm(7), nn.SiLU(), nn.Linear(7, 5),
    )  # fmt: skip


def _encoder():
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, activation="gelu")
    encoder = nn.TransformerEncoder(layer, 2, norm=nn.LayerNorm(8), enable_nested_tensor=False)
    return nn.Sequential(encoder, nn.Linear(8, 6), nn.Tanh(), nn.Linear(6, 3))


CAPTURED = {
    "convolutions": (_convolutions, (2, 8, 8)),
    "encoder": (_encoder, (4, 8)),
    "in place": (lambda: made(_methods), (6,)),
    "functions": (lambda: made(lambda n, x: n.c(F.gelu(n.b(F.relu(n.a(x)) * 2)).add(1))), (6,)),
    "twice": (lambda: made(lambda n, x: n.c(n.a(n.a(x).relu()).relu())), (6,)),
    "skip": (lambda: made(lambda n, x: n.c((h := n.a(x).tanh()) + n.b(h))), (6,)),
}


def _found(module):
    return {
        name: (organ.kind, organ.n_units, organ.axis, len(organ.calls))
        for name, organ in anatomy(module).items()
    }


@pytest.mark.parametrize("name", CAPTURED)
def test_the_same_anatomy_as_by_fx(name):
    torch.manual_seed(0)
    make, shape = CAPTURED[name]
    network, x = make().eval(), torch.randn(3, *shape)
    (traced, _), eager = symbolic(network, x), recorded(network, x)
    assert _found(eager) == _found(traced) != {}
    seen, wanted = _values(eager, x), _values(traced, x)
    for layer, organ in anatomy(traced).items():
        for call, other in zip(anatomy(eager)[layer].calls, organ.calls, strict=True):
            torch.testing.assert_close(seen[call.points[0].node], wanted[other.points[0].node])
            assert values_at(network, [call.points[0].node.meta["key"]], x)


def _values(module, x):
    class Values(fx.Interpreter):
        def run_node(self, n):
            seen[n] = super().run_node(n)
            return seen[n]

    seen: dict[fx.Node, Tensor] = {}
    with torch.no_grad():
        Values(module).run(x)
    return seen


@pytest.mark.parametrize("function", [_setitem, _write_to_a_view, _by_numpy])
def test_a_point_never_lies_after_a_write_that_nobody_can_follow(function):
    assert list(anatomy(recorded(made(function), X))) == ["b"]  # better none than a wrong one


def test_units_are_followed_through_parts_whose_bounds_are_tensors():
    (call,) = anatomy(recorded(made(_bounds_that_are_tensors), X))["a"].calls
    assert [held.node.target for held in call.points] == ["relu"]


def test_a_view_of_what_is_written_is_read_after_the_write():
    graph = recorded(made(_view_of_what_is_written), X).graph
    (opaque,) = [n for n in graph.nodes if "as_recorded" in str(n.target)]
    view, *writers = opaque.args[:-1]
    assert [str(n.target) for n in writers] == ["relu", "add"]
    assert [n.target for n in opaque.users] == [torch.cat]
    assert view.args[0].target is F.linear


def test_a_write_under_another_name_of_the_same_numbers_is_as_good_as_any():
    module = recorded(made(_write_under_another_name), X)
    (call,) = anatomy(module)["a"].calls
    assert [str(n.target) for n in call.nodes[1:]] == ["clamp", "add"]


def test_a_tensor_of_unknown_origin_depends_on_all_that_was_not_read():
    class Unseen(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return torch.from_numpy(np.asarray(x.tolist(), dtype=np.float32))

        @staticmethod
        def backward(ctx, *gradients):
            raise NotImplementedError

    network = made(lambda n, x: n.c(n.b(Unseen.apply(n.a(x)))))
    assert list(anatomy(recorded(network, X))) == ["b"]


def test_constants_that_were_there_before_depend_on_nothing():
    mask = torch.rand(6)
    network = made(lambda n, x: n.c(n.b(n.a(x).relu() * mask)))
    module = recorded(network, X)
    assert not any("as_recorded" in str(n.target) for n in module.graph.nodes)


def test_the_network_is_afterwards_as_before():
    def function(net, x):
        net.count.add_(1)
        net.last = net.a(x)
        return net.c(net.last) * net.count

    network = made(function)
    network.register_buffer("count", torch.zeros(()))
    module = recorded(network, X)
    assert network.count == 0
    assert not hasattr(network, "last")
    with torch.no_grad():
        assert torch.allclose(module(X), network(X))


def test_an_unknown_output_is_refused():
    with pytest.raises(EngineError, match="the network returns a dict of 1"):
        recorded(made(lambda n, x: {"logits": 1.0}), X)


class TestIntercepting:
    @pytest.mark.parametrize("function", [_operators, _loop, _setitem, _tuples, _in_place])
    def test_changing_nothing_changes_nothing(self, function):
        network = made(function)
        module = recorded(network, X)
        keys = {n.meta["key"] for n in module.graph.nodes if "key" in n.meta}
        assert set(values_at(network, keys, X)) == keys
        with torch.no_grad():
            wanted = network(X.clone())
            with intercepting(network, dict.fromkeys(keys, lambda value: value)):
                assert torch.equal(network(X.clone()), wanted)
            assert torch.equal(network(X.clone()), wanted)

    @pytest.mark.parametrize("name", CAPTURED)
    def test_is_the_same_as_replacing_a_value_in_the_graph(self, name):
        torch.manual_seed(0)
        make, shape = CAPTURED[name]
        network, x = make().eval(), torch.randn(3, *shape)
        module = recorded(network, x)
        for organ in anatomy(module).values():
            places = [call.points[0].node for call in organ.calls]
            change = _dropped(organ.axis)
            with torch.no_grad():
                wanted = _Replacing(module, places, change).run(x)
                with intercepting(network, {p.meta["key"]: change for p in places}):
                    torch.testing.assert_close(network(x), wanted)
                assert not torch.allclose(network(x), wanted)

    def test_finds_the_call_in_a_run_that_takes_another_way(self):
        def function(net, x):
            h = torch.relu(net.a(x)) if x.sum() > 0 else torch.relu(net.b(x))
            return net.c(h)

        network = made(function)
        key = key_of(recorded(network, X.abs()), "a")
        assert (key.owner, key.operation) == ("", "relu")
        with torch.no_grad(), intercepting(network, {key: torch.zeros_like}) as reached:
            assert torch.equal(network(X.abs())[0], network.c.bias)
            assert reached == {key}
            assert torch.equal(network(-X.abs()), function(network, -X.abs()))
            assert reached == set()

    def test_a_point_that_two_layers_share_is_changed_after_the_one_that_is_meant(self):
        network = made(lambda n, x: n.c(torch.relu(n.a(x) if x.sum() > 0 else n.b(x))))
        (call,) = anatomy(recorded(network, X.abs()))["a"].calls
        point, source = call.points[0].node.meta["key"], call.source.meta["key"]
        with torch.no_grad():
            wanted = network(-X.abs())
            with intercepting(network, {point: torch.zeros_like}, {point: [source]}) as reached:
                assert torch.equal(network(X.abs())[0], network.c.bias)
                assert reached == {point, source}
                assert torch.equal(network(-X.abs()), wanted)
                assert reached == {point}

    def test_tells_calls_of_one_layer_apart(self):
        def function(net, x):
            for _ in range(int(x[0, 0] > 0) + 2):
                x = torch.tanh(net.a(x))
            return net.c(x)

        network, x = made(function), X.abs()
        calls = anatomy(recorded(network, x))["a"].calls
        keys = [call.points[0].node.meta["key"] for call in calls]
        assert [key.nth for key in keys] == [0, 1, 2]
        with torch.no_grad(), intercepting(network, {keys[1]: without(2)}):
            step = lambda x: torch.tanh(network.a(x))  # noqa: E731
            wanted = network.c(step(without(2)(step(step(x)))))
            torch.testing.assert_close(network(x), wanted)
            wanted = network.c(without(2)(step(step(-x))))
            torch.testing.assert_close(network(-x), wanted)
        assert set(values_at(network, keys, -x)) == set(keys[:2])

    def test_a_write_in_place_is_changed_for_all_that_read_it(self):
        def function(net, x):
            h = net.a(x)
            out = F.relu(h, inplace=True)
            return net.c(net.b(h) + out) if x.sum() < 1e9 else h

        network = made(function)
        key = key_of(recorded(network, X), "a")
        assert key.operation == "relu"
        with torch.no_grad():
            h = without(3)(network.a(X).relu())
            with intercepting(network, {key: without(3)}):
                torch.testing.assert_close(network(X), network.c(network.b(h) + h))

    def test_a_view_is_changed_for_its_own_readers(self):
        def function(net, x):
            h = net.a(x)
            return net.c(net.b(h.view(-1, 6)) + h) if x.sum() < 1e9 else h

        network = made(function)
        (view,) = [n for n in recorded(network, X).graph.nodes if n.target == "view"]
        with torch.no_grad():
            h = network.a(X)
            with intercepting(network, {view.meta["key"]: without(3)}):
                torch.testing.assert_close(network(X), network.c(network.b(without(3)(h)) + h))

    def test_a_part_of_a_tuple(self):
        network = made(_tuples)
        graph = recorded(network, X).graph
        found = [n.meta["key"] for n in graph.nodes if "key" in n.meta]
        keys = {key.operation: key for key in found if key.part == 0}
        with torch.no_grad():
            one, other = network.a(X).chunk(2, -1)
            largest, place = network.b(X).max(-1, keepdim=True)
            with intercepting(network, {keys["chunk"]: without(1)}):
                wanted = network.c(torch.cat([other, without(1)(one)], -1)) + largest + place
                torch.testing.assert_close(network(X), wanted)
            with intercepting(network, {keys["max"]: torch.zeros_like}):
                wanted = network.c(torch.cat([other, one], -1)) + place
                torch.testing.assert_close(network(X), wanted)
        assert torch.equal(values_at(network, [keys["max"]], X)[keys["max"]], largest)

    def test_a_copy_in_float64_has_the_same_keys(self):
        network = made(_loop)
        keys = [n.meta["key"] for n in recorded(network, X).graph.nodes if "key" in n.meta]
        double = copy.deepcopy(network).double()
        found = values_at(double, keys, X.double())
        assert set(found) == set(keys)
        assert all(value.dtype == torch.float64 for value in found.values())

    def test_nothing_is_left_after_an_error(self):
        network = made(lambda n, x: n.c(n.a(x)))
        with pytest.raises(RuntimeError, match="shapes cannot be"), intercepting(network, {}):
            network(X[:, :2])
        assert not any(m._forward_hooks or m._forward_pre_hooks for m in network.modules())
        assert torch.backends.mha.get_fastpath_enabled()


def _dropped(axis):
    return lambda value: value.index_fill(axis, torch.tensor([1]), 0.0)


class _Replacing(fx.Interpreter):
    def __init__(self, module, places, change):
        super().__init__(module)
        self.places, self.change = places, change

    def run_node(self, n):
        value = super().run_node(n)
        return self.change(value) if n in self.places else value


class TestAttention:
    @pytest.mark.thinned(3, by="weights")
    @pytest.mark.parametrize("average", [True, False])
    @pytest.mark.parametrize("batch_first", [True, False])
    @pytest.mark.parametrize("batched", [True, False])
    @pytest.mark.parametrize("weights", [True, False])
    def test_module_and_function_become_heads(self, average, batch_first, batched, weights):
        def module(net, x):
            x = x.view(4, 3, 2) @ net.a.weight[:2] if batched else x
            options = {"need_weights": weights, "average_attn_weights": average}
            y, w = net.m(x, x, x, attn_mask=mask, **options)
            return y if w is None else y.sum() + w

        mask = torch.rand(*((3, 3) if batch_first and batched else (4, 4))) > 0.7
        mask.fill_diagonal_(False)
        network = made(module, m=nn.MultiheadAttention(6, 2, batch_first=batch_first))
        found = recorded(network, X)
        with torch.no_grad():
            torch.testing.assert_close(found(X), network(X))
        heads = [n for n in found.graph.nodes if "heads" in n.meta]
        assert [n.meta["owner"] for n in heads] == ["m"]

    @pytest.mark.parametrize("weights", [True, False])
    def test_the_function(self, weights):
        def function(net, x):
            m, x = net.m, x.view(4, 1, 6)
            y, w = F.multi_head_attention_forward(
                x, x, x, 6, 2, m.in_proj_weight, m.in_proj_bias, None, None, False, 0.0,
                m.out_proj.weight, m.out_proj.bias, training=False, need_weights=weights,
            )  # fmt: skip
            return y if w is None else y.sum() + w

        network = made(function, m=nn.MultiheadAttention(6, 2))
        found = recorded(network, X)
        with torch.no_grad():
            torch.testing.assert_close(found(X), network(X))
        (heads,) = [n for n in found.graph.nodes if "heads" in n.meta]
        seen = values_at(network, [heads.meta["key"]], X)
        assert [tuple(v.shape) for v in seen.values()] == [(1, 2, 4, 3)]

    def test_the_function_with_dropout_is_refused(self):
        x, w = torch.rand(3, 1, 6), torch.rand(18, 6)
        with pytest.raises(Refused, match="static keys or with dropout"):
            attended_function(x, x, x, 6, 2, w, None, None, None, False, 0.5, w[:6], None)
