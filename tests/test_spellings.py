"""Two spellings of one function have one answer: what lies between a layer and its nonlinearity
or normalisation, and only moves numbers about, changes neither the units nor any outcome."""

import copy
import functools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

import lashley as la
from lashley.errors import EngineError

from by_hand import (
    ENGINES,
    N_REFERENCE,
    N,
    Units,
    Written,
    assert_as_by_hand,
    each_engine,
    every_engine,
    examples,
    parts_of,
)
from networks_under_test import statistics


def seeded(make):
    """What it makes, from the same numbers each time; made once."""

    @functools.cache
    def made(*args):
        with la.networks.seeded(0):
            return make(*args)

    return made


# --- the issue's own numbers ---------------------------------------------------------------------

RIGHT = [0.87610, 1.15623, 1.33798, 0.82927]
BEFORE = [0.98110, 1.18554, 1.16014, 0.92705]  # the unit is 0 before the sigmoid


class AsPrinted(nn.Module):
    def __init__(self, behind):
        super().__init__()
        self.c, self.fc, self.behind = nn.Conv2d(2, 4, 1), nn.Linear(4, 3), behind

    def forward(self, x):
        held = self.c(x).flatten(2).sigmoid() if self.behind else self.c(x).sigmoid().flatten(2)
        return self.fc(held.mean(2))


@every_engine
@pytest.mark.parametrize("behind", [True, False])
def test_a_sigmoid_after_a_flatten_is_one_before_it(behind, engine):
    torch.manual_seed(0)
    x, y = torch.randn(4, 2, 2, 2), torch.arange(4) % 3
    network = AsPrinted(behind).eval()
    site = la.find_sites(network, (x, y))["c"]
    with torch.no_grad():
        mask = torch.tensor([0.0, 1, 1, 1])
        by = [network.fc(network.c(x).sigmoid().mean((2, 3)) * mask), network.fc(
            (network.c(x) * mask[:, None, None]).sigmoid().mean((2, 3)))]  # fmt: skip
    found = la.evaluate(network, (x, y), [la.Ablation(site, (0,))], readout="loss", engine=engine)
    assert [F.cross_entropy(b, y, reduction="none").tolist() for b in by] == [
        pytest.approx(RIGHT, abs=6e-6), pytest.approx(BEFORE, abs=6e-6)]  # fmt: skip
    assert found.loss.values[0].tolist() == pytest.approx(RIGHT, abs=1e-5)


# --- convolutions --------------------------------------------------------------------------------

CONV = Units("c", -3, rows=("c.weight", "c.bias"))
SHAPE = (2, 2, 3)


@seeded
def filters():
    return dict(
        c=nn.Conv2d(2, 4, 1), out=nn.Linear(24, 3), bn=statistics(nn.BatchNorm2d(4)),
        ln=nn.LayerNorm(4, elementwise_affine=False), zero=torch.zeros(4, 1, 1),
        gain=nn.Parameter(torch.rand(4, 1, 1) + 0.5),
    )  # fmt: skip


def conv(plain_act, **spelled):
    """Spellings of `out(act(c(x)).flatten(1))`, each a function of what `c` returns that ends in
    the same (example, unit, row, column), or flattened to it."""

    def plain(n, x, at):
        return n.out(at(plain_act(n, n.c(x))).flatten(1))

    def spell(f):
        return lambda n, x, at: n.out(f(n, n.c(x)).flatten(1))

    return {name: (plain, spell(f)) for name, f in spelled.items()}


@torch.fx.wrap
def kept_whole(y):
    return y.sigmoid()


@torch.fx.wrap
def kept_whole_by_shape(y):
    return y.sigmoid() if y.shape[1] == 4 else y


def by_parts(parts):
    return torch.cat([torch.sigmoid(part) for part in parts], 1)


