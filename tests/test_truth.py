"""What decides: the network in float64 throughout, or its own precision, and then that is said."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

import lashley as la

from forward import Forward

X = torch.randn(40, 3, 6, generator=torch.Generator().manual_seed(0))
Y = torch.arange(40) % 3
ENGINES = ("auto", "hooks", "naive")


@torch.jit.script
def compiled(x: torch.Tensor) -> torch.Tensor:
    return torch.tanh(x.to(torch.float32))


def through_a_norm(h):
    """As RMSNorm in many language models."""
    wide = h.to(torch.float32)
    return (wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + 1e-6)).to(h.dtype)


def plainly(net, x):
    return net.c(torch.tanh(net.b(through_a_norm(torch.tanh(net.a(x)))))).mean(1)


def in_the_end(net, x):
    return net.c(torch.tanh(net.b(torch.tanh(net.a(x))))).mean(1).float()


def behind_a_shape(net, x):
    """Only torch.export follows."""
    return in_the_end(net, x if len(x) > 0 else 2 * x)


def behind_a_value(net, x):
    """Nothing follows."""
    return in_the_end(net, x if x.sum() > -1e9 else 2 * x)


def tokens_first(net, x):
    """Captured, but its values cannot be stacked by examples."""
    rows = x.transpose(0, 1).reshape(-1, 6)
    hidden = through_a_norm(torch.tanh(net.a(rows)))
    return net.c(torch.tanh(net.b(hidden))).unflatten(0, (3, -1)).mean(0)


def by_compiled(net, x):
    """Nothing follows, and no copy leaves float32."""
    hidden = compiled(net.b(torch.tanh(net.a(x if x.sum() > -1e9 else 2 * x))))
    return net.c(hidden.to(net.c.weight.dtype)).mean(1)


FORWARDS = (plainly, in_the_end, behind_a_shape, behind_a_value, tokens_first)


def nearly_tied(function):
    """Float32 cannot tell the first two of its classes apart."""
    torch.manual_seed(0)
    net = Forward(function, a=nn.Linear(6, 8), b=nn.Linear(8, 8), c=nn.Linear(8, 3)).eval()
    with torch.no_grad():
        net.c.weight[1] = net.c.weight[0] * (1 + 2e-7 * torch.randn(8))
        net.c.bias[1] = net.c.bias[0]
    return net


def ranks_by_hand(net, function, unit):
    """The edited copy in float64: one unit of `a` has no weights."""
    twin = copy.deepcopy(net).double()
    with torch.no_grad():
        twin.a.weight[unit], twin.a.bias[unit] = 0, 0
        hidden = torch.tanh(twin.a(X.double()))
        if function in (plainly, tokens_first):
            hidden = hidden * torch.rsqrt(hidden.pow(2).mean(-1, keepdim=True) + 1e-6)
        logits = twin.c(torch.tanh(twin.b(hidden))).mean(1)
    own = logits.gather(1, Y[:, None])
    return ((logits > own) | ((logits == own) & (torch.arange(3) < Y[:, None]))).sum(1)


@pytest.mark.thinned(1, by="engine")
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("function", FORWARDS)
def test_ranks_are_those_of_float64_whatever_the_forward_writes(function, engine):
    net = nearly_tied(function)
    site = la.find_sites(net, (X, Y))["a"]
    found = la.evaluate(net, (X, Y), la.singles(site, method="zero_weights"), engine=engine)
    right = torch.stack([ranks_by_hand(net, function, unit) for unit in range(8)])
    assert torch.equal(torch.from_numpy(found["rank"].values).long(), right)
    assert "decided_in" not in found.attrs


@pytest.mark.parametrize("engine", ENGINES)
def test_where_float64_cannot_be_had_the_outcomes_say_so(engine):
    net = nearly_tied(by_compiled)
    with torch.no_grad():
        net.c.weight[1] *= -1
    site = la.find_sites(net, (X, Y))["a"]
    found = la.evaluate(net, (X, Y), la.singles(site), engine=engine)
    assert found.attrs["decided_in"] == "float32"
    with torch.no_grad():
        hidden = torch.tanh(net.a(X))
        hidden[..., 5] = 0
        logits = net.c(torch.tanh(net.b(hidden))).mean(1)
    assert torch.equal(torch.from_numpy(found["prediction"].values[5]).long(), logits.argmax(1))


class _SaysItsFormat(nn.Module):
    """Brings its inputs into the format of its weights, or leaves that to others."""

    def __init__(self, kind, casts=True):
        super().__init__()
        self.a, self.out = nn.Linear(6, 8), nn.Linear(8, 3)
        self.kind, self.casts = kind, casts
        self.to(kind)

    def forward(self, x):
        return self.out(torch.relu(self.a(x.to(self.kind) if self.casts else x)))


@pytest.mark.thinned(4)
@pytest.mark.parametrize("engine", ["auto", "export", "hooks", "naive"])
@pytest.mark.parametrize("kind", [torch.float64, torch.bfloat16, torch.float16])
def test_a_network_that_says_in_which_format_it_runs(kind, engine):
    with la.networks.seeded(0):
        network = _SaysItsFormat(kind).eval()
        plain = _SaysItsFormat(torch.float32, casts=False).double().eval()
        plain.load_state_dict(network.state_dict())
    data = (torch.randn(60, 6, generator=torch.Generator().manual_seed(1)), torch.arange(60) % 3)
    cuts = la.singles(la.find_sites(network, data)["a"])
    found = la.evaluate(network, data, cuts, engine=engine)
    truth = la.evaluate(plain, data, la.singles(la.find_sites(plain, data)["a"]), engine="naive")
    assert (found["rank"].values == truth["rank"].values).all()
    assert {p.dtype for p in network.parameters()} == {kind}
