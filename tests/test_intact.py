"""A network is afterwards as before, whatever its forward leaves on it."""

from __future__ import annotations

import copy
import random
from collections import Counter, OrderedDict, deque
from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from lashley.graph.intact import intact
from lashley.graph.snapshot import snapshot

X = torch.randn(3, 4, generator=torch.Generator().manual_seed(0))


@dataclass
class Cache:
    keys: list = field(default_factory=list)
    length: int = 0


class Leaky(nn.Module):
    """A neuron with a membrane, as in snntorch: not registered, replaced in each call."""

    def __init__(self):
        super().__init__()
        self.mem = torch.zeros(0)

    def forward(self, x):
        self.mem = (self.mem if self.mem.shape == x.shape else torch.zeros_like(x)) * 0.9 + x
        return self.mem


class Stateful(nn.Module):
    """Every kind of state that a forward may leave."""

    def __init__(self, leave):
        super().__init__()
        self.leave = leave
        self.lif1, self.lin, self.norm = Leaky(), nn.Linear(4, 4), nn.BatchNorm1d(4)
        self.register_buffer("calls", torch.zeros(()))
        self.register_buffer("seen", torch.zeros(2))
        self.plain, self.parts = torch.ones(3), [torch.ones(2), {"deep": (torch.ones(2),)}]
        self.count, self.names, self.table = 0, ["a"], {"a": [1]}
        self.counter, self.ordered = Counter("aab"), OrderedDict(b=1, a=2)
        self.set, self.recent = {1}, deque([1, 2], maxlen=2)
        self.cache, self.space = Cache(), SimpleNamespace(n=0)
        self.generator = torch.Generator().manual_seed(0)
        self.loose = [nn.BatchNorm1d(4)]

    def forward(self, x):
        self.leave(self, x)
        return self.lin(x)


def _grow(net, x):
    net.seen.resize_(5).fill_(1)


def _data(net, x):
    net.plain.data = torch.zeros(7)


def _silently(net, x):
    net.plain.data.add_(1)  # no version counts this


def _modes(net, x):
    net.train()


def _parts(net, x):
    net.parts[1]["deep"][0].add_(1)


LEAVES = {
    "a membrane": (lambda n, x: n.lif1(x), ["lif1.mem"]),
    "a counter in place": (lambda n, x: n.calls.add_(1), ["calls"]),
    "a buffer that is replaced": (lambda n, x: setattr(n, "seen", x), ["seen"]),
    "a buffer that grows": (_grow, ["seen"]),
    "a parameter that is replaced": (
        lambda n, x: setattr(n.lin, "bias", nn.Parameter(x[0])), ["lin.bias"],
    ),
    "other memory": (_data, ["plain"]),
    "a write that is not counted": (_silently, ["plain"]),
    "statistics": (lambda n, x: n.norm.train()(x),
                   ["norm.num_batches_tracked", "norm.running_mean", "norm.running_var",
                    "norm.training"]),
    "a tensor deep in a list": (_parts, ["parts.deep"]),
    "a number": (lambda n, x: setattr(n, "count", n.count + 1), ["count"]),
    "a new attribute": (lambda n, x: setattr(n, "last", x), ["last"]),
    "a removed one": (lambda n, x: delattr(n, "plain"), ["plain"]),
    "a list": (lambda n, x: n.names.append("b"), ["names"]),
    "a list in a dict": (lambda n, x: n.table["a"].append(2), ["table.a"]),
    "a dict": (lambda n, x: n.table.update(b=1), ["table.b"]),
    "a counter": (lambda n, x: n.counter.update("ac"), ["counter.a", "counter.c"]),
    "an order": (lambda n, x: n.ordered.pop("b"), ["ordered.b"]),
    "a set": (lambda n, x: n.set.add(2), ["set"]),
    "a queue": (lambda n, x: n.recent.append(3), ["recent"]),
    "a dataclass": (lambda n, x: n.cache.keys.append(x), ["cache.keys"]),
    "a number in one": (lambda n, x: setattr(n.cache, "length", 3), ["cache.length"]),
    "a namespace": (lambda n, x: setattr(n.space, "n", 3), ["space.n"]),
    "a generator": (lambda n, x: torch.rand(1, generator=n.generator), ["generator"]),
    "modes": (_modes, ["lif1.training", "lin.training", "norm.training", "training"]),
    "a module": (lambda n, x: n.add_module("more", nn.Linear(1, 1)), ["more"]),
    "a hook": (lambda n, x: n.lin.register_forward_hook(print), ["lin._forward_hooks",
               "lin._forward_hooks_always_called", "lin._forward_hooks_with_kwargs"]),
    "a module that is not registered": (
        lambda n, x: n.loose[0].running_mean.add_(1), ["loose.running_mean"],
    ),
}  # fmt: skip
NO_CHANGE = {"a hook": LEAVES["a hook"][1][:1]}


