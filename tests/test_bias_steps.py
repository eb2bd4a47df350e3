"""Biases that a module adds in a step of its own, behind moves: the layer's, or none of its."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import lashley as la

from by_hand import Units, Written, assert_as_by_hand, every_engine, examples

N_UNITS = 6


class Own(nn.Module):
    """A layer that adds what it calls its bias to its units, moved in some way."""

    def __init__(self, move, bias):
        super().__init__()
        self.weight, self.move = nn.Parameter(torch.randn(N_UNITS, 5)), move
        if isinstance(bias, nn.Parameter):
            self.bias = bias
        else:
            self.register_buffer("bias", bias)

    def forward(self, x):
        return self.move(F.linear(x, self.weight)) + self.bias


def network_of(move, bias, units):
    with la.networks.seeded(0):
        own, out = Own(move, bias(torch.randn(units))), nn.Linear(units, 3)
        x, reference = torch.randn(20, 5), torch.randn(7, 5)
    network = Written(lambda n, x, at: n.out(torch.tanh(n.own(x))), own=own, out=out)
    plain = Written(lambda n, x, at: n.out(torch.tanh(n.own.move(at(F.linear(x, n.own.weight)))
                                                      + n.own.bias)), own=own, out=out)  # fmt: skip
    return network.eval(), plain.eval(), x, reference


MOVES = {
    "flipped": (lambda h: h.flip(-1), N_UNITS),
    "rolled": (lambda h: h.roll(1, -1), N_UNITS),
    "doubled": (lambda h: h[:, [0, 0, 1, 1, 2, 2]], N_UNITS),
}


@pytest.mark.thinned(1, by="engine")
@every_engine
@pytest.mark.parametrize("move", MOVES)
def test_behind_units_in_another_order_it_is_none_of_theirs(move, engine):
    """`zero_weights` of a unit is the row of its weight alone."""
    network, plain, x, reference = network_of(*MOVES[move][:1], nn.Parameter, MOVES[move][1])
    units = Units("own", rows=("own.weight",))
    assert_as_by_hand(
        network, plain, units, x, reference, engine, which=((0,), (1, 2)), methods=("zero_weights",)
    )


@every_engine
def test_a_buffer_is_no_bias(engine):
    network, plain, x, reference = network_of(lambda h: h, lambda b: b[None] + 0, N_UNITS)
    units = Units("own", rows=("own.weight",))
    assert_as_by_hand(network, plain, units, x, reference, engine, methods=("zero_weights",))


class Tower(nn.Module):
    """Holds its weight under a path that other towers use, too."""

    def __init__(self):
        super().__init__()
        self.params = nn.ParameterDict({"dense/kernel": torch.randn(5, 5) / 2})

    def forward(self, x):
        return torch.tanh(x @ self.params["dense/kernel"])


@every_engine
def test_layers_of_two_holders_are_two_sites(engine):
    with la.networks.seeded(0):
        parts = {"one": Tower(), "two": Tower(), "out": nn.Linear(5, 3)}
        x, reference = torch.randn(20, 5), torch.randn(7, 5)
    network = Written(lambda n, x, at: n.out(n.two(n.one(x))), **parts).eval()
    sites = la.find_sites(network, examples(x))
    assert [(s.n_units, s.parameters) for s in sites.values()] == [
        (5, ("one.params.dense/kernel",)), (5, ("two.params.dense/kernel",))]  # fmt: skip
    for name, at_one in zip(sites, (True, False), strict=True):
        plain = Written(lambda n, x, at, first=at_one: n.out(
            n.two(at(n.one(x))) if first else at(n.two(n.one(x)))), **parts).eval()  # fmt: skip
        assert_as_by_hand(
            network, plain, Units(name), x, reference, engine, methods=("silence", "mean")
        )


@every_engine
def test_a_weight_under_two_names_is_zeroed_under_both(engine):
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.w = nn.Parameter(torch.randn(6, 5))
            self.v, self.out = self.w, nn.Linear(12, 3)

        def forward(self, x):
            one, two = F.linear(x, self.w).relu(), F.linear(2 * x, self.v).tanh()
            return self.out(torch.cat((one, two), 1))

    with la.networks.seeded(0):
        network, x = Two().eval(), torch.randn(20, 5)
    (site,) = la.find_sites(network, examples(x)).values()
    found = la.evaluate(network, examples(x), la.singles(site, "zero_weights"), engine=engine,
                        readout=lambda o, _: {"first": o[:, 0]})  # fmt: skip
    for unit in range(6):
        edited = Two().double().eval()
        edited.load_state_dict(network.state_dict())
        with torch.no_grad():
            edited.w[unit] = 0
            wanted = edited(x.double())[:, 0]
        torch.testing.assert_close(
            torch.from_numpy(found["first"].values[unit]).double(), wanted, rtol=0, atol=1e-5
        )