SIGMOID = conv(
    lambda n, y: y.sigmoid(),
    module_free=lambda n, y: 1 / (1 + (-y).exp()),
    flatten=lambda n, y: y.flatten(2).sigmoid(),
    flatten_all=lambda n, y: y.flatten(1).sigmoid(),
    flatten_units_and_examples=lambda n, y: y.flatten(0, 1).sigmoid().unflatten(0, (-1, 4)),
    view=lambda n, y: y.view(-1, 4, 6).sigmoid(),
    reshape=lambda n, y: y.reshape((-1, 4, 3, 2)).sigmoid(),
    unflatten=lambda n, y: y.unflatten(1, (2, 2)).sigmoid().flatten(1, 2),
    unsqueeze=lambda n, y: y.unsqueeze(1).sigmoid().squeeze(1),
    none=lambda n, y: y[:, None, ..., None].sigmoid().squeeze(-1)[:, 0],
    transpose=lambda n, y: y.flatten(2).transpose(1, 2).sigmoid().transpose(1, 2),
    transpose_with_examples=lambda n, y: y.transpose(0, 1).sigmoid().transpose(0, 1),
    mT=lambda n, y: y.mT.sigmoid().mT,
    swapaxes=lambda n, y: y.swapaxes(1, -1).sigmoid().swapaxes(1, -1),
    permute=lambda n, y: y.permute(0, 2, 3, 1).sigmoid().permute(0, 3, 1, 2),
    permute_positions_first=lambda n, y: y.permute(2, 3, 0, 1).sigmoid().permute(2, 3, 0, 1),
    movedim=lambda n, y: y.movedim(1, -1).sigmoid().movedim(-1, 1),
    movedim_many=lambda n, y: torch.movedim(y, (1, 2), (3, 1)).sigmoid().movedim((3, 1), (1, 2)),
    contiguous=lambda n, y: y.permute(0, 2, 3, 1).contiguous().view(-1, 4).sigmoid()
    .view(-1, 2, 3, 4).permute(0, 3, 1, 2),
    rearrange=lambda n, y: y.reshape(-1, 2, 2, 2, 3).permute(0, 3, 4, 1, 2).reshape(-1, 6, 4)
    .sigmoid().reshape(-1, 2, 3, 2, 2).permute(0, 3, 4, 1, 2),
    rearrange_units=lambda n, y: y.reshape(-1, 2, 2, 6).transpose(1, 2).flatten(1, 2).sigmoid()
    .reshape(-1, 2, 2, 6).transpose(1, 2),
    windows=lambda n, y: y.view(-1, 4, 2, 1, 1, 3).permute(0, 2, 4, 3, 5, 1).reshape(-1, 3, 4)
    .sigmoid().view(-1, 2, 1, 1, 3, 4).permute(0, 5, 1, 3, 2, 4),
    split=lambda n, y: by_parts(y.split(3, 1)),
    split_sizes=lambda n, y: by_parts(y.split([1, 3], 1)),
    chunk=lambda n, y: by_parts(y.chunk(2, 1)),
    tensor_split=lambda n, y: by_parts(y.tensor_split(2, 1)),
    narrow=lambda n, y: by_parts([y.narrow(1, 0, 3), y.narrow(1, 3, 1)]),
    indexing=lambda n, y: by_parts([y[:, :2], y[:, 2:]]),
    strided=lambda n, y: by_parts([y[:, :1], y[:, 1::2], y[:, 2:3]])[:, [0, 1, 3, 2]],
    negative=lambda n, y: by_parts([y[..., :-2, :, :], y[..., -2:, :, :]]),
    select=lambda n, y: torch.stack([y.select(1, i).sigmoid() for i in range(4)], 1),
    unbind=lambda n, y: torch.stack([part.sigmoid() for part in y.unbind(1)], 1),
    index_select=lambda n, y: y.index_select(1, torch.tensor([2, 0, 3, 1])).sigmoid()[:, [
        1, 3, 0, 2]],
    by_position=lambda n, y: torch.cat([part.sigmoid() for part in y.split([1, 2], 3)], 3),
    flip=lambda n, y: y.flip(1, 3).sigmoid().flip(1, 3),
    roll=lambda n, y: y.roll((1, 2), (2, 3)).sigmoid().roll((-1, -2), (2, 3)),
    roll_units=lambda n, y: torch.roll(y, 1, 1).sigmoid().roll(-1, 1),
    pixel_shuffle=lambda n, y: F.pixel_unshuffle(F.pixel_shuffle(y, 2).sigmoid(), 2),
    channel_shuffle=lambda n, y: F.channel_shuffle(F.channel_shuffle(y, 2).sigmoid(), 2),
    pad=lambda n, y: F.pad(y, (1, 1)).sigmoid()[..., 1:-1],
    expand=lambda n, y: y[:, None].expand(-1, 2, -1, -1, -1).sigmoid().mean(1),
    repeat=lambda n, y: y.repeat(1, 2, 1, 1).sigmoid().unflatten(1, (2, 4)).mean(1),
    repeat_interleave=lambda n, y: y.repeat_interleave(2, 1).sigmoid()[:, ::2],
    stack_twice=lambda n, y: torch.stack((y, y), 2).sigmoid()[:, :, 1],
    hstack_twice=lambda n, y: torch.cat((y, y), 3).sigmoid()[..., :3],
    detach=lambda n, y: y.detach().clone().sigmoid(),
    einsum_permuted=lambda n, y: torch.einsum("bchw->bhwc", y).sigmoid().permute(0, 3, 1, 2),
    kept_whole=lambda n, y: kept_whole(y),
)  # fmt: skip


