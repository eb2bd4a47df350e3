"""The capture of a network as a graph of pure operations."""

from __future__ import annotations

import copy
import itertools
import re

import pytest
import torch
from torch import Tensor, fx, nn
from torch.nn import functional as F

from lashley.graph import Captured, capture, retyped
from lashley.graph.attended import attended
from lashley.graph.running import Refused, run

BERT = {"vocab_size": 40, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
        "intermediate_size": 24, "max_position_embeddings": 16}  # fmt: skip


class Forward(nn.Module):
    """A network given by its modules and a function of them and the input."""

    def __init__(self, forward, **modules):
        super().__init__()
        self.function = forward
        for name, module in modules.items():
            setattr(self, name, module)

    def forward(self, x):
        return self.function(self, x)


def _relu_then_both(net, x):
    h = net.a(x)
    out = torch.relu_(h)
    return net.b(out) + h  # h is the result by now


def _methods_in_place(net, x):
    h = net.a(x)
    h.relu_()
    h.mul_(2).add_(1)
    k = net.b(h)
    return F.leaky_relu(k, 0.2, True).clamp_(-1, 1) + F.elu(k, inplace=True) + h


def _write_to_a_view(net, x):
    h = net.a(x)
    h.view(-1, 6)[:, :3].relu_()
    return net.b(h)


def _setitem(net, x):
    h = net.a(x).clone()
    h[:, 0] = 0
    return net.b(h)


def _aliased_sum(net, x):
    h = net.a(x)
    kept = h
    h += 1  # torch.fx takes this for kept + 1
    return net.b(h) + kept


def _data_dependent(net, x):
    return net.a(x) if float(x.sum()) > 0 else net.b(x)


def _batch_in_a_branch(net, x):
    return net.a(x) if x.shape[0] == 4 else net.b(x)


def _pair():
    return {"a": nn.Linear(6, 6), "b": nn.Linear(6, 6)}


def _conv(**modules):
    return nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(inplace=True),
        nn.Dropout(0.5), nn.Conv2d(4, 4, 3, groups=4), nn.Hardswish(inplace=True),
        nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Identity(), nn.Linear(16, 5),
    )  # fmt: skip


def _encoder(batch_first=True, norm_first=False):
    layer = nn.TransformerEncoderLayer(
        8, 2, 16, batch_first=batch_first, norm_first=norm_first, activation="gelu"
    )
    return nn.TransformerEncoder(layer, 2, norm=nn.LayerNorm(8), enable_nested_tensor=False)


NETWORKS = {
    "mlp": (lambda: nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3)), (6,), "fx"),
    "bare Linear": (lambda: nn.Linear(6, 3), (6,), "fx"),
    "conv": (_conv, (2, 6, 6), "fx"),
    "relu then both": (lambda: Forward(_relu_then_both, **_pair()), (6,), "fx"),
    "methods in place": (lambda: Forward(_methods_in_place, **_pair()), (6,), "fx"),
    "shared": (lambda: Forward(lambda n, x: n.b(n.a(n.a(x))), **_pair()), (6,), "fx"),
    "write to a view": (lambda: Forward(_write_to_a_view, **_pair()), (6,), "export"),
    "setitem": (lambda: Forward(_setitem, **_pair()), (6,), "export"),
    "aliased sum": (lambda: Forward(_aliased_sum, **_pair()), (6,), "export"),
    "encoder": (_encoder, (4, 8), "fx"),
    "encoder, norm first": (lambda: _encoder(norm_first=True), (4, 8), "fx"),
    "len": (lambda: Forward(lambda n, x: n.a(x).view(len(x), 6), **_pair()), (6,), "export"),
    "logits": (lambda: Forward(lambda n, x: {"logits": n.a(x)}, **_pair()), (6,), "fx"),
}


def _network(make, seed=0):
    torch.manual_seed(seed)
    network = make().eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean)
    return network


def _got(network, example, tracer="auto") -> Captured:
    captured, why = capture(network, example, tracer)
    assert captured is not None, why
    return captured


