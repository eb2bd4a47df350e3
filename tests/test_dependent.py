"""Networks whose examples depend on one another: all examples are one batch, or it is refused."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

import lashley as la
from lashley.errors import EngineError, NetworkError, SiteError

from by_hand import ENGINES, Units, Written, by_hand, examples, logits, measured

every_engine = pytest.mark.parametrize("engine", ENGINES)  # "auto" does what most refuse
N, N_REFERENCE = 1500, 1200  # more than any batch of a plain network
L = Units("l", rows=("l.weight", "l.bias"))


def drifting(n):
    """Inputs whose first thousand say little of the rest."""
    with la.networks.seeded(1):
        return torch.randn(n, 4) + torch.linspace(-2, 3, n)[:, None] * torch.tensor([1.0, 0, -1, 2])


def centred(n, x, at):
    return n.out(at(n.l(x - x.mean(0)).tanh()))


def by_batch_statistics(n, x, at):
    h = n.l(x)
    return n.out(at(((h - h.mean(0)) / (h.var(0, False) + 1e-5).sqrt()).relu()))


def attending_to_each_other(n, x, at):
    h = at(n.l(x).tanh())
    return n.out((h @ h.T / 8).softmax(-1) @ h)


def sorted_together(n, x, at):
    h = at(n.l(x).tanh())
    return n.out(h + h.sort(0).values)


def ring(n):
    """A graph of nodes in a ring with chords, its edges weighted as in a graph convolution."""
    near = torch.eye(n) + torch.eye(n).roll(1, 0) + torch.eye(n).roll(-1, 0)
    return near + torch.eye(n).roll(n // 3, 0)


def graph(n, x, at):
    """Two graph convolutions over a fixed graph: its nodes are the rows."""
    h = at(n.l(n.edges @ x).relu())
    return n.out(n.edges @ h)


def network(function, n=None):
    with la.networks.seeded(0):
        parts = {} if n is None else {"edges": ring(n) / 4}
        return Written(function, l=nn.Linear(4, 5), out=nn.Linear(5, 3), **parts).eval()


TOGETHER = [centred, by_batch_statistics, attending_to_each_other, sorted_together]


@pytest.mark.thinned(1, by="engine")
@every_engine
@pytest.mark.parametrize("function", TOGETHER, ids=lambda f: f.__name__)
def test_outcomes_are_those_of_all_examples_in_one_batch(function, engine):
    net, x = network(function), drifting(N)
    assert_whole(net, x, engine, ("silence", "zero_weights"))


@pytest.mark.thinned(1, by="engine")
@every_engine
@pytest.mark.parametrize("function", TOGETHER, ids=lambda f: f.__name__)
def test_means_are_those_of_all_reference_examples_in_one_batch(function, engine):
    net, x = network(function), drifting(N)
    assert_whole(net, x, engine, ("mean", "resample"), -drifting(N_REFERENCE))


@every_engine
def test_nodes_of_a_fixed_graph(engine):
    net, x = network(graph, N), drifting(N)
    assert_whole(net, x, engine, ("silence", "zero_weights"))


def assert_whole(net, x, engine, methods, reference=None):
    """One pass over everything, edited by hand; the largest effects are near 1."""
    given = None if reference is None else examples(reference)
    site = la.find_sites(net, examples(x))["l"]
    cuts = [la.Ablation(site, units, m) for m in methods for units in ((0,), (1, 3))]
    try:
        found = la.evaluate(net, examples(x), cuts, readout=logits, engine=engine, reference=given)
    except EngineError as error:  # an engine that stacks examples cannot do it, and says so
        assert engine in ("fx", "export", "hooks")
        assert any(word in str(error) for word in ("depend", "naive", "auto"))  # noqa: PT017
        return
    with torch.no_grad():
        intact = copy.deepcopy(net).double()(x.double())
    assert [found[f"intact_logit_{i}"].values for i in range(3)] == [
        pytest.approx(column.numpy(), abs=1e-4) for column in intact.unbind(1)]  # fmt: skip
    for cut, outcome in zip(cuts, measured(found), strict=True):
        right = by_hand(net, x, L, cut.units, str(cut.method), reference)  # donors: of the whole
        assert close(outcome, right), (
            str(cut.method),
            cut.units,
            float((outcome - right).abs().max()),
        )


def close(one, other):
    return torch.allclose(one, other, rtol=0, atol=1e-4 * float(other.abs().amax()))


def test_the_first_thousand_alone_would_say_something_else():
    """So the tests above can fail."""
    for function in TOGETHER:
        net, x = network(function).double(), drifting(N).double()
        with torch.no_grad():
            assert (net(x)[:1000] - net(x[:1000])).abs().max() > 1e-2


@pytest.mark.parametrize("engine", ["auto", "naive"])
def test_auto_and_the_slow_engine_do_them(engine):
    """Ranks and predictions, too."""
    net, x = network(centred), drifting(N)
    site = la.find_sites(net, examples(x))["l"]
    found = la.evaluate(net, examples(x), [la.Ablation(site, (2,))], engine=engine)
    right = by_hand(net, x, L, (2,), "silence")
    assert found.prediction.values[0].tolist() == right.argmax(1).tolist()


@pytest.mark.parametrize("engine", ["auto", "naive"])
def test_a_precision_that_takes_examples_bit_by_bit_is_refused(engine):
    net, x = network(centred), drifting(N)
    cuts = la.singles(la.find_sites(net, examples(x))["l"])
    with pytest.raises(EngineError, match=r"precision: .*depend"):
        la.evaluate(net, examples(x), cuts, engine=engine, precision=5.0)


@pytest.mark.parametrize("engine", ["auto", "naive"])
def test_a_batch_is_never_cut_however_many_outcomes_it_has(engine, monkeypatch):
    monkeypatch.setattr("lashley.engine.record._OUTCOMES", 3000)  # bytes, of some 9,000
    net, x = network(centred), drifting(N)
    site = la.find_sites(net, examples(x))["l"]
    found = la.evaluate(net, examples(x), la.singles(site), engine=engine, readout=logits)
    right = torch.stack([by_hand(net, x, L, (i,), "zero_weights") for i in range(5)])
    assert close(measured(found), right)


def test_a_graph_of_another_number_of_nodes_is_refused():
    net, x = network(graph, 20), drifting(30)
    with pytest.raises(SiteError, match=r"examples: .*does not run"):
        la.find_sites(net, examples(x))
    site = la.find_sites(net, examples(x[:20]))["l"]
    with pytest.raises(EngineError, match=r"examples: .*do not run"):
        la.evaluate(net, examples(x), la.singles(site))


@every_engine
def test_means_and_donors_among_the_nodes_of_a_fixed_graph(engine):
    net, x = network(graph, 50), drifting(50)
    assert_whole(net, x, engine, ("mean", "resample"), -drifting(50))


DECIDED = {
    "compared": lambda h, least: h.mean() > least,
    "bool": lambda h, least: bool(h.mean() > least),
    "item": lambda h, least: h.mean().item() > least,
    "float": lambda h, least: float(h.mean()) > least,
    "turned": lambda h, least: least < h.mean(),
    "largest": lambda h, least: h.mean(1).amax() * 0 + h.mean() > least,
}


class Deciding(nn.Module):
    """One of two layers, by a number of the whole batch."""

    def __init__(self, way):
        super().__init__()
        torch.manual_seed(1)
        self.a, self.b = nn.Linear(6, 8), nn.Linear(8, 8)
        self.c, self.o = nn.Linear(8, 8), nn.Linear(8, 3)
        self.way, self.least = way, 0.0

    def forward(self, x):
        h = self.a(x).relu()
        return self.o((self.b if DECIDED[self.way](h, self.least) else self.c)(h).relu())


@pytest.mark.thinned(2, by="engine")
@pytest.mark.parametrize("engine", ["auto", "naive"])
@pytest.mark.parametrize("way", DECIDED)
def test_a_decision_by_the_whole_batch_is_made_by_all_examples(way, engine):
    network, x = Deciding(way).eval(), torch.randn(1500, 6)
    with torch.no_grad():
        network.least = float(network.a(x).relu().mean()) - 0.02
    data = x, torch.arange(1500) % 3
    cuts = la.singles(la.find_sites(network, data)["a"])
    found = la.evaluate(network, data, cuts, engine=engine, readout=lambda o, y: {"z": o[:, 0]})
    assert "decides by a number of the whole batch" in found.attrs["engine_reason"]
    turned = 0
    with torch.no_grad():
        for unit in range(8):
            h = network.a(x).relu()
            h[:, unit] = 0
            chosen = network.b if float(h.mean()) > network.least else network.c
            turned += chosen is network.c
            wanted = network.o(chosen(h).relu())[:, 0]
            got = torch.tensor(found["z"].values[unit])
            torch.testing.assert_close(got, wanted, rtol=0, atol=1e-5)
    assert 0 < turned < 8


def test_a_decision_by_the_whole_batch_is_told_where_ablations_share_it():
    network, x = Deciding("bool").eval(), torch.randn(12, 6)
    data = x, torch.arange(12) % 3
    cuts = la.singles(la.find_sites(network, data)["a"])
    with pytest.warns(UserWarning, match="decides by one number of a whole batch"):
        assert la.evaluate(network, data, cuts, engine="hooks").attrs["engine"] == "hooks"


class EachAlone(Deciding):
    """The same for each example by itself."""

    def forward(self, x):
        rows = []
        for row in x:
            h = self.a(row).relu()
            rows.append(self.o((self.b if h.mean() > self.least else self.c)(h).relu()))
        return torch.stack(rows)


def test_a_decision_for_each_example_needs_no_whole_batch():
    network, x = EachAlone("bool").eval(), torch.randn(40, 6)
    data = x, torch.arange(40) % 3
    cuts = la.singles(la.find_sites(network, data)["a"])[:2]
    found = la.evaluate(network, data, cuts)
    assert "one batch" not in found.attrs["engine_reason"]


class Nodes(nn.Module):
    """The nodes of a fixed graph, by its adjacency in any layout."""

    def __init__(self, adjacency):
        super().__init__()
        self.a, self.out = nn.Linear(6, 8), nn.Linear(8, 3)
        self.register_buffer("adjacency", adjacency)

    def forward(self, x):
        return self.out((self.adjacency @ self.a(x)).relu())


@pytest.mark.parametrize("engine", ["auto", "naive"])
@pytest.mark.parametrize("layout", ["to_sparse", "to_sparse_csr", "to_sparse_csc"])
def test_the_nodes_of_a_sparse_graph_are_those_of_a_dense_one(layout, engine):
    with la.networks.seeded(0):
        links = (torch.rand(40, 40) < 0.1) + torch.eye(40)
        dense = Nodes(links / links.sum(1, keepdim=True)).eval()
        x, other = torch.randn(40, 6), torch.randn(40, 6)
    sparse = copy.deepcopy(dense)
    sparse.adjacency = getattr(dense.adjacency, layout)()
    data, reference = (x, torch.arange(40) % 3), (other, torch.arange(40) % 3)
    site = la.find_sites(sparse, data)["a"]
    cuts = [la.Ablation(site, (0, 3), m) for m in ("silence", "mean", "zero_weights", "scale(0.5)")]
    how = {"reference": reference, "readout": "loss", "engine": engine}
    one, other = (la.evaluate(net, data, cuts, **how)["loss"] for net in (sparse, dense))
    np.testing.assert_allclose(one, other, atol=1e-6)
    damaged = copy.deepcopy(dense)
    damaged.adjacency[0, 0] = torch.nan
    damaged.adjacency = getattr(damaged.adjacency, layout)()
    with pytest.raises(NetworkError, match="adjacency hold NaN"):
        la.evaluate(damaged, data, cuts, **how)
