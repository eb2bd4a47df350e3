"""Layers whose weight forward computes: units by their effective weights."""

import copy
import functools
import warnings

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations as new
from torch.nn.utils import prune, spectral_norm, weight_norm

import lashley as la
from test_finding import Adapted, Dense, Masked, Scaled, Standardised

from by_hand import ENGINES, N_REFERENCE, N, assert_logits, donors, every_engine, examples, logits

METHODS = ("silence", "zero_weights", "mean", "resample")
UNITS = ((0,), (1, 3))


def normed(layer):
    return layer.weight_v * (layer.weight_g / layer.weight_v.flatten(1).norm(dim=1).view_as(
        layer.weight_g))  # fmt: skip


def sphered(layer):
    """The spectral norm's own vectors, as eval mode leaves them."""
    matrix = layer.weight_orig.flatten(1)
    return layer.weight_orig / (layer.weight_u @ matrix @ layer.weight_v)


def standardised(layer):
    flat = layer.weight.flatten(1)
    flat = (flat - flat.mean(1, True)) / (flat.var(1, False, True) + 1e-6).sqrt()
    return (flat * layer.gain.view(-1, 1) * flat.shape[1] ** -0.5).view_as(layer.weight)


# By name: the layer, and its effective weight by hand.
LINEAR = {
    "weight_norm": (lambda: weight_norm(nn.Linear(6, 5)), normed),
    "spectral_norm": (lambda: spectral_norm(nn.Linear(6, 5)), sphered),
    "new weight_norm": (lambda: new.weight_norm(nn.Linear(6, 5)), lambda m: m.weight),
    "new spectral_norm": (lambda: new.spectral_norm(nn.Linear(6, 5)), lambda m: m.weight),
    "orthogonal": (lambda: new.orthogonal(nn.Linear(6, 5)), lambda m: m.weight),
    "pruned": (lambda: prune.l1_unstructured(nn.Linear(6, 5), "weight", 0.3),
               lambda m: m.weight_orig * m.weight_mask),
    "pruned bias": (lambda: prune.random_unstructured(nn.Linear(6, 5), "bias", 0.4),
                    lambda m: m.weight),
    "masked": (lambda: Masked(6, 5), lambda m: m.weight * m.mask),
    "scaled": (lambda: Scaled(6, 5), lambda m: F.normalize(m.weight, dim=1) * m.gain[:, None]),
    "kernel": (lambda: Dense(6, 5), lambda m: m.kernel.T),
    "adapter": (lambda: Adapted(6, 5, 2), lambda m: m.base_layer.weight
                + 2.0 * m.lora_B.weight @ m.lora_A.weight),
}  # fmt: skip
CONVOLUTIONS = {
    "weight_norm": (lambda: weight_norm(nn.Conv2d(3, 5, 3)), normed),
    "spectral_norm": (lambda: spectral_norm(nn.Conv2d(3, 5, 3)), sphered),
    "new weight_norm": (lambda: new.weight_norm(nn.Conv2d(3, 5, 3)), lambda m: m.weight),
    "pruned filters": (lambda: prune.ln_structured(nn.Conv2d(3, 5, 3), "weight", 2, 2, 0),
                       lambda m: m.weight_orig * m.weight_mask),
    "standardised": (lambda: Standardised(3, 5, 3), standardised),
}  # fmt: skip
ALL = {**{("linear", n): v for n, v in LINEAR.items()},
       **{("convolution", n): v for n, v in CONVOLUTIONS.items()}}  # fmt: skip


class Read(nn.Module):
    """The layer, a sigmoid, and a layer that tells all its numbers apart."""

    def __init__(self, layer, size):
        super().__init__()
        self.layer, self.out = layer, nn.Linear(size, 3)

    def forward(self, x):
        return self.out(self.layer(x).sigmoid().flatten(1))


@functools.cache
def made(kind, name):
    with la.networks.seeded(0), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        layer = ALL[kind, name][0]()
        network = Read(layer, 5 if kind == "linear" else 5 * 4 * 4).eval()
        shape = (6,) if kind == "linear" else (3, 6, 6)
        return network, torch.randn(N, *shape), torch.randn(N_REFERENCE, *shape)


@torch.no_grad()
def by_hand(kind, name, units, method, x, reference):
    network = made(kind, name)[0]
    weight = ALL[kind, name][1](network.layer).double()  # of float32 parts, to its rounding
    bias = bias_of(network.layer)
    out = copy.deepcopy(network.out).double()

    def held(x):
        if kind == "linear":
            return F.linear(x.double(), weight, bias).sigmoid()
        return F.conv2d(x.double(), weight, bias).sigmoid()

    if method == "zero_weights":
        weight[list(units)] = 0
        bias[list(units)] = 0
    h = held(x)
    if method == "silence":
        h[:, units] = 0
    elif method == "mean":
        axes = [0, *range(2, h.ndim)]
        h[:, units] = held(reference).mean(axes, keepdim=True)[:, units].expand_as(h[:, units])
    elif method == "resample":
        h[:, units] = held(reference)[donors(len(reference), len(x), 0)][:, units]
    return out(h.flatten(1))


def bias_of(layer):
    held = layer.base_layer if isinstance(layer, Adapted) else layer
    return held.bias.detach().double().clone()


@pytest.mark.parametrize(("kind", "name"), ALL)
def test_the_effective_weights_are_those(kind, name):
    network, x, _ = made(kind, name)
    with torch.no_grad():
        weight, bias = ALL[kind, name][1](network.layer), bias_of(network.layer).float()
        by = F.linear(x, weight, bias) if kind == "linear" else F.conv2d(x, weight, bias)
        torch.testing.assert_close(network.layer(x), by)