def _logits(output) -> Tensor:
    return output["logits"] if isinstance(output, dict) else getattr(output, "logits", output)


def _assert_close(found, wanted):
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)


class _WriteCheck(fx.Interpreter):
    def run_node(self, n):
        given = [v for v in map(self.env.get, n.all_input_nodes) if isinstance(v, Tensor)]
        before = [(t._version, t.clone()) for t in given]
        value = super().run_node(n)
        for tensor, (version, copied) in zip(given, before, strict=True):
            assert tensor._version == version, n.name
            torch.testing.assert_close(tensor, copied, equal_nan=True)
        return value


@pytest.mark.parametrize("name", NETWORKS)
def test_the_graph_computes_what_the_network_computes_for_other_batches(name):
    make, shape, tracer = NETWORKS[name]
    network = _network(make)
    captured = _got(network, torch.randn(4, *shape))
    assert captured.tracer == tracer
    assert (captured.reason == "") == (tracer == "fx")
    with torch.no_grad():
        for n in (2, 7):
            x = torch.randn(n, *shape)
            _assert_close(captured.module(x.clone()), _logits(network(x.clone())))


@pytest.mark.thinned(12)
@pytest.mark.parametrize("tracer", ["fx", "export"])
@pytest.mark.parametrize("name", NETWORKS)
def test_no_node_writes_to_what_it_was_given(name, tracer):
    make, shape, works = NETWORKS[name]
    if tracer == "fx" and works == "export":
        pytest.skip("not traced by fx")
    x = torch.randn(4, *shape)
    captured = _got(_network(make), x, tracer)
    before = x.clone()
    with torch.no_grad():
        _WriteCheck(captured.module, garbage_collect_values=False).run(x)
    assert torch.equal(x, before)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_network_stays_as_it_was(name):
    make, shape, _ = NETWORKS[name]
    network = _network(make)
    state = copy.deepcopy(network.state_dict())
    attributes = {n: list(m.__dict__) for n, m in network.named_modules()}
    inplace = [getattr(m, "inplace", None) for m in network.modules()]
    torch.manual_seed(3)
    random = torch.get_rng_state()
    for tracer in ("fx", "export"):
        capture(network, torch.randn(4, *shape, generator=torch.Generator()), tracer)
    assert torch.equal(torch.get_rng_state(), random)
    assert attributes == {n: list(m.__dict__) for n, m in network.named_modules()}
    assert inplace == [getattr(m, "inplace", None) for m in network.modules()]
    assert all(not m._forward_hooks and not m._forward_pre_hooks for m in network.modules())
    for key, value in network.state_dict().items():
        assert torch.equal(value, state[key])


def test_what_a_failed_trace_leaves_behind_is_removed():
    def forward(net, x):
        net.last = net.a(x)  # a value kept on the network
        net.count.add_(1)  # and one counted in a buffer
        return net.last if float(net.last.sum()) > 0 else net.b(x)

    network = _network(lambda: Forward(forward, **_pair()))
    network.register_buffer("count", torch.zeros(()))
    captured, why = capture(network, torch.randn(4, 6))
    assert captured is None
    assert "torch.fx: TypeError: float()" in why
    assert "torch.export: " in why
    assert not hasattr(network, "last")
    assert network.count == 0


def test_parameters_are_the_networks_own_by_their_own_names():
    network = _network(lambda: Forward(_setitem, **_pair()))
    network.b.weight = network.a.weight  # shared: named by the first
    module = _got(network, torch.randn(4, 6)).module
    names = {str(n.target) for n in module.graph.nodes if n.op == "get_attr"}
    assert {"a.weight", "a.bias", "b.bias"} <= names
    assert "b.weight" not in names
    assert module.a.weight is network.a.weight
    with torch.no_grad():
        network.a.weight.mul_(2)
        x = torch.randn(3, 6)
        _assert_close(module(x), network(x))


