"""Weights that forward reads in another way than by their names in the network."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import lashley as la

from by_hand import ENGINES, Units, Written, assert_as_by_hand

K = Units("k", rows=("k", "b"))


class Kept(Written):
    """Reads its weights from a list, as Keras from objects of its own."""

    def __init__(self, function, of, **parts):
        super().__init__(function, **parts)
        self.kept = [of(self.k), of(self.b)]


def layer(n, x, at):
    return n.out(F.linear(x, *n.kept).tanh())


def turned(n, x, at):
    """A view that `torch.fx` cannot see."""
    k, b = n.kept
    return n.out((x @ k.T + b).tanh())


def plain(n, x, at):
    return n.out(at(F.linear(x, n.k, n.b).tanh()))


def made(of, function=layer):
    with la.networks.seeded(0):
        parts = {"k": nn.Parameter(torch.randn(6, 5)), "b": nn.Parameter(torch.rand(6) + 1),
                 "out": nn.Linear(6, 3)}  # fmt: skip
        return Kept(function, of, **parts).eval(), torch.randn(12, 5), torch.randn(7, 5)


WAYS = {"themselves": lambda p: p, "their data": lambda p: p.data, "detached": torch.detach}
ways = pytest.mark.parametrize("of", WAYS.values(), ids=WAYS)


@pytest.mark.thinned(1, by="engine")
@ways
@pytest.mark.parametrize("engine", ENGINES)
def test_outcomes_are_those_of_weights_with_names(of, engine):
    network, x, others = made(of)
    assert_as_by_hand(network, network.spelled(plain), K, x, others, engine)


@pytest.mark.thinned(1, by="engine")
@ways
@pytest.mark.parametrize("engine", [e for e in ENGINES if e != "fx"])
def test_views_of_them_are_followed_by_export(of, engine):
    network, x, others = made(of, turned)
    methods = ["silence", "mean", "resample"]  # its bias is no part of a product
    assert_as_by_hand(network, network.spelled(plain), K, x, others, engine, methods=methods)


@ways
@pytest.mark.parametrize("function", [layer, turned])
def test_the_account_knows_what_reads_them(of, function):
    network, x, _ = made(of, function)
    sites = la.find_sites(network, (x, torch.arange(12) % 3))
    assert "k" in sites["k"].parameters
    assert {p.reason.partition(":")[0] for p in sites.left_out} <= {
        "added to activations", "of an output layer"}  # fmt: skip