@pytest.mark.thinned(3, by="engine")
@every_engine
@pytest.mark.parametrize(("kind", "name"), ALL)
def test_outcomes_are_those_of_the_effective_weights(kind, name, engine):
    network, x, reference = made(kind, name)
    site = la.find_sites(network, examples(x))["layer"]
    assert (site.kind, site.n_units) == ("hidden" if kind == "linear" else "filter", 5)
    cuts = [la.Ablation(site, units, method) for method in METHODS for units in UNITS]
    right = torch.stack([by_hand(kind, name, c.units, str(c.method), x, reference) for c in cuts])
    found = la.evaluate(network, examples(x), cuts, reference=examples(reference), readout=logits,
                        engine=engine)  # fmt: skip
    assert_logits(found, right, cuts)


@pytest.mark.parametrize("name", ["weight_norm", "spectral_norm", "pruned", "masked", "kernel"])
def test_the_network_is_left_as_it_was(name):
    network, x, _ = made("linear", name)
    state = {n: v.clone() for n, v in network.state_dict().items()}
    before = network(x)
    cuts = la.singles(la.find_sites(network, examples(x))["layer"], "zero_weights")
    la.evaluate(network, examples(x), cuts)
    assert all(torch.equal(v, state[n]) for n, v in network.state_dict().items())
    assert torch.equal(network(x), before)


# --- parts of an adapted layer -------------------------------------------------------------------


@pytest.mark.thinned(1, by="engine")
@every_engine
@pytest.mark.parametrize("part", ["base_layer", "lora_B", "lora_A"])
def test_a_part_of_an_adapted_layer_goes_alone(part, engine):
    """What the other part says stays, and the part's units are replaced before they are added."""
    network, x, _ = made("linear", "adapter")
    site = la.find_sites(network, examples(x))[f"layer.{part}"]
    cuts = [la.Ablation(site, (1,), method) for method in ("silence", "zero_weights")]
    twin = copy.deepcopy(network).double()
    getattr(twin.layer, part).weight.data[1] = 0
    if part == "base_layer":
        twin.layer.base_layer.bias.data[1] = 0
    right = twin(x.double()).detach()
    found = la.evaluate(network, examples(x), cuts, readout=logits, engine=engine)
    assert_logits(found, torch.stack((right, right)), cuts)


# --- one parameter in two places -----------------------------------------------------------------


class Tied(nn.Module):
    """A matrix that two layers share, the second one its transpose: (unit, input) and back."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(6, 5)
        self.second, self.out = nn.Linear(5, 6), nn.Linear(6, 3)
        self.alias = self.first

    def forward(self, x):
        h = self.first(x).sigmoid()
        return self.out(F.linear(h, self.first.weight.T, self.second.bias).sigmoid())


class Renamed(nn.Module):
    """One layer under two names, called by both."""

    def __init__(self):
        super().__init__()
        self.one, self.out = nn.Linear(6, 6), nn.Linear(6, 3)
        self.two = self.one

    def forward(self, x):
        return self.out(self.two(self.one(x).sigmoid()).sigmoid())


@every_engine
def test_a_parameter_under_two_axes(engine):
    """Row 1 of the first layer goes; the second layer, which reads it as a column, keeps it."""
    with la.networks.seeded(0), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network, x = Tied().eval(), torch.randn(N, 6)
        sites = la.find_sites(network, examples(x))
    site = sites["first"]
    cuts = [la.Ablation(site, (1,), "zero_weights"), la.Ablation(site, (1,), "silence")]
    found = la.evaluate(network, examples(x), cuts, readout=logits, engine=engine)
    twin, right = copy.deepcopy(network).double(), []
    for value in (0.5, 0.0):  # sigmoid(0), and 0
        h = twin.first(x.double()).sigmoid()
        h[:, 1] = value
        right.append(twin.out(F.linear(h, twin.first.weight.T, twin.second.bias).sigmoid()))
    assert_logits(found, torch.stack(right).detach(), cuts)


@pytest.mark.parametrize("engine", [e for e in ENGINES if e != "export"])
def test_a_layer_under_two_names(engine):
    with la.networks.seeded(0):
        network, x = Renamed().eval(), torch.randn(N, 6)
    sites = la.find_sites(network, examples(x))
    name = next(iter(sites))
    assert list(sites) == [name]
    assert name in ("one", "two")
    cuts = [la.Ablation(sites[name], (1,), method) for method in ("zero_weights", "silence")]
    found = la.evaluate(network, examples(x), cuts, readout=logits, engine=engine)
    twin, right = copy.deepcopy(network).double(), []
    for value in (0.5, 0.0):
        h = twin.one(x.double()).sigmoid()
        h[:, 1] = value
        h = twin.one(h).sigmoid()
        h[:, 1] = value
        right.append(twin.out(h))
    assert_logits(found, torch.stack(right).detach(), cuts)


# --- the case as it was reported -----------------------------------------------------------------


@pytest.mark.parametrize("wrap", [
    lambda m: prune.ln_structured(m, "weight", amount=2, n=2, dim=0), spectral_norm, weight_norm,
], ids=["pruned", "spectral_norm", "weight_norm"])  # fmt: skip
def test_a_layer_that_is_wrapped_stays_a_site(wrap):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(5, 6), nn.ReLU(), nn.Linear(6, 7), nn.ReLU(),
                            nn.Linear(7, 4)).eval()  # fmt: skip
    data = torch.randn(40, 5), torch.arange(40) % 4
    before = la.find_sites(network, data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wrap(network[0])
    network.eval()
    after = la.find_sites(network, data)
    assert list(before) == list(after) == ["0", "2"]
    for method in ("silence", "zero_weights"):
        la.evaluate(network, data, la.singles(after["0"], method))