@pytest.mark.parametrize("tracer", ["fx", "export"])
def test_every_node_knows_the_module_that_made_it(tracer):
    module = _got(_network(_conv), torch.randn(4, 2, 6, 6), tracer).module
    assert all("owner" in node.meta for node in module.graph.nodes)
    made = [n.meta["owner"] for n in module.graph.nodes if n.op.startswith("call")]
    assert made == ["0", "1", "2", "4", "5", "6", "7", "9"]  # without dropout and identity


@pytest.mark.parametrize("tracer", ["fx", "export"])
def test_dropout_does_nothing_and_is_gone(tracer):
    def forward(net, x):
        h = net.d(net.a(x)).detach()
        return net.b(F.dropout(F.alpha_dropout(h, 0.2, net.training), training=net.training))

    network = _network(lambda: Forward(forward, d=nn.Dropout(0.5, inplace=True), **_pair()))
    module = _got(network, torch.randn(4, 6), tracer).module
    assert sum(n.op.startswith("call") for n in module.graph.nodes) == 2


@pytest.mark.parametrize(
    ("forward", "why"),
    [
        (_data_dependent, "torch.export: GuardOnDataDependent"),
        (_batch_in_a_branch, "torch.export: "),
        (lambda net, x: (net.a(x), net.b(x)), "the network returns a tuple"),
        (lambda net, x: net.a(x) + net.count.add_(1), "count"),
    ],
)
def test_what_cannot_be_captured_says_why(forward, why):
    network = _network(lambda: Forward(forward, **_pair()))
    network.register_buffer("count", torch.zeros(()))
    captured, reasons = capture(network, torch.randn(4, 6))
    assert captured is None
    assert why in reasons
    assert "torch.fx: " in reasons
    assert "torch.export: " in reasons


def _cond(net, x):
    return torch.cond(x.sum() > 0, lambda x: x + 1, lambda x: x - 1, (net.a(x),))


def _else_when_exported(net, x):
    return net.a(x) * (1 if torch.compiler.is_exporting() or x.shape[0] == 4 else 2)


@pytest.mark.parametrize(
    ("tracer", "forward", "why"),
    [
        ("fx", _aliased_sum, "torch.fx: the graph computes something else than the network"),
        ("fx", _write_to_a_view, "writes to a view, and .* is read later"),
        ("fx", lambda n, x: n.b(n.a(x).zero_()), "zero_ writes to .*, and zero_ has no twin"),
        ("fx", lambda n, x: n.b(x) + n.a.weight.mul_(1).sum(), "mul_ writes to a.weight"),
        ("fx", lambda n, x: n.b(x) + n.a.weight.view(-1).mul_(1).sum(), "mul_ writes to a.weight"),
        ("fx", lambda n, x: torch.add(n.a(x), 1, out=n.b(x)), "add writes to its argument out"),
        ("export", _cond, "torch.export: the exported graph has graphs inside"),
        ("export", _else_when_exported, "something else for another number of examples"),
    ],
)
def test_why_a_tracer_is_refused(tracer, forward, why):
    captured, reason = capture(
        _network(lambda: Forward(forward, **_pair())), torch.randn(4, 6), tracer
    )
    assert captured is None
    assert re.search(why, reason), reason


def test_a_node_that_writes_unannounced_is_found():
    def writes(x):
        return x.add_(1)

    graph = fx.Graph()
    graph.output(graph.call_function(writes, (graph.placeholder("input"),)))
    with pytest.raises(Refused, match="writes writes to its input"):
        run(graph, {}, [torch.zeros(3)])


def test_hooks_are_obeyed_by_an_export():
    network = _network(NETWORKS["mlp"][0])
    network[1].register_forward_hook(lambda module, args, output: 2 * output)
    x = torch.randn(4, 6)
    captured = _got(network, x)
    assert captured.tracer == "export"
    assert captured.reason == "torch.fx: 1 has forward hooks"
    with torch.no_grad():
        _assert_close(captured.module(x), network(x))


