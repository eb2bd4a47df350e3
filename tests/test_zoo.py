"""A sample of the zoo, which takes seconds; and its judgement, which must see what is wrong."""

import warnings

import pytest
import torch
from torch import nn

import lashley as la
from benchmarks.zoo import check
from benchmarks.zoo.lively import enliven, pictures
from benchmarks.zoo.networks import Made
from benchmarks.zoo.transformers_networks import entries
from benchmarks.zoo.twin.sources import Target
from benchmarks.zoo.twin.twin import READINGS, Twin
from lashley.errors import EngineError

from forward import Forward

NETWORKS = {entry.name: entry for entry in entries()}
SAMPLE = (
    "hf bert masked",
    "hf gpt2",
    "hf llama",
    "hf mixtral",
    "hf vit",
    "hf resnet",
    "hf wav2vec2",
)


def conv_net():
    return Forward(
        lambda m, x: m.out(m.norm(m.conv(x)).flatten(2).sigmoid().mean(2)),
        conv=nn.Conv2d(3, 6, 3), norm=nn.BatchNorm2d(6), out=nn.Linear(6, 6),
    )  # fmt: skip


def gated():
    def forward(m, x):
        a, b = m.up(x.mean((2, 3))).chunk(2, 1)
        return m.out(a * b.sigmoid())

    return Forward(forward, up=nn.Linear(3, 10), out=nn.Linear(5, 6))


def attention():
    def forward(m, x):
        q, k, v = (
            m.qkv(x.flatten(2).transpose(1, 2)).unflatten(-1, (3, 2, 4)).permute(2, 0, 3, 1, 4)
        )
        heads = (q @ k.transpose(-2, -1) / 2).softmax(-1) @ v
        return m.out(m.proj(heads.transpose(1, 2).flatten(2)).mean(1))

    return Forward(forward, qkv=nn.Linear(3, 24), proj=nn.Linear(8, 8), out=nn.Linear(8, 6))


def mixed_heads():
    """Heads are mixed by weights and normalised, after the softmax."""

    def forward(m, x):
        q, k, v = (
            m.qkv(x.flatten(2).transpose(1, 2)).unflatten(-1, (3, 2, 4)).permute(2, 0, 3, 1, 4)
        )
        soft = torch.einsum("bhij,hg->bgij", (q @ k.transpose(-2, -1) / 2).softmax(-1), m.mix)
        heads = m.norm(soft.permute(0, 2, 3, 1)).permute(0, 3, 1, 2) @ v
        return m.out(m.proj(heads.transpose(1, 2).flatten(2)).mean(1))

    return Forward(
        forward, qkv=nn.Linear(3, 24), mix=nn.Parameter(torch.randn(2, 2)), norm=nn.LayerNorm(2),
        proj=nn.Linear(8, 8), out=nn.Linear(8, 6),
    )  # fmt: skip


def complex_parts():
    """Complex numbers whose parts are each overwritten by a nonlinearity of its own."""

    def forward(m, x):
        y = m.up(torch.complex(x.mean((2, 3)), x.amax((2, 3))))
        return m.out(m.on(torch.complex(y.real.relu_(), y.imag.sigmoid_())).abs())

    return Forward(
        forward, up=nn.Linear(3, 8, dtype=torch.complex64),
        on=nn.Linear(8, 8, dtype=torch.complex64), out=nn.Linear(8, 6),
    )  # fmt: skip


def sums():
    """Two sums of one module, of different widths."""

    def forward(m, x):
        x = x.mean((2, 3))
        y = m.a(x) + m.b(x).relu()
        z = m.c(y.tanh())
        return m.out((z + m.d(z.sigmoid())).tanh())

    sizes = {"a": (3, 8), "b": (3, 8), "c": (8, 5), "d": (5, 5), "out": (5, 6)}
    return Forward(forward, **{name: nn.Linear(*size) for name, size in sizes.items()})