def described(network):
    """All that a network holds, as text and numbers."""
    modules = {
        name: {k: repr(v) for k, v in vars(m).items() if k not in ("leave", "generator", "loose")}
        for name, m in network.named_modules()
    }
    drawn = torch.rand(2, generator=copy_of(network.generator)).tolist()
    tensors = {n: t.tolist() for n, t in network.state_dict().items()}
    return modules, tensors, network.plain.tolist(), drawn, network.loose[0].running_mean.tolist()


def copy_of(generator):
    return torch.Generator().set_state(generator.get_state())


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("name", LEAVES)
def test_what_a_forward_leaves_is_taken_back_and_named(name, fails):
    leave, names = LEAVES[name]
    network = Stateful(leave).eval()
    before = described(network)
    buffer, plain, names_held = network.seen, network.plain, network.names
    try:
        with intact(network) as state:
            network(X)
            assert state.changes() == NO_CHANGE.get(name, names)
            if fails:
                raise KeyError
    except KeyError:
        assert fails
    assert described(network) == before
    assert state.changes() == []
    assert network.seen is buffer
    assert network.plain is plain
    assert network.names is names_held


def test_a_network_without_state_has_no_changes():
    network = Stateful(lambda n, x: n.norm(x)).eval()
    with intact(network) as state:
        network(X)
        assert state.changes() == []


def test_numbers_that_are_set_to_what_they_were_are_no_change():
    def leave(net, x):
        net.count = int("0")
        net.names[0] = "".join(["a"])
        net.space = net.space

    network = Stateful(leave)
    network.shape = (3, 4)
    network.leave = lambda n, x: setattr(n, "shape", tuple(x.shape))
    with intact(network) as state:
        network(X)
        assert state.changes() == []


def test_nan_is_no_change():
    network = Stateful(lambda n, x: None)
    network.seen.fill_(float("nan"))
    version = network.seen._version
    with intact(network) as state:
        network(X)
        assert state.changes() == []
    assert network.seen._version == version


def test_random_states_are_as_before():
    def draw(net, x):
        return torch.rand(1), np.random.rand(), random.random()  # noqa: NPY002

    torch.manual_seed(0), np.random.seed(0), random.seed(0)  # noqa: NPY002
    network = Stateful(draw)
    with intact(network):
        inside = draw(network, X)
    assert draw(network, X) == inside


def test_parameters_are_told_of_but_not_restored():
    network = Stateful(lambda n, x: n.lin.weight.mul_(2))
    before = network.lin.weight.detach().clone()
    with intact(network) as state:
        network(X)
        assert state.changes() == ["lin.weight"]
    assert torch.equal(network.lin.weight, 2 * before)


def test_gradients_are_off_inside():
    with intact(nn.Linear(2, 2)), torch.no_grad():
        assert not torch.is_grad_enabled()


def test_buffers_of_inference_mode_are_restored():
    with torch.inference_mode():
        network = nn.BatchNorm1d(4)
    before = copy.deepcopy(network.state_dict())
    with intact(network), torch.inference_mode():
        network.running_mean.add_(1)
    assert all(torch.equal(v, before[k]) for k, v in network.state_dict().items())


@pytest.mark.parametrize("kind", ["script", "trace"])
@pytest.mark.filterwarnings("ignore:`torch.jit")
def test_compiled_modules_have_no_state_that_is_seen(kind):
    network = nn.Sequential(nn.Linear(4, 2))
    jit = torch.jit.script(network) if kind == "script" else torch.jit.trace(network, X)
    with intact(jit) as state:
        jit(X)
        assert state.changes() == []


def test_sparse_tensors_among_the_attributes():
    network = Stateful(lambda n, x: None)
    network.adjacency = torch.eye(3).to_sparse()
    assert snapshot(network).changes() == []
    with intact(network) as state:
        network.adjacency = network.adjacency * 2
        assert state.changes() == ["adjacency"]
    assert torch.equal(network.adjacency.to_dense(), torch.eye(3))
