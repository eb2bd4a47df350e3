"""Attention heads: found however attention is written, replaced whole, and by a mean vector."""

import copy
import functools

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import lashley as la

from by_hand import (
    ENGINES,
    N_REFERENCE,
    N,
    Units,
    Written,
    assert_as_by_hand,
    assert_logits,
    each_engine,
    every_engine,
    examples,
    logits,
    measured,
    unchanged,
)

T, H, D = 4, 2, 3  # tokens, heads, channels of a head
SCALE = D**-0.5


def whole(n, x, at):
    """Attention, and a layer that tells all its tokens and channels apart."""
    attended = n.attn(x) if at is unchanged else n.attn.function(n.attn, x, at)
    return n.out(attended.flatten(1))


def split(n, x):
    """Queries, keys and values (example, head, token, channel)."""
    return n.qkv(x).unflatten(-1, (3, H, D)).permute(2, 0, 3, 1, 4).unbind(0)


def joined(n, heads):
    return n.proj(heads.transpose(1, 2).flatten(2))


def plain(n, x, at):
    q, k, v = split(n, x)
    return joined(n, at((q @ k.mT * SCALE).softmax(-1) @ v))


def masked(n, x, at, fill=float("-inf")):
    q, k, v = split(n, x)
    later = torch.ones(T, T, dtype=torch.bool).triu(1)
    return joined(n, at((q @ k.mT * SCALE).masked_fill(later, fill).softmax(-1) @ v))


def biased(n, x, at):
    q, k, v = split(n, x)
    return joined(n, at((q @ k.mT * SCALE + n.bias).softmax(-1) @ v))


def talking(n, x, at):
    q, k, v = split(n, x)
    scores = torch.einsum("bhqk,hg->bgqk", q @ k.mT * SCALE, n.before)
    return joined(n, at(torch.einsum("bhqk,hg->bgqk", scores.softmax(-1), n.after) @ v))


def crossed(n, x, at):
    context = x[:, :2].tanh()
    q, (k, v) = n.q(x), n.kv(context).chunk(2, -1)
    q, k, v = (t.unflatten(-1, (H, D)).transpose(1, 2) for t in (q, k, v))
    return joined(n, at((q @ k.mT * SCALE).softmax(-1) @ v))


def grouped(n, x, at):
    """Two queries for each key and value."""
    q, (k, v) = n.queries(x), n.kv1(x).chunk(2, -1)
    q, k, v = (t.unflatten(-1, (-1, D)).transpose(1, 2) for t in (q, k, v))
    k, v = (t.repeat_interleave(2, 1) for t in (k, v))
    return n.proj4(at((q @ k.mT * SCALE).softmax(-1) @ v).transpose(1, 2).flatten(2))


def channels(n, x, at):
    """As in XCiT: channels of a head attend to each other, over all tokens."""
    q, k, v = (t.mT for t in split(n, x))
    scores = F.normalize(q, dim=-1) @ F.normalize(k, dim=-1).mT * n.temperature
    return n.proj(at(scores.softmax(-1) @ v).permute(0, 3, 1, 2).flatten(2))


