"""Spellings and inputs that a second reader of an issue found wrong, each with the right value."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import lashley as la
from lashley.errors import DataError, EngineError, LashleyError, NetworkError, ReadoutError

ENGINES = ("auto", "fx", "export", "hooks", "naive")


class Net(nn.Module):
    """Square weights, so that rows may be taken for columns; parameters of its own."""

    def __init__(self, forward):
        super().__init__()
        torch.manual_seed(0)
        self.a, self.o = nn.Linear(5, 5), nn.Linear(5, 3)
        self.p, self.c = nn.Parameter(torch.randn(5, 5)), nn.Parameter(torch.randn(5))
        self.inner = forward

    def forward(self, x):
        return self.o(self.inner(self, x))


@pytest.fixture
def data():
    x = torch.randn(9, 5, generator=torch.Generator().manual_seed(1))
    return x, torch.arange(9) % 3


def first(outputs, labels):
    return {"first": outputs[:, 0]}


def found(forward, data, name, method, engine):
    network = Net(forward).eval()
    cut = la.Ablation(la.find_sites(network, data)[name], (2,), method)
    outcomes = la.evaluate(network, data, [cut], readout=first, engine=engine)
    return torch.tensor(outcomes["first"].values[0]).double()


def by_hand(forward, data):
    with torch.no_grad():
        return Net(forward).double().eval()(data[0].double())[:, 0]


def without(h, unit=2):
    h = h.clone()
    h[:, unit] = 0
    return h


@pytest.mark.thinned(1, by="engine")
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("turn", [
    lambda w: w.T, lambda w: w.mT, lambda w: w.t(), lambda w: w.transpose(0, 1),
    lambda w: w.permute(1, 0), lambda w: w.swapaxes(0, 1)])  # fmt: skip
def test_a_square_weight_that_is_read_both_ways_is_two_sites(data, turn, engine):
    def forward(s, x):
        return torch.tanh(F.linear(torch.tanh(s.a(x)), turn(s.a.weight)))

    def rows(s, x):
        return torch.tanh(F.linear(without(torch.tanh(s.a(x))), s.a.weight.t()))

    assert {"a", "a_1"} <= la.find_sites(Net(forward).eval(), data).keys()
    got = found(forward, data, "a", "silence", engine)
    torch.testing.assert_close(got, by_hand(rows, data), rtol=0, atol=1e-6)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_bias_that_the_network_itself_holds_goes_with_its_weights(data, engine):
    got = found(lambda s, x: torch.tanh(x @ s.p + s.c), data, "p", "zero_weights", engine)
    wanted = by_hand(lambda s, x: torch.tanh(without(x @ s.p + s.c)), data)
    torch.testing.assert_close(got, wanted, rtol=0, atol=1e-6)


@pytest.mark.thinned(2, by="engine")
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("act", [
    torch.special.expit, torch.special.erfc, torch.cosh, torch.acos, torch.sinc,
    lambda h: torch.logaddexp(h, h * 0 + 1), lambda h: torch.lerp(h + 1, h * h, 0.3),
    lambda h: (h + 3) % 2, lambda h: torch.atan2(h, torch.ones_like(h)), torch.special.ndtr,
    lambda h: torch.hypot(h, torch.full_like(h, 2.0))])  # fmt: skip
def test_units_are_replaced_after_any_function_of_each_number(data, act, engine):
    got = found(lambda s, x: act(s.a(x) / 9), data, "a", "silence", engine)
    wanted = by_hand(lambda s, x: without(act(s.a(x) / 9)), data)
    torch.testing.assert_close(got, wanted, rtol=0, atol=1e-6)


def test_what_is_added_in_parts_is_no_token(data):
    network = Net(lambda s, x: torch.tanh(s.a(x) + torch.cat((s.c[:2], s.p[0, 2:])))).eval()
    reasons = {row.name: row.reason for row in la.find_sites(network, data).left_out}
    assert reasons["c"].startswith("added to activations")


def test_rows_that_are_looked_up_are_no_token(data):
    class Looked(nn.Module):
        def __init__(self):
            super().__init__()
            self.table, self.o = nn.Parameter(torch.randn(7, 5)), nn.Linear(5, 3)

        def forward(self, x):
            return self.o(self.table[(x[:, 0] > 0).long()])

    sites = la.find_sites(Looked().eval(), data)
    reasons = {row.name: row.reason for row in sites.left_out}
    assert "looked up" in reasons["table"]


class Product(nn.Module):
    """A weight and a product of two small ones, as a low-rank adapter without a layer."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.w, self.a = nn.Parameter(torch.randn(6, 5)), nn.Parameter(torch.randn(2, 5))
        self.b, self.o = nn.Parameter(torch.randn(6, 2)), nn.Linear(6, 3)

    def forward(self, x):
        return self.o(F.linear(x, self.w + self.b @ self.a).relu())


