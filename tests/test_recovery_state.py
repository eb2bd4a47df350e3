"""Networks that keep state from call to call: recovery refuses them, and leaves no trace."""

from contextlib import nullcontext

import pytest
import torch
from torch import nn

import lashley as la
from lashley.errors import EngineError, LashleyError


class Remembering(nn.Module):
    """A membrane that is carried from call to call, or a counter of the calls."""

    def __init__(self, counts):
        super().__init__()
        self.a, self.out, self.counts = nn.Linear(6, 8), nn.Linear(8, 3), counts
        self.register_buffer("membrane", torch.zeros(1))
        self.calls = 0

    def forward(self, x):
        self.calls += 1
        h = self.a(x).relu()
        if self.counts:
            self.membrane += 1
            return self.out(h)
        self.membrane = h if self.membrane.shape != h.shape else 0.9 * self.membrane + h
        return self.out(self.membrane)


@pytest.fixture
def halves():
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(60, 6, generator=generator), torch.arange(60) % 3
    return {"train": (x[:30], y[:30]), "test": (x[30:], y[30:])}


@pytest.mark.thinned(2, by="start")
@pytest.mark.parametrize("start", ["ablated", "intact", "redrawn", "from_scratch"])
@pytest.mark.parametrize("counts", [False, True])
@pytest.mark.parametrize("each", [False, True])
def test_state_is_as_it_was_whatever_comes_of_it(halves, start, counts, each):
    with la.networks.seeded(0):
        network = Remembering(counts).eval()
    cuts = la.singles(la.find_sites(network, halves["test"])["a"])[:2]
    how = {"recipe": la.Recipe(epochs=1, lr=0.1, batch_size=10), "start": start}
    given = {"freeze": ["a"] if start == "intact" else "upstream"}
    words = "" if counts else r"carries state from call to call \(calls, membrane\)"
    refused = pytest.raises(LashleyError, match=words)
    with nullcontext() if counts and start == "intact" else refused:
        if each:
            la.recover_each(network, cuts, **halves, **how, **given)
        else:
            la.recover(network, cuts[0], **halves, **how, **given)
    assert network.membrane.tolist() == [0.0]
    assert network.calls == 0


def test_the_same_of_the_network_that_drops_are_measured_against(halves):
    with la.networks.seeded(0):
        intact = Remembering(counts=True).eval()
        network = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3)).eval()
    cut = la.Ablation(la.find_sites(network, halves["test"])["0"], (1,))
    recipe = la.Recipe(epochs=1, lr=0.1, batch_size=10)
    la.recover(network, cut, **halves, recipe=recipe, intact=intact)
    assert (intact.membrane.tolist(), intact.calls) == ([0.0], 0)
    with pytest.raises(EngineError, match="carries state"):
        la.recover(network, cut, **halves, recipe=recipe, intact=Remembering(counts=False).eval())
