"""Ablations of several places in one pass; that outcomes are right is in test_contract."""

import pytest
import torch
from torch import nn

import lashley as la
from lashley.data import Examples
from lashley.engine import Savings, passes, sweep
from lashley.engine.evaluation import asked
from lashley.engine.program import Program

from by_hand import Written

WIDTH, N = 6, 12


def deep(n_layers):
    with la.networks.seeded(0):
        layers = [nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.Tanh()) for _ in range(n_layers)]
        return nn.Sequential(*layers, nn.Linear(WIDTH, 3)).eval()


def inputs(n=N):
    return torch.randn(n, WIDTH, generator=torch.Generator().manual_seed(1))


def ablations_of(network, data, units=((0,),)):
    sites = la.find_sites(network, data)
    return [la.Ablation(site, u, "silence") for site in sites.values() for u in units]


def operations(monkeypatch, n_layers, **savings):
    """How many operations an evaluation of a unit of every layer takes."""
    network, data = deep(n_layers), (inputs(), torch.arange(N) % 3)
    seen, value = [], Program.value
    with monkeypatch.context() as patch:
        patch.setattr(Program, "value", lambda *a: seen.append(1) or value(*a))
        patch.setattr("torch.fx.GraphModule.__call__", counted(seen, torch.fx.GraphModule.__call__))
        la.evaluate(network, data, ablations_of(network, data), savings=Savings(**savings))
    return len(seen)


def counted(seen, call):
    return lambda module, *args: seen.extend(module.graph.nodes) or call(module, *args)


def test_the_operations_of_a_deep_network_grow_with_its_depth_not_its_square(monkeypatch):
    few, many = (operations(monkeypatch, n) for n in (10, 40))
    assert many < 5 * few
    assert operations(monkeypatch, 40, joining=False) > 5 * many


def rows_at_once(monkeypatch, data, network, **options):
    """The settings of every pass."""
    seen, run = [], passes.run_pass
    with monkeypatch.context() as patch:
        patch.setattr(sweep, "run_pass", lambda s, settings, *a: (
            seen.append(N + sum(N * (len(one.unit_sets) - 1) for one in settings))
            or run(s, settings, *a)))  # fmt: skip
        la.evaluate(network, data, ablations_of(network, data), **options)
    return seen


def test_a_pass_takes_no_more_than_memory_allows(monkeypatch):
    network, data = deep(12), (inputs(), torch.arange(N) % 3)
    assert rows_at_once(monkeypatch, data, network) == [N * 13]
    memory = 4 * 4 * WIDTH * N * 4  # bytes of four values of four times the examples
    few = rows_at_once(monkeypatch, data, network, memory=memory)
    assert len(few) > 2
    assert max(few) == 4 * N


@pytest.mark.filterwarnings("ignore:examples")
def test_what_lies_beside_the_places_is_as_in_the_intact_network():
    """A value that was read before a place joins, one that holds no examples, and a shape."""

    def forward(n, x, at):
        early, many = torch.sin(x), x.shape[0]
        in_order = x.sort(1)
        h = n.first(x).relu()
        largest = h.max(1, keepdim=True)
        both = torch.cat((h, early), 1)
        g = n.second(both).relu() * n.scale
        g = g + in_order.values * largest.values
        return n.last((g + h * early).view(many, -1))

    with la.networks.seeded(0):
        network = Written(
            forward, first=nn.Linear(WIDTH, WIDTH), second=nn.Linear(2 * WIDTH, WIDTH),
            last=nn.Linear(WIDTH, 3), scale=nn.Parameter(torch.rand(WIDTH)),
        ).eval()  # fmt: skip
    data = (inputs(), torch.arange(N) % 3)
    found = ablations_of(network, data, units=((0,), (1, 3)))
    losses = [
        la.evaluate(network, data, found, readout="loss", **how)["loss"].values
        for how in ({}, {"savings": Savings(joining=False)}, {"engine": "naive"})
    ]
    assert abs(losses[0] - losses[2]).max() < 1e-5
    assert abs(losses[1] - losses[2]).max() < 1e-5


def test_a_setting_of_more_rows_than_a_stack_takes_is_alone():
    network, labels = deep(3), torch.arange(N) % 3
    data = Examples(inputs(), labels, ("a", "b", "c"))
    sites = la.find_sites(network, data)
    many = [la.Ablation(sites["0.0"], units, "silence") for units in ((0,), (1,), (2,))]
    few = [la.Ablation(sites[name], (0,), "silence") for name in ("1.0", "2.0")]
    built = asked(network, data, [*many, *few], memory=4 * 4 * WIDTH * N * 3).build()
    engine = built.engine
    found = passes.passes(engine.sweep, engine.settings, N)
    assert [[s.place.site for s in part] for part in found] == [["0.0"], ["1.0", "2.0"]]
