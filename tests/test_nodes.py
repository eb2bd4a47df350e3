"""The vocabulary of nodes: the same words for both tracers."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from lashley.graph import capture
from lashley.graph.layers import layer, mixes, weights
from lashley.graph.nodes import is_attention, is_pool, module_op, op, value_of
from lashley.graph.vocabulary import ELEMENTWISE

from forward import Forward

both = pytest.mark.parametrize("tracer", ["fx", "export"])


def captured(network, *shape, tracer="fx"):
    module, why = capture(network.eval(), torch.randn(3, *shape), tracer)
    assert module is not None, why
    return module.module


def layers_of(module):
    return [found for node in module.graph.nodes if (found := layer(node, module)) is not None]


class TestOperations:
    @both
    @pytest.mark.parametrize(
        ("function", "name"),
        [
            (F.relu, "relu"), (nn.ReLU(), "relu"), (lambda x: x.relu(), "relu"),
            (F.gelu, "gelu"), (nn.GELU(), "gelu"), (nn.SiLU(), "silu"), (F.silu, "silu"),
            (torch.tanh, "tanh"), (nn.LeakyReLU(0.2), "leaky_relu"), (nn.ELU(), "elu"),
            (nn.Hardswish(), "hardswish"), (lambda x: x + 1, "add"), (lambda x: x * 2, "mul"),
            (lambda x: x.clamp(min=0), "clamp"), (nn.LayerNorm(6), "layer_norm"),
            (nn.BatchNorm1d(6), "batch_norm"), (nn.GroupNorm(2, 6), "group_norm"),
            (nn.RMSNorm(6), "rms_norm"), (nn.Softmax(1), "softmax"), (nn.Linear(6, 6), "linear"),
        ],
    )  # fmt: skip
    def test_a_module_a_function_and_an_operator_have_one_name(self, function, name, tracer):
        parts = {"part": function} if isinstance(function, nn.Module) else {}
        network = Forward(lambda _, x: function(x).sum(1, keepdim=True), **parts)
        module = captured(network, 6, tracer=tracer)
        assert name in [op(node, module) for node in module.graph.nodes]

    @both
    @pytest.mark.parametrize(
        ("pool", "n"),
        [(nn.MaxPool1d(2), 1), (nn.AvgPool2d(2), 2), (nn.MaxPool3d(2), 3),
         (nn.AdaptiveAvgPool2d(2), 2), (nn.AdaptiveMaxPool2d(2), 2),
         (lambda x: F.max_pool2d(x, 2), 2), (lambda x: F.adaptive_max_pool1d(x, 2), 1)],
    )  # fmt: skip
    def test_pooling(self, pool, n, tracer):
        parts = {"pool": pool} if isinstance(pool, nn.Module) else {}
        module = captured(Forward(lambda _, x: pool(x), **parts), 2, *[4] * n, tracer=tracer)
        pools = [node for node in module.graph.nodes if is_pool(node, module)]
        assert pools or (tracer == "export" and "AdaptiveMax" not in str(pool))

    def test_a_subclass_may_do_anything(self):
        class Linear(nn.Linear):
            pass

        assert module_op(nn.ReLU()) == "relu"
        assert module_op(nn.Linear(2, 2)) == "linear"
        assert module_op(Linear(2, 2)) == ""

    def test_a_users_function_has_no_name(self):
        def relu(x):
            return x

        graph = torch.fx.Graph()
        node = graph.call_function(relu, (graph.placeholder("x"),))
        assert op(node, nn.Module()) == ""


LAYERS = {
    "Linear": (nn.Linear(3, 5), (4, 3), "linear", -1),
    "Conv1d": (nn.Conv1d(4, 6, 3), (4, 8), "conv", -2),
    "Conv2d": (nn.Conv2d(4, 6, 3, stride=2, padding=1), (4, 8, 8), "conv", -3),
    "grouped": (nn.Conv2d(4, 6, 3, groups=2), (4, 8, 8), "conv", -3),
    "Conv3d": (nn.Conv3d(4, 6, 3), (4, 5, 5, 5), "conv", -4),
    "reflecting": (nn.Conv2d(4, 6, 3, padding=1, padding_mode="reflect"), (4, 8, 8), "conv", -3),
    "same": (nn.Conv2d(4, 6, 3, padding="same"), (4, 8, 8), "conv", -3),
    "transposed": (nn.ConvTranspose1d(4, 6, 3, stride=2), (4, 8), "conv_transpose", -2),
    "transposed, grouped": (
        nn.ConvTranspose2d(4, 6, 3, stride=2, output_padding=1, groups=2, dilation=2),
        (4, 8, 8), "conv_transpose", -3,
    ),
}  # fmt: skip


class TestLayers:
    @both
    @pytest.mark.parametrize("name", LAYERS)
    def test_units_weights_and_bias_of_a_module(self, name, tracer):
        held, shape, kind, axis = LAYERS[name]
        network = nn.Sequential()
        network.add_module("held", held)
        module = captured(network, *shape, tracer=tracer)
        (found,) = layers_of(module)
        assert (found.op, found.axis, found.name) == (kind, axis, "held")
        assert (found.weight, found.bias) == ("held.weight", "held.bias")
        assert torch.equal(weights(found, module), held.weight)
        assert found.groups == getattr(held, "groups", 1)
        units = weights(found, module).shape[found.unit_axis]
        assert units * (found.groups if kind == "conv_transpose" else 1) == len(held.bias)

    @both
    @pytest.mark.parametrize("name", [n for n in LAYERS if n != "Linear"])
    def test_the_options_are_those_of_the_functional_call(self, name, tracer):
        held, shape, kind, axis = LAYERS[name]
        module = captured(nn.Sequential(held), *shape, tracer=tracer)
        (found,) = layers_of(module)
        if found.options is None:  # it pads in its own way
            assert (tracer, held.padding_mode) == ("fx", "reflect")
            return
        x = torch.randn(2, *shape)
        padded = F.pad(x, [1] * 4, mode="reflect") if held.padding_mode == "reflect" else x
        convolved = getattr(F, f"{kind}{-1 - axis}d")(
            padded, weights(found, module), held.bias, **found.options
        )
        torch.testing.assert_close(convolved, held(x))

    @both
    @pytest.mark.parametrize(
        ("function", "unit_axis", "bias"),
        [
            (lambda n, x: F.linear(x, n.w, n.b), 0, "b"), (lambda n, x: F.linear(x, n.w), 0, None),
            (lambda n, x: torch.addmm(n.b, x, n.v), 1, "b"), (lambda n, x: x @ n.v, 1, None),
            (lambda n, x: torch.mm(x, n.v), 1, None), (lambda n, x: x.matmul(n.v), 1, None),
            (lambda n, x: F.linear(input=x, weight=n.w, bias=n.b), 0, "b"),
        ],
    )  # fmt: skip
    def test_functions_of_parameters_are_layers(self, function, unit_axis, bias, tracer):
        w, v = nn.Parameter(torch.randn(5, 4)), nn.Parameter(torch.randn(4, 5))
        network = Forward(function, w=w, v=v, b=nn.Parameter(torch.ones(5)))
        module = captured(network, 4, tracer=tracer)
        (found,) = layers_of(module)
        name = "v" if unit_axis else "w"
        assert (found.op, found.unit_axis, found.axis) == ("linear", unit_axis, -1)
        assert (found.name, found.weight, found.bias) == (name, name, bias)
        assert found.held is not None
        assert torch.equal(value_of(found.held, module), getattr(network, name))

    @both
    def test_products_of_activations_are_no_layers(self, tracer):
        network = Forward(lambda n, x: x @ x.transpose(1, 2))
        module = captured(network, 4, 5, tracer=tracer)
        assert layers_of(module) == []

    @both
    def test_tied_weights_have_the_name_of_the_module_at_work(self, tracer):
        network = Forward(
            lambda n, x: n.b(F.relu(n.a(x))) + F.relu(n.a(x)),
            a=nn.Linear(4, 4), b=nn.Linear(4, 4, bias=False),
        )  # fmt: skip
        network.b.weight = network.a.weight
        module = captured(network, 4, tracer=tracer)
        assert [found.name for found in layers_of(module)] == ["a", "b", "a"]
        assert [found.weight for found in layers_of(module)] == ["a.weight", "b.weight", "a.weight"]
        assert all(torch.equal(weights(f, module), network.a.weight) for f in layers_of(module))

    @both
    def test_a_layer_and_its_input(self, tracer):
        network = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 2))
        module = captured(network, 4, tracer=tracer)
        _, second = layers_of(module)
        assert op(second.input, module) == "relu"


class TestAttention:
    @both
    @pytest.mark.parametrize("heads", [1, 2, 4])
    def test_scaled_dot_product_attention_has_heads(self, heads, tracer):
        def function(n, x):
            q, k, v = n.qkv(x).unflatten(-1, (3, heads, -1)).permute(2, 0, 3, 1, 4)
            return F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)

        module = captured(Forward(function, qkv=nn.Linear(8, 24)), 5, 8, tracer=tracer)
        (node,) = [n for n in module.graph.nodes if is_attention(n)]
        assert node.meta["heads"] == heads
        assert mixes(node, module)

    @both
    def test_grouped_queries_count_the_heads_of_the_queries(self, tracer):
        def function(n, x):
            q = n.q(x).unflatten(-1, (4, 2)).transpose(1, 2)
            k = n.k(x).unflatten(-1, (2, 2)).transpose(1, 2)
            return F.scaled_dot_product_attention(q, k, k, enable_gqa=True).flatten(1)

        network = Forward(function, q=nn.Linear(8, 8), k=nn.Linear(8, 4))
        module = captured(network, 5, 8, tracer=tracer)
        (node,) = [n for n in module.graph.nodes if is_attention(n)]
        assert node.meta["heads"] == 4


def test_what_pytorch_marks_as_pointwise_is_elementwise():
    marked = set()
    for name in torch._C._dispatch_get_all_op_names():
        space, _, rest = name.partition("::")
        if space != "aten":
            continue
        packet = getattr(torch.ops.aten, rest.partition(".")[0])
        overload = getattr(packet, rest.partition(".")[2] or "default", None)
        if overload is None or overload._schema.is_mutable:
            continue
        if torch.Tag.pointwise in overload.tags and len(overload._schema.returns) == 1:
            marked.add(name.partition("::")[2].partition(".")[0].strip("_"))
    plain = {name.removeprefix("special_") for name in marked}
    plain = {name for name in plain if not name.endswith("_backward")}
    assert len(plain) > 100
    assert plain - ELEMENTWISE <= {"equal", "max", "min"}  # of which one number comes