def windowed():
    """Attention within windows, which lie between heads and tokens."""

    def forward(m, x):
        q, k, v = (
            m.qkv(x.flatten(2).transpose(1, 2)).view(-1, 3, 3, 3, 2, 4).permute(3, 0, 4, 1, 2, 5)
        )
        heads = (q @ k.transpose(-2, -1) / 2).softmax(-1) @ v
        return m.out(m.proj(heads.permute(0, 2, 3, 4, 1).flatten(3)).mean((1, 2)))

    return Forward(forward, qkv=nn.Linear(3, 24), proj=nn.Linear(8, 8), out=nn.Linear(8, 6))


def normed():
    return Forward(
        lambda m, x: m.out(m.norm(m.up(x.mean((2, 3))))),
        up=nn.Linear(3, 10), norm=nn.RMSNorm(10), out=nn.Linear(10, 6),
    )  # fmt: skip


def cut():
    """Of the copy that is rolled, a column is never read."""
    return Forward(
        lambda m, x: m.out(m.conv(x).roll(1, 3)[..., :2].flatten(1)),
        conv=nn.Conv2d(3, 6, 1), out=nn.Linear(36, 6),
    )  # fmt: skip


def unused():
    """Of the whole map something is made that nobody uses; the output reads a part of it."""

    def forward(m, x):
        h = m.conv(x).sigmoid()
        m.aside(h.flatten(1))
        return m.out(h[..., :2].flatten(1))

    return Forward(forward, conv=nn.Conv2d(3, 6, 1), aside=nn.Linear(54, 4), out=nn.Linear(36, 6))


def stepped():
    return Forward(lambda m, x: m.step(m.step(x.mean((2, 3))).tanh()), step=nn.Linear(3, 3))


def recurrent():
    return Forward(
        lambda m, x: m.out(m.gru(m.lstm(x.flatten(2).transpose(1, 2))[0])[0][:, -1]),
        lstm=nn.LSTM(3, 5, bidirectional=True, batch_first=True),
        gru=nn.GRU(10, 4, batch_first=True), out=nn.Linear(4, 6),
    )  # fmt: skip


def from_zeros():
    """A loop of which the first step multiplies a state of zeros, which depends on no input."""

    def forward(m, x):
        h = x.new_zeros(len(x), 6)
        for step in x.flatten(2).unbind(2):
            h = (m.given(step) + torch.addmm(m.bias, h, m.kept).sigmoid()).tanh()
        return m.out(h)

    return Forward(
        forward, given=nn.Linear(3, 6), kept=nn.Parameter(torch.randn(6, 6)),
        bias=nn.Parameter(torch.randn(6)), out=nn.Linear(6, 6),
    )  # fmt: skip


class Paths(nn.Module):
    """As a network of Keras: weights in one place, under paths; a copy has paths of its own."""

    def __init__(self, root):
        super().__init__()
        sizes = {"dense/kernel": (3, 8), "dense/bias": (8,), "dense_1/kernel": (8, 6)}
        self.params = nn.ParameterDict({root + n: torch.randn(s) for n, s in sizes.items()})
        self.root = root

    def forward(self, x):
        names = ("dense/kernel", "dense/bias", "dense_1/kernel")
        kernel, bias, last = (self.params[self.root + name] for name in names)
        return torch.matmul((torch.matmul(x.mean((2, 3)), kernel) + bias).sigmoid(), last)

    def __deepcopy__(self, memo):
        copied = Paths("")
        for name, parameter in self.params.items():
            copied.params[name.removeprefix(self.root)].data = parameter.data.clone()
        return copied.eval()


def paths():
    return Paths("net/")


class Expanded(nn.Conv2d):
    """Keeps in eval mode the kernel that its weights make, as escnn does."""

    def __init__(self, *args):
        super().__init__(*args)
        self.register_buffer("kernel", None)

    def train(self, mode=True):
        self.kernel = None if mode else self.weight * 2
        return super().train(mode)

    def forward(self, x):
        return nn.functional.conv2d(x, self.kernel, self.bias)


def expanded():
    return Forward(
        lambda m, x: m.out(m.up(m.conv(x).sigmoid().mean((2, 3))).relu()),
        conv=Expanded(3, 6, 2), up=nn.Linear(6, 8), out=nn.Linear(8, 6),
    )  # fmt: skip


