"""What zeroed units leave behind."""

import copy

import pytest
import torch
from torch import nn

import lashley as la
from lashley.errors import SiteError
from lashley.units import constants_after_zeroing


def data(shape=(3, 8, 8)):
    draw = torch.Generator().manual_seed(0)
    return torch.randn(5, *shape, generator=draw), torch.arange(5) % 3


def normed():
    with la.networks.seeded(0):
        network = nn.Sequential(
            nn.Conv2d(3, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(inplace=True),
            nn.Conv2d(6, 4, 3), nn.GELU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3),
        )  # fmt: skip
        network.train()
        for _ in range(3):
            network(data()[0])
        nn.init.normal_(network[1].bias)
    return network.eval()


def test_are_what_the_units_hold_in_a_network_with_zeroed_weights():
    network = normed()
    before = copy.deepcopy(network.state_dict())
    sites = la.find_sites(network, data())
    found = constants_after_zeroing(network, [sites["0"], sites["3"]], data())
    norm = network[1]
    scale = norm.weight / (norm.running_var + norm.eps).sqrt()
    expected = torch.relu(norm.bias - scale * norm.running_mean)
    torch.testing.assert_close(found["0"], expected.detach())
    assert (found["0"] > 0).any()
    assert found["3"].tolist() == [0] * 4
    assert all(torch.equal(network.state_dict()[name], value) for name, value in before.items())


NORMS = {"none": nn.Identity, "batch": nn.BatchNorm2d, "instance": nn.InstanceNorm2d,
         "groups": lambda n: nn.GroupNorm(2, n)}  # fmt: skip
AFTER = (nn.ReLU, nn.GELU, nn.SiLU, nn.Sigmoid, nn.Tanh, nn.Softplus, nn.PReLU, nn.Hardswish)


@pytest.mark.parametrize("nonlinearity", AFTER)
@pytest.mark.parametrize("norm", NORMS)
def test_equal_a_network_whose_weights_are_zeroed_by_hand(norm, nonlinearity):
    with la.networks.seeded(1):
        layers = [nn.Conv2d(3, 6, 3), NORMS[norm](6), nonlinearity()]
        network = nn.Sequential(*layers, nn.Flatten(), nn.Linear(6 * 36, 3))
        for parameter in network[1].parameters():
            nn.init.normal_(parameter)
    network(data()[0])  # moves the statistics of a batch norm
    network.eval()
    found = constants_after_zeroing(network, [la.find_sites(network, data())["0"]], data())["0"]
    nn.init.zeros_(network[0].weight), nn.init.zeros_(network[0].bias)
    held = network[:3](data()[0]).detach().movedim(1, 0).flatten(1)
    assert (held == held[:, :1]).all()
    torch.testing.assert_close(found, held[:, 0])


@pytest.mark.parametrize(("other", "constant"), [(torch.sigmoid, torch.nan), (torch.tanh, 0.0)])
def test_a_unit_that_holds_several_numbers_holds_no_constant(other, constant):
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(4, 6), nn.Linear(12, 3)

        def forward(self, x):
            held = self.a(x)
            return self.b(torch.cat([held.relu(), other(held)], -1))

    examples = data((4,))
    site = la.find_sites(Twice().eval(), examples)["a"]
    found = constants_after_zeroing(Twice().eval(), [site], examples)["a"]
    torch.testing.assert_close(found, torch.full((6,), constant), equal_nan=True)


def test_a_transposed_convolution_is_zeroed_as_a_whole():
    with la.networks.seeded(0):
        network = nn.Sequential(
            nn.ConvTranspose2d(3, 4, 3, groups=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(),
            nn.Linear(4 * 100, 3),
        ).eval()  # fmt: skip
        nn.init.normal_(network[1].bias)
    site = la.find_sites(network, data())["0"]
    found = constants_after_zeroing(network, [site], data())["0"]
    torch.testing.assert_close(found, torch.relu(network[1].bias).detach())


def test_of_heads_there_are_none():
    with la.networks.seeded(0):
        network = Attending()
    sites = la.find_sites(network, data((6, 8)))
    head = next(site for site in sites.values() if site.kind == "head")
    with pytest.raises(SiteError, match="which have no incoming weights of their own"):
        constants_after_zeroing(network, [head], data((6, 8)))


class Attending(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.out = nn.Linear(8, 3)

    def forward(self, x):
        return self.out(self.attention(x, x, x, need_weights=False)[0].mean(1))