@pytest.mark.parametrize("engine", ENGINES)
def test_a_product_of_parameters_is_no_layer(data, engine):
    network = Product().eval()
    sites = la.find_sites(network, data)
    assert list(sites) == ["w"]
    outcomes = la.evaluate(network, data, [la.Ablation(sites["w"], (2,))], readout=first,
                           engine=engine)  # fmt: skip
    n = network.double()
    with torch.no_grad():
        wanted = n.o(without(F.linear(data[0].double(), n.w + n.b @ n.a).relu()))[:, 0]
    torch.testing.assert_close(
        torch.tensor(outcomes["first"].values[0]).double(), wanted, rtol=0, atol=1e-6
    )


class Membrane(nn.Module):
    """A buffer of one row that takes the shape of the batch; outputs hardly tell."""

    def __init__(self):
        super().__init__()
        self.a, self.o = nn.Linear(5, 6), nn.Linear(6, 3)
        self.register_buffer("mem", torch.zeros(1, 6))

    def forward(self, x):
        self.mem = 0.5 * self.mem + self.a(x)
        return self.o((self.mem > 100).to(x))


@pytest.mark.parametrize("engine", ["auto", "hooks", "naive"])
def test_state_that_takes_the_shape_of_the_batch_is_named(data, engine):
    network = Membrane().eval()
    cuts = la.singles(la.find_sites(network, data)["a"])
    with pytest.raises(EngineError, match=r"carries state from call to call \(mem\)"):
        la.evaluate(network, data, cuts, engine=engine)
    with pytest.raises(EngineError, match=r"carries state from call to call \(mem\)"):
        la.plan(network, data, cuts)
    assert network.mem.shape == (1, 6)


@pytest.mark.parametrize(("forward", "match"), [
    (lambda s, x: s.o(s.a(x).relu()) > 0, "returns torch.bool, decisions"),
    (lambda s, x: s.o(s.a(x).relu()).argmax(1), "returns torch.int64, decisions"),
    (lambda s, x: s.o(s.a(x).relu()).T, r"movedim\(1, 0\)"),
    (lambda s, x: s.o(torch.vmap(torch.sigmoid)(s.a(x))), "torch.vmap or torch.func"),
])  # fmt: skip
def test_outputs_and_forwards_that_do_not_go_are_told(data, forward, match):
    class Whole(Net):
        def forward(self, x):
            return self.inner(self, x)

    network = Whole(forward).eval()
    with pytest.raises(EngineError, match=match):
        la.evaluate(network, data, la.singles(la.find_sites(network, data)["a"]))


@pytest.mark.parametrize("engine", ["auto", "hooks", "naive"])
def test_a_network_that_runs_in_float64_alone_is_told(data, engine):
    network, x = Net(lambda s, x: s.a(x).relu().double()).double().eval(), data[0].double()
    cuts = la.singles(la.find_sites(network, (x, data[1]))["a"])
    with pytest.raises(EngineError, match="forward writes float64, so it runs in no other"):
        la.evaluate(network, (x, data[1]), cuts, engine=engine)


@pytest.mark.parametrize(("network", "match"), [
    (nn.Sequential(nn.LazyLinear(5), nn.Linear(5, 3)), "not initialised"),
    (nn.Linear(5, 3, device="meta"), "on the device 'meta'"),
    (torch.export.export(nn.Linear(5, 3), (torch.zeros(9, 5),)).module(), "before torch.export"),
])  # fmt: skip
def test_networks_without_numbers_or_modes_are_refused(data, network, match):
    with pytest.raises(NetworkError, match=match):
        la.find_sites(network, data)
    assert issubclass(NetworkError, LashleyError)


def raising(outputs, labels):
    raise KeyError("logits")


@pytest.mark.parametrize("readout", [raising, lambda outputs: {"z": outputs[:, 0]},
                                     lambda outputs, labels: {"z": outputs[:, 7]}])  # fmt: skip
def test_a_readout_that_raises_is_told(data, readout):
    network = Net(lambda s, x: s.a(x).relu()).eval()
    cuts = la.singles(la.find_sites(network, data)["a"])
    with pytest.raises(ReadoutError, match=r"raised \w+Error .* on outputs of shape \(\d+, 3\)"):
        la.evaluate(network, data, cuts, readout=readout)


def test_reference_examples_are_called_so(data):
    network = Net(lambda s, x: s.a(x).relu()).eval()
    cuts = [la.Ablation(la.find_sites(network, data)["a"], (0,), "mean")]
    with pytest.raises(DataError, match=r"^reference: given a Tensor"):
        la.evaluate(network, data, cuts, reference=data[0])


def test_a_branch_that_the_first_examples_do_not_take_is_told_as_of_a_run(data):
    network = Net(lambda s, x: s.a(x).relu() if float(x[0, 0]) < 1e9 else x @ s.p).eval()
    reasons = {row.name: row.reason for row in la.find_sites(network, data).left_out}
    assert "in a run of three examples" in reasons["p"]
    whole = Net(lambda s, x: s.a(x).relu()).eval()
    reasons = {row.name: row.reason for row in la.find_sites(whole, data).left_out}
    assert reasons["p"] == "nothing on the way to the output reads it"
