"""Anatomy: which nodes hold units, behind what acts on them alone, by both tracers."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from lashley.graph import capture
from lashley.graph.anatomy import anatomy
from lashley.graph.nodes import op
from lashley.graph.ways import after

from forward import Forward

both = pytest.mark.parametrize("tracer", ["fx", "export"])


def found_in(network, *shape, tracer="fx"):
    """The graph and its organs."""
    captured, why = capture(network.eval(), torch.randn(3, *shape), tracer)
    assert captured is not None, why
    return captured.module, anatomy(captured.module)


def call_of(function, tracer, **parts):
    """Of the only call of `a`: the operation at its point, those between, whether separable."""
    parts = {"a": nn.Linear(4, 6), "b": nn.Linear(6, 5)} | parts
    module, organs = found_in(Forward(function, **parts), 4, tracer=tracer)
    (call,) = organs["a"].calls
    assert op(call.source, module) == "linear"
    (held,) = call.points
    return op(held.node, module), [op(n, module) for n in held.between], call.separable


class TestPoint:
    @both
    @pytest.mark.parametrize(
        ("activation", "point", "between"),
        [
            (lambda h: h, "linear", []),
            (F.relu, "relu", []),
            (lambda h: F.relu(h).tanh(), "tanh", ["relu"]),
            (lambda h: h * torch.sigmoid(h), "mul", ["sigmoid"]),
            (lambda h: h + F.relu(h), "add", ["relu"]),
            (lambda h: F.relu(2 * h - 1), "relu", ["mul", "sub"]),
            (lambda h: h.exp().div(3), "div", ["exp"]),
            (lambda h: h.softmax(-1), "linear", []),
            (lambda h: h / h.sum(1, keepdim=True), "linear", []),
            (lambda h: F.relu(h) * h.mean(), "linear", []),
            (lambda h: torch.cat([h[:, 1:], h[:, :1]], 1), "linear", []),
        ],
    )
    def test_is_the_last_that_holds_the_units_one_by_one(self, activation, point, between, tracer):
        found = call_of(lambda n, x: n.b(activation(n.a(x))), tracer)
        assert found == (point, between, True)

    @both
    def test_all_ways_out_of_the_layer_lead_through_it(self, tracer):
        """Else a unit that is replaced there would live on."""

        def leaking(n, x):
            h = n.a(x)
            return n.b(F.relu(h)) + h.mean(1, keepdim=True)

        assert call_of(leaking, tracer) == ("linear", [], True)

    @both
    def test_a_skip_stops_the_chain(self, tracer):
        def residual(n, x):
            return n.b(F.gelu(x + F.relu(n.a(x))))

        square = {"a": nn.Linear(4, 4), "b": nn.Linear(4, 5)}
        assert call_of(residual, tracer, **square) == ("relu", [], True)

    @both
    def test_a_skip_around_the_next_layer_does_not(self, tracer):
        def around(n, x):
            h = F.relu(n.a(x))
            return n.b(h + n.c(h))

        assert call_of(around, tracer, c=nn.Linear(6, 6)) == ("relu", [], True)

    @both
    @pytest.mark.parametrize(
        ("shape", "point"), [((6,), "mul"), ((1, 6), "mul"), ((1,), "mul"), ((), "mul"),
                             ((2, 6), "linear")],
    )  # fmt: skip
    def test_a_parameter_for_each_unit_belongs_to_it(self, shape, point, tracer):
        found = call_of(
            lambda n, x: n.b(n.a(x.unflatten(0, (-1, 1)).expand(-1, 2, -1)) * n.scale).mean(1),
            tracer, scale=nn.Parameter(torch.randn(shape)),
        )  # fmt: skip
        assert found == (point, [], True)

    @both
    def test_one_unit_that_a_parameter_spreads_out_is_held_before(self, tracer):
        found = call_of(
            lambda n, x: n.b(F.relu(n.a(x) * n.scale)), tracer, a=nn.Linear(4, 1),
            scale=nn.Parameter(torch.randn(6)),
        )  # fmt: skip
        assert found == ("linear", [], True)

    @both
    def test_a_gate_is_not_the_units_own(self, tracer):
        found = call_of(lambda n, x: n.b(F.silu(n.a(x)) * n.up(x)), tracer, up=nn.Linear(4, 6))
        assert found == ("silu", [], True)

    @both
    @pytest.mark.parametrize(
        ("norm", "separable"),
        [(nn.BatchNorm1d(6), True), (nn.LayerNorm(6), False), (nn.GroupNorm(2, 6), False),
         (nn.RMSNorm(6), False)],
    )  # fmt: skip
    def test_is_behind_normalisation_which_may_mix_units(self, norm, separable, tracer):
        network = nn.Sequential(nn.Linear(4, 6), norm, nn.ReLU(), nn.Linear(6, 5))
        module, organs = found_in(network, 4, tracer=tracer)
        (call,) = organs["0"].calls
        assert op(call.points[0].node, module) == "relu"
        assert len(call.points[0].between) == 1
        assert call.separable is separable

    @both
    def test_is_the_normalisation_itself_where_nothing_follows(self, tracer):
        network = nn.Sequential(nn.Linear(4, 6), nn.LayerNorm(6), nn.Linear(6, 5))
        module, organs = found_in(network, 4, tracer=tracer)
        (call,) = organs["0"].calls
        assert (op(call.points[0].node, module), call.separable) == ("layer_norm", False)

    @both
    def test_views_are_walked_through(self, tracer):
        found = call_of(lambda n, x: n.b(F.relu(n.a(x).view(-1, 1, 6))).flatten(1), tracer)
        assert found == ("relu", ["view"], True)
        found = call_of(
            lambda n, x: n.b(F.relu(n.a(x).view(-1, 2, 3))).flatten(1), tracer, b=nn.Linear(3, 5)
        )
        assert found == ("relu", ["view"], True)  # units are kept apart all the same

    @pytest.mark.parametrize(
        "tracer",
        [
            "fx",
            "export",
        ],
    )  # fmt: skip
    def test_is_behind_the_nonlinearity_of_transformers_conv1d(self, tracer):
        conv1d = pytest.importorskip("transformers.pytorch_utils").Conv1D
        network = nn.Sequential(conv1d(7, 3), nn.Sigmoid(), nn.Flatten(), nn.Linear(35, 2))
        module, organs = found_in(network, 5, 3, tracer=tracer)
        assert (organs["0"].n_units, organs["0"].axis) == (7, -1)
        (call,) = organs["0"].calls
        assert op(call.points[0].node, module) == "sigmoid"


class TestOrgans:
    @both
    def test_kinds_units_and_axes(self, tracer):
        network = nn.Sequential(
            nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 4, 3, groups=4),
            nn.ReLU(), nn.ConvTranspose2d(4, 6, 3, groups=2), nn.ReLU(), nn.Flatten(),
            nn.Linear(6 * 36, 7), nn.ReLU(), nn.Linear(7, 5),
        )  # fmt: skip
        _, organs = found_in(network, 2, 8, 8, tracer=tracer)
        assert [(o.name, o.kind, o.n_units, o.axis) for o in organs.values()] == [
            ("0", "filter", 4, -3), ("3", "filter", 4, -3), ("5", "filter", 6, -3),
            ("8", "hidden", 7, -1),
        ]  # fmt: skip

    @both
    def test_a_module_called_twice_has_two_calls(self, tracer):
        network = Forward(
            lambda n, x: n.b(F.relu(n.a(torch.tanh(n.a(x))))), a=nn.Linear(4, 4), b=nn.Linear(4, 5)
        )
        module, organs = found_in(network, 4, tracer=tracer)
        assert list(organs) == ["a"]
        assert [op(c.points[0].node, module) for c in organs["a"].calls] == ["tanh", "relu"]

    @both
    def test_tied_weights_are_two_organs(self, tracer):
        network = Forward(
            lambda n, x: n.c(F.relu(n.b(torch.tanh(n.a(x))))),
            a=nn.Linear(4, 4), b=nn.Linear(4, 4), c=nn.Linear(4, 5),
        )  # fmt: skip
        network.b.weight = network.a.weight
        _, organs = found_in(network, 4, tracer=tracer)
        assert {name: len(o.calls) for name, o in organs.items()} == {"a": 1, "b": 1}

    @both
    def test_heads_in_forward_order_between_the_projections(self, tracer):
        def function(n, x):
            q, k, v = (part(x).unflatten(-1, (2, 4)).transpose(1, 2) for part in (n.q, n.k, n.v))
            attended = F.scaled_dot_product_attention(q, k, v)
            return n.head(n.o(attended.transpose(1, 2).flatten(2)).mean(1))

        parts = {name: nn.Linear(8, 8) for name in ("q", "k", "v", "o")}
        attention = Forward(function, **parts, head=nn.Linear(8, 5))
        _, organs = found_in(nn.Sequential(nn.Identity(), attention), 5, 8, tracer=tracer)
        assert [(o.name, o.kind, o.n_units, o.axis) for o in organs.values()] == [
            ("1.q", "hidden", 8, -1), ("1.k", "hidden", 8, -1), ("1.v", "hidden", 8, -1),
            ("1", "head", 2, -3), ("1.o", "hidden", 8, -1),
        ]  # fmt: skip
        (call,) = organs["1"].calls
        (held,) = call.points
        assert held.node is call.source
        assert (held.between, call.separable, call.layer) == ((), True, None)


class TestOutputLayers:
    @both
    @pytest.mark.parametrize(
        "last", [lambda y: y, F.relu, lambda y: y.log_softmax(1), lambda y: y.flip(1) * 2]
    )
    def test_whose_units_are_not_mixed_again_are_none(self, last, tracer):
        network = Forward(
            lambda n, x: last(n.b(F.relu(n.a(x)))), a=nn.Linear(4, 6), b=nn.Linear(6, 5)
        )
        assert list(found_in(network, 4, tracer=tracer)[1]) == ["a"]

    @both
    def test_there_may_be_several(self, tracer):
        network = Forward(
            lambda n, x: n.wide(x) + n.b(F.relu(n.a(x))),
            a=nn.Linear(4, 6), b=nn.Linear(6, 5), wide=nn.Linear(4, 5),
        )  # fmt: skip
        assert list(found_in(network, 4, tracer=tracer)[1]) == ["a"]

    @both
    def test_units_that_are_also_mixed_again_are_hidden(self, tracer):
        def function(n, x):
            h = n.a(x)
            return h + n.b(F.relu(h))

        network = Forward(function, a=nn.Linear(4, 5), b=nn.Linear(5, 5))
        assert list(found_in(network, 4, tracer=tracer)[1]) == ["a"]

    @both
    def test_attention_mixes_what_comes_before(self, tracer):
        def function(n, x):
            h = n.a(x).unflatten(-1, (2, 4)).transpose(1, 2)
            return F.scaled_dot_product_attention(h, h, h).flatten(1)

        network = Forward(function, a=nn.Linear(8, 8))
        assert list(found_in(network, 5, 8, tracer=tracer)[1]) == ["a"]

    def test_a_network_without_hidden_layer_has_no_organ(self):
        assert found_in(nn.Linear(4, 5), 4)[1] == {}


def test_behind_are_all_that_depend_on_a_node():
    network = Forward(
        lambda n, x: n.b(F.relu(n.a(x))) + n.c(x).tanh(),
        a=nn.Linear(4, 6), b=nn.Linear(6, 5), c=nn.Linear(4, 5),
    )  # fmt: skip
    module, organs = found_in(network, 4)
    (call,) = organs["a"].calls
    assert sorted(op(n, module) for n in after({call.source})) == ["", "add", "linear", "relu"]
    assert call.source not in after({call.source})