def centred(y, variance, mean):
    return (y - mean) * torch.rsqrt(variance + 1e-5)


def responses(length):
    """Of filters, relative to one another."""
    return length / (length.mean(1, True) + 1e-6)


def padded(number):
    """Sigmoids, and the largest of each, its neighbours and what a border of the number becomes."""
    becomes = torch.sigmoid(torch.tensor(number)).item()

    def largest(n, held):
        return n.out(F.max_pool2d(held, (1, 3), 1).flatten(1))

    return (lambda n, x, at: largest(n, F.pad(at(n.c(x).sigmoid()), (1, 1), value=becomes)),
            lambda n, x, at: largest(n, F.pad(n.c(x), (1, 1), value=number).sigmoid()))  # fmt: skip


OTHERS = {
    "padded_with_a_number": padded(1.0),
    "padded_with_no_number": padded(-math.inf),
    **conv(lambda n, y: n.bn(y).sigmoid(),
        norm_flat=lambda n, y: F.batch_norm(
            y.flatten(2), n.bn.running_mean, n.bn.running_var, n.bn.weight, n.bn.bias).sigmoid(),
        norm_by_tokens=lambda n, y: F.batch_norm(
            y.permute(0, 2, 3, 1).reshape(-1, 4), n.bn.running_mean, n.bn.running_var, n.bn.weight,
            n.bn.bias).sigmoid().view(-1, 2, 3, 4).permute(0, 3, 1, 2),
        norm_last_by_hand=lambda n, y: ((y.permute(0, 2, 3, 1) - n.bn.running_mean)
            * (n.bn.running_var + 1e-5).rsqrt() * n.bn.weight + n.bn.bias).permute(
            0, 3, 1, 2).sigmoid()),
    **conv(lambda n, y: (y - y.mean(1, keepdim=True)) * (y.var(1, False, True) + 1e-5).rsqrt(),
        channels_last_norm=lambda n, y: n.ln(y.permute(0, 2, 3, 1)).permute(0, 3, 1, 2),
        channels_last_tokens=lambda n, y: F.layer_norm(y.flatten(2).mT, (4,)).mT,
        var_mean=lambda n, y: centred(y, *torch.var_mean(y, 1, False, True)),
        variance_by_power=lambda n, y: (y - y.mean(1, True)) * (
            y.var(1, False, True) + 1e-5) ** -0.5,
        channels_last_over_two_axes=lambda n, y: F.layer_norm(
            y.permute(0, 2, 3, 1).unflatten(3, (2, 2)), (2, 2)).flatten(3).permute(0, 3, 1, 2)),
    **conv(lambda n, y: (y - y.mean((1, 2, 3), True)) * (y.var((1, 2, 3), False, True) + 1e-5)
        .rsqrt(),
        whole_norm=lambda n, y: F.layer_norm(y, (4, 2, 3)),
        whole_norm_flat=lambda n, y: F.layer_norm(y.flatten(1), (24,)),
        group_norm=lambda n, y: F.group_norm(y, 1),
        group_norm_flat=lambda n, y: F.group_norm(y.flatten(2), 1)),
    **conv(lambda n, y: F.gelu((y - y.mean((2, 3), keepdim=True))
        * (y.var((2, 3), False, True) + 1e-5).rsqrt()),
        instance_norm=lambda n, y: F.gelu(F.instance_norm(y)),
        instance_norm_flat=lambda n, y: F.gelu(F.instance_norm(y.flatten(2))),
        norm_over_positions=lambda n, y: F.gelu(F.layer_norm(y.flatten(2), (6,)))),
    **conv(lambda n, y: y * (y.pow(2).mean(1, True) + 1e-5).rsqrt() * n.gain,
        rms_by_pow=lambda n, y: y * torch.pow(y.pow(2).mean(1, True) + 1e-5, -0.5) * n.gain,
        rms_by_power=lambda n, y: y * (y**2).mean(1, True).add(1e-5) ** -0.5 * n.gain,
        rms_by_a_root=lambda n, y: n.gain * y / (y.square().mean(1, True) + 1e-5) ** 0.5,
        rms_by_reciprocal=lambda n, y: (
            y * n.gain * (y.pow(2).mean(1, True) + 1e-5).sqrt().reciprocal())),
    **conv(lambda n, y: ((y - y.mean(1, True)) / (y.std(1, False, True) + 0.1)).sigmoid(),
        std_mean=lambda n, y: (lambda sd, m: (y - m) / (sd + 0.1))(
            *torch.std_mean(y, 1, False, True)).sigmoid()),
    **conv(lambda n, y: y.relu() + 0.2,
        threshold=lambda n, y: F.threshold(y, 0.0, 0.0) + 0.2,
        threshold_module=lambda n, y: nn.Threshold(0.0, 0.0)(y) + 0.2),
    **conv(lambda n, y: y / y.pow(2).sum(1, True).sqrt() * n.gain,
        gain_before_the_length=lambda n, y: n.gain * y / y.norm(dim=1, keepdim=True),
        gain_over_the_length=lambda n, y: y * (n.gain / y.norm(dim=1, keepdim=True)),
        length_by_normalize=lambda n, y: F.normalize(y, dim=1) * n.gain,
        length_by_normalize_scaled=lambda n, y: F.normalize(y, dim=1) * 2 * (n.gain / 2),
        length_by_norm=lambda n, y: y / y.norm(p=2, dim=1, keepdim=True) * n.gain,
        length_by_linalg=lambda n, y: n.gain * (
            y / torch.linalg.vector_norm(y, dim=1, keepdim=True).expand_as(y))),
    **conv(lambda n, y: y + y * responses(y.pow(2).sum((2, 3), True).sqrt()) * n.gain,
        global_response=lambda n, y: y + torch.addcmul(
            n.zero, n.gain, y * responses(y.norm(p=2, dim=(2, 3), keepdim=True)))),
    **conv(lambda n, y: F.leaky_relu(y, 0.1) + 0.2,
        where=lambda n, y: torch.where(y > 0, y, 0.1 * y) + 0.2,
        where_method=lambda n, y: y.where(y >= 0, y * 0.1) + 0.2,
        where_flat=lambda n, y: torch.where(y.flatten(2) > 0, y.flatten(2), 0.1 * y.flatten(2))
            + 0.2,
        maximum=lambda n, y: torch.maximum(y, 0.1 * y) + 0.2,
        minimum=lambda n, y: 0.2 - torch.minimum(-y, -0.1 * y),
        max_of_two=lambda n, y: torch.max(y, 0.1 * y) + 0.2,
        comparison=lambda n, y: y * (y > 0) + 0.1 * y * (y <= 0) + 0.2,
        comparison_as_a_number=lambda n, y: y * (0.1 + 0.9 * (y > 0).float()) + 0.2,
        logical=lambda n, y: torch.where((y > 0).logical_not(), y * 0.1, y) + 0.2,
        masked_fill=lambda n, y: y.masked_fill(y < 0, 0) + 0.1 * y.masked_fill(y > 0, 0) + 0.2,
        signs=lambda n, y: y.abs() * (0.55 * y.sign() + 0.45) + 0.2,
        fmax=lambda n, y: torch.fmax(y, 0.1 * y).add(0.2)),
    **conv(lambda n, y: F.hardtanh(y + 0.5),
        clamp=lambda n, y: (y.flatten(2) + 0.5).clamp(-1, 1),
        clip=lambda n, y: torch.clip(y.flatten(2) + 0.5, -1.0, 1.0),
        min_max=lambda n, y: torch.minimum(torch.maximum(y + 0.5, torch.tensor(-1.0)),
            torch.tensor(1.0))),
}  # fmt: skip

