"""Layers that are called in other ways: twice, without an example, tokens first, with a state."""

import contextlib
import copy
import functools

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import lashley as la
from lashley.errors import LashleyError

from by_hand import (
    ENGINES,
    N_REFERENCE,
    N,
    Units,
    Written,
    assert_as_by_hand,
    assert_logits,
    donors,
    every_engine,
    logits,
)
from twins import TRACERS, tracer_of, twin

within_reach = pytest.mark.parametrize(("tracer", "engine"), [
    (tracer, engine) for i, tracer in enumerate(TRACERS) for engine in ENGINES
    if engine not in TRACERS[:i]
])  # fmt: skip
T, C = 4, 5
Q = Units("q", rows=("q.weight", "q.bias"))


# --- a second call without examples --------------------------------------------------------------


def relative(n, x, at):
    """As in DeBERTa: one projection of tokens and of relative positions."""
    tokens, places = at(n.q(x)), at(n.q(n.rel))
    return n.out(F.gelu(n.mix(tokens @ places.transpose(-1, -2))).flatten(1))


def relative_without_an_axis(n, x, at):
    tokens, places = at(n.q(x).tanh()), at(n.q(n.rel[0]).tanh())
    return n.out(F.gelu(n.mix(torch.einsum("ntc,pc->ntp", tokens, places))).flatten(1))


@functools.cache
def projected(function):
    with la.networks.seeded(0):
        network = Written(
            function, q=nn.Linear(C, 6), rel=nn.Parameter(torch.randn(1, 3, C)),
            mix=nn.Linear(3, 4), out=nn.Linear(4 * T, 3),
        ).eval()  # fmt: skip
        return network, torch.randn(N, T, C), torch.randn(N_REFERENCE, T, C)


@pytest.mark.thinned(1, by="engine")
@within_reach
@pytest.mark.parametrize("function", [relative, relative_without_an_axis])
def test_a_second_call_without_examples(function, tracer, engine):
    network, x, reference = projected(function)
    other = twin(network.spelled(function), tracer).eval()
    assert_as_by_hand(other, network, Q, x, reference, engine)


@functools.cache
def deberta():
    from transformers import DebertaV2Config, DebertaV2ForSequenceClassification

    with la.networks.seeded(0):
        network = DebertaV2ForSequenceClassification(DebertaV2Config(
            vocab_size=60, hidden_size=8, num_hidden_layers=1, num_attention_heads=2,
            intermediate_size=10, max_position_embeddings=8, num_labels=3, relative_attention=True,
            position_buckets=4, pos_att_type=["c2p", "p2c"], share_att_key=True,
            norm_rel_ebd="layer_norm", position_biased_input=False, type_vocab_size=0,
            initializer_range=0.4, pooler_hidden_size=8,
        )).eval()  # fmt: skip
        return network, *torch.randint(1, 60, (2, N, 6))


@pytest.mark.parametrize("engine", ["auto", "hooks", "naive"])
@pytest.mark.parametrize("layer", ["query_proj", "key_proj"])
def test_projections_of_deberta(layer, engine):
    """They are called for relative positions too; each call has values of its own."""
    network, ids, others = deberta()
    name = f"deberta.encoder.layer.0.attention.self.{layer}"
    data, reference = (({"input_ids": i}, torch.arange(N) % 3) for i in (ids, others))
    site = la.find_sites(network, data)[name]
    assert len(site.points) == 2
    methods = ("silence", "zero_weights", "mean", "resample")
    cuts = [la.Ablation(site, (0, 5), method) for method in methods]
    found = la.evaluate(network, data, cuts, reference=reference, readout=logits, engine=engine)
    right = [deberta_by_hand(network, ids, others, name, method) for method in methods]
    assert_logits(found, torch.stack(right), cuts)


@torch.no_grad()
def deberta_by_hand(network, ids, others, name, method):
    net, seen = copy.deepcopy(network).double(), []
    layer = net.get_submodule(name)
    if method == "zero_weights":
        layer.weight[[0, 5]] = layer.bias[[0, 5]] = 0
        return net(input_ids=ids).logits
    handle = layer.register_forward_hook(lambda m, given, value: seen.append(value.clone()))
    net(input_ids=others)
    handle.remove()
    tokens, places = seen
    drawn = donors(N, N, 0)
    new = {"silence": [0 * tokens, 0 * places], "resample": [tokens[drawn], places], "mean": [
        tokens.mean((0, 1), True), places.mean((0, 1), True)]}[method]  # fmt: skip

    def replace(module, given, value):
        value = value.clone()
        value[..., [0, 5]] = new.pop(0).expand_as(value)[..., [0, 5]]
        return value

    layer.register_forward_hook(replace)
    return net(input_ids=ids).logits


# --- tokens before examples ----------------------------------------------------------------------


def tokens_first(n, x, at):
    """The layer sees (token, example, channel)."""
    h = at(n.q(x.transpose(0, 1)).sigmoid().transpose(0, 1)).transpose(0, 1)
    return n.out(n.mix(h).tanh().transpose(0, 1).flatten(1))


