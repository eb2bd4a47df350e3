"""The point is the last place that holds the units, whatever else the network does with them."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import lashley as la
from lashley.errors import EngineError

from by_hand import (
    N_REFERENCE,
    N,
    Units,
    Written,
    assert_as_by_hand,
    assert_logits,
    every_engine,
    examples,
    logits,
)
from networks_under_test import statistics

CONV = Units("c", -3, rows=("c.weight", "c.bias"))
SHAPE = (2, 2, 3)

# --- a shape that is read ------------------------------------------------------------------------


def read(f):
    """`f` makes of what the layer returns, and of what the norm makes of it, what is read."""
    return lambda n, x, at: n.out(f(n.c(x), n))


SHAPES_READ = {
    "shape": read(lambda y, n: n.bn(y).sigmoid().mean(3).view(y.shape[0], -1)),
    "size": read(lambda y, n: n.bn(y).sigmoid().mean(3).view(y.size(0), -1)),
    "all sizes": read(lambda y, n: n.bn(y).sigmoid().mean(3).view((*y.size()[:1], 8))),
    "unpacked": read(lambda y, n: (lambda b, c, h, w: n.bn(y).sigmoid().view(
        b, c * h, w).mean(2))(*y.shape)),
    "ndim": read(lambda y, n: n.bn(y).sigmoid().mean(y.ndim - 1).flatten(1)),
    "device": read(lambda y, n: (n.bn(y).sigmoid() * torch.ones(3, device=y.device)).mean(3)
        .flatten(1)),
    "dtype": read(lambda y, n: (n.bn(y).sigmoid() * torch.ones(3).to(y.dtype)).mean(3)
        .flatten(1)),
    "type_as": read(lambda y, n: (n.bn(y).sigmoid() * torch.ones(3).type_as(y)).mean(3)
        .flatten(1)),
    "view_as": read(lambda y, n: n.bn(y).sigmoid().flatten(2).view_as(y).mean(3).flatten(1)),
    "reshape_as": read(lambda y, n: n.bn(y).sigmoid().flatten(2).reshape_as(y).mean(3).flatten(1)),
    "expand_as": read(lambda y, n: (n.bn(y).sigmoid() * torch.ones(1).expand_as(y)).mean(3)
        .flatten(1)),
    "zeros_like": read(lambda y, n: (n.bn(y).sigmoid() + torch.zeros_like(y)).mean(3).flatten(1)),
    "ones_like": read(lambda y, n: (n.bn(y) * torch.ones_like(y)).sigmoid().mean(3).flatten(1)),
    "full_like": read(lambda y, n: (n.bn(y) + torch.full_like(y, 0.0)).sigmoid().mean(3)
        .flatten(1)),
    "new_zeros": read(lambda y, n: (n.bn(y) + y.new_zeros(1)).sigmoid().mean(3).flatten(1)),
    "arange": read(lambda y, n: (n.bn(y).sigmoid() * (1 + 0 * torch.arange(
        y.shape[-1], device=y.device))).mean(3).flatten(1)),
}  # fmt: skip


def deviation(y, groups):
    """Of each group's channels and positions, (example, group, 1, 1, 1)."""
    parted = y.unflatten(1, (groups, -1))
    return (parted.var((2, 3, 4), unbiased=False, keepdim=True) + 1e-5).sqrt()


SPREAD = {
    "plain": lambda y: deviation(y, 4).squeeze(2),
    "expand": lambda y: deviation(y, 4).squeeze(2).expand(y.shape),
    "as EvoNorm": lambda y: deviation(y, 4).expand(len(y), 4, 1, *SHAPE[1:]).reshape(y.shape),
    "groups of two": lambda y: deviation(y, 2).expand(-1, 2, 2, *SHAPE[1:]).reshape(y.shape),
}


