"""A network in float64 computes there, whatever its forward writes."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from lashley.graph.doubling import constants, doubled, doubling
from lashley.graph.intercepting import values_at
from lashley.graph.recorded import recorded
from lashley.graph.running import Refused

from forward import Forward

X = torch.randn(4, 6, generator=torch.Generator().manual_seed(0)).double()
SCALE = torch.rand(6, generator=torch.Generator().manual_seed(1))


def made(function, **parts):
    torch.manual_seed(0)
    parts = {"a": nn.Linear(6, 6), "b": nn.Linear(6, 6), "c": nn.Linear(6, 3)} | parts
    return Forward(function, **parts).eval()


def computed(network, x=X):
    double = doubled(network)
    with torch.no_grad(), doubling(double):
        return double(x)


def tail(net, x):
    return net.c(torch.tanh(net.b(x)))


def _norm(h):
    return h * torch.rsqrt(h.pow(2).mean(-1, keepdim=True) + 1e-6)


def _autocast(net, x):
    with torch.autocast("cpu", torch.bfloat16):
        return tail(net, F.gelu(net.a(x)).float())


def _masked(net, x):
    h = net.a(x)
    kept = h.masked_fill(h < 0, torch.finfo(torch.float16).min)
    return tail(net, torch.softmax(kept, -1, dtype=torch.float32))


def _factories(net, x):
    places = torch.arange(6, dtype=torch.float32) / 6 + torch.linspace(0, 1, 6)
    ones = torch.ones(6, dtype=torch.half) * torch.full((6,), 1 / 3, dtype=torch.float32)
    third = torch.tensor([1.0]) / 3 + torch.tensor([1]) / 3
    return tail(net, net.a(x) * places + ones + third)


def _branches(net, x):
    h = _norm(net.a(x).float()).type_as(x)
    return tail(net, h if float(h.sum()) > 0 else -h.half().float())


# What forward writes, and the same without formats.
WRITTEN = {
    ".float()": (
        lambda n, x: tail(n, _norm(n.a(x).float()).to(x.dtype)),
        lambda n, x: tail(n, _norm(n.a(x))),
    ),
    ".to": (
        lambda n, x: tail(n, n.a(x).to(torch.float32).to("cpu", torch.half).to(dtype=torch.half)),
        lambda n, x: tail(n, n.a(x)),
    ),
    ".half() and .bfloat16()": (
        lambda n, x: tail(n, n.a(x.half()).bfloat16()), lambda n, x: tail(n, n.a(x)),
    ),
    ".type": (
        lambda n, x: tail(n, n.a(x).type(torch.FloatTensor).type("torch.HalfTensor")
                          .type(torch.float32).type(dtype=torch.float16)),
        lambda n, x: tail(n, n.a(x)),
    ),
    "autocast": (_autocast, lambda n, x: tail(n, F.gelu(n.a(x)))),
    "a softmax and finfo": (
        _masked,
        lambda n, x: tail(n, torch.softmax(n.a(x).masked_fill(n.a(x) < 0, -math.inf), -1)),
    ),
    "factories": (
        _factories,
        lambda n, x: tail(n, n.a(x) * (torch.arange(6) / 6 + torch.arange(6) / 5) + 1 / 3
                          + torch.tensor(2 / 3, dtype=torch.float64)),
    ),
    "a constant": (
        lambda n, x: tail(n, (n.a(x).float() * SCALE).type_as(SCALE)),
        lambda n, x: tail(n, n.a(x) * SCALE.double()),
    ),
    "statistics": (
        lambda n, x: tail(n, torch.stack(list(torch.var_mean(n.a(x).float(), 1)), 1).repeat(1, 3)),
        lambda n, x: tail(n, torch.stack(list(torch.var_mean(n.a(x), 1)), 1).repeat(1, 3)),
    ),
    "a spectrum": (
        lambda n, x: tail(n, torch.fft.ifft(torch.fft.fft(n.a(x).float()).to(torch.complex64)
                                            * torch.polar(SCALE, SCALE).cfloat()).real),
        lambda n, x: tail(n, torch.fft.ifft(torch.fft.fft(n.a(x)) * torch.polar(
            SCALE.double(), SCALE.double())).real),
    ),
    "branches": (
        _branches,
        lambda n, x: tail(n, h if (h := _norm(n.a(x))).sum() > 0 else -h),
    ),
}  # fmt: skip


@pytest.fixture
def float64_by_default():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("name", WRITTEN)
def test_a_forward_that_writes_formats_computes_in_float64(name, request):
    written, plain = WRITTEN[name]
    network = made(written)
    found = computed(network)
    assert found.dtype == torch.float64
    request.getfixturevalue("float64_by_default")
    with torch.no_grad():
        wanted = plain(doubled(network), X)
        assert abs(wanted).max() > 0.01
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-13)


def test_nothing_is_left():
    network = made(WRITTEN[".float()"][0])
    computed(network)
    assert torch.get_default_dtype() == torch.float32
    assert X.float().dtype == torch.float32
    assert all(p.dtype == torch.float32 for p in network.parameters())
    with pytest.raises(KeyError), doubling(network):
        raise KeyError("nothing to do with formats")
    assert torch.get_default_dtype() == torch.float32


def test_attributes_of_all_kinds_are_doubled_in_the_copy_alone():
    def function(net, x):
        net.mem = net.mem * 0.5 + net.a(x)
        y = net.mem * net.list[0] + net.deep["a"][0] + net.space.shift
        return tail(net, y + net.loose[0](y) + net.wave.real + net.loose[0].extra)

    network = made(function)
    network.mem, network.list, network.deep = torch.rand(4, 6), [torch.rand(6)], {"a": (SCALE,)}
    network.space, network.loose = SimpleNamespace(shift=torch.rand(6)), [nn.Linear(6, 6)]
    network.loose[0].extra = torch.rand(6)
    network.register_buffer("wave", torch.polar(SCALE, SCALE))
    double = doubled(network)
    assert [t.dtype for t in (double.mem, double.list[0], double.deep["a"][0],
                              double.space.shift, double.loose[0].weight,
                              double.loose[0].extra)] == [torch.float64] * 6  # fmt: skip
    assert double.wave.dtype == torch.complex128
    assert network.mem.dtype == network.space.shift.dtype == torch.float32
    assert network.loose[0].weight.dtype == torch.float32
    with torch.no_grad():
        wanted = doubled(network)(X)
        torch.testing.assert_close(computed(network), wanted, rtol=0, atol=1e-14)


def test_a_padded_encoder_is_the_function_of_eval_mode():
    layer = nn.TransformerEncoderLayer(6, 2, 8, batch_first=True)

    def function(net, x):
        pads = torch.tensor([[False] * 4, [False, False, True, True]])
        y = net.encoder(x.unflatten(0, (2, 2)).repeat(1, 2, 1), src_key_padding_mask=pads)
        return tail(net, y.mean(1))

    network = made(function, encoder=nn.TransformerEncoder(layer, 2))
    with torch.no_grad():
        torch.testing.assert_close(computed(network), doubled(network)(X))


def test_calls_are_found_inside():
    network = made(_branches)
    keys = [n.meta["key"] for n in recorded(network, X.float()).graph.nodes if "key" in n.meta]
    double = doubled(network)
    with doubling(double):
        found = values_at(double, keys, X)
    assert set(found) == set(keys)
    assert all(value.dtype == torch.float64 for value in found.values())


def test_constants_that_are_known_need_not_be_looked_for():
    double = doubled(made(WRITTEN["a constant"][0]))
    known = constants()
    assert id(SCALE) in known
    with torch.no_grad(), doubling(double, known):
        assert double(X).dtype == torch.float64
    with torch.no_grad(), doubling(double, {}), pytest.raises(Refused, match="cannot be followed"):
        double(X)


@pytest.mark.parametrize("ends", [[1, 1, 4], [2, 3, 3]])
def test_experts_in_one_product(ends):
    """It has no kernel for float64."""
    weights = nn.Parameter(torch.rand(3, 6, 6, generator=torch.Generator().manual_seed(2)))
    offs = torch.tensor(ends, dtype=torch.int32)

    def function(net, x):
        h = F.grouped_mm(net.a(x), net.experts, offs=offs)
        return tail(net, h[: ends[-1]] + F.grouped_mm(x[None], net.experts[:1])[0, : ends[-1]])

    found = computed(made(function, experts=weights))
    with torch.no_grad():
        double = doubled(made(function, experts=weights))
        which = torch.bucketize(torch.arange(ends[-1]), offs, right=True)
        rows, own = double.a(X)[: ends[-1]], double.experts[which]
        wanted = torch.einsum("ni,nio->no", rows, own) + X[: ends[-1]] @ double.experts[0]
        torch.testing.assert_close(found, tail(double, wanted), rtol=0, atol=1e-13)


BUFFER = torch.zeros(4, 6)


def _by_numpy(net, x):
    return tail(net, torch.tensor(np.tanh(net.a(x).numpy().astype(np.float32))))


@torch.jit.script
def _compiled(x: torch.Tensor) -> torch.Tensor:
    return torch.tanh(x.to(torch.float32))


@pytest.mark.parametrize(
    ("function", "why"),
    [
        (lambda n, x: n.a(x).view(torch.int32).double(), "looks at the bits"),
        (lambda n, x: n.a(x).view(dtype=torch.int64), "looks at the bits"),
        (lambda n, x: tail(n, BUFFER.copy_(n.a(x))), "copy_ writes into a tensor in a lower"),
        (lambda n, x: tail(n, torch.add(n.a(x), 1, out=BUFFER)), "add writes into a tensor"),
        (lambda n, x: F.grouped_mm(x, n.a(x), offs=torch.tensor([2, 6], dtype=torch.int32)),
         "grouped_mm of other forms"),
        (_by_numpy, "tensor takes numbers that NumPy has in a lower format"),
        (lambda n, x: tail(n, torch.from_numpy(n.a(x).numpy().astype(np.float32))), "followed"),
        (lambda n, x: tail(n, _compiled(n.a(x))), "a tensor in torch.float32 comes from where"),
        (lambda n, x: tail(n, n.a(x) * torch.FloatTensor([1 / 3])), "cannot be followed"),
        (lambda n, x: torch.quantize_per_tensor(n.a(x), 0.1, 0, torch.qint8), "RuntimeError: .*"),
        (lambda n, x: _needs_float32(n.a(x)), "AssertionError: x is of dtype torch.float64"),
    ],
)  # fmt: skip
def test_what_cannot_be_in_float64_is_refused(function, why):
    with pytest.raises(Refused, match=f"no float64: .*{why}"):
        computed(made(function))


def _needs_float32(x):
    assert x.dtype == torch.float32, f"x is of dtype {x.dtype}"
    return x


def test_other_errors_are_the_networks_own():
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        computed(made(lambda n, x: n.a(x[:, :2])))
