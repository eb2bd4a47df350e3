"""Networks that hold all weights in one place, under paths, as those of Keras 3 on torch do."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import lashley as la

from by_hand import ENGINES, Units, Written, assert_as_by_hand, examples

SITES = {
    "conv": Units("conv", rows=("conv.weight", "conv.bias")),
    "dense": Units("dense", rows=("dense.weight", "dense.bias")),
    "cell": Units("cell", rows=("given.weight", "given.bias")),
    "cell/recurrent_kernel": Units("cell/recurrent_kernel", rows=("kept.weight", "kept.bias")),
}


class Paths(nn.Module):
    """Channels come last, so a convolution adds its bias after its channels are moved there."""

    def __init__(self, plain, root):
        super().__init__()
        two_biases = torch.stack([plain.given.bias, plain.kept.bias])
        held = {
            "conv/kernel": plain.conv.weight.permute(2, 3, 1, 0), "conv/bias": plain.conv.bias,
            "dense/kernel": plain.dense.weight.T, "dense/bias": plain.dense.bias,
            "cell/kernel": plain.given.weight.T, "cell/bias": two_biases,
            "cell/recurrent_kernel": plain.kept.weight.T,
            "out/kernel": plain.out.weight.T, "out/bias": plain.out.bias,
        }  # fmt: skip
        self.params = nn.ParameterDict({root + name: p.detach() for name, p in held.items()})
        self.root = root

    def of(self, name):
        return self.params[self.root + name]

    def forward(self, x):
        kernel = self.of("conv/kernel").permute(3, 2, 0, 1)
        y = F.conv2d(x.permute(0, 3, 1, 2), kernel).permute(0, 2, 3, 1)
        y = torch.relu(y + self.of("conv/bias").reshape(1, 1, 1, -1)).mean((1, 2))
        y = torch.tanh(torch.matmul(y, self.of("dense/kernel")) + self.of("dense/bias"))
        given = torch.matmul(y, self.of("cell/kernel")) + self.of("cell/bias")[0]
        kept = torch.matmul(y, self.of("cell/recurrent_kernel")) + self.of("cell/bias")[1]
        y = torch.tanh(given) * torch.sigmoid(kept)
        return torch.matmul(y, self.of("out/kernel")) + self.of("out/bias")


def plain_of(site):
    """The same, with `at` where the units of a site are."""

    def forward(m, x, at):
        ats = {name: at if name == site else lambda value: value for name in SITES}
        y = ats["conv"](torch.relu(m.conv(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1))).mean((1, 2))
        y = ats["dense"](torch.tanh(m.dense(y)))
        given = ats["cell"](torch.tanh(m.given(y)))
        return m.out(given * ats["cell/recurrent_kernel"](torch.sigmoid(m.kept(y))))

    torch.manual_seed(0)
    return Written(
        forward, conv=nn.Conv2d(3, 6, 2), dense=nn.Linear(6, 8), given=nn.Linear(8, 5),
        kept=nn.Linear(8, 5), out=nn.Linear(5, 3),
    ).eval()  # fmt: skip


@pytest.mark.parametrize("root", ["", "net/"])
def test_sites_are_called_after_their_layers(root):
    network = Paths(plain_of(None), root).eval()
    sites = la.find_sites(network, examples(torch.randn(12, 5, 5, 3)))
    assert list(sites) == list(SITES)
    assert [(s.kind, s.n_units, s.axis) for s in sites.values()] == [
        ("filter", 6, -1), ("hidden", 8, -1), ("hidden", 5, -1), ("hidden", 5, -1)]  # fmt: skip
    assert sites["conv"].parameters == (f"params.{root}conv/kernel", f"params.{root}conv/bias")
    assert {p.name for p in sites.left_out} == {
        f"params.{root}out/kernel", f"params.{root}out/bias"}  # fmt: skip


@pytest.mark.thinned(1, by="engine")
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("site", SITES)
def test_outcomes_are_those_of_layers_with_modules(site, engine):
    plain = plain_of(site)
    x, others = 4 * torch.randn(12, 5, 5, 3), 4 * torch.randn(7, 5, 5, 3)
    assert_as_by_hand(Paths(plain, "net/").eval(), plain, SITES[site], x, others, engine)