@pytest.mark.thinned(1, by="engine")
@every_engine
@pytest.mark.parametrize("spread", SPREAD)
def test_a_norm_whose_deviation_is_spread_over_the_shape(spread, engine):
    with la.networks.seeded(1):
        x, reference = torch.randn(N, *SHAPE), torch.randn(N_REFERENCE, *SHAPE)
        parts = {"c": nn.Conv2d(2, 4, 1), "out": nn.Linear(24, 3)}
    over = SPREAD[spread]

    def forward(n, x, at):
        y = n.c(x)
        return n.out(at(y * y.sigmoid() / over(y)).flatten(1))

    network = Written(forward, **parts).eval()
    assert_as_by_hand(network, network, CONV, x, reference, engine, methods=("silence", "mean"))


@pytest.mark.thinned(2, by="engine")
@every_engine
@pytest.mark.parametrize("name", SHAPES_READ)
def test_to_read_a_shape_moves_no_point(name, engine):
    with la.networks.seeded(2):
        x, reference = torch.randn(N, *SHAPE), torch.randn(N_REFERENCE, *SHAPE)
        plain = Written(
            lambda n, x, at: n.out(at(n.bn(n.c(x)).sigmoid()).mean(3).flatten(1)),
            c=nn.Conv2d(2, 4, 1), bn=statistics(nn.BatchNorm2d(4)), out=nn.Linear(8, 3),
        ).eval()  # fmt: skip
    network = plain.spelled(SHAPES_READ[name]).eval()
    assert torch.allclose(network(x), plain(x))
    assert_as_by_hand(network, plain, CONV, x, reference, engine)


# --- a point that is what the site says ----------------------------------------------------------


@every_engine
def test_the_point_is_that_of_the_site_in_every_engine(engine):
    """A product of examples with themselves, which no stack can hold."""
    with la.networks.seeded(0):
        network = Written(lambda n, x, at: squared(n, at((n.l(x) + 0.0).sigmoid())),
                          l=nn.Linear(5, 4), out=nn.Linear(4, 3)).eval()  # fmt: skip
        x, reference = torch.randn(N, 5), torch.randn(N_REFERENCE, 5)
    assert_as_by_hand(
        network, network, Units("l", rows=("l.weight", "l.bias")), x, reference, engine
    )


def squared(n, h):
    return n.out(h * (h @ h.T).diagonal()[:, None])


# --- a bias in parts, and a layer of positions ---------------------------------------------------


@pytest.mark.thinned(1, by="engine")
@every_engine
@pytest.mark.parametrize("fused", [True, False])
def test_a_bias_made_of_parts_is_zeroed_with_its_row(fused, engine):
    """As BEiT has it: the bias of queries and values is learned, that of keys is 0."""
    with la.networks.seeded(3):
        x = torch.randn(N, 5)
        parts = dict(
            w=nn.Linear(5, 6, bias=False), q=nn.Parameter(torch.randn(2)),
            v=nn.Parameter(torch.randn(2)), k=torch.zeros(2), out=nn.Linear(6, 3),
        )  # fmt: skip

    def bias(n):
        return torch.cat((n.q, n.k, n.v))

    network = Written(
        (lambda n, x, at: n.out(torch.tanh(F.linear(x, n.w.weight, bias(n))))) if fused else
        (lambda n, x, at: n.out(torch.tanh(n.w(x) + bias(n)))), **parts,
    ).eval()  # fmt: skip
    (site,) = [s for s in la.find_sites(network, examples(x)).values() if s.n_units == 6]
    cuts = [la.Ablation(site, (unit,), "zero_weights") for unit in range(6)]
    outcomes = la.evaluate(network, examples(x), cuts, readout=logits, engine=engine)
    twin = copy.deepcopy(network).double()
    with torch.no_grad():
        hidden = x.double() @ twin.w.weight.T + bias(twin)
        right = []
        for unit in range(6):
            h = hidden.clone()
            h[:, unit] = 0 if fused else bias(twin)[unit]  # an addition after the layer stays
            right.append(twin.out(h.tanh()))
    assert_logits(outcomes, torch.stack(right), cuts)


