"""Channels of a stream that layers add to, and of the embeddings that it begins with."""

import copy
import functools

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import lashley as la

from by_hand import (
    N_REFERENCE,
    N,
    Units,
    Written,
    assert_as_by_hand,
    assert_logits,
    by_hand,
    every_engine,
    examples,
    logits,
)
from networks_under_test import statistics

T, C = 3, 6
METHODS = ("silence", "mean", "resample")


# --- transformers' blocks ------------------------------------------------------------------------


def block(n, x, at=lambda value, place: value):
    """Two additions, each to what is handed on."""
    x = at(x + n.mix(n.one(x).mT).mT, 0)
    return at(x + n.down(F.gelu(n.up(n.two(x)))), 1)


def in_place(n, x, at=None):
    x = x.clone()
    x += n.mix(n.one(x).mT).mT
    return x.add_(n.down(F.gelu(n.up(n.two(x)))))


def by_functions(n, x, at=None):
    x = torch.add(n.mix(n.one(x).mT).mT, x)
    return n.down(F.gelu(n.up(n.two(x)))).add(x)


def reshaped(n, x, at=None):
    """As Swin has it: the shortcut has another shape than the branch."""
    y = n.mix(n.one(x).mT).mT.reshape(-1, C)
    x = x + y.view(-1, T, C)
    y = n.down(F.gelu(n.up(n.two(x.flatten(0, 1)))))
    return (x.flatten(0, 1) + y).unflatten(0, (-1, T))


BLOCKS = {"plain": block, "in place": in_place, "by functions": by_functions, "reshaped": reshaped}


