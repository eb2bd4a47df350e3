"""A weight that is read in several ways: `zero_weights` zeroes what leads into the site's units."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import lashley as la

from by_hand import ENGINES, Written, examples

WIDTH = 6

OTHER_WAYS = {
    "product": lambda h, w: h @ w,
    "einsum": lambda h, w: torch.einsum("bi,ji->bj", h, w),
    "numbers": lambda h, w: (h[:, None] * w).sum(-1),
    "length": lambda h, w: h * w.norm(),
    "turned": lambda h, w: F.linear(h, w.t()),
}


def of(way):
    """Its second layer takes the weight of its first in another way."""

    def forward(n, x, at):
        h = at(F.linear(x, n.w.weight, n.w.bias).relu())
        return n.out(torch.tanh(way(h, n.w.weight)))

    with la.networks.seeded(0):
        return Written(forward, w=nn.Linear(WIDTH, WIDTH), out=nn.Linear(WIDTH, 3)).eval()


@pytest.mark.thinned(8)
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("way", OTHER_WAYS)
def test_the_weight_stays_where_it_is_read_for_something_else(way, engine):
    network = of(OTHER_WAYS[way])
    x = torch.randn(8, WIDTH, generator=torch.Generator().manual_seed(1))
    data = (x, torch.arange(8) % 3)
    site = la.find_sites(network, data)["w"]
    assert len(site.points) == 1
    for method in ("silence", "zero_weights"):  # a ReLU of nothing is 0
        found = la.evaluate(
            network, data, [la.Ablation(site, (2, 4), method)], engine=engine, readout="loss"
        )
        with torch.no_grad():
            h = network.w(x).relu()
            h[:, [2, 4]] = 0
            logits = network.out(torch.tanh(OTHER_WAYS[way](h, network.w.weight)))
            by_hand = F.cross_entropy(logits, data[1], reduction="none")
        assert abs(found["loss"].values[0] - by_hand.numpy()).max() < 1e-5


@pytest.mark.parametrize("engine", ENGINES)
def test_columns_of_a_weight_are_other_units_than_its_rows(engine):
    """A tied decoder: the same where it happens to be square."""
    for width in (WIDTH, WIDTH - 2):
        with la.networks.seeded(0):
            network = Written(
                lambda n, x, at: n.out(torch.tanh(F.linear(n.w(x).relu(), n.w.weight.t()))),
                w=nn.Linear(WIDTH, width), out=nn.Linear(WIDTH, 3),
            ).eval()  # fmt: skip
        data = examples(torch.randn(8, WIDTH, generator=torch.Generator().manual_seed(1)))
        sites = la.find_sites(network, data)
        assert {name: site.n_units for name, site in sites.items()} == {"w": width, "w_1": WIDTH}
        cuts = [la.Ablation(site, (0,), m) for site in sites.values()
                for m in ("silence", "zero_weights")]  # fmt: skip
        found, truth = (
            la.evaluate(network, data, cuts, engine=e, readout="loss")["loss"].values
            for e in (engine, "naive")
        )
        assert abs(found - truth).max() < 1e-5