HAND_MADE = (
    conv_net, gated, attention, windowed, normed, cut, unused, stepped, recurrent, from_zeros,
    paths, expanded, mixed_heads, complex_parts, sums,
)  # fmt: skip


def first(returned):
    return returned


def made(make, size=4):
    torch.manual_seed(0)
    network, inputs = make(), pictures(14, 3, size)
    enliven(network, inputs)
    return Made(network, inputs[:12], inputs[12:], None, first)


def row_of(zoo_network):
    row = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check.row_of(zoo_network, row)
    return row


def is_right(row):
    assert not {name: row[name] for name in ("errors", "bare", "twin_error") if row.get(name)}
    assert row["wrong"] + row["other_reading"] == []
    # The twin follows no rows of which a run tells the expert: see test_experts.
    assert [why for why in row["not_checked"] if ".experts" not in why] == []
    assert row["unaccounted"] == []
    assert row["checked"] >= 4
    assert row["moved"] > row["checked"] / 2


@pytest.mark.thinned(1)
@pytest.mark.parametrize("name", SAMPLE)
def test_networks_of_transformers_are_right(name):
    is_right(row_of(NETWORKS[name].build()))


@pytest.mark.parametrize("make", HAND_MADE)
def test_networks_made_by_hand_are_right(make):
    is_right(row_of(made(make, size=3)))


def test_what_is_wrong_is_seen(monkeypatch):
    """The judge judges: numbers of another ablation, and ranks of another, are wrong."""
    evaluate = la.evaluate

    def shifted(network, data, ablations, **options):
        return evaluate(network, data, [*ablations[1:], ablations[0]], **options)

    monkeypatch.setattr(la, "evaluate", shifted)
    row = row_of(made(conv_net))
    assert len(row["wrong"]) >= row["checked"] - 1


def test_what_is_refused_leaves_the_rest_to_be_checked(monkeypatch):
    evaluate = la.evaluate

    def refusing(network, data, ablations, **options):
        if any(str(a.method) == "resample" and a.site.name == "proj" for a in ablations):
            raise EngineError("no such donor")
        return evaluate(network, data, ablations, **options)

    monkeypatch.setattr(la, "evaluate", refusing)
    row = row_of(made(attention, size=3))
    assert (row["checked"], row["wrong"]) == (11, [])
    assert list(row["refused"]) == ["hidden proj resample (0,)"]
    assert row["not_checked"] == ["hidden proj resample (0,): EngineError: no such donor"]


@pytest.mark.parametrize("reading", READINGS)
def test_the_twin_finds_the_value_after_reshapes(reading):
    """The channel is 0 after the sigmoid, or what batch norm and sigmoid make of a 0."""
    given = made(conv_net)
    net, x = given.network.double(), given.inputs.double()
    after = net.norm(net.conv(x)).sigmoid()
    after[:, 2] = 0
    at_layer = net.conv(x)
    at_layer[:, 2] = 0
    right = net.out((net.norm(at_layer).sigmoid() if reading == "layer" else after).mean((2, 3)))
    twin, target = Twin(net, first, check.call), Target("conv", "filter", -3, 6, (2,))
    found = twin.replaced(x, target, twin.ways(x, [target]), reading, None)
    torch.testing.assert_close(found, right)


def test_the_twin_goes_by_each_unit_where_units_part():
    """The first half of a gated layer is multiplied at once, the second passes a sigmoid."""
    given = made(gated)
    target = Target("up", "hidden", -1, 10, (0, 9))
    ways = Twin(given.network, first, check.call).ways(given.inputs, [target])
    assert {unit: way["written norms"].number for (_, _, unit, _), way in ways.items()} == {
        0: 0,
        9: 1,
    }


def test_networks_are_drawn_by_their_seed():
    one, two = made(conv_net), made(conv_net)
    for a, b in zip(
        one.network.state_dict().values(), two.network.state_dict().values(), strict=True
    ):
        torch.testing.assert_close(a, b)
    assert (one.network.norm.weight.std() > 0.05) & (one.network.norm.running_mean.std() > 0.01)