class Block(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function
        self.one, self.two = nn.LayerNorm(C), nn.LayerNorm(C)
        self.mix, self.up, self.down = nn.Linear(T, T), nn.Linear(C, 5), nn.Linear(5, C)

    def forward(self, x):
        return self.function(self, x)


def stream(place, owner):
    """The network, in which `at` sees one of the additions of one of the blocks."""

    def function(n, x, at):
        x = n.into(x)
        for name in ("first", "second"):
            seen = place if name == owner else None
            x = block(getattr(n, name), x, lambda v, p, seen=seen: at(v) if p == seen else v)
        return n.out(n.norm(x).flatten(1))

    return function


@functools.cache
def made(name):
    with la.networks.seeded(0):
        network = Written(
            lambda n, x, at: n.out(n.norm(n.second(n.first(n.into(x)))).flatten(1)),
            into=nn.Linear(4, C), first=Block(BLOCKS[name]), second=Block(BLOCKS[name]),
            norm=nn.LayerNorm(C), out=nn.Linear(T * C, 3),
        ).eval()  # fmt: skip
        return network, torch.randn(N, T, 4), torch.randn(N_REFERENCE, T, 4)


NAMES = {0: "residual", 1: "residual_1"}
PLACES = [(owner, place) for owner in ("first", "second") for place in NAMES]


@pytest.mark.parametrize("name", BLOCKS)
def test_every_addition_to_the_stream_is_a_site(name):
    network, x, _ = made(name)
    sites = la.find_sites(network, examples(x))
    found = {s.name: s.n_units for s in sites.values() if s.kind == "residual"}
    assert found == {f"{owner}.{NAMES[place]}": C for owner, place in PLACES}
    assert {"into", "first.mix", "first.up", "first.down"} <= set(sites)
    assert all(sites[n].parameters == () for n in found)


@pytest.mark.thinned(2, by="engine")
@every_engine
@pytest.mark.parametrize("name", BLOCKS)
@pytest.mark.parametrize(("owner", "place"), PLACES[:-1])  # the last one: below
def test_a_channel_of_the_stream_goes_for_all_that_reads_it_later(name, owner, place, engine):
    network, x, reference = made(name)
    plain = network.spelled(stream(place, owner))
    torch.testing.assert_close(plain(x), network(x))
    units = Units(f"{owner}.{NAMES[place]}")
    assert_as_by_hand(network, plain, units, x, reference, engine, methods=METHODS)


@every_engine
def test_after_the_last_addition_the_norm_comes_first(engine):
    """The point is after normalisation, as everywhere, where nothing else reads the sum."""

    def last(n, x, at):
        return n.out(at(n.norm(n.second(n.first(n.into(x))))).flatten(1))

    network, x, reference = made("plain")
    assert_as_by_hand(network, network.spelled(last), Units("second.residual_1"), x, reference,
                      engine, methods=METHODS)  # fmt: skip


@every_engine
def test_what_a_layer_adds_is_another_thing_than_the_sum(engine):
    network, x, _ = made("plain")
    sites = la.find_sites(network, examples(x))
    cuts = [la.Ablation(sites[n], (1,)) for n in ("first.down", "first.residual_1")]
    added = copy.deepcopy(network).double()
    with torch.no_grad():
        added.first.down.weight[1] = added.first.down.bias[1] = 0
    summed = network.spelled(stream(1, "first"))
    right = [added(x.double()).detach(), by_hand(summed, x, Units(""), (1,), "silence")]
    found = la.evaluate(network, examples(x), cuts, readout=logits, engine=engine)
    assert_logits(found, torch.stack(right), cuts)


# --- additions in other networks -----------------------------------------------------------------


def residual_net(n, x, at):
    """The ReLU is after the sum: so is the point."""
    h = n.a(x).relu()
    h = at((h + n.bn(n.b(h))).relu())
    return n.out((h + n.d(h).tanh()).mean((2, 3)))


def projected(n, x, at):
    """The shortcut is a layer itself."""
    h = n.a(x).relu()
    h = at((n.short(h) + n.bn(n.b(h))).relu())
    return n.out((h + n.d(h).tanh()).mean((2, 3)))


def scaled(n, x, at):
    """A layer's output is scaled, channel by channel, before it is added."""
    h = n.a(x).relu()
    h = at(h + n.gain[:, None, None] * n.b(h))
    return n.out((h.cumsum(1) + h).mean((2, 3)))


@functools.cache
def images(function):
    with la.networks.seeded(2):
        parts = dict(a=nn.Conv2d(3, 5, 1), b=nn.Conv2d(5, 5, 3, padding=1),
                     d=nn.Conv2d(5, 5, 1), short=nn.Conv2d(5, 5, 1),
                     bn=statistics(nn.BatchNorm2d(5)), gain=nn.Parameter(torch.rand(5)),
                     out=nn.Linear(5, 3))  # fmt: skip
        x, reference = torch.randn(N, 3, 4, 4), torch.randn(N_REFERENCE, 3, 4, 4)
    return Written(function, **parts).eval(), x, reference


@pytest.mark.thinned(1, by="engine")
@every_engine
@pytest.mark.parametrize("function", [residual_net, projected, scaled], ids=lambda f: f.__name__)
def test_channels_of_maps(function, engine):
    network, x, reference = images(function)
    site = la.find_sites(network, examples(x))["residual"]
    assert (site.kind, site.n_units) == ("residual", 5)
    units = Units("residual", -3)
    assert_as_by_hand(network, network, units, x, reference, engine, which=((1,), (2, 4)),
                      methods=METHODS)  # fmt: skip


@pytest.mark.parametrize("function", [
    lambda n, x, at: n.out(n.a(x).relu() + n.token),  # positions, or a bias
    lambda n, x, at: n.out(n.a(x) + 1.0),
    lambda n, x, at: n.out(n.a(x).relu() * n.b(n.a(x)).sigmoid()),  # a gate
    lambda n, x, at: n.out(n.a(x)) + n.short(x),  # of outputs
], ids=["parameter", "number", "gate", "outputs"])  # fmt: skip
def test_what_is_no_stream(function):
    with la.networks.seeded(3):
        network = Written(function, a=nn.Linear(6, 5), b=nn.Linear(5, 5), out=nn.Linear(5, 3),
                          short=nn.Linear(6, 3), token=nn.Parameter(torch.randn(5)))  # fmt: skip
    sites = la.find_sites(network.eval(), examples(torch.randn(N, 6)))
    assert not [s for s in sites.values() if s.kind == "residual"]


# --- embeddings ----------------------------------------------------------------------------------


def embedded(n, x, at):
    h = at(n.emb(x)) + n.pos(n.places)
    return n.out(F.gelu(n.mix(h)).flatten(1))


def placed(n, x, at):
    """The table of positions has no example."""
    h = n.emb(x) + at(n.pos(n.places))
    return n.out(F.gelu(n.mix(h)).flatten(1))


def normalised(n, x, at):
    """Norm and nonlinearity are before the point, as after any layer."""
    h = at(n.ln(n.emb(x)).tanh()) + n.pos(n.places)
    return n.out(F.gelu(n.mix(h)).flatten(1))


def embedded_by_function(n, x, at):
    h = at(F.embedding(x, n.table)) + n.pos(n.places)
    return n.out(F.gelu(n.mix(h)).flatten(1))


@functools.cache
def texts(function):
    with la.networks.seeded(4):
        parts = dict(
            emb=nn.Embedding(30, 5), pos=nn.Embedding(T, 5), places=torch.arange(T),
            ln=nn.LayerNorm(5), mix=nn.Linear(5, 6), out=nn.Linear(6 * T, 3),
            table=nn.Parameter(torch.randn(30, 5)),
        )  # fmt: skip
        x, reference = torch.randint(15, (N, T)), torch.randint(15, 30, (N_REFERENCE, T))
    return Written(function, **parts).eval(), x, reference


@pytest.mark.thinned(1, by="engine")
@every_engine
@pytest.mark.parametrize(("function", "name"), [
    (embedded, "emb"), (normalised, "emb"), (embedded_by_function, "table")],
    ids=["plain", "normalised", "function"])  # fmt: skip
def test_channels_of_an_embedding(function, name, engine):
    network, x, reference = texts(function)
    site = la.find_sites(network, examples(x))[name]
    assert (site.kind, site.n_units) == ("embedding", 5)
    assert site.parameters == ("table" if name == "table" else "emb.weight",)
    assert_as_by_hand(network, network, Units(name), x, reference, engine, methods=METHODS)


@pytest.mark.thinned(1, by="engine")
@every_engine
@pytest.mark.parametrize("function", [embedded, normalised])
def test_columns_of_a_table(function, engine):
    network, x, _ = texts(function)
    cuts = [la.Ablation(la.find_sites(network, examples(x))["emb"], (0, 3), "zero_weights")]
    twin = copy.deepcopy(network).double()
    with torch.no_grad():
        twin.emb.weight[:, [0, 3]] = 0
        right = twin(x)
    found = la.evaluate(network, examples(x), cuts, readout=logits, engine=engine)
    assert_logits(found, right[None], cuts)


@every_engine
def test_channels_of_a_table_of_positions(engine):
    network, x, reference = texts(placed)
    site = la.find_sites(network, examples(x))["pos"]
    assert (site.kind, site.n_units) == ("embedding", 5)
    assert_as_by_hand(network, network, Units("pos"), x, reference, engine,
                      methods=("silence", "mean"))  # fmt: skip


class Tied(nn.Module):
    """A language model in small: the output layer reads the table as its weight."""

    def __init__(self):
        super().__init__()
        self.emb, self.mix = nn.Embedding(9, 5), nn.Linear(5, 5)
        self.head = nn.Linear(5, 9, bias=False)
        self.head.weight = self.emb.weight

    def forward(self, x):
        return self.head(F.gelu(self.mix(self.emb(x))).mean(1))


@every_engine
def test_a_table_that_is_the_output_layer_too_keeps_its_columns_there(engine):
    with la.networks.seeded(5):
        network, x = Tied().eval(), torch.randint(9, (N, T))
    data = x, torch.arange(N) % 9
    sites = la.find_sites(network, data)
    assert sites["emb"].kind == "embedding"
    assert "head" not in sites
    cuts = [la.Ablation(sites["emb"], (2,), method) for method in ("silence", "zero_weights")]
    twin = copy.deepcopy(network).double()
    with torch.no_grad():
        right = twin.emb(x)
        right[..., 2] = 0
        right = twin.head(F.gelu(twin.mix(right)).mean(1))
    found = la.evaluate(network, data, cuts, readout=logits, engine=engine)
    assert_logits(found, torch.stack((right, right)), cuts)
