"""Finding sites: the same by every tracer, and every parameter of the network accounted for."""

import functools
import warnings

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations as new
from torch.nn.utils import prune, spectral_norm, weight_norm

import lashley as la

from by_hand import Written, examples
from twins import TRACERS, tracer_of, twin


class Dense(nn.Module):
    """As in Keras: the kernel is (input, unit)."""

    def __init__(self, width, units):
        super().__init__()
        self.kernel = nn.Parameter(torch.randn(width, units) / width**0.5)
        self.bias = nn.Parameter(torch.randn(units))

    def forward(self, x):
        return torch.matmul(x, self.kernel) + self.bias


class Standardised(nn.Conv2d):
    """As `ScaledStdConv2d` of timm: the kernel is standardised by batch norm's function."""

    def __init__(self, *args):
        super().__init__(*args)
        self.gain = nn.Parameter(torch.rand(self.out_channels, 1, 1, 1) + 0.5)

    def forward(self, x):
        scale = self.weight[0].numel() ** -0.5
        weight = F.batch_norm(
            self.weight.reshape(1, self.out_channels, -1), None, None,
            weight=(self.gain * scale).view(-1), training=True, momentum=0.0, eps=1e-6,
        ).reshape_as(self.weight)  # fmt: skip
        return F.conv2d(x, weight, self.bias)


class Masked(nn.Linear):
    """As in ncps: some connections are not there."""

    def __init__(self, *args):
        super().__init__(*args)
        self.register_buffer("mask", (torch.rand(self.weight.shape) > 0.3).float())

    def forward(self, x):
        return F.linear(x, self.weight * self.mask, self.bias)


class Scaled(nn.Linear):
    """A gain for each unit, and weights of unit length, computed in forward."""

    def __init__(self, *args):
        super().__init__(*args)
        self.gain = nn.Parameter(torch.rand(self.out_features) + 0.5)

    def forward(self, x):
        return F.linear(x, F.normalize(self.weight, dim=1) * self.gain[:, None], self.bias)


class Adapted(nn.Module):
    """A low-rank adapter as in peft: the layer, and what two small ones add to it."""

    def __init__(self, width, units, rank):
        super().__init__()
        self.base_layer = nn.Linear(width, units)
        self.lora_A, self.lora_B = nn.Linear(width, rank, False), nn.Linear(rank, units, False)

    def forward(self, x):
        return self.base_layer(x) + self.lora_B(self.lora_A(x)) * 2.0


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x):
        q, k, v = self.qkv(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4).unbind(0)
        scores = (q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5).softmax(-1)
        return self.proj((scores @ v).transpose(1, 2).flatten(2))


