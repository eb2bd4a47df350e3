"""Mixtures of experts: their hidden units, the experts themselves, and what chooses among them."""

import contextlib
import copy
import functools

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import lashley as la
from benchmarks.zoo.torchvision_here import declare
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

E, WIDTH, HIDDEN = 3, 6, 10


@functools.cache
def parts():
    with la.networks.seeded(0):
        return dict(
            w1=nn.Parameter(torch.randn(E, HIDDEN, WIDTH) / 2),
            w2=nn.Parameter(torch.randn(E, WIDTH, HIDDEN) / 2),
            gate=nn.Linear(WIDTH, E), out=nn.Linear(WIDTH, 3),
        )  # fmt: skip


def shares(n, x):
    return n.gate(x).softmax(-1)


def one_by_one(n, x, at, unit_of=lambda e, h: h, done=lambda e, y: y):
    """A loop over experts, as reported; by hand also with an expert's units replaced."""
    g = shares(n, x)
    return n.out(sum(
        g[:, e : e + 1] * done(e, F.linear(unit_of(e, F.relu(F.linear(x, n.w1[e]))), n.w2[e]))
        for e in range(E)
    ))  # fmt: skip


def together(n, x, at):
    """All experts by einsum."""
    h = torch.einsum("ni,ehi->neh", x, n.w1).relu()
    return n.out(torch.einsum("neh,eoh,ne->no", h, n.w2, shares(n, x)))


def multiplied(n, x, at):
    """All experts by a batched product, experts first."""
    h = torch.bmm(x.expand(E, -1, -1), n.w1.mT).relu()
    return n.out((torch.bmm(h, n.w2.mT) * shares(n, x).T[..., None]).sum(0))


def unbound(n, x, at):
    g = shares(n, x)
    given = zip(n.w1.unbind(), n.w2.unbind(), g.split(1, 1), strict=True)
    return n.out(sum(share * ((x @ one.T).relu() @ two.T) for one, two, share in given))


def chosen(n, x, at):
    """Each example goes to its two best experts only: which is not known before it runs."""
    g, which = shares(n, x).topk(2)
    y = torch.zeros_like(x)
    for e in range(E):
        place, rank = torch.where(which == e)[0], torch.where(which == e)[1]
        h = F.linear(F.relu(F.linear(x[place], n.w1[e])), n.w2[e])
        y = y.index_add(0, place, h * g[place, rank, None])
    return n.out(y)


def dense_top_two(n, x, at, unit_of=lambda e, h: h, done=lambda e, y: y):
    """The same by hand, every expert on every example."""
    g, which = shares(n, x).topk(2)
    weights = torch.zeros_like(shares(n, x)).scatter(1, which, g)
    return n.out(sum(
        weights[:, e : e + 1] * done(e, F.linear(unit_of(e, F.relu(F.linear(x, n.w1[e]))), n.w2[e]))
        for e in range(E)
    ))  # fmt: skip


FORMS = {"one by one": one_by_one, "together": together, "multiplied": multiplied,
         "unbound": unbound, "chosen": chosen}  # fmt: skip


@functools.cache
def made(name):
    with la.networks.seeded(1):
        x, reference = torch.randn(N, WIDTH), torch.randn(N_REFERENCE, WIDTH)
    return Written(FORMS[name], **parts()).eval(), x, reference


def of_expert(name, expert):
    """The plain network in which `at` sees the hidden units of one expert."""
    form = dense_top_two if name == "chosen" else one_by_one

    def plain(n, x, at):
        return form(n, x, at, unit_of=lambda e, h: at(h) if e == expert else h)

    return Written(plain, **parts()).eval()


def reached(name, engine):
    """A tracer refuses what it cannot trace, such as loops over tensors."""
    if (name, engine) not in {("unbound", "fx")}:
        return contextlib.nullcontext()
    return pytest.raises(EngineError, match=f"engine: '{engine}' cannot capture this network")


@pytest.mark.parametrize("name", FORMS)
def test_the_plain_network_is_the_same_function(name):
    network, x, _ = made(name)
    torch.testing.assert_close(network(x), of_expert(name, 0)(x))


