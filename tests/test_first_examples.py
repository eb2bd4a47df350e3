"""Networks that treat some examples of a batch in another way, by their place in it."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch
from torch import nn

import lashley as la

FIRST = {
    "written": lambda h, k: (h := h * 1.0, h[:k].mul_(2))[0],
    "narrowed": lambda h, k: (h := h * 1.0, h.narrow(0, 0, min(k, len(h))).mul_(2))[0],
    "joined": lambda h, k: torch.cat((h[:k] * 2, h[k:])),
    "last": lambda h, k: torch.cat((h[:-k], h[-k:] * 2)),
}
GUARDS = {
    "fx": lambda x: False,
    "export": lambda x: x.shape[-1] < 0,
    "hooks": lambda x: float(x.sum()) > 1e9,
}


class Placed(nn.Module):
    def __init__(self, way, k, guard):
        super().__init__()
        self.a, self.b, self.c = nn.Linear(4, 6), nn.Linear(6, 5), nn.Linear(5, 3)
        self.way, self.k, self.guard = way, k, guard

    def forward(self, x):
        h = torch.relu(self.a(x))
        if GUARDS[self.guard](x):
            h = h + 1
        h = FIRST[self.way](h, self.k)
        return self.c(torch.sigmoid(self.b(h)))


def by_hand(net, x, name):
    net, x = net.double(), x.double()
    h = torch.relu(net.a(x))
    if name == "a":  # what is done to the first examples keeps a 0
        h[:, 0] = 0
    h = FIRST[net.way](h, net.k)
    h = torch.sigmoid(net.b(h))
    if name == "b":
        h[:, 0] = 0
    return net.c(h).detach()


@pytest.mark.thinned(3, by="engine")
@pytest.mark.parametrize("engine", ["auto", "naive"])
@pytest.mark.parametrize("guard", GUARDS)
@pytest.mark.parametrize("k", [1, 3, 5])
@pytest.mark.parametrize("way", FIRST)
def test_all_examples_are_one_batch(way, k, guard, engine):
    torch.manual_seed(k)
    net, x = Placed(way, k, guard).eval(), torch.randn(12, 4)
    twin = deepcopy(net)
    data = x, torch.zeros(12, dtype=torch.long)
    sites = la.find_sites(net, data)
    assert "b" in sites
    for name in {"a", "b"} & sites.keys():
        found = la.evaluate(
            net, data, [la.Ablation(sites[name], (0,))], readout=first_logit, engine=engine
        )
        assert "all are run as one batch" in found.attrs["engine_reason"] or engine == "naive"
        first = torch.tensor(found.first.values[0]).double()
        torch.testing.assert_close(first, by_hand(twin, x, name)[:, 0], rtol=0, atol=1e-6)


def first_logit(outputs, labels):
    return {"first": outputs[:, 0]}


def test_a_part_that_is_overwritten_unseen_is_told():
    net = Placed("written", 2, "hooks").eval()
    sites = la.find_sites(net, (torch.randn(12, 4), torch.zeros(12, dtype=torch.long)))
    reasons = {row.name: row.reason for row in sites.left_out}
    assert "a" not in sites
    assert "write to a part" in reasons["a.weight"]
