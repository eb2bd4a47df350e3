"""Networks whose number of calls depends on how many examples there are, or on these themselves."""

import copy

import pytest
import torch
from torch import nn

import lashley as la
from lashley.errors import EngineError

from by_hand import ENGINES, Units, Written, assert_as_by_hand, assert_logits, examples, logits
from networks_under_test import statistics

A = Units("a", rows=("a.weight", "a.bias"))


def made(function):
    with la.networks.seeded(0):
        parts = {"a": nn.Linear(5, 6), "b": nn.Linear(6, 5), "out": nn.Linear(6, 3)}
        return Written(function, **parts).eval(), torch.randn(12, 5), torch.randn(7, 5)


def known_by_values(x):
    """Nothing, in a way that no tracer follows."""
    return x if x.sum() > -1e9 else -x


def each_alone(n, x, at):
    """As a network of graphs that is given one after another."""
    return torch.stack([n.out(n.a(known_by_values(row)).tanh()) for row in x])


def all_at_once(n, x, at):
    return n.out(at(n.a(x).tanh()))


@pytest.mark.thinned(2)
@pytest.mark.parametrize("engine", ["auto", "hooks", "naive"])
def test_a_layer_that_is_called_for_each_example_alone(engine):
    network, x, others = made(each_alone)
    assert_as_by_hand(network, network.spelled(all_at_once), A, x, others, engine)


def loop(n, x, at):
    """Whose last step alone gives the outputs."""
    h = n.a(x).tanh()
    for _ in range(3):
        h = at(n.square(h).tanh())
    return h


@pytest.mark.parametrize("engine", ENGINES)
def test_the_last_call_of_a_layer_counts_though_its_units_are_outputs(engine):
    with la.networks.seeded(0):
        network = Written(loop, a=nn.Linear(5, 6), square=nn.Linear(6, 6)).eval()
        x, others = torch.randn(12, 5), torch.randn(7, 5)
    square = Units("square", rows=("square.weight", "square.bias"))
    assert_as_by_hand(network, network, square, x, others, engine)


def steps(n, x, at):
    """As many as the largest number says."""
    h = n.a(x)
    for _ in range(int(x.abs().max())):
        h = h + n.a(n.b(h).tanh())
    return n.out(h.tanh())


def of_size(x, largest):
    return largest * x / x.abs().amax(1, keepdim=True)


def test_more_calls_than_the_first_examples_have_are_an_error():
    network, x, _ = made(steps)
    x = torch.cat([of_size(x, 1.5)] * 8 + [of_size(x, 3.5)])
    labels = torch.arange(len(x)) % 3
    cut = [la.Ablation(la.find_sites(network, (x, labels))["b"], (0,))]
    with pytest.raises(EngineError, match=r"calls linear in b more than 1 times .*equally many"):
        la.evaluate(network, (x, labels), cut, engine="hooks")
    found = la.evaluate(network, (x[:20], labels[:20]), cut, engine="hooks")
    assert len(found.example) == 20


def test_a_mean_of_what_no_reference_example_has_is_an_error():
    network, x, others = made(steps)
    data = of_size(x, 3.5), torch.arange(12) % 3
    cut = [la.Ablation(la.find_sites(network, data)["b"], (0,), "mean")]
    with pytest.raises(EngineError, match="none of its examples reaches all calls of b"):
        la.evaluate(network, data, cut, reference=(of_size(others, 1.5), torch.arange(7) % 3))


def twice(n, x, at):
    """A value that holds the units as they are, and normalised."""
    h = n.a(x)
    return n.wide(torch.cat([h, n.bn(h)], 1))


@pytest.mark.parametrize("engine", ENGINES)
def test_zeroed_weights_leave_each_of_two_constants_where_a_value_holds_a_unit_twice(engine):
    with la.networks.seeded(0):
        parts = {"a": nn.Linear(5, 6), "bn": statistics(nn.BatchNorm1d(6)),
                 "wide": nn.Linear(12, 3)}  # fmt: skip
        network, x = Written(twice, **parts).eval(), torch.randn(12, 5)
    cut = [la.Ablation(la.find_sites(network, examples(x))["a"], (0, 2), "zero_weights")]
    twin = copy.deepcopy(network).double()
    for held in (twin.a.weight, twin.a.bias):
        held.data[[0, 2]] = 0
    found = la.evaluate(network, examples(x), cut, readout=logits, engine=engine)
    assert_logits(found, twin(x.double()).detach()[None], cut)
