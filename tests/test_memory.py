"""`memory=` bounds what evaluations hold beyond their least, by every engine."""

import gc

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.profiler import ProfilerActivity, profile

import lashley as la

N, SIDE = 32, 24
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
    gc.collect()  # else what earlier tests left is freed while it is counted
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
    ("fx", False, False, True), ("export", False, True, False), ("hooks", True, True, True),
    pytest.param("fx", False, False, False, marks=pytest.mark.slow),
    pytest.param("export", False, True, True, marks=pytest.mark.slow)])  # fmt: skip
def test_memory_bounds_what_is_held(examples, engine, branches, parts, joining):
    with la.networks.seeded(0):
        network = Unfolding(branches, parts).eval()
    sites = la.find_sites(network, examples)
    cuts = [*la.singles(sites["a"]), *la.singles(sites["b"])]

    def needed(memory):
        how = {"memory": memory, "savings": la.Savings(joining=joining)}
        how |= {"engine": "hooks"} if engine == "hooks" else {}  # else the reference does it
        found = []
        most = peak(lambda: found.append(la.evaluate(network, examples, cuts, **how)))
        assert found[0].attrs["engine"] == engine
        return most

    least, memory = needed(1), 7 * MIB // 2
    assert needed(memory) < least + memory
    assert needed(None) > least + 2 * memory


class Deep(nn.Module):
    """As many values as layers, each as large as the input."""

    def __init__(self, branches, depth=16):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(64, 64) for _ in range(depth)])
        self.out, self.branches = nn.Linear(64, 4), branches

    def forward(self, x):
        if self.branches and x.shape[1] < 0:  # torch.fx does not trace this
            x = -x
        for layer in self.layers:
            x = layer(x).tanh()
        return self.out(x.mean(1))


@pytest.mark.thinned(1, by=lambda method, branches, joining: (method, branches))
@pytest.mark.filterwarnings("ignore:examples")
@pytest.mark.parametrize("joining", [True, False])
@pytest.mark.parametrize("branches", [False, True])
@pytest.mark.parametrize("method", ["mean", "resample"])
def test_of_the_reference_only_what_is_read_is_held(method, branches, joining, monkeypatch):
    monkeypatch.setattr("lashley.engine.sweep.KEPT", 1)  # as where all values are more than that
    with la.networks.seeded(0):
        network, x = Deep(branches).eval(), torch.randn(16, 512, 64)
    data, reference = (x, torch.arange(16) % 4), (x.flip(1), torch.arange(16) % 4)
    sites = la.find_sites(network, data)
    value = 4 * x.numel()

    def needed(method):
        cuts = [la.Ablation(sites[f"layers.{i}"], (0,), method) for i in (0, 7, 14)]
        how = {"reference": reference, "savings": la.Savings(joining=joining)}
        return peak(lambda: la.evaluate(network, data, cuts, **how))

    assert needed(method) < needed("silence") + 6 * value


@pytest.mark.filterwarnings("ignore:examples")
def test_to_settle_intact_outcomes_takes_no_more_in_a_deeper_network(monkeypatch):
    monkeypatch.setattr("lashley.engine.sweep.KEPT", 1)
    monkeypatch.setattr("lashley.engine.settle._AT_ONCE", 1)  # a pass in float64 for each outcome
    x = torch.randn(2, 1024, 64, generator=torch.Generator().manual_seed(0))

    def needed(depth):
        with la.networks.seeded(0):
            network, data = Deep(branches=False, depth=depth).eval(), (x, torch.arange(2))
        sites = la.find_sites(network, data)
        return peak(lambda: la.evaluate(network, data, [la.Ablation(sites["layers.0"], (0,))]))

    assert needed(32) < needed(8) + 2 * 4 * x.numel()


class InPlace(nn.Module):
    def forward(self, x):
        for _ in range(32):
            x = (x + 1.0).relu_()
        return x.mean(1)


def test_to_see_what_shares_memory_keeps_no_values():
    with la.networks.seeded(0):
        x, network = torch.randn(3, 4096, 64), nn.Sequential(InPlace(), nn.Linear(64, 4)).eval()
    most = peak(lambda: la.find_sites(network, (x, torch.arange(3))))
    assert most < 12 * 4 * x.numel()