def test_an_export_is_kept_until_the_network_changes():
    network, x = _network(lambda: Forward(_setitem, **_pair())), torch.randn(4, 6)
    first = _got(network, x).module
    assert _got(network, torch.randn(5, 6)).module is first
    network.b = nn.Linear(6, 6).eval()
    second = _got(network, x).module
    assert second is not first
    network.b.bias = nn.Parameter(torch.ones(6))
    assert _got(network, x).module is not second


def test_an_export_of_a_network_that_now_does_something_else_is_made_again():
    network = _network(lambda: Forward(_setitem, **_pair()))
    x = torch.randn(4, 6)
    _got(network, x)
    network.function = lambda net, x: _setitem(net, x) + 1  # nothing that can be seen from outside
    with torch.no_grad():
        _assert_close(_got(network, x, "export").module(x), network(x))


MHA = [
    {"batch_first": b, "bias": bias, "add_bias_kv": kv, "add_zero_attn": zero, **sizes}
    for b, bias, kv, zero, sizes in itertools.product(
        (True, False), (True, False), (True, False), (True, False), ({}, {"kdim": 6, "vdim": 10})
    )
]


def _masks(mask, padding):
    causal = torch.ones(4, 4, dtype=torch.bool).triu(1)
    given = {
        None: None, "bool": causal, "float": torch.randn(4, 4), "3-D": torch.randn(6, 4, 4),
        "3-D bool": causal.expand(6, 4, 4),
    }[mask]  # fmt: skip
    pads = torch.zeros(3, 4, dtype=torch.bool)
    pads[1, 2:] = True
    if padding == "float":
        return given, torch.zeros(3, 4).masked_fill(pads, float("-inf"))
    return given, pads if padding else None


@pytest.mark.parametrize("padding", [None, "bool", "float"])
@pytest.mark.parametrize("mask", [None, "bool", "float", "3-D", "3-D bool"])
@pytest.mark.parametrize("options", MHA, ids=str)
@pytest.mark.filterwarnings("ignore:Support for mismatched")
def test_attention_equals_the_module(options, mask, padding):
    torch.manual_seed(1)
    module = nn.MultiheadAttention(8, 2, **options).eval()
    attn_mask, key_padding_mask = _masks(mask, padding)
    widths = (8, options.get("kdim", 8), options.get("vdim", 8))
    values = [torch.randn(3, 4, width) for width in widths]
    if not options["batch_first"]:
        values = [value.transpose(0, 1) for value in values]
    given = {"attn_mask": attn_mask, "key_padding_mask": key_padding_mask}
    with torch.no_grad():
        found, _ = attended(module, *values, **given)
        torch.testing.assert_close(found, module(*values, **given)[0])


class _Attention(nn.Module):
    def __init__(self, need_weights=True, causal=False, used=0, **options):
        super().__init__()
        self.mha = nn.MultiheadAttention(8, 2, **options)
        self.options = {"need_weights": need_weights, "is_causal": causal}
        self.used = used
        self.register_buffer("mask", torch.ones(4, 4, dtype=torch.bool).triu(1))

    def forward(self, x):
        x = x if self.mha.batch_first else x.transpose(0, 1)
        y = self.mha(x, x, x, attn_mask=self.mask, **self.options)[self.used]
        return y if self.mha.batch_first or self.used else y.transpose(0, 1)


@pytest.mark.parametrize("tracer", ["fx", "export"])
@pytest.mark.parametrize("need_weights", [True, False])
@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("batch_first", [True, False])
def test_attention_becomes_heads_in_both_tracers(tracer, need_weights, causal, batch_first):
    network = _network(lambda: _Attention(need_weights, causal, batch_first=batch_first))
    x = torch.randn(4, 4, 8)
    module = _got(network, x, tracer).module
    (heads,) = [node for node in module.graph.nodes if "heads" in node.meta]
    assert (heads.meta["owner"], heads.meta["heads"]) == ("mha", 2)
    seen = {}
    with torch.no_grad():
        _Values(module, seen).run(x)
        _assert_close(module(x[:3]), network(x[:3]))
    assert seen[heads.name].shape == (4, 2, 4, 4)  # example, head, token, channel
    last = next(n for n in reversed(module.graph.nodes) if "linear" in str(n.target))
    assert str(last.args[1].target) == "mha.out_proj.weight"
    assert last.meta["owner"] == "mha"