# --- tokens, and layers whose units part ---------------------------------------------------------


@seeded
def mixers():
    return dict(
        l=nn.Linear(2, 4), wide=nn.Linear(2, 8), d=nn.Linear(2, 4), out=nn.Linear(12, 3),
        both=nn.Linear(24, 3), bn=statistics(nn.BatchNorm1d(4)),
        bn8=statistics(nn.BatchNorm1d(8)), ln=nn.LayerNorm(4),
    )  # fmt: skip


def normed(n, y):
    """Batch norm over the last axis, written out."""
    return (y - n.bn.running_mean) / (n.bn.running_var + n.bn.eps).sqrt() * n.bn.weight + n.bn.bias


def layer_normed(y):
    return (y - y.mean(-1, keepdim=True)) / (y.var(-1, False, True) + 1e-5).sqrt()


def group(plain, **spelled):
    return {name: (plain, f) for name, f in spelled.items()}


def halves(n, x, at, one, other):
    """Units 0 to 3 by one function, 4 to 7 by another."""
    y = n.wide(x)
    return at(torch.cat((one(y[..., :4]), other(y[..., 4:])), -1)).chunk(2, -1)


TOKENS = {
    **group(
        lambda n, x, at: n.out(at(normed(n, n.l(x)).sigmoid()).flatten(1)),
        tokens_as_rows=lambda n, x, at: n.out(
            n.bn(n.l(x).flatten(0, 1)).unflatten(0, (-1, 3)).sigmoid().flatten(1)),
        levit=lambda n, x, at: n.out(
            n.bn(n.l(x).flatten(0, 1)).reshape_as(n.l(x)).sigmoid().flatten(1)),
        tokens_last=lambda n, x, at: n.out(n.bn(n.l(x).mT).mT.sigmoid().flatten(1)),
        rows_all_along=lambda n, x, at: n.out(
            n.bn(n.l(x.flatten(0, 1))).sigmoid().view(-1, 12)),
        tokens_first=lambda n, x, at: n.out(
            n.bn(n.l(x.transpose(0, 1)).flatten(0, 1)).sigmoid().unflatten(0, (3, -1))
            .transpose(0, 1).flatten(1)),
        sequence_in_twos=lambda n, x, at: n.out(
            torch.cat([n.bn(part.flatten(0, 1)).unflatten(0, (-1, part.shape[1])).sigmoid()
                       for part in n.l(x).split([1, 2], 1)], 1).flatten(1)),
    ),
    **group(
        lambda n, x, at: n.out(at(F.gelu(layer_normed(n.l(x)))).flatten(1)),
        layer_norm=lambda n, x, at: n.out(F.gelu(n.ln(n.l(x))).flatten(1)),
        layer_norm_of_rows=lambda n, x, at: n.out(
            F.gelu(n.ln(n.l(x).view(-1, 4))).reshape(-1, 12)),
        layer_norm_over_heads=lambda n, x, at: n.out(
            F.gelu(F.layer_norm(n.l(x).unflatten(2, (2, 2)), (2, 2))).flatten(1)),
        group_norm_of_tokens=lambda n, x, at: n.out(
            F.gelu(F.group_norm(n.l(x).reshape(-1, 4, 1), 1)).reshape(-1, 12)),
        norm_tokens_first=lambda n, x, at: n.out(
            F.gelu(n.ln(n.l(x).transpose(0, 1))).transpose(0, 1).flatten(1)),
    ),
    **group(
        lambda n, x, at: n.out(at(F.gelu(
            layer_normed(n.l(x).unflatten(2, (2, 2))).flatten(2))).flatten(1)),
        norm_in_each_head=lambda n, x, at: n.out(
            F.gelu(F.layer_norm(n.l(x).view(-1, 3, 2, 2).transpose(1, 2), (2,)))
            .transpose(1, 2).flatten(1)),
        groups_of_rows=lambda n, x, at: n.out(
            F.gelu(F.group_norm(n.l(x).flatten(0, 1), 2)).view(-1, 12)),
        groups_of_tokens=lambda n, x, at: n.out(F.gelu(F.layer_norm(
            n.l(x).reshape(-1, 2), (2,))).reshape(-1, 12)),
    ),
    **group(
        lambda n, x, at: n.out(at(F.gelu(n.l(x[:, :1]))).expand(-1, 3, -1).flatten(1)),
        expand_first=lambda n, x, at: n.out(F.gelu(n.l(x[:, :1]).expand(-1, 3, -1)).flatten(1)),
        squeeze_and_expand=lambda n, x, at: n.out(
            F.gelu(n.l(x[:, 0])[:, None].expand(-1, 3, 4)).flatten(1)),
        repeat_units=lambda n, x, at: n.out(F.gelu(n.l(x[:, 0]).repeat(1, 3))),
        tile=lambda n, x, at: n.out(F.gelu(n.l(x[:, 0]).tile(3))),
        stack_alike=lambda n, x, at: n.out(
            F.gelu(torch.stack([n.l(x[:, 0])] * 3, 1)).flatten(1)),
        broadcast=lambda n, x, at: n.out(
            F.gelu(torch.broadcast_to(n.l(x[:, :1]), (x.shape[0], 3, 4))).flatten(1)),
    ),
    **group(
        lambda n, x, at: n.both(torch.cat((at(n.l(x).tanh()), n.d(x).tanh()), 1).flatten(1)),
        cat_with_others=lambda n, x, at: n.both(torch.cat((n.l(x), n.d(x)), 1).tanh().flatten(1)),
        cat_after_others=lambda n, x, at: n.both(
            torch.cat((n.d(x), n.l(x)), 1).tanh().roll(3, 1).flatten(1)),
        cat_of_units=lambda n, x, at: n.both(
            torch.cat((n.d(x), n.l(x)), -1).tanh().unflatten(2, (2, 4)).flip(2)
            .transpose(1, 2).flatten(1)),
        stack_with_others=lambda n, x, at: n.both(
            torch.stack((n.l(x), n.d(x)), 1).tanh().flatten(1)),
        stack_last=lambda n, x, at: n.both(
            torch.stack((n.l(x), n.d(x)), -1).tanh().movedim(-1, 1).flatten(1)),
        cat_with_numbers=lambda n, x, at: n.both(torch.cat(
            (torch.cat((n.l(x), x), -1).tanh()[..., :4], n.d(x).tanh()), 1).flatten(1)),
    ),
    **group(
        lambda n, x, at: n.both(torch.cat((
            at(normed8(n, n.l(x), slice(4)).sigmoid()), normed8(n, n.d(x), slice(4, 8)).sigmoid()),
            -1).flatten(1)),
        norm_over_a_cat=lambda n, x, at: n.both(
            n.bn8(torch.cat((n.l(x), n.d(x)), -1).mT).mT.sigmoid().flatten(1)),
    ),
}  # fmt: skip