@every_engine
def test_a_layer_that_reads_positions_only(engine):
    with la.networks.seeded(4):
        network = Written(
            lambda n, x, at: n.out(F.gelu(n.mix(x + at(n.pos(n.grid)))).mean(1)),
            grid=torch.randn(6, 2), pos=nn.Linear(2, 5), mix=nn.Linear(5, 8), out=nn.Linear(8, 3),
        ).eval()  # fmt: skip
        x, reference = torch.randn(N, 6, 5), torch.randn(N_REFERENCE, 6, 5)
    units = Units("pos", rows=("pos.weight", "pos.bias"))
    site = la.find_sites(network, examples(x))["pos"]
    assert (site.kind, site.n_units) == ("hidden", 5)
    fixed = [m for m in ("silence", "zero_weights", "mean")]
    assert_as_by_hand(network, network, units, x, reference, engine, methods=fixed)
    # of every other example it is the same
    cuts = [la.Ablation(site, (0, 3), "resample")]
    found = la.evaluate(
        network, examples(x), cuts, reference=examples(reference), readout=logits, engine=engine
    )
    assert_logits(found, network.double()(x.double()).detach()[None], cuts)
    la.plan(network.float(), examples(x), la.singles(site))


# --- written in place ----------------------------------------------------------------------------


@pytest.mark.thinned(1, by="engine")
@every_engine
@pytest.mark.parametrize(
    "write",
    [
        lambda y: F.relu(y.flatten(2), inplace=True).view_as(y),
        lambda y: y.flatten(2).sigmoid_().view_as(y),
    ],
    ids=["inplace", "sigmoid_"],
)
def test_nonlinearities_in_place(write, engine):
    with la.networks.seeded(1):
        x, reference = torch.randn(N, *SHAPE), torch.randn(N_REFERENCE, *SHAPE)
        c, out = nn.Conv2d(2, 4, 1), nn.Linear(24, 3)
    probe = torch.randn(1, 4, 2, 3)
    act = torch.relu if torch.equal(write(probe.clone()), probe.relu()) else torch.sigmoid
    plain = Written(lambda n, x, at: n.out(at(act(n.c(x))).flatten(1)), c=c, out=out).eval()
    network = plain.spelled(lambda n, x, at: n.out(write(n.c(x)).flatten(1))).eval()
    try:
        assert_as_by_hand(network, plain, CONV, x, reference, engine, which=((1, 2),))
    except EngineError as error:
        if engine != "fx" or "writes to a view" not in str(error):
            raise


def put(y, where):
    """What is there goes through a sigmoid, and is put back."""
    y[where] = y[where].sigmoid()
    return y


@pytest.mark.parametrize(
    "write",
    [
        lambda y: (y.flatten(2).sigmoid_(), y)[1],
        lambda y: (y[:, :2].sigmoid_(), y[:, 2:].sigmoid_(), y)[2],
        lambda y: put(y.clone(), (slice(None), slice(0, 4))),
        lambda y: put(put(y.clone(), (slice(None), 0)), (slice(None), slice(1, 4))),
        lambda y: put(put(y.clone(), (slice(None), [0, 2])), (slice(None), [1, 3])),
    ],
    ids=["a view", "slices", "a whole", "one and others", "by numbers"],
)
def test_what_is_written_through_another_name_is_followed(write):
    with la.networks.seeded(1):
        x, reference = torch.randn(N, *SHAPE), torch.randn(N, *SHAPE)
        c, out = nn.Conv2d(2, 4, 1), nn.Linear(24, 3)
    plain = Written(lambda n, x, at: n.out(at(n.c(x).sigmoid()).flatten(1)), c=c, out=out).eval()
    network = Written(lambda n, x, at: n.out(write(n.c(x)).flatten(1)), c=c, out=out).eval()
    assert_as_by_hand(network, plain, CONV, x, reference, "auto", which=((1, 2),))


# --- positions that are cut away -----------------------------------------------------------------

