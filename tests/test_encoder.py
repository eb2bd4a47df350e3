"""nn.TransformerEncoder with padding: its graph is the function that eval mode computes."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import lashley as la
from lashley.errors import EngineError
from lashley.graph import capture, retyped
from lashley.graph.encoder import emptied, is_fused, is_nested
from lashley.graph.intercepting import intercepting, values_at
from lashley.graph.plain_forms import in_plain_operations
from lashley.graph.recorded import recorded

pytestmark = pytest.mark.filterwarnings(
    "ignore:enable_nested_tensor",
    "ignore:The PyTorch API of nested",
    "ignore:Converting mask",
    "ignore:Support for mismatched",
)

AT_THE_END = torch.tensor([[0, 0, 0, 0, 0], [0, 0, 0, 1, 1], [0, 1, 1, 1, 1]]).bool()
EMPTY = AT_THE_END | torch.tensor([[0], [0], [1]]).bool()
PADS = {"end": AT_THE_END, "front": AT_THE_END.flip(1), "empty": EMPTY, "none": AT_THE_END & False}


class Padded(nn.Module):
    """An encoder of tokens, 0 the padding; the mean over all positions, padded or not."""

    def __init__(self, encoder, kind="bool", **options):
        super().__init__()
        width = encoder.layers[0].linear1.in_features
        self.emb, self.encoder, self.out = nn.Embedding(20, width), encoder, nn.Linear(width, 4)
        self.kind, self.options = kind, options

    def forward(self, ids):
        mask = ids == 0
        if self.kind != "bool":
            unseen = float("-inf") if self.kind == "-inf" else -1.0
            mask = torch.zeros_like(ids, dtype=self.out.weight.dtype).masked_fill(mask, unseen)
        y = self.encoder(self.emb(ids), src_key_padding_mask=mask, **self.options)
        return self.out(y).mean(1)


class Branching(Padded):
    def forward(self, ids):
        return super().forward(ids if ids.sum() >= 0 else -ids)


def layer(activation="relu", heads=2, width=8, **options):
    return nn.TransformerEncoderLayer(
        width, heads, 16, batch_first=True, activation=activation, **options
    )


def stack(n=2, *, of=None, **options):
    encoder = nn.TransformerEncoder(of or layer(), n, **options)
    for parameter in encoder.parameters():
        nn.init.normal_(parameter, std=0.5)  # biases and norms as after training
    return encoder


def _with_another(second):
    encoder = stack()
    encoder.layers[1] = second
    return encoder


CAUSAL = torch.ones(5, 5, dtype=torch.bool).triu(1)
ENCODERS = {
    "one layer": lambda kind: Padded(stack(1), kind),
    "deep": lambda kind: Padded(stack(3), kind),
    "norm": lambda kind: Padded(stack(norm=nn.LayerNorm(8)), kind),
    "norm first": lambda kind: Padded(stack(of=layer(norm_first=True)), kind),
    "gelu": lambda kind: Padded(stack(of=layer("gelu")), kind),
    "gelu by tanh": lambda kind: Padded(stack(of=layer(nn.GELU("tanh"))), kind),
    "tanh": lambda kind: Padded(stack(of=layer(torch.tanh)), kind),
    "odd heads": lambda kind: Padded(stack(of=layer(heads=3, width=9)), kind),
    "no nested tensors": lambda kind: Padded(stack(enable_nested_tensor=False), kind),
    "unchecked": lambda kind: Padded(stack(mask_check=False), kind),
    "no bias": lambda kind: Padded(stack(of=layer(bias=False)), kind),
    "causal": lambda kind: Padded(stack(), kind, mask=CAUSAL),
    "causal by hint": lambda kind: Padded(stack(), kind, mask=CAUSAL, is_causal=True),
    "another eps": lambda kind: Padded(_with_another(layer(layer_norm_eps=1e-2)), kind),
    "another activation": lambda kind: Padded(_with_another(layer(torch.tanh)), kind),
}
EXPORTED = {"deep", "norm", "unchecked", "gelu by tanh"}


def network_of(make, kind="bool", dtype=torch.float32):
    torch.manual_seed(0)
    return make(kind).eval().to(dtype)


def tokens(pads, n=3):
    ids = torch.randint(1, 20, (3, 5), generator=torch.Generator().manual_seed(1))
    return ids.masked_fill(PADS[pads], 0).repeat(n // 3, 1)


def same(found, wanted):
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5, equal_nan=True)


@pytest.mark.thinned(80)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("pads", PADS)
@pytest.mark.parametrize("kind", ["bool", "-inf", "-1"])
@pytest.mark.parametrize("name", ENCODERS)
def test_the_graph_is_what_eval_mode_computes(name, kind, pads, dtype):
    network = network_of(ENCODERS[name], kind, dtype)
    captured, why = capture(network, tokens("none"), "fx")
    assert captured is not None, why
    ids = tokens(pads)
    with torch.no_grad():
        same(captured.module(ids), network(ids))
        with in_plain_operations(network):
            same(network(ids), captured.module(ids))


@pytest.mark.parametrize("name", sorted(EXPORTED))
def test_so_it_is_where_it_is_exported(name):
    network = network_of(ENCODERS[name])
    captured, why = capture(network, tokens("none"), "export")
    assert captured is not None, why
    with torch.no_grad():
        for pads in PADS:
            same(captured.module(tokens(pads, 6)), network(tokens(pads, 6)))


def test_the_padding_matters():
    """Else the tests above would show nothing."""
    network, ids = network_of(ENCODERS["deep"]), tokens("end")
    with torch.no_grad():
        fast = network(ids)
        torch.backends.mha.set_fastpath_enabled(False)
        try:
            assert not torch.allclose(network(ids), fast, atol=0.1)
            module = capture(network, ids, "fx")[0].module  # as the user has switched it off
            same(module(ids), network(ids))
            same(recorded(network, ids)(ids), network(ids))
        finally:
            torch.backends.mha.set_fastpath_enabled(True)


@pytest.mark.parametrize("name", ["deep", "norm", "unchecked"])
def test_a_copy_in_float64_is_the_same_function(name):
    network, ids = network_of(ENCODERS[name]), tokens("end")
    module = retyped(capture(network, ids, "fx")[0].module, torch.float64)
    with torch.no_grad():
        torch.testing.assert_close(module(ids), network.double()(ids), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("pads", ["end", "front"])
def test_with_a_branch_on_values_its_calls_can_be_seen_and_changed(pads):
    network = network_of(lambda kind: Branching(stack(norm=nn.LayerNorm(8)), kind))
    ids = tokens(pads)
    module = recorded(network, ids)
    with torch.no_grad():
        wanted = network(ids)
        same(module(ids), wanted)
        (key, *_) = [n.meta["key"] for n in module.graph.nodes if "relu" in str(n.target)]
        with intercepting(network, {key: lambda value: value}):
            same(network(ids), wanted)
        assert values_at(network, [key], ids)[key].shape == (3, 5, 16)
        same(network(ids), wanted)


def test_a_user_who_hooks_a_layer_has_nested_tensors_all_the_same():
    network, ids = network_of(ENCODERS["deep"]), tokens("end")
    network.encoder.layers[0].linear1.register_forward_hook(lambda *_: None)
    with torch.no_grad():
        same(recorded(network, ids)(ids), network(ids))


def test_a_batch_of_both_kinds_is_refused():
    ids = tokens("end")
    ids[1] = ids[1].flip(0)
    network = network_of(ENCODERS["deep"])
    module = capture(network, tokens("none"), "fx")[0].module
    with torch.no_grad(), pytest.raises(EngineError, match="with enable_nested_tensor=False"):
        module(ids)
    captured, why = capture(network, ids)
    assert captured is None
    assert "it depends on the batch" in why
    other = network_of(ENCODERS["no nested tensors"])
    with torch.no_grad():
        same(capture(other, tokens("none"), "fx")[0].module(ids), other(ids))


class TestEmptied:
    def test_are_positions_after_the_last_seen_one(self):
        for mask in (AT_THE_END, AT_THE_END.double(), EMPTY):
            assert torch.equal(emptied(mask, True), mask.bool())
            assert torch.equal(emptied(mask, False), mask.bool())

    def test_are_none_where_padding_is_elsewhere(self):
        mask = AT_THE_END.flip(1)
        assert not emptied(mask, True).any()
        assert torch.equal(emptied(mask, False), AT_THE_END)


def test_where_the_fast_paths_are_taken():
    for name, (nested, fused) in {
        "deep": (True, True), "norm first": (False, True), "tanh": (False, False),
        "odd heads": (False, False), "no nested tensors": (False, True), "no bias": (False, False),
    }.items():  # fmt: skip
        encoder = network_of(ENCODERS[name]).encoder
        assert (is_nested(encoder, True), is_fused(encoder.layers[0], True)) == (nested, fused)
        assert not is_nested(encoder, False)
        assert not is_fused(encoder.layers[0], False)
        encoder.train()
        assert not is_nested(encoder, True)
        assert not is_fused(encoder.layers[0], True)


def test_attention_without_any_key_has_no_value_where_the_fast_path_has_none():
    mask = EMPTY.clone()
    for weights in (True, False):
        network = nn.MultiheadAttention(8, 2, batch_first=True).eval()
        x = torch.randn(3, 5, 8, generator=torch.Generator().manual_seed(0))
        given = {"key_padding_mask": mask, "need_weights": weights}
        with torch.no_grad():
            wanted = network(x, x, x, **given)[0]
            assert wanted[2].isnan().all()
            with in_plain_operations(network):
                same(network(x, x, x, **given)[0], wanted)


class _Measuring(nn.Module):
    """An encoder layer, the length of the batch asked for: torch.export then goes by Dynamo."""

    def __init__(self, measures):
        super().__init__()
        self.t = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        self.out, self.measures = nn.Linear(8, 3), measures

    def forward(self, x):
        if self.measures:
            len(x)
        return self.out(self.t(x).mean(1))


def test_sites_have_one_name_by_every_tracer():
    data = (torch.randn(5, 4, 8), torch.arange(5) % 3)
    plain, measuring = (la.find_sites(_Measuring(m).eval(), data) for m in (False, True))
    assert list(plain) == list(measuring)
    assert "t.self_attn.out_proj" in plain
    assert {p.name for p in plain.left_out} == {p.name for p in measuring.left_out}