def normed8(n, y, part):
    """What the batch norm of eight units makes of four."""
    return ((y - n.bn8.running_mean[part]) / (n.bn8.running_var[part] + n.bn8.eps).sqrt()
            * n.bn8.weight[part] + n.bn8.bias[part])  # fmt: skip


def gated(f):
    return lambda n, x, at: n.out(f(n.wide(x)).flatten(1))


def product(one, other):
    def plain(n, x, at):
        a, b = halves(n, x, at, one, other)
        return n.out((a * b).flatten(1))

    return plain


def same(y):
    return y


PARTED = {
    **group(
        lambda n, x, at: n.both(torch.cat(halves(n, x, at, torch.tanh, torch.sigmoid), -1)
            .flatten(1)),
        each_part_its_own=lambda n, x, at: n.both(
            torch.cat(tuple(f(part) for f, part in zip(
                (torch.tanh, torch.sigmoid), n.wide(x).chunk(2, -1), strict=True)), -1)
            .flatten(1)),
        each_slice_its_own=lambda n, x, at: n.both(slices(n.wide(x)).flatten(1)),
    ),
    **group(
        product(same, torch.sigmoid),
        glu_chunk=gated(lambda y: y.chunk(2, -1)[0] * y.chunk(2, -1)[1].sigmoid()),
        glu_split=gated(lambda y: torch.split(y, 4, 2)[0] * torch.split(y, 4, 2)[1].sigmoid()),
        glu_slices=gated(lambda y: y[..., :4] * y[..., 4:].sigmoid()),
        glu_reshaped=gated(lambda y: y.view(-1, 3, 2, 4)[:, :, 0]
            * y.view(-1, 3, 2, 4)[:, :, 1].sigmoid()),
        glu_permuted=gated(lambda y: y.mT[:, :4].mT * y.mT[:, 4:].sigmoid().mT),
        glu_nonlinear_first=gated(lambda y: y.narrow(-1, 0, 4) * y.sigmoid().narrow(-1, 4, 4)),
    ),
    **group(
        product(F.silu, same),
        swiglu=gated(lambda y: F.silu(y.chunk(2, -1)[0]) * y.chunk(2, -1)[1]),
        swiglu_written_out=gated(
            lambda y: y[..., :4] / (1 + (-y[..., :4]).exp()) * y[..., 4:]),
        swiglu_unbind=gated(lambda y: F.silu(y.unflatten(-1, (2, 4)).unbind(2)[0])
            * y.unflatten(-1, (2, 4)).unbind(2)[1]),
    ),
    **group(
        product(F.relu, F.relu),
        bilinear_relu=gated(lambda y: y.relu()[..., :4] * y.relu()[..., 4:]),
        bilinear_parts=gated(lambda y: y[..., :4].relu() * y[..., 4:].relu()),
    ),
}  # fmt: skip