@pytest.mark.parametrize("name", FORMS)
def test_experts_and_router_are_found(name):
    network, x, _ = made(name)
    sites = la.find_sites(network, examples(x))
    assert (sites["gate"].kind, sites["gate"].n_units) == ("router", E)
    assert (sites["experts"].kind, sites["experts"].n_units) == ("expert", E)
    assert set(sites["experts"].parameters) == {"w1", "w2"}
    named = {n: (s.kind, s.n_units) for n, s in sites.items() if n.startswith("w1")}
    assert named == {f"w1[{e}]": ("hidden", HIDDEN) for e in range(E)}
    for e in range(E):
        torch.testing.assert_close(sites[f"w1[{e}]"].weights, network.w1[e])
    inside = {p for s in sites.values() for p in s.parameters}
    assert {"w1", "w2", "gate.weight"} <= inside | {row.name for row in sites.left_out}


@pytest.mark.thinned(1, by="engine")
@every_engine
@pytest.mark.parametrize("name", FORMS)
def test_hidden_units_of_an_expert(name, engine):
    network, x, reference = made(name)
    units = Units("w1[1]")
    methods = ("silence", "mean", "resample")
    if name == "chosen":
        methods = ("silence",)  # a mean is over the examples that come to the expert
    elif name == "one by one" and engine == "hooks":
        methods = ("silence", "mean")  # a record cannot know that all rows come to each expert
    with reached(name, engine if engine != "fx" else ""):
        assert_as_by_hand(network, of_expert(name, 1), units, x, reference, engine,
                          which=((2,), (0, 7)), methods=methods)  # fmt: skip


@pytest.mark.thinned(1, by="engine")
@every_engine
@pytest.mark.parametrize("name", FORMS)
def test_rows_of_an_expert(name, engine):
    network, x, _ = made(name)
    cuts = [la.Ablation(la.find_sites(network, examples(x))["w1[2]"], (3, 4), "zero_weights")]
    twin = copy.deepcopy(network).double()
    with torch.no_grad():
        twin.w1[2, 3:5] = 0
        right = twin(x.double())
    with reached(name, engine):
        found = la.evaluate(network, examples(x), cuts, readout=logits, engine=engine)
        assert_logits(found, right[None], cuts)


@pytest.mark.thinned(1, by="engine")
@every_engine
@pytest.mark.parametrize("name", FORMS)
def test_an_expert_that_is_silent_adds_nothing(name, engine):
    """The shares of the others stay what they were."""
    network, x, _ = made(name)
    (site,) = [s for s in la.find_sites(network, examples(x)).values() if s.kind == "expert"]
    cuts = [la.Ablation(site, units, method) for units in ((1,), (0, 2))
            for method in ("silence", "zero_weights")]  # fmt: skip
    form, twin = dense_top_two if name == "chosen" else one_by_one, copy.deepcopy(network).double()
    right = torch.stack([
        form(twin, x.double(), None, done=lambda e, y, gone=cut.units: 0 * y if e in gone else y)
        for cut in cuts
    ]).detach()  # fmt: skip
    with reached(name, engine):
        found = la.evaluate(network, examples(x), cuts, readout=logits, engine=engine)
        assert_logits(found, right, cuts)


@every_engine
def test_a_router_that_says_nothing_of_an_expert(engine):
    """Its unit is replaced before the softmax, which mixes it with the others."""
    network, x, reference = made("one by one")

    def plain(n, x, at):
        g = at(n.gate(x)).softmax(-1)
        return n.out(sum(
            g[:, e : e + 1] * F.linear(F.relu(F.linear(x, n.w1[e])), n.w2[e]) for e in range(E)
        ))  # fmt: skip

    units = Units("gate", rows=("gate.weight", "gate.bias"))
    assert_as_by_hand(
        network, network.spelled(plain).eval(), units, x, reference, engine, which=((1,), (0, 2))
    )


# --- which layers choose -------------------------------------------------------------------------


def test_a_linear_in_front_of_a_softmax_is_a_router_only_where_it_weighs_experts():
    """Attention over tokens, and a softmax as a nonlinearity, choose among no experts."""
    network = Written(
        lambda n, x, at: n.out((n.a(x).softmax(-1) * n.b(x)).relu()),
        a=nn.Linear(6, 5), b=nn.Linear(6, 5), out=nn.Linear(5, 3),
    ).eval()  # fmt: skip
    found = la.find_sites(network, examples(torch.randn(N, 6)))
    assert {s.name: s.kind for s in found.values()} == {"a": "hidden", "b": "hidden"}