class _Values(fx.Interpreter):
    def __init__(self, module, seen):
        super().__init__(module)
        self.seen = seen

    def run_node(self, n):
        self.seen[n.name] = super().run_node(n)
        return self.seen[n.name]


def test_attention_weights_that_are_used_are_left_to_the_export():
    network, x = _network(lambda: _Attention(used=1, batch_first=True)), torch.randn(4, 4, 8)
    captured = _got(network, x)
    assert captured.reason == "torch.fx: the attention weights of mha are used"
    with torch.no_grad():
        _assert_close(captured.module(x[:2]), network(x[:2]))


def test_attention_without_a_batch_is_refused():
    network = _network(lambda: Forward(lambda n, x: n.m(x, x, x)[0], m=nn.MultiheadAttention(8, 2)))
    captured, why = capture(network, torch.randn(4, 8), "fx")
    assert captured is None
    assert "nn.MultiheadAttention without a batch: a query (4, 8)" in why


def test_attention_with_the_hint_alone_is_refused():
    forward = lambda n, x: n.m(x, x, x, is_causal=True)[0]  # noqa: E731
    network = _network(lambda: Forward(forward, m=nn.MultiheadAttention(8, 2, batch_first=True)))
    captured, why = capture(network, torch.randn(4, 3, 8), "fx")
    assert captured is None
    assert "is_causal and no attn_mask" in why


def test_an_encoder_has_its_heads():
    module = _got(_network(_encoder), torch.randn(3, 4, 8)).module
    heads = [n.meta for n in module.graph.nodes if "heads" in n.meta]
    assert [(h["owner"], h["heads"]) for h in heads] == [
        (f"layers.{i}.self_attn", 2) for i in (0, 1)
    ]


@pytest.mark.parametrize("tracer", ["fx", "export"])
@pytest.mark.parametrize("name", ["mlp", "conv", "methods in place", "encoder"])
def test_retyped_equals_the_network_in_float64(name, tracer):
    make, shape, _ = NETWORKS[name]
    network, x = _network(make), torch.randn(4, *shape)
    module = _got(network, x, tracer).module
    before = [p.clone() for p in module.parameters()]
    double = retyped(module, torch.float64)
    with torch.no_grad():
        wanted = copy.deepcopy(network).double()(x.double())
        torch.testing.assert_close(double(x.double()), wanted, rtol=1e-10, atol=1e-10)
        for parameter in double.parameters():
            parameter.zero_()  # a copy: the network does not see it
        assert retyped(module, torch.bfloat16)(x.bfloat16()).dtype == torch.bfloat16
    assert all(torch.equal(a, b) for a, b in zip(before, module.parameters(), strict=True))


def _baked(net, x):
    mask = torch.full((6,), torch.finfo(torch.float32).min, dtype=torch.float32)
    places = torch.arange(6, dtype=torch.float32)
    kept = torch.where(places > 2, torch.zeros(6, dtype=torch.float32), mask)
    return net.b(torch.softmax(net.a(x).float().to(torch.float32) + kept, -1))


@pytest.mark.parametrize("tracer", ["fx", "export"])
def test_retyped_follows_formats_and_constants_in_the_graph(tracer):
    network, x = _network(lambda: Forward(_baked, **_pair())), torch.randn(4, 6)
    module = _got(network, x, tracer).module
    with torch.no_grad():
        wanted = module(x)
        for dtype, within in ((torch.float64, 1e-6), (torch.bfloat16, 2e-2)):
            found = retyped(module, dtype)(x.to(dtype))
            assert found.dtype == dtype
            torch.testing.assert_close(found.float(), wanted, rtol=0, atol=within)


def _text():
    ids = torch.randint(1, 40, (3, 7), generator=torch.Generator().manual_seed(0))
    mask = torch.ones(3, 7, dtype=torch.long)
    mask[1, 5:] = 0
    return {"input_ids": ids, "attention_mask": mask}