def slices(y):
    return torch.cat((y[..., :4].tanh(), y[..., 4:].sigmoid()), -1)


# Where units do not stay apart, or a second way leads out, the point lies before.
KEPT = {
    **group(
        lambda n, x, at: n.out((lambda y: y / y.pow(2).sum(-1, True).sqrt())(at(n.l(x)))
            .flatten(1)),
        direction=lambda n, x, at: n.out(F.normalize(n.l(x), dim=-1).flatten(1)),
        direction_by_length=lambda n, x, at: n.out((lambda y: y / y.norm(dim=-1, keepdim=True))(
            n.l(x)).flatten(1)),
    ),
    **group(
        lambda n, x, at: n.out(at(n.l(x)).softmax(-1).flatten(1)),
        softmax_over_units=lambda n, x, at: n.out(n.l(x).mT.softmax(1).mT.flatten(1)),
        softmax_over_rows=lambda n, x, at: n.out(n.l(x).view(-1, 4).softmax(1).view(-1, 12)),
    ),
    **group(
        lambda n, x, at: n.out((at(n.l(x)) + n.d(x)).tanh().flatten(1)),
        sum_with_others=lambda n, x, at: n.out((n.l(x).mT + n.d(x).mT).tanh().mT.flatten(1)),
        sum_over_a_stack=lambda n, x, at: n.out(
            torch.stack((n.l(x), n.d(x))).sum(0).tanh().flatten(1)),
    ),
    **group(
        lambda n, x, at: n.out((at(n.l(x)) * n.d(x)).tanh().flatten(1)),
        gated_by_others=lambda n, x, at: n.out(
            (n.l(x).flatten(0, 1) * n.d(x).flatten(0, 1)).tanh().view(-1, 12)),
    ),
    **group(
        lambda n, x, at: n.both(second_way(at(n.l(x)), n).flatten(1)),
        second_way=lambda n, x, at: n.both(second_way(n.l(x), n).flatten(1)),
        second_way_reshaped=lambda n, x, at: n.both(second_way(
            n.l(x).flatten(0, 1), n).view(-1, 3, 8).flatten(1)),
    ),
    **group(
        lambda n, x, at: n.both(torch.cat(
            (at(n.l(x).sigmoid()), at(n.l(x.flip(1)).sigmoid())), -1).flatten(1)),
        one_sigmoid_of_two_calls=lambda n, x, at: n.both(torch.cat(
            (n.l(x), n.l(x.flip(1))), -1).sigmoid().flatten(1)),
        two_calls_stacked=lambda n, x, at: n.both(torch.stack(
            (n.l(x), n.l(x.flip(1))), 2).sigmoid().flatten(1)),
        two_calls_in_one_batch=lambda n, x, at: n.both(torch.cat(torch.cat(
            (n.l(x), n.l(x.flip(1)))).sigmoid().chunk(2), -1).flatten(1)),
    ),
    **group(
        lambda n, x, at: n.both(torch.cat(
            (at(n.l(x).sigmoid()), n.d(x).sigmoid()), -1).flatten(1)),
        two_layers_in_one_batch=lambda n, x, at: n.both(torch.cat(torch.cat(
            (n.l(x), n.d(x))).sigmoid().chunk(2), -1).flatten(1)),
    ),
    **group(
        lambda n, x, at: n.out(at(n.l(x)).cumsum(1).tanh().flatten(1)),
        sums_along_tokens=lambda n, x, at: n.out(n.l(x).mT.cumsum(2).mT.tanh().flatten(1)),
    ),
    **group(
        lambda n, x, at: n.out((at(n.l(x)) + at(n.l(x)).roll(1, -1)).tanh().flatten(1)),
        neighbours=lambda n, x, at: n.out(
            (lambda y: y + y.roll(1, -1))(n.l(x)).tanh().flatten(1)),
    ),
}  # fmt: skip