CUTS = {
    "slice": lambda y: y.sigmoid()[..., :2],
    "narrow": lambda y: y.sigmoid().narrow(3, 0, 2),
    "split": lambda y: y.sigmoid().split((2, 1), 3)[0],
    "moved": lambda y: y.sigmoid().movedim(1, 3)[:, :, :2].contiguous().movedim(3, 1),
    "padded": lambda y: F.pad(y.sigmoid(), (1, 1))[..., 1:3],
}


@pytest.mark.thinned(1, by="engine")
@every_engine
@pytest.mark.parametrize("name", CUTS)
def test_what_is_cut_away_is_no_part_of_a_mean_wherever_it_is_cut(name, engine):
    with la.networks.seeded(4):
        x, reference = torch.randn(N, *SHAPE), torch.randn(N_REFERENCE, *SHAPE)
        plain = Written(
            lambda n, x, at: n.out(at(n.c(x)[..., :2].sigmoid()).mean(3).flatten(1)),
            c=nn.Conv2d(2, 4, 1), out=nn.Linear(8, 3),
        ).eval()  # fmt: skip
    network = plain.spelled(lambda n, x, at: n.out(CUTS[name](n.c(x)).mean(3).flatten(1))).eval()
    assert torch.allclose(network(x), plain(x))
    assert_as_by_hand(network, plain, CONV, x, reference, engine)


# --- what is padded with -------------------------------------------------------------------------

PADS = {
    "function": lambda n, y: F.pad(y, (1, 1), value=2.0),
    "module": lambda n, y: n.pad(y),
    "infinite": lambda n, y: F.pad(y, (1, 1), value=torch.inf).clamp(max=2.0),
}


@pytest.mark.thinned(1, by="engine")
@every_engine
@pytest.mark.parametrize("name", PADS)
def test_what_is_padded_with_is_no_unit(name, engine):
    with la.networks.seeded(7):
        x, reference = torch.randn(N, *SHAPE), torch.randn(N_REFERENCE, *SHAPE)
        edge = float(torch.tensor(2.0).sigmoid())
        plain = Written(
            lambda n, x, at: n.out(F.pad(at(n.c(x).sigmoid()), (1, 1), value=edge).flatten(1)),
            c=nn.Conv2d(2, 4, 1), out=nn.Linear(40, 3),
            pad=nn.ConstantPad2d((1, 1, 0, 0), 2.0),
        ).eval()  # fmt: skip
    network = plain.spelled(lambda n, x, at: n.out(PADS[name](n, n.c(x)).sigmoid().flatten(1)))
    assert torch.allclose(network(x), plain(x), atol=1e-6)
    assert_as_by_hand(network.eval(), plain, CONV, x, reference, engine)


# --- a layer that is called again ----------------------------------------------------------------


@every_engine
def test_a_layer_whose_last_call_gives_the_output_is_ablated_in_each(engine):
    with la.networks.seeded(5):
        network = Written(lambda n, x, at: at(n.l(at(n.l(x).tanh()))), l=nn.Linear(3, 3)).eval()
        x, reference = torch.randn(N, 3), torch.randn(N_REFERENCE, 3)
    assert_as_by_hand(
        network, network, Units("l", rows=("l.weight", "l.bias")), x, reference, engine
    )
    assert not la.find_sites(network, examples(x)).left_out


@every_engine
def test_a_layer_of_two_names_is_one_site_of_the_first(engine):
    def forward(n, x, at):
        return n.out(at(n.b(at(n.a(x).tanh())).relu()))

    with la.networks.seeded(6):
        held = nn.Linear(4, 4)
        network = Written(forward, a=held, b=held, out=nn.Linear(4, 3)).eval()
        x, reference = torch.randn(N, 4), torch.randn(N_REFERENCE, 4)
    assert list(la.find_sites(network, examples(x))) == ["a"]
    assert_as_by_hand(
        network, network, Units("a", rows=("a.weight", "a.bias")), x, reference, engine
    )