class Residual(nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        return x + self.inner(x)


class Looking(nn.Module):
    """Looks its modules up in a way of its own, as those of diffusers do; len() asks for Dynamo."""

    def __init__(self, **parts):
        super().__init__()
        self.known = {}
        for name, part in parts.items():
            setattr(self, name, part)

    def __getattr__(self, name):
        if "known" in self.__dict__ and name in self.known:
            return self.known[name]
        return super().__getattr__(name)

    def forward(self, x):
        return self.b(self.a(x).relu()) + torch.zeros(len(x), 1)


class Mean(nn.Module):
    def __init__(self, *axes):
        super().__init__()
        self.axes = axes

    def forward(self, x):
        return x.mean(self.axes)


def line(*modules):
    return nn.Sequential(*modules)


def bcos(n, x, at):
    """Mixes by the parameter of two matrices in one."""
    one, two = n.both.chunk(2)
    return n.out((x @ one.T).relu() * (x @ two.T).sigmoid())


def halves(value):
    one, two = value.chunk(2, 1)
    return two.sigmoid() + one.tanh()


VECTORS, TOKENS, IMAGES, SIGNALS = (6,), (4, 6), (3, 6, 6), (3, 8)
HIDDEN = {"0": ("hidden", 5), "2": ("hidden", 7)}
FILTERS = {"0": ("filter", 5), "2": ("filter", 7)}
POOL = [Mean(2, 3), nn.Linear(7, 4)]

# Networks by name: how they are made, what they take, and all their sites in forward order.
NETWORKS = {
    "mlp": (lambda: line(*mlp()), VECTORS, HIDDEN),
    **{f"mlp, {name}": (lambda wrap=wrap: line(*mlp(wrap)), VECTORS, HIDDEN) for name, wrap in {
        "weight_norm": weight_norm, "spectral_norm": spectral_norm,
        "weight_norm in both axes": lambda m: weight_norm(m, dim=None),
        "new weight_norm": new.weight_norm, "new spectral_norm": new.spectral_norm,
        "orthogonal": new.orthogonal, "pruned rows": lambda m: prune.ln_structured(
            m, "weight", amount=2, n=2, dim=0),
        "pruned weights": lambda m: prune.l1_unstructured(m, "weight", amount=0.3),
        "pruned bias": lambda m: prune.random_unstructured(m, "bias", amount=0.5),
    }.items()},
    "masked": (lambda: line(Masked(6, 5), nn.ReLU(), Masked(5, 7), nn.ReLU(), nn.Linear(7, 4)),
               VECTORS, HIDDEN),
    "scaled": (lambda: line(Scaled(6, 5), nn.ReLU(), Scaled(5, 7), nn.ReLU(), nn.Linear(7, 4)),
               VECTORS, HIDDEN),
    "kernels": (lambda: line(Dense(6, 5), nn.ReLU(), Dense(5, 7), nn.ReLU(), Dense(7, 4)),
                VECTORS, HIDDEN),
    "convolutions": (lambda: line(nn.Conv2d(3, 5, 3), nn.ReLU(), nn.Conv2d(5, 7, 3), nn.ReLU(),
                                  *POOL), IMAGES, FILTERS),
    "convolutions, weight_norm": (
        lambda: line(weight_norm(nn.Conv2d(3, 5, 3)), nn.ReLU(), weight_norm(nn.Conv2d(5, 7, 3)),
                     nn.ReLU(), *POOL), IMAGES, FILTERS),
    "convolutions, standardised": (
        lambda: line(Standardised(3, 5, 3), nn.ReLU(), Standardised(5, 7, 3), nn.ReLU(), *POOL),
        IMAGES, FILTERS),
    "temporal convolutions": (
        lambda: line(weight_norm(nn.Conv1d(3, 5, 3)), nn.ReLU(), weight_norm(nn.Conv1d(5, 7, 3)),
                     nn.ReLU(), Mean(2), nn.Linear(7, 4)), SIGNALS, FILTERS),
    "transposed": (
        lambda: line(nn.ConvTranspose2d(3, 6, 3, groups=3), nn.ReLU(), spectral_norm(
            nn.ConvTranspose2d(6, 7, 3)), nn.ReLU(), *POOL), IMAGES,
        {"0": ("filter", 6), "2": ("filter", 7)}),
    "adapter": (
        lambda: line(Adapted(6, 5, 2), nn.ReLU(), nn.Linear(5, 4)), VECTORS,
        {"0.base_layer": ("hidden", 5), "0.lora_A": ("hidden", 2), "0.lora_B": ("hidden", 5),
         "0": ("hidden", 5)}),
    "attention written out": (
        lambda: line(Attention(6, 3), Mean(1), nn.Linear(6, 4)), TOKENS,
        {"0.qkv": ("hidden", 18), "0": ("head", 3), "0.proj": ("hidden", 6)}),
    "residual": (
        lambda: line(nn.Linear(6, 5), Residual(nn.Linear(5, 5)), nn.ReLU(), nn.Linear(5, 4)),
        VECTORS, {"0": ("hidden", 5), "1.inner": ("hidden", 5), "1.residual": ("residual", 5)}),
    "parameters in forward": (
        lambda: Written(lambda n, x, at: n.out((x @ n.mix).relu()),
                        mix=nn.Parameter(torch.randn(6, 5)), out=nn.Linear(5, 4)),
        VECTORS, {"mix": ("hidden", 5)}),
    "masked from outside": (
        lambda: Written(lambda n, x, at: n.out(F.linear(x, n.a.weight * n.mask, n.a.bias).relu()),
                        a=nn.Linear(6, 5), mask=nn.Parameter(torch.rand(5, 6)),
                        out=nn.Linear(5, 4)), VECTORS, {"a": ("hidden", 5)}),
    "halves that are added": (
        lambda: Written(lambda n, x, at: n.out(halves(n.a(x)).relu()), a=nn.Linear(6, 10),
                        out=nn.Linear(5, 4)),
        VECTORS, {"a": ("hidden", 10), "residual": ("residual", 5)}),
    "modules looked up": (
        lambda: line(Looking(a=nn.Linear(6, 5), b=nn.Linear(5, 7)), nn.ReLU(), nn.Linear(7, 4)),
        VECTORS, {"0.a": ("hidden", 5), "0.b": ("hidden", 7)}),
    "called twice": (
        lambda: Written(lambda n, x, at: n.out(n.a(n.a(x).relu()).relu()), a=nn.Linear(6, 6),
                        out=nn.Linear(6, 4)), VECTORS, {"a": ("hidden", 6)}),
}  # fmt: skip


def mlp(wrap=lambda m: m):
    return wrap(nn.Linear(6, 5)), nn.ReLU(), wrap(nn.Linear(5, 7)), nn.ReLU(), nn.Linear(7, 4)


@functools.cache
def made(name, tracer):
    make, shape, _ = NETWORKS[name]
    with la.networks.seeded(0), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # old spellings are deprecated
        network, x = make().eval(), torch.randn(12, *shape)
    return twin(network, tracer), x


def found(name, tracer):
    network, x = made(name, tracer)
    return la.find_sites(network, examples(x, 4))


every_tracer = pytest.mark.parametrize("tracer", TRACERS)
every_network = pytest.mark.parametrize("name", NETWORKS)


@pytest.mark.thinned(5, by="tracer")
@every_network
@every_tracer
def test_sites_are_those_expected_by_every_tracer(name, tracer):
    sites = found(name, tracer)
    assert {n: (s.kind, s.n_units) for n, s in sites.items()} == NETWORKS[name][2]
    assert [n for n in sites if n != "0"] == [n for n in NETWORKS[name][2] if n != "0"]


@pytest.mark.parametrize("tracer", ["export", "neither"])
def test_twins_are_out_of_reach_of_the_tracers_before(tracer):
    network, x = made("mlp", tracer)
    assert tracer_of(network, x[:3]) == tracer
    assert torch.equal(network(x), made("mlp", "fx")[0](x))


@pytest.mark.thinned(4, by="tracer")
@every_network
@every_tracer
def test_every_parameter_is_of_a_site_or_left_out(name, tracer):
    network, _ = made(name, tracer)
    sites = found(name, tracer)
    own = {n: p for n, p in network.named_parameters()}
    inside = {p for s in sites.values() for p in s.parameters if p in own}  # masks are none
    outside = {row.name: row for row in sites.left_out}
    assert inside | set(outside) == set(own)
    assert not inside & set(outside)
    for row in outside.values():
        assert (row.shape, row.weights) == (tuple(own[row.name].shape), own[row.name].numel())
        assert row.reason


@pytest.mark.thinned(8)
@every_network
def test_an_account_is_the_same_by_every_tracer(name):
    rows = [
        [(row.name, row.shape, row.weights) for row in found(name, t).left_out] for t in TRACERS
    ]
    assert rows[0] == rows[1] == rows[2]


def test_parameters_of_a_site_are_what_leads_into_its_units():
    assert set(found("mlp", "fx")["0"].parameters) == {"0.weight", "0.bias"}
    assert set(found("mlp, weight_norm", "fx")["2"].parameters) == {
        "2.weight_g", "2.weight_v", "2.bias"}  # fmt: skip
    assert set(found("scaled", "fx")["0"].parameters) >= {"0.weight", "0.bias", "0.gain"}
    assert set(found("adapter", "fx")["0"].parameters) >= {
        "0.base_layer.weight", "0.base_layer.bias", "0.lora_B.weight"}  # fmt: skip


# --- what is left out ----------------------------------------------------------------------------


class Overlooking(nn.Module):
    """Most weights are where no units are: a bilinear form, tokens of its own, what is not read."""

    def __init__(self):
        super().__init__()
        self.form = nn.Parameter(torch.randn(5, 5, 5))
        self.token = nn.Parameter(torch.randn(1, 1, 6))
        self.unread = nn.Linear(3, 3)
        self.a, self.out = nn.Linear(6, 5), nn.Linear(5, 4)

    def forward(self, x):
        h = self.a(torch.cat((self.token.expand(x.shape[0], -1, -1), x), 1)).tanh().mean(1)
        return self.out(torch.einsum("ni,ijk,nk->nj", h, self.form, h))


def test_what_no_site_has_is_named_with_a_reason_and_the_user_is_told():
    x = torch.randn(12, *TOKENS)
    with pytest.warns(UserWarning, match=r"\d+ ?%.*in no site.*left_out") as told:
        sites = la.find_sites(Overlooking(), examples(x, 4))
    assert len(told) == 1
    rows = {row.name: row for row in sites.left_out}
    assert {"form", "token", "unread.weight", "unread.bias", "out.weight", "out.bias"} == set(rows)
    assert rows["form"].weights == 125
    assert "output" in rows["out.weight"].reason
    assert "read" in rows["unread.weight"].reason
    assert len({rows[n].reason for n in ("form", "unread.weight", "out.weight")}) == 3


def test_nobody_is_told_of_what_is_as_it_should_be():
    """The output layer has most of the weights here, and norms have some."""
    network = line(nn.Linear(6, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Linear(5, 400)).eval()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sites = la.find_sites(network, examples(torch.randn(12, 6), 4))
    assert {row.name for row in sites.left_out} >= {"3.weight", "3.bias"}


def test_the_account_prints_as_a_table():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        left_out = la.find_sites(Overlooking(), examples(torch.randn(12, *TOKENS), 4)).left_out
    heading, *rows = str(left_out).splitlines()
    assert heading.split() == ["parameter", "shape", "weights", "reason"]
    assert len(rows) == len(left_out)
    (form,) = [row for row in rows if row.startswith("form")]
    assert "5 x 5 x 5" in form
    assert "125" in form
    starts = {row.index(entry.reason) for row, entry in zip(rows, left_out, strict=True)}
    assert starts == {heading.index("reason")}


def test_an_account_of_nothing_prints_too():
    assert "weights" in str(la.find_sites(nn.Flatten(), examples(torch.randn(6, 4))).left_out)


# --- fixed numbers -------------------------------------------------------------------------------


class Blurred(nn.Module):
    """A fixed filter, a fixed transform, and a bound that means "no limit"."""

    def __init__(self):
        super().__init__()
        kernel = torch.tensor([1.0, 2.0, 1.0])
        self.register_buffer("blur", (kernel[:, None] * kernel / 16).expand(5, 1, 3, 3).clone())
        self.register_buffer("cosines", torch.randn(6, 6))
        self.register_buffer("limit", torch.tensor(float("inf")))
        self.register_buffer("never", torch.full((5,), float("-inf")))
        self.a, self.b, self.out = nn.Conv2d(3, 5, 3), nn.Linear(6, 6), nn.Linear(30, 4)

    def forward(self, x):
        h = F.conv2d(self.a(x).relu(), self.blur, groups=5, padding=2)
        h = torch.maximum(h.clamp(max=1e9), self.never[:, None, None]).minimum(self.limit)
        return self.out(self.b(h.mean(2) @ self.cosines).relu().flatten(1))


class Kept(nn.Conv2d):
    """Keeps in eval mode the kernel that its weights make, as escnn does."""

    def __init__(self, *args):
        super().__init__(*args, bias=False)
        self.register_buffer("kernel", None)

    def train(self, mode=True):
        self.kernel = None if mode else self.weight * 2
        return super().train(mode)

    def forward(self, x):
        return F.conv2d(x, self.kernel)


@every_tracer
def test_weights_of_which_a_buffer_was_made_are_left_out_with_that_reason(tracer):
    network = twin(line(Kept(3, 5, 3), nn.ReLU(), Mean(2, 3), nn.Linear(5, 4)).eval(), tracer)
    sites = la.find_sites(network, examples(torch.randn(12, *IMAGES), 4))
    reasons = {p.name: p.reason for p in sites.left_out}
    assert reasons["0.weight"] == (
        "nothing on the way to the output reads it; a buffer next to it serves as weights: 0.kernel"
    )


@every_tracer
def test_fixed_filters_are_no_sites(tracer):
    network, x = twin(Blurred(), tracer), torch.randn(12, *IMAGES)
    sites = la.find_sites(network, examples(x, 4))
    assert {n: (s.kind, s.n_units) for n, s in sites.items()} == {
        "a": ("filter", 5), "b": ("hidden", 6)}  # fmt: skip
    assert {row.name for row in sites.left_out} == {"out.weight", "out.bias"}


@pytest.mark.parametrize("engine", ["auto", "fx", "export", "hooks", "naive"])
def test_buffers_of_infinities_are_no_fault(engine):
    with la.networks.seeded(0):
        network, data = Blurred().eval(), examples(torch.randn(12, *IMAGES), 4)
    cuts = la.singles(la.find_sites(network, data)["a"])
    outcomes = la.evaluate(network, data, cuts, engine=engine)
    assert outcomes.sizes["ablation"] == 5


def test_a_kernel_computed_from_the_input_is_no_layer_of_all_its_numbers():
    """As in CondConv: experts' kernels are mixed for each example."""

    class Conditional(nn.Module):
        def __init__(self):
            super().__init__()
            self.experts, self.route = nn.Parameter(torch.randn(3, 5 * 3 * 9)), nn.Linear(3, 3)
            self.out = nn.Linear(5, 4)

        def forward(self, x):
            chosen = self.route(x.mean((2, 3))).sigmoid()
            kernels = torch.matmul(chosen, self.experts).view(-1, 3, 3, 3)
            h = F.conv2d(x.flatten(0, 1)[None], kernels, groups=x.shape[0])
            return self.out(h.unflatten(1, (-1, 5)).squeeze(0).relu().mean((2, 3)))

    network = Conditional().eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sites = la.find_sites(network, examples(torch.randn(12, *IMAGES), 4))
    assert not [s for s in sites.values() if s.n_units == 135]
    assert "route" in sites
    assert "experts" in {row.name for row in sites.left_out} | {
        p for s in sites.values() for p in s.parameters}  # fmt: skip


class Expanding(nn.Module):
    """As a module of escnn: in eval mode a buffer, with its history, holds what weights come to."""

    def __init__(self):
        super().__init__()
        self.weights = nn.Parameter(torch.randn(3, 2))
        self.register_buffer("basis", torch.randn(4, 3))
        self.register_buffer("filter", self.basis @ self.weights)
        self.hidden, self.out = nn.Linear(4, 5), nn.Linear(5, 10)

    def forward(self, x):
        return self.out(torch.relu(self.hidden(torch.relu(F.linear(x, self.filter)))))


@pytest.mark.parametrize("tracer", TRACERS)
def test_a_network_that_holds_a_tensor_with_a_history_is_evaluated(tracer):
    with la.networks.seeded(0):
        network, data = twin(Expanding().eval(), tracer), examples(torch.randn(12, 2), 10)
    sites = la.find_sites(network, data)
    cuts = la.singles(sites["hidden"])
    quick, slow = (la.evaluate(network, data, cuts, engine=e) for e in ("auto", "naive"))
    assert (quick["rank"] == slow["rank"]).all()
    assert network.filter.grad_fn is not None  # afterwards as before