def test_experts_that_are_modules_have_a_router_too():
    network = Written(
        lambda n, x, at: n.out(sum(
            n.gate(x).softmax(-1)[:, e : e + 1] * n.experts[e](x) for e in range(E))),
        gate=nn.Linear(WIDTH, E), out=nn.Linear(WIDTH, 3), experts=nn.ModuleList(
            nn.Sequential(nn.Linear(WIDTH, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, WIDTH))
            for _ in range(E)),
    ).eval()  # fmt: skip
    found = la.find_sites(network, examples(torch.randn(N, WIDTH)))
    assert found["gate"].kind == "router"
    assert found["experts.1.0"].kind == "hidden"


# --- Mixtral -------------------------------------------------------------------------------------


@functools.cache
def mixtral():
    pytest.importorskip("transformers")
    declare()
    from transformers import MixtralConfig, MixtralForSequenceClassification

    with la.networks.seeded(0):
        network = MixtralForSequenceClassification(MixtralConfig(
            vocab_size=40, hidden_size=16, intermediate_size=12, num_hidden_layers=1,
            num_attention_heads=4, num_key_value_heads=2, num_local_experts=3,
            num_experts_per_tok=2, num_labels=3, max_position_embeddings=16, pad_token_id=0,
            initializer_range=0.4,
        )).eval()  # fmt: skip
        ids = torch.randint(1, 40, (20, 6))
    return network, ({"input_ids": ids}, torch.arange(20) % 3)


MLP = "model.layers.0.mlp"


def test_sites_of_mixtral():
    network, data = mixtral()
    sites = la.find_sites(network, data)
    kinds = {n: (s.kind, s.n_units) for n, s in sites.items()}
    expected = {
        "model.embed_tokens": ("embedding", 16), "model.layers.0.self_attn": ("head", 4),
        f"{MLP}.gate": ("router", 3),
        **{f"{MLP}.experts.gate_up_proj[{e}]": ("hidden", 24) for e in range(3)},
    }  # fmt: skip
    assert expected.items() <= kinds.items()
    assert ("expert", 3) in kinds.values()
    inside = {p for s in sites.values() for p in s.parameters}
    own = set(dict(network.named_parameters()))
    assert (inside & own) | {row.name for row in sites.left_out} == own


@pytest.mark.parametrize("engine", ["auto", "naive"])
def test_rows_of_an_expert_of_mixtral(engine):
    """Its gate and up projection are one parameter: a unit is a row of one of them."""
    network, data = mixtral()
    site = la.find_sites(network, data)[f"{MLP}.experts.gate_up_proj[1]"]
    cuts = [la.Ablation(site, (3,), "zero_weights"), la.Ablation(site, (12 + 5,), "zero_weights")]
    right = []
    for cut in cuts:
        twin = copy.deepcopy(network).double()
        twin.set_experts_implementation("eager")  # grouped products have no float64
        with torch.no_grad():
            twin.get_parameter(f"{MLP}.experts.gate_up_proj")[1, list(cut.units)] = 0
            right.append(twin(**data[0], use_cache=False).logits)
    found = la.evaluate(network, data, cuts, readout=logits, engine=engine)
    assert_logits(found, torch.stack(right), cuts)


@pytest.mark.parametrize("engine", ["auto", "naive"])
def test_an_expert_of_mixtral(engine):
    network, data = mixtral()
    (site,) = [s for s in la.find_sites(network, data).values() if s.kind == "expert"]
    cuts = [la.Ablation(site, (e,)) for e in range(3)]
    right = []
    for cut in cuts:
        twin = copy.deepcopy(network).double()
        twin.set_experts_implementation("eager")  # grouped products have no float64
        with torch.no_grad():
            twin.get_parameter(f"{MLP}.experts.down_proj")[cut.units[0]] = 0
            right.append(twin(**data[0], use_cache=False).logits)
    found = la.evaluate(network, data, cuts, readout=logits, engine=engine)
    assert_logits(found, torch.stack(right), cuts)