def in_windows(n, x, at):
    """Two windows of two tokens: (example, window, head, token, channel)."""
    qkv = n.qkv(x).reshape(-1, 2, T // 2, 3, H, D)
    q, k, v = qkv.permute(3, 0, 1, 4, 2, 5).unbind(0)
    heads = at((q @ k.mT * SCALE).softmax(-1) @ v)
    return n.proj(heads.transpose(2, 3).reshape(-1, T, H * D))


@functools.cache
def parts():
    with la.networks.seeded(0):
        return dict(
            qkv=nn.Linear(5, 3 * H * D), proj=nn.Linear(H * D, 6), q=nn.Linear(5, H * D),
            kv=nn.Linear(5, 2 * H * D), queries=nn.Linear(5, 4 * D), kv1=nn.Linear(5, 4 * D),
            proj4=nn.Linear(4 * D, 6), bias=nn.Parameter(torch.randn(H, T, T)),
            before=nn.Parameter(torch.randn(H, H)), after=nn.Parameter(torch.randn(H, H)),
            temperature=nn.Parameter(torch.rand(H, 1, 1) + 1),
        )  # fmt: skip


@functools.cache
def head_of(attention, *used):
    with la.networks.seeded(1):
        some = {name: parts()[name] for name in used}
        return Written(whole, attn=Written(attention, **some), out=nn.Linear(6 * T, 3)).eval()


PLAIN = {
    "plain": (plain, ("qkv", "proj")), "masked": (masked, ("qkv", "proj")),
    "biased": (biased, ("qkv", "proj", "bias")), "crossed": (crossed, ("q", "kv", "proj")),
    "talking": (talking, ("qkv", "proj", "before", "after")),
    "grouped": (grouped, ("queries", "kv1", "proj4")), "in windows": (in_windows, ("qkv", "proj")),
    "channels": (channels, ("qkv", "proj", "temperature")),
}  # fmt: skip


def written(f):
    """Attention in another way: of queries, keys and values (example, head, token, channel)."""
    return lambda n, x, at: joined(n, f(*split(n, x)))


def three(q, k, v, f):
    """(example x head, token, channel)."""
    return f(*(t.flatten(0, 1) for t in (q, k, v))).unflatten(0, (-1, H))


def by_tokens(n, x, at):
    """Heads never come first: (example, token, head, channel)."""
    q, k, v = n.qkv(x).view(-1, T, 3, H, D).unbind(2)
    scores = torch.einsum("bqhd,bkhd->bhqk", q, k) * SCALE
    return n.proj(torch.einsum("bhqk,bkhd->bqhd", scores.softmax(-1), v).flatten(2))


def swin(n, x, at):
    """Windows are examples: (example x window, head, token, channel)."""
    windows = x.reshape(-1, T // 2, 5)
    q, k, v = n.qkv(windows).reshape(-1, T // 2, 3, H, D).permute(2, 0, 3, 1, 4).unbind(0)
    heads = (q * SCALE @ k.transpose(-2, -1)).softmax(-1) @ v
    return n.proj(heads.transpose(1, 2).reshape(-1, T // 2, H * D)).view(-1, T, 6)


def sam(n, x, at):
    """Windows are examples, and heads too: (example x window x head, token, channel)."""
    windows = x.reshape(-1, T // 2, 5)
    qkv = n.qkv(windows).reshape(-1, T // 2, 3, H, D).permute(2, 0, 3, 1, 4)
    q, k, v = qkv.flatten(1, 2).unbind(0)
    heads = ((q * SCALE) @ k.mT).softmax(-1) @ v
    return n.proj(heads.view(-1, H, T // 2, D).transpose(1, 2).reshape(-1, T, H * D))


def hiera(n, x, at):
    """(example, head, window, token, channel), fused."""
    qkv = n.qkv(x).reshape(-1, 2, T // 2, 3, H, D).permute(3, 0, 4, 1, 2, 5)
    heads = F.scaled_dot_product_attention(*qkv.unbind(0))
    return n.proj(heads.permute(0, 2, 3, 1, 4).reshape(-1, T, H * D))


def twins(n, x, at):
    """(example, window, head, token, channel), fused."""
    qkv = n.qkv(x).reshape(-1, 2, T // 2, 3, H, D).permute(3, 0, 1, 4, 2, 5)
    heads = F.scaled_dot_product_attention(*qkv.unbind(0))
    return n.proj(heads.transpose(2, 3).reshape(-1, T, H * D))


def xcit(n, x, at):
    qkv = n.qkv(x).reshape(-1, T, 3, H, D).permute(2, 0, 3, 4, 1)
    q, k, v = qkv.unbind(0)
    scores = F.normalize(q, p=2.0, dim=-1) @ F.normalize(k, p=2.0, dim=-1).transpose(-2, -1)
    scores = (scores * n.temperature).softmax(dim=-1)
    return n.proj((scores @ v).permute(0, 3, 1, 2).reshape(-1, T, H * D))


def repeated(n, x, at):
    """As the transformers library repeats keys and values: by expand and reshape."""
    q, (k, v) = n.queries(x), n.kv1(x).chunk(2, -1)
    q, k, v = (t.view(-1, T, t.shape[-1] // D, D).transpose(1, 2) for t in (q, k, v))
    k, v = (t[:, :, None].expand(-1, 2, 2, T, D).reshape(-1, 4, T, D) for t in (k, v))
    heads = torch.matmul(F.softmax(torch.matmul(q, k.transpose(2, 3)) * SCALE, -1), v)
    return n.proj4(heads.transpose(1, 2).contiguous().reshape(-1, T, 4 * D))


def fused_cross(n, x, at):
    context = x[:, :2].tanh()
    q, k, v = n.q(x), *n.kv(context).split(H * D, -1)
    q, k, v = (t.view(-1, t.shape[1], H, D).transpose(1, 2) for t in (q, k, v))
    return joined(n, F.scaled_dot_product_attention(q, k, v))


def in_memory(n, x, at):
    q, k, v = split(n, x)
    heads = (q @ k.mT * SCALE).softmax(-1) @ v
    return n.proj(heads.transpose(1, 2).contiguous().view(-1, T, H * D))


def in_parts(n, x, at):
    """As Swin makes its masks: parts of them are written to, and the whole is read."""
    q, k, v = split(n, x)
    mask = x.new_zeros((T, T))
    for i in range(T - 1):
        mask[i, i + 1 :] = float("-inf")
    return joined(n, (q @ k.mT * SCALE + mask).softmax(-1) @ v)


SPELLED = {
    "@": ("plain", written(lambda q, k, v: (q @ k.transpose(-2, -1) * SCALE).softmax(-1) @ v)),
    "matmul": ("plain", written(lambda q, k, v: torch.matmul(
        F.softmax(torch.matmul(q, k.mT) * SCALE, dim=-1), v))),
    "scaled q": ("plain", written(lambda q, k, v: (q * SCALE @ k.mT).softmax(-1) @ v)),
    "divided": ("plain", written(lambda q, k, v: (q @ k.mT / D**0.5).softmax(-1).matmul(v))),
    "stable softmax": ("plain", written(lambda q, k, v: (lambda s: (
        s - s.amax(-1, keepdim=True)).softmax(-1) @ v)(q @ k.mT * SCALE))),
    "laid out anew": ("plain", in_memory),
    "dropout": ("plain", written(lambda q, k, v: F.dropout(
        (q @ k.mT * SCALE).softmax(-1), 0.1, False) @ v)),
    "einsum": ("plain", written(lambda q, k, v: torch.einsum(
        "bhij,bhjd->bhid", (torch.einsum("bhid,bhjd->bhij", q, k) * SCALE).softmax(-1), v))),
    "einsum by tokens": ("plain", by_tokens),
    "values first": ("plain", written(
        lambda q, k, v: (v.mT @ (k @ q.mT * SCALE).softmax(-2)).mT)),
    "bmm": ("plain", written(lambda q, k, v: three(q, k, v, lambda q, k, v: torch.bmm(
        (torch.bmm(q, k.mT) * SCALE).softmax(-1), v)))),
    "baddbmm": ("plain", written(lambda q, k, v: three(q, k, v, lambda q, k, v: torch.baddbmm(
        torch.zeros(1, T, T, dtype=q.dtype), q, k.mT, alpha=SCALE).softmax(-1) @ v))),
    "fused": ("plain", written(F.scaled_dot_product_attention)),
    "fused in 3-D": ("plain", written(
        lambda q, k, v: three(q, k, v, F.scaled_dot_product_attention))),
    "fused in 5-D": ("plain", written(lambda q, k, v: F.scaled_dot_product_attention(
        q[:, None], k[:, None], v[:, None])[:, 0])),
    "causal": ("masked", masked),
    "causal with where": ("masked", written(lambda q, k, v: torch.where(
        torch.ones(T, T, dtype=torch.bool).tril(), q @ k.mT * SCALE, -1e30).softmax(-1) @ v)),
    "causal mask filled in parts": ("masked", in_parts),
    "causal fused": ("masked", written(
        lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True))),
    "with a bias": ("biased", biased),
    "talking heads": ("talking", talking),
    "cross attention": ("crossed", crossed),
    "cross attention fused": ("crossed", fused_cross),
    "grouped queries": ("grouped", grouped),
    "grouped queries repeated": ("grouped", repeated),
    "channel attention": ("channels", xcit),
    "windows": ("in windows", in_windows),
    "windows as examples": ("in windows", swin),
    "windows and heads as examples": ("in windows", sam),
    "windows fused": ("in windows", twins),
    "windows after heads": ("in windows", hiera),
}  # fmt: skip
# The units' axis and channels where the plain function passes them to `at`.
AXES = {"channels": (-3, (-2,)), "in windows": (-3, (-1,))}


@functools.cache
def cases(name):
    base, function = SPELLED[name]
    attention, used = PLAIN[base]
    with la.networks.seeded(2):
        x, reference = torch.randn(N, T, 5), torch.randn(N_REFERENCE, T, 5)
    known = head_of(attention, *used)
    network = Written(whole, attn=known.attn.spelled(function), out=known.out).eval()
    axis, own = AXES.get(base, (-3, (-1,)))
    return known, network, Units("attn", axis, own), x, reference


@pytest.mark.parametrize("name", SPELLED)
def test_both_spellings_are_one_function(name):
    known, network, _, x, _ = cases(name)
    torch.testing.assert_close(copy.deepcopy(network).double()(x.double()),
                               copy.deepcopy(known).double()(x.double()))  # fmt: skip


@pytest.mark.thinned(10)
@pytest.mark.parametrize("name", SPELLED)
def test_heads_are_found_by_the_name_of_their_module(name):
    _, network, _, x, _ = cases(name)
    found = {s.name: s.n_units for s in la.find_sites(network, examples(x)).values()
             if s.kind == "head"}  # fmt: skip
    assert found == {"attn": 4 if "grouped" in name else H}


@pytest.mark.thinned(4, by="engine")
@each_engine
@pytest.mark.parametrize("name", SPELLED)
def test_outcomes_of_heads_are_those_by_hand(name, engine):
    known, network, units, x, reference = cases(name)
    assert_as_by_hand(network, known, units, x, reference, engine, which=((0,), (1,)),
                      methods=("silence", "zero_weights", "mean", "resample"))  # fmt: skip


# --- nn.MultiheadAttention -----------------------------------------------------------------------


@pytest.mark.thinned(1, by="engine")
@every_engine
@pytest.mark.parametrize("batch_first", [True, False])
def test_heads_of_the_module_by_its_own_numbers(engine, batch_first):
    """By hand from `in_proj_weight`, in (example, head, token, channel)."""
    with la.networks.seeded(3):
        mha = nn.MultiheadAttention(6, H, batch_first=batch_first)
        mha.in_proj_bias.data.normal_()
        network = Written(module, mha=mha, out=nn.Linear(6 * T, 3)).eval()
        x, reference = torch.randn(N, T, 6), torch.randn(N_REFERENCE, T, 6)
    assert_as_by_hand(
        network, network, Units("mha", -3, (-1,)), x, reference, engine, which=((0,), (1,))
    )


def module(n, x, at):
    if at is unchanged:
        given = x if n.mha.batch_first else x.transpose(0, 1)
        seen = n.mha(given, given, given, need_weights=False)[0]
        return n.out((seen if n.mha.batch_first else seen.transpose(0, 1)).flatten(1))
    qkv = F.linear(x, n.mha.in_proj_weight, n.mha.in_proj_bias)
    q, k, v = qkv.unflatten(-1, (3, H, 3)).permute(2, 0, 3, 1, 4).unbind(0)
    heads = at((q @ k.mT * 3**-0.5).softmax(-1) @ v)
    return n.out(n.mha.out_proj(heads.transpose(1, 2).flatten(2)).flatten(1))


class Attending(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.att = nn.MultiheadAttention(width, heads, batch_first=True)
        self.out = nn.Linear(width, 3)

    def forward(self, x):
        return self.out(self.att(x, x, x, need_weights=False)[0].mean(1))


def test_a_head_that_is_constant_is_its_own_mean():
    """Its vector is (3, -3, 1, 0) for every example and token, so nothing may change."""
    torch.manual_seed(0)
    network = Attending(4, 1).eval()
    network.att.in_proj_weight.data[8:] = 0
    network.att.in_proj_bias.data[8:] = torch.tensor([3.0, -3.0, 1.0, 0.0])
    x, reference = examples(torch.randn(9, 5, 4)), examples(torch.randn(20, 5, 4))
    site = la.find_sites(network, x)["att"]
    cuts = [la.Ablation(site, (0,), method) for method in ("mean", "resample")]
    for engine in ENGINES:
        found = la.evaluate(network, x, cuts, reference=reference, readout=logits, engine=engine)
        assert measured(found)[:, :, 0].flatten().tolist() == pytest.approx(
            [-0.94117] * 18, abs=1e-5
        )


@every_engine
def test_a_bias_of_values_that_is_moved_to_the_output_moves_no_mean(engine):
    with la.networks.seeded(5):
        network, x = Attending(6, 2).eval(), examples(torch.randn(N, T, 6))
        reference = examples(torch.randn(N_REFERENCE, T, 6))
        network.att.in_proj_bias.data.normal_(std=3)
    other = copy.deepcopy(network)
    with torch.no_grad():
        other.att.out_proj.bias += other.att.out_proj.weight @ other.att.in_proj_bias[12:]
        other.att.in_proj_bias[12:] = 0
    site = la.find_sites(network, x)["att"]
    cuts = [la.Ablation(site, (unit,), m) for unit in range(2) for m in ("mean", "resample")]
    one, moved = (
        la.evaluate(n, x, cuts, reference=reference, readout=logits, engine=engine)
        for n in (network, other)
    )
    assert_logits(moved, measured(one), cuts)


# --- what is no head -----------------------------------------------------------------------------


@pytest.mark.parametrize("fused", [True, False])
def test_windows_are_no_heads(fused):
    def attention(n, x, at):
        q, k, v = n.qkv(x).view(-1, 2, T // 2, 3 * D).chunk(3, -1)
        if fused:
            return n.proj(F.scaled_dot_product_attention(q, k, v).reshape(-1, T, D))
        return n.proj(((q @ k.mT * SCALE).softmax(-1) @ v).reshape(-1, T, D))

    with la.networks.seeded(6):
        attn = Written(attention, qkv=nn.Linear(5, 3 * D), proj=nn.Linear(D, 6))
        network = Written(whole, attn=attn, out=nn.Linear(6 * T, 3)).eval()
    heads = [s for s in la.find_sites(network, examples(torch.randn(N, T, 5))).values()
             if s.kind == "head"]  # fmt: skip
    assert [s.n_units for s in heads] in ([], [1])


def test_a_product_of_activations_without_softmax_is_no_attention():
    network = Written(
        lambda n, x, at: n.out((n.a(x) @ n.b(x).mT).flatten(1)),
        a=nn.Linear(5, 4), b=nn.Linear(5, 4), out=nn.Linear(T * T, 3),
    ).eval()  # fmt: skip
    found = la.find_sites(network, examples(torch.randn(N, T, 5)))
    assert {(s.name, s.kind) for s in found.values()} == {("a", "hidden"), ("b", "hidden")}


class Case8(nn.Module):
    """Attention in the network itself, as in the issue."""

    def __init__(self, fused):
        super().__init__()
        self.fused = fused
        self.qkv, self.proj, self.out = nn.Linear(6, 18), nn.Linear(6, 6), nn.Linear(6, 3)

    def forward(self, x):
        q, k, v = self.qkv(x).reshape(*x.shape[:2], 3, 2, 3).permute(2, 0, 3, 1, 4).unbind(0)
        o = (F.scaled_dot_product_attention(q, k, v) if self.fused else
             (q @ k.transpose(-2, -1) / 3**0.5).softmax(-1) @ v)  # fmt: skip
        return self.out(self.proj(o.transpose(1, 2).reshape(x.shape)).mean(1))


@pytest.mark.parametrize("fused", [True, False])
def test_attention_in_the_network_itself(fused):
    found = la.find_sites(Case8(fused).eval(), examples(torch.randn(12, 4, 6)))
    assert [(s.kind, s.n_units) for s in found.values()] == [
        ("hidden", 18), ("head", 2), ("hidden", 6)]  # fmt: skip