def _transformers(name):
    kit = pytest.importorskip("transformers")
    image = {"pixel_values": torch.randn(3, 3, 16, 16)}
    tiny = {"n_layer": 1, "n_embd": 16, "n_head": 2, "vocab_size": 40, "n_positions": 16}
    vision = {k: v for k, v in BERT.items() if k not in ("vocab_size", "max_position_embeddings")}
    torch.manual_seed(0)
    return {
        "bert": lambda: (kit.BertForSequenceClassification(kit.BertConfig(**BERT)), _text()),
        "gpt2": lambda: (
            kit.GPT2ForSequenceClassification(kit.GPT2Config(pad_token_id=0, **tiny)),
            _text(),
        ),
        "llama": lambda: (
            kit.LlamaForSequenceClassification(
                kit.LlamaConfig(num_key_value_heads=1, pad_token_id=0, **BERT)
            ),
            _text(),
        ),
        "vit": lambda: (
            kit.ViTForImageClassification(kit.ViTConfig(image_size=16, patch_size=4, **vision)),
            image,
        ),
        "resnet": lambda: (
            kit.ResNetForImageClassification(
                kit.ResNetConfig(embedding_size=8, hidden_sizes=[8, 12], depths=[1, 1])
            ),
            image,
        ),
    }[name]()


OWN = {
    "bert": "bert.encoder.layer.0.intermediate.dense.weight",
    "gpt2": "transformer.h.0.mlp.c_fc.weight",
    "llama": "model.layers.0.mlp.gate_proj.weight",
    "vit": "classifier.weight",
    "resnet": "classifier.1.weight",
}


@pytest.mark.thinned(3)
@pytest.mark.parametrize("name", OWN)
def test_models_of_transformers_are_captured_as_they_come(name):
    network, inputs = _transformers(name)
    network.eval()
    captured = _got(network, inputs)
    assert captured.inputs == tuple(inputs)
    module = captured.module
    own = dict(network.named_parameters())
    read = {str(n.target) for n in module.graph.nodes if n.op == "get_attr"}
    assert OWN[name] in read
    assert all(module.get_parameter(n) is own[n] for n in read & own.keys())
    heads = [n.meta["heads"] for n in module.graph.nodes if "heads" in n.meta]
    assert heads == ([] if name == "resnet" else [2])
    text = str(module.graph)
    assert not any(word in text for word in ("dropout", "_assert", "lifted_tensor"))
    with torch.no_grad():
        for order in ([0], [2, 1], [0, 1, 2, 1, 0]):
            batch = {key: value[order] for key, value in inputs.items()}
            _assert_close(module(*batch.values()), network(**batch).logits)
        low = [v.bfloat16() if v.is_floating_point() else v for v in inputs.values()]
        assert retyped(module, torch.bfloat16)(*low).dtype == torch.bfloat16
        double = [v.double() if v.is_floating_point() else v for v in inputs.values()]
        found = retyped(module, torch.float64)(*double)
        wanted = copy.deepcopy(network).double()(**dict(zip(inputs, double, strict=True))).logits
    # the norms and rotary places of llama stay in float32 even in a float64 network
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-6 if name == "llama" else 1e-10)


@pytest.mark.parametrize("tracer", ["fx", "export"])
def test_what_is_held_in_another_format_already_is_not_copied(tracer):
    network, x = _network(NETWORKS["mlp"][0]), torch.randn(4, 6)
    graph = _got(network, x, tracer).module
    wide = copy.deepcopy(network).double()
    held = dict(wide.named_parameters())
    twin = retyped(graph, torch.float64, held)
    places = {p.data_ptr() for p in held.values()}
    assert {p.data_ptr() for p in twin.parameters()} == places
    assert not {p.data_ptr() for p in retyped(graph, torch.float64).parameters()} & places
    with torch.no_grad():
        _assert_close(twin(x.double()), wide(x.double()))