@pytest.mark.thinned(1, by="engine")
@within_reach
def test_tokens_first(tracer, engine):
    with la.networks.seeded(1):
        network = Written(tokens_first, q=nn.Linear(C, 6), mix=nn.Linear(6, 4),
                          out=nn.Linear(4 * T, 3)).eval()  # fmt: skip
        x, reference = torch.randn(N, T, C), torch.randn(N_REFERENCE, T, C)
    other = twin(network.spelled(tokens_first), tracer).eval()
    assert tracer_of(other, x[:3]) == tracer
    assert_as_by_hand(other, network, Q, x, reference, engine)


# --- a state -------------------------------------------------------------------------------------


class Counting(nn.Module):
    """Counts its calls; nothing reads the count."""

    def __init__(self):
        super().__init__()
        self.n = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 4))
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x):
        self.calls += 1
        return self.n(x)


class Rebinding(Counting):
    def forward(self, x):
        self.calls = self.calls + 1
        return self.n(x)


class Membrane(Counting):
    """Keeps what it saw in the shape of the batch, and begins anew if that is another shape."""

    def forward(self, x):
        h = self.n[1](self.n[0](x))
        self.calls = h.detach() * 0.5
        return self.n[2](h)


class Fading(Counting):
    """What it saw before has a part in what it says."""

    def forward(self, x):
        h = self.n[1](self.n[0](x)) + 0.5 * self.calls
        self.calls = h.detach().mean()
        return self.n[2](h)


def stateful(kind):
    with la.networks.seeded(0):
        network = kind().eval()
        network.calls.fill_(7.0)
        return network, (torch.randn(40, 6), torch.arange(40) % 4)


def assert_untouched(network):
    assert network.calls.shape == ()
    assert float(network.calls) == 7.0


@pytest.mark.parametrize("kind", [Counting, Rebinding, Membrane, Fading])
def test_buffers_come_back_as_they_were_from_finding_and_planning(kind):
    network, data = stateful(kind)
    sites = la.find_sites(network, data)
    assert_untouched(network)
    with contextlib.suppress(LashleyError):  # of the one whose state matters
        la.plan(network, data, la.singles(sites["n.0"]))
    assert_untouched(network)


@pytest.mark.thinned(1, by="engine")
@every_engine
@pytest.mark.parametrize("kind", [Counting, Rebinding, Membrane])
def test_a_state_that_nothing_reads_does_no_harm(kind, engine):
    """All is right, or it is refused before any outcome; the network is as it was."""
    network, data = stateful(kind)
    site, seen = la.find_sites(network, data)["n.0"], []
    twin = copy.deepcopy(network).double()
    h = F.relu(twin.n[0](data[0].double()))
    right = torch.stack([twin.n[2](h * (torch.arange(8) != u)) for u in range(8)]).detach()
    try:
        found = la.evaluate(network, data, la.singles(site), engine=engine, readout=logits,
                            progress=lambda done, total: seen.append(done))  # fmt: skip
        assert_logits(found, right, la.singles(site))
    except LashleyError as error:
        if seen or ("calls" not in str(error) and f"'{engine}'" not in str(error)):
            raise
    assert_untouched(network)


@pytest.mark.parametrize("kind", [Counting, Rebinding, Membrane])
def test_auto_takes_a_state_that_nothing_reads(kind):
    network, data = stateful(kind)
    assert la.evaluate(network, data, la.singles(la.find_sites(network, data)["n.0"]))


@every_engine
def test_a_state_that_is_read_is_named_with_the_way_out(engine):
    network, data = stateful(Fading)
    site, seen = la.find_sites(network, data)["n.0"], []
    with pytest.raises(LashleyError, match=r"calls") as told:
        la.evaluate(network, data, la.singles(site), engine=engine,
                    progress=lambda done, total: seen.append(done))  # fmt: skip
    assert not seen
    assert "dropout" not in str(told.value)
    assert_untouched(network)


_MADE = []


class ResetFromOutside(Fading):
    """As by snntorch.utils.reset: a list of all that were made, in which no copy is."""

    def __init__(self):
        super().__init__()
        _MADE.append(self)

    def forward(self, x):
        for network in _MADE:
            network.calls = torch.zeros_like(network.calls)
        return super().forward(x)


def test_a_reset_that_does_not_reach_copies_is_named_so():
    network, data = stateful(ResetFromOutside)
    assert torch.equal(network(data[0]), network(data[0]))
    with pytest.raises(LashleyError, match=r"calls.*on its own modules.*copy .*reset_mem"):
        la.evaluate(network, data, la.singles(la.find_sites(network, data)["n.0"]))


class Failing(Counting):
    def forward(self, x):
        self.calls += 1
        if len(x) > 9:
            raise ValueError("too many")
        return self.n(x)


def test_buffers_come_back_after_an_error_too():
    network, data = stateful(Failing)
    site = la.find_sites(network, (data[0][:5], data[1][:5]))["n.0"]
    assert_untouched(network)
    with pytest.raises(Exception, match="too many"):
        la.evaluate(network, data, la.singles(site), engine="naive")
    assert_untouched(network)