def second_way(y, n):
    """The units go through tanh, and around it into what mixes them."""
    return torch.cat((y.tanh(), y.cumsum(-1)), -1)


# --- all of them ---------------------------------------------------------------------------------

FILTERS = SIGMOID | OTHERS
GROUPS = {name: i for i, of_one in enumerate((SIGMOID, OTHERS, TOKENS, PARTED, KEPT))
          for name in of_one}  # fmt: skip
L, WIDE = (Units(name, rows=(f"{name}.weight", f"{name}.bias")) for name in ("l", "wide"))
ALL = {
    **{name: (filters, SHAPE, CONV, *both) for name, both in FILTERS.items()},
    **{name: (mixers, (3, 2), L, *both) for name, both in (TOKENS | KEPT).items()},
    **{name: (mixers, (3, 2), WIDE, *both) for name, both in PARTED.items()},
}


@functools.cache
def written(name):
    """The plain network, one that spells it in another way, the units, inputs, reference."""
    parts, shape, units, plain, spelled = ALL[name]
    with la.networks.seeded(1):
        x, reference = torch.randn(N, *shape), torch.randn(N_REFERENCE, *shape)
    plain = Written(plain, **parts_of((plain, spelled), parts(), x)).eval()
    return plain, plain.spelled(spelled).eval(), units, x, reference


@pytest.mark.parametrize("name", ALL)
def test_both_spellings_are_one_function(name):
    plain, spelled, _, x, _ = written(name)
    both = (copy.deepcopy(network).double()(x.double()) for network in (plain, spelled))
    torch.testing.assert_close(*both)


