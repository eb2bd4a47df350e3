"""Networks of complex numbers: these are computed in float64 as real ones are."""

import copy

import pytest
import torch
from torch import nn

import lashley as la

from by_hand import ENGINES, Written, assert_logits, examples, logits


def forward(n, x, at):
    return n.out(n.b(at(torch.tanh(n.a(x + 1j * x.flip(1))))).abs())


def split(n, x, at):
    """The parts have each their own nonlinearity, as in complextorch."""
    y = n.a(x + 1j * x.flip(1))
    return n.out(n.b(at(torch.complex(torch.relu(y.real), torch.sigmoid(y.imag)))).abs())


def viewed(n, x, at):
    y = torch.sigmoid(torch.view_as_real(n.a(x + 1j * x.flip(1))))
    return n.out(n.b(at(torch.view_as_complex(y))).abs())


def made(forward=forward):
    with la.networks.seeded(0):
        parts = {"a": nn.Linear(5, 6, dtype=torch.complex64),
                 "b": nn.Linear(6, 4, dtype=torch.complex64), "out": nn.Linear(4, 3)}  # fmt: skip
        return Written(forward, **parts).eval(), torch.randn(12, 5), torch.randn(7, 5)


def wide(tensor):
    return tensor.to(torch.complex128 if tensor.is_complex() else torch.float64)


def by_hand(network, x, others, unit, method):
    n = copy.deepcopy(network)._apply(wide)
    held, forward = [], network.function
    forward(n, wide(others), lambda value: held.append(value) or value)

    def at(value):
        new = held[0].mean(0)[unit] if method == "mean" else 0.0
        return value.index_fill(1, torch.tensor([unit]), new)

    return forward(n, wide(x), at).detach()


@pytest.mark.thinned(2, by="engine")
@pytest.mark.parametrize("complex_inputs", [False, True])
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("function", [forward, split, viewed])
def test_outcomes_are_those_by_hand(function, engine, complex_inputs):
    network, x, others = made(function)
    if complex_inputs:
        x, others = torch.complex(x, x.roll(2, 1)), torch.complex(others, others.roll(2, 1))
    site = la.find_sites(network, examples(x))["a"]
    cuts = [la.Ablation(site, (1,), method) for method in ("silence", "mean")]
    found = la.evaluate(network, examples(x), cuts, reference=examples(others), readout=logits,
                        engine=engine)  # fmt: skip
    right = torch.stack([by_hand(network, x, others, 1, str(cut.method)) for cut in cuts])
    assert_logits(found, right, cuts)
    assert "decided_in" not in found.attrs
    assert engine in ("auto", found.attrs["engine"])
