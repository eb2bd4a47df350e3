"""`memory=` bounds what evaluations hold beyond their least, by every engine."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.profiler import ProfilerActivity, profile

import lashley as la

N, SIDE = 64, 24
MIB = 1 << 20


class Unfolding(nn.Module):
    """Nine times as many numbers inside as a channel has, as in attention over windows."""

    def __init__(self, branches, parts):
        super().__init__()
        self.a, self.b, self.out = nn.Conv2d(3, 8, 3, padding=1), nn.Linear(72, 6), nn.Linear(6, 4)
        self.branches, self.parts = branches, parts

    def forward(self, x):
        if self.branches and float(x.sum()) > 1e9:  # nothing captures this
            x = -x
        h = F.unfold(self.a(x).relu(), 3, padding=1).transpose(1, 2)
        if self.parts:
            h = torch.cat([torch.tanh(part) for part in h.split(24, -1)], -1)
        return self.out(self.b(h).relu().mean(1))


@pytest.fixture(scope="module")
def examples():
    x = torch.randn(N, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    return x, torch.arange(N) % 4


def peak(work):
    """The most bytes that were held at once, beyond those held before."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as seen:
        work()
    events = [e for e in seen.profiler.kineto_results.events() if e.name() == "[memory]"]
    held = most = 0
    for event in sorted(events, key=lambda e: e.start_ns()):
        held += event.nbytes()
        most = max(most, held)
    return most


@pytest.mark.filterwarnings("ignore:examples")
@pytest.mark.parametrize(("engine", "branches", "parts", "joining"), [
    ("fx", False, False, True), ("fx", False, False, False), ("export", False, True, True),
    ("export", False, True, False), ("hooks", True, True, True)])  # fmt: skip
def test_memory_bounds_what_is_held(examples, engine, branches, parts, joining):
    with la.networks.seeded(0):
        network = Unfolding(branches, parts).eval()
    sites = la.find_sites(network, examples)
    cuts = [*la.singles(sites["a"]), *la.singles(sites["b"])]

    def needed(memory):
        how = {"memory": memory, "savings": la.Savings(joining=joining)}
        found = []
        most = peak(lambda: found.append(la.evaluate(network, examples, cuts, **how)))
        assert found[0].attrs["engine"] == engine
        return most

    least, memory = needed(1), 7 * MIB
    assert needed(memory) < least + memory
    assert needed(None) > least + 2 * memory