@pytest.mark.thinned(1, by=lambda name, engine: (engine, GROUPS[name]))
@each_engine
@pytest.mark.parametrize("name", ALL)
def test_outcomes_are_those_of_the_plain_spelling(name, engine):
    plain, spelled, units, x, reference = written(name)
    last = len(plain.get_parameter(units.rows[0])) - 1
    assert_as_by_hand(spelled, plain, units, x, reference, engine, which=((0,), (1, last)))


@pytest.mark.parametrize("name", ALL)
def test_sites_are_those_of_the_plain_spelling(name):
    plain, spelled, units, x, _ = written(name)
    one, other = (la.find_sites(network, examples(x)) for network in (plain, spelled))
    assert described(one) == described(other)
    assert one[units.site].n_units == len(plain.get_parameter(units.rows[0]))


def described(sites):
    """Without sums, which are sites only where they are written as such."""
    return {(s.name, s.kind, s.n_units) for s in sites.values() if s.kind != "residual"}


# --- any way of moving numbers about -------------------------------------------------------------


@st.composite
def moves(draw):
    """Reshapes and permutations of (example, 4, 6), and their inverses, as functions."""
    shape, steps = [4, 6], []
    for _ in range(draw(st.integers(1, 4))):
        kind = draw(st.sampled_from(["permute", "split", "merge", "flip", "roll"]))
        axis = draw(st.integers(0, len(shape) - 1))
        if kind == "permute":
            order = draw(st.permutations(range(len(shape))))
            shape = [shape[a] for a in order]
            steps.append(("permute", [0, *(a + 1 for a in order)]))
        elif kind == "split" and len(shape) < 5:
            size = draw(st.sampled_from([d for d in range(1, shape[axis] + 1) if not
                                         shape[axis] % d]))  # fmt: skip
            sizes = (size, shape[axis] // size)
            shape[axis : axis + 1] = sizes
            steps.append(("unflatten", (axis + 1, sizes)))
        elif kind == "merge" and axis + 1 < len(shape):
            sizes = tuple(shape[axis : axis + 2])
            shape[axis : axis + 2] = [sizes[0] * sizes[1]]
            steps.append(("flatten", (axis + 1, sizes)))
        elif kind == "flip":
            steps.append(("flip", axis + 1))
        elif kind == "roll":
            steps.append(("roll", axis + 1))
    return steps


def moved(y, steps):
    for kind, how in steps:
        if kind == "permute":
            y = y.permute(how)
        elif kind == "unflatten":
            y = y.unflatten(*how)
        elif kind == "flatten":
            y = y.flatten(how[0], how[0] + 1)
        else:
            y = y.flip(how) if kind == "flip" else y.roll(1, how)
    return y


def moved_back(y, steps):
    for kind, how in reversed(steps):
        if kind == "permute":
            y = y.permute([how.index(a) for a in range(len(how))])
        elif kind == "unflatten":
            y = y.flatten(how[0], how[0] + 1)
        elif kind == "flatten":
            y = y.unflatten(*how)
        else:
            y = y.flip(how) if kind == "flip" else y.roll(-1, how)
    return y


@given(steps=moves(), unit=st.integers(0, 3), engine=st.sampled_from(["fx", "hooks", "naive"]))
@settings(max_examples=10, deadline=None)
def test_any_moves_before_the_sigmoid(steps, unit, engine):
    with la.networks.seeded(1):
        x, reference = torch.randn(5, *SHAPE), torch.randn(3, *SHAPE)
    c, out = filters()["c"], filters()["out"]
    plain = Written(lambda n, x, at: n.out(at(n.c(x).sigmoid()).flatten(1)), c=c, out=out).eval()
    network = plain.spelled(lambda n, x, at: n.out(moved_back(
        moved(n.c(x).flatten(2), steps).sigmoid(), steps).flatten(1))).eval()  # fmt: skip
    assert torch.allclose(network(x), plain(x))
    assert_as_by_hand(network, plain, CONV, x, reference, engine, which=((unit,),))


@pytest.mark.parametrize("engine", [e for e in ENGINES if e != "fx"])
def test_what_torch_fx_cannot_enter_is_followed_by_another_tracer(engine):
    plain, _, units, x, reference = written("kept_whole")
    network = plain.spelled(lambda n, x, at: n.out(kept_whole_by_shape(n.c(x)).flatten(1))).eval()
    assert_as_by_hand(network, plain, units, x, reference, engine)
    with pytest.raises(EngineError, match="control flow"):
        assert_as_by_hand(network, plain, units, x, reference, "fx")
