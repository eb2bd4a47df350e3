"""The contract: on every architecture each path of the engine finds what the naive engine finds."""

import dataclasses
import re
from collections.abc import Mapping
from functools import cache
from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

import lashley as la
from lashley.data import Examples
from lashley.engine import Savings, columns, passes, rows, stacking, sweeping, winograd
from lashley.errors import EngineError

from architectures import REMOVABLE, cases, families, initialised, removed, trained
from rounding import assert_readouts_close

CASES, FAMILIES = cases(), families()
METHODS = ("silence", "zero_weights", "mean", "resample")
VARIABLES = ("rank", "prediction", "intact_rank", "intact_prediction", "label")
ADDED = ("residual", "embedding")  # kinds that a case does not list
BRANCHING = "routed experts"  # how many rows an expert sees depends on the data

REPRESENTATIVE = (
    "mlp", "conv2d with biases", "basic residual with projection", "pre-activation in place",
    "dense block", "u-net transposed", "inverted residual with squeeze-excitation", "convnext",
    "vit multihead attention", "gpt fused projections", "shared convolution", "transformers bert",
)  # fmt: skip
A_FEW = ("mlp", "conv2d", "basic residual", "vit fused qkv", "shared linear")
SMALL = ("mlp", "conv2d", "shared linear")

every_case = pytest.mark.parametrize("name", CASES)
representative = pytest.mark.parametrize("name", REPRESENTATIVE)
a_few = pytest.mark.parametrize("name", A_FEW)
small = pytest.mark.parametrize("name", SMALL)


@dataclasses.dataclass(frozen=True)
class Trial:
    """A network, examples and ablations, and what the naive engine finds."""

    network: nn.Module
    examples: tuple
    reference: tuple
    cuts: list

    @property
    def truth(self):
        return _truth(self)

    def run(self, cuts=None, **options):
        cuts = self.cuts if cuts is None else cuts
        return la.evaluate(self.network, self.examples, cuts, reference=self.reference, **options)

    def check(self, outcomes, cuts=None):
        """Same outcomes as the naive engine, in the same order."""
        cuts = self.cuts if cuts is None else cuts
        kept = [self.cuts.index(cut) for cut in cuts]
        truth = self.truth.isel(ablation=kept)
        wrong = (outcomes["rank"].values != truth["rank"].values).any(1)
        assert not wrong.any(), [cuts[i] for i in np.flatnonzero(wrong)][:5]
        for variable in VARIABLES:
            np.testing.assert_array_equal(outcomes[variable], truth[variable], err_msg=variable)


Trial.__hash__ = object.__hash__


@cache
def _truth(trial):
    return trial.run(engine="naive")


@cache
def trial(name, made=initialised, n=40):
    """Every method at every site: single units, every second one, and all."""
    case = CASES[name]
    network, (inputs, labels) = made(case, 0)
    first = torch.cat([(labels == c).nonzero()[: n // 4, 0] for c in range(4)]).sort().values
    examples = (_take(inputs, first), labels[first])
    reference = (case.inputs(20, 99), torch.arange(20) % case.n_classes)
    sites = la.find_sites(network, examples)
    assert tuple(n for n, s in sites.items() if s.kind not in ADDED) == case.sites
    assert {s.name: s.n_units for s in sites.values() if s.kind == "head"} == dict(case.heads)
    cuts = [la.Ablation(site, units, method) for site in sites.values()
            for method in methods_of(site) for units in unit_sets(site)
            if (name, method) != (BRANCHING, "resample")]  # fmt: skip
    return Trial(network, examples, reference, cuts)


def methods_of(site):
    """A sum has no weights."""
    return [m for m in METHODS if (site.kind, m) != ("residual", "zero_weights")]


def unit_sets(site):
    n = site.n_units
    return sorted({(0,), (n - 1,), tuple(range(0, n, 2)), tuple(range(n))})


def _take(inputs, which):
    if isinstance(inputs, Mapping):
        return {name: part[which] for name, part in inputs.items()}
    return inputs[which]


def best_tracer(name):
    if name == "dict of inputs":
        return "fx"  # the engine leaves out the optional input, which a plain tracer does not
    return next((t for t in ("fx", "export") if t in CASES[name].tracers), "hooks")


# --- every path, on every architecture -----------------------------------------------------------


@pytest.mark.thinned(1, by=lambda name: FAMILIES[name])
@every_case
def test_ablations_have_effects_and_methods_differ(name):
    truth = trial(name).truth
    changed = (truth["rank"] != truth["intact_rank"]).mean("example")
    assert changed.mean() > 0.1
    assert truth.attrs["engine"] == "naive"
    found = {m: truth["rank"].values[truth["method"].values == m] for m in METHODS}
    assert not np.array_equal(found["silence"], found["mean"])
    assert name == BRANCHING or not np.array_equal(found["silence"], found["resample"])


@pytest.mark.thinned(1, by=lambda name: (FAMILIES[name], best_tracer(name)))
@every_case
def test_auto_equals_the_naive_engine(name):
    outcomes = trial(name).run()
    assert outcomes.attrs["engine"] == best_tracer(name)
    trial(name).check(outcomes)


@pytest.mark.thinned(4, by=lambda name: CASES[name].tracers)
@pytest.mark.parametrize("name", [n for n in CASES if best_tracer(n) != "hooks"])
def test_a_suffix_for_each_place_equals_the_naive_engine(name):
    tracer = CASES[name].tracers[-1]  # "auto" takes the first one
    outcomes = trial(name).run(engine=tracer, savings=Savings(joining=False))
    assert outcomes.attrs["engine"] == tracer
    trial(name).check(outcomes)


@pytest.mark.thinned(1, by=lambda name: FAMILIES[name])
@every_case
def test_hooks_equal_the_naive_engine_where_they_reach_the_units(name):
    cuts, outcomes = trial(name).cuts[::3], None  # full passes take their time; all kinds are left
    while cuts and outcomes is None:
        try:
            outcomes = trial(name).run(cuts, engine="hooks")
        except EngineError as error:
            cuts = reached(cuts, str(error))
    if outcomes is not None:
        assert outcomes.attrs["engine"] == "hooks"
        trial(name).check(outcomes, cuts)


def reached(cuts, refusal):
    """Those that are left without the site that hooks cannot reach; its weights they may."""
    (site,) = re.findall(r"cannot reach the units of (\S+) where", refusal)
    weights = {c for c in cuts if c.site.name == site and str(c.method) == "zero_weights"}
    others = [c for c in cuts if c.site.name != site]
    tried = len(others) + len(weights) == len(cuts)
    return others if tried else [c for c in cuts if c in weights or c.site.name != site]


@pytest.mark.thinned(3)
@pytest.mark.parametrize("name", ["mlp", "mlp batch norm", "conv3d", "group norm", "pooling",
                                  "control flow", "u-net transposed"])  # fmt: skip
def test_hooks_reach_every_unit_behind_modules(name):
    trial(name).check(trial(name).run(engine="hooks"))


@pytest.mark.thinned(4)
@representative
def test_trained_networks_too(name):
    one = trial(name, trained)
    one.check(one.run())


# --- every option --------------------------------------------------------------------------------


@pytest.mark.thinned(5)
@pytest.mark.parametrize("name", [*REPRESENTATIVE, "conv1d", "conv3d", "grouped queries",
                                  "strides, dilation, reflection"])  # fmt: skip
def test_bfloat16_equals_the_naive_engine_and_says_what_was_run_again(name):
    outcomes = trial(name).run(dtype=torch.bfloat16)
    trial(name).check(outcomes)
    assert outcomes.attrs["dtype"] == "bfloat16"
    assert 0 < outcomes.attrs["share_run_again"] < 0.9


@pytest.mark.thinned(2, by="saving")
@pytest.mark.parametrize("saving", [f.name for f in dataclasses.fields(Savings)])
@a_few
def test_outcomes_are_the_same_without_a_saving(name, saving):
    trial(name).check(trial(name).run(savings=Savings(**{saving: False})))


@a_few
def test_outcomes_are_the_same_without_any_saving(name):
    nothing = Savings(*[False] * len(dataclasses.fields(Savings)))
    trial(name).check(trial(name).run(savings=nothing))


@pytest.mark.parametrize("name", ["conv2d", "dense block", "u-net transposed"])
def test_outcomes_do_not_depend_on_how_images_lie_in_memory(name):
    trial(name).check(trial(name).run(channels_last=False))
    trial(name).check(trial(name).run(channels_last=False, dtype=torch.bfloat16))


@small
def test_a_memory_of_a_thousand_bytes_will_do(name):
    one = trial(name, n=12)
    one.check(one.run(memory=1000))


@pytest.mark.slow
def test_compiled_suffixes_equal_the_naive_engine():
    one = trial("conv relu")
    cuts = [cut for cut in one.cuts if cut.site.name == "0" and str(cut.method) == "silence"]
    one.check(one.run(cuts, compile=True), cuts)


@pytest.mark.thinned(1, by=lambda name, engine, dtype: (engine, dtype))
@pytest.mark.parametrize(
    ("engine", "dtype"), [("auto", torch.float32), ("auto", torch.bfloat16),
                          ("hooks", torch.float32), ("naive", torch.float32)])  # fmt: skip
@small
def test_the_size_of_batches_and_stacks_does_not_matter(name, engine, dtype, monkeypatch):
    one = trial(name, n=12)
    cuts = one.cuts if engine != "hooks" else [c for c in one.cuts
                                               if str(c.method) == "zero_weights"
                                               and c.site.kind != "head"]  # fmt: skip
    assert one.truth.sizes["example"] == 12
    for constant, value in (
        ("sweeping._BATCH_NUMBERS", 1), ("sweeping._CONVOLVED_NUMBERS", 1),
        ("case._PLAIN_BATCH", 1), ("hooking._AT_ONCE", 2), ("stacking._CACHED", 1),
        ("stacking._ROWS", (1, 1)), ("settle._AT_ONCE", 1), ("sweep.KEPT", 0),
    ):  # fmt: skip
        monkeypatch.setattr(f"lashley.engine.{constant}", value)
    one.check(one.run(cuts, engine=engine, dtype=dtype), cuts)


@small
def test_stacks_that_hold_part_of_a_batch(name, monkeypatch):
    monkeypatch.setattr(stacking, "_ROWS_CACHED", 1)
    monkeypatch.setattr(stacking, "_ROWS", (7, 7))
    monkeypatch.setattr(stacking, "_CACHED", 7)
    trial(name).check(trial(name).run())
    trial(name).check(trial(name).run(dtype=torch.bfloat16))


@a_few
def test_several_batches_and_a_last_smaller_one(name, monkeypatch):
    monkeypatch.setattr(sweeping, "_batch_size", lambda *_: 17)
    trial(name).check(trial(name).run())


@a_few
def test_the_order_of_ablations_is_kept_and_equal_ones_come_twice(name):
    cuts = [
        trial(name).cuts[i] for i in np.random.default_rng(0).permutation(len(trial(name).cuts))
    ]
    outcomes = trial(name).run(cuts + cuts[:3])
    assert outcomes["units"].values.tolist() == [cut.label for cut in cuts + cuts[:3]]
    trial(name).check(outcomes, cuts + cuts[:3])


@pytest.mark.thinned(1, by="engine")
@pytest.mark.parametrize("engine", ["fx", "export", "hooks"])
@pytest.mark.parametrize("name", ["mlp", "conv2d", "group norm"])
def test_losses_equal_the_naive_engines_to_rounding(name, engine):
    one = trial(name)
    fast, truth = (one.run(engine=e, readout="loss") for e in (engine, "naive"))
    for variable in ("loss", "intact_loss"):
        assert_readouts_close(fast[variable], truth[variable], one.network, one.examples[0])


# --- memory --------------------------------------------------------------------------------------

_WORDS = "[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory: 10 bytes."


def fail_above(monkeypatch, most):
    """Let every stack of more rows than that run out of memory."""
    run, on = rows.Stacks.outputs, columns.ColumnStacks.on

    def outputs(self, unit_sets, examples, update):
        n = self.live.size if examples is None else len(examples)
        if len(unit_sets) * n > most:
            raise RuntimeError(_WORDS)
        return run(self, unit_sets, examples, update)

    def narrow(self, examples):
        whole = on(self, examples)

        def limited(sets):
            if len(sets) > most:
                raise RuntimeError(_WORDS)
            return whole(sets)

        return limited

    def together(joins, live, donors):
        if live.size + sum(len(join.which) for join in joins) > most:
            raise RuntimeError(_WORDS)
        return joined(joins, live, donors)

    joined = passes.outputs_of
    monkeypatch.setattr(passes, "outputs_of", together)
    monkeypatch.setattr(rows.Stacks, "outputs", outputs)
    monkeypatch.setattr(columns.ColumnStacks, "on", narrow)


@pytest.mark.thinned(6)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("most", [1, 5, 20])
@small
def test_a_stack_that_does_not_fit_is_made_smaller_and_the_user_told_once(
    name, most, dtype, monkeypatch
):
    one = trial(name, n=12)
    monkeypatch.setattr("lashley.engine.runners._EMPTY", 1)
    fail_above(monkeypatch, most)
    with pytest.warns(UserWarning, match=r"a stack of \d+ rows did not fit.*memory=") as told:
        outcomes = one.run(dtype=dtype)
    assert sum("did not fit" in str(warned.message) for warned in told) == 1
    one.check(outcomes)


@pytest.mark.filterwarnings("ignore:lashley")
@pytest.mark.parametrize("name", ["mlp", "conv2d"])
def test_where_not_one_example_fits_it_is_an_error(name, monkeypatch):
    one = trial(name)
    cuts = [cut for cut in one.cuts if str(cut.method) == "silence"]
    monkeypatch.setattr("lashley.engine.runners.RowRunner.empty", lambda self: _intact(one))
    fail_above(monkeypatch, 0)
    with pytest.raises(EngineError, match=r"memory: not even one example fits \(.*allocate memory"):
        one.run(cuts)


def _intact(one):
    return {v: torch.tensor(one.truth[f"intact_{v}"].values)[None] for v in ("rank", "prediction")}


def test_other_errors_of_a_suffix_are_not_taken_for_a_lack_of_memory(monkeypatch):
    def broken(*_):
        raise RuntimeError("something else")

    monkeypatch.setattr(columns.ColumnStacks, "on", lambda *_: broken)
    monkeypatch.setattr(passes, "outputs_of", broken)
    for joining in (True, False):
        with pytest.raises(RuntimeError, match="something else"):
            trial("mlp").run(savings=Savings(joining=joining))


# --- Winograd's convolution ----------------------------------------------------------------------


class Wide(nn.Module):
    """3 x 3 convolutions of many channels, on maps of 8 x 8 and of 4 x 4."""

    def __init__(self):
        super().__init__()
        self.stem, self.a = nn.Conv2d(3, 32, 3, padding=1), nn.Conv2d(32, 34, 3, padding=1)
        self.norm, self.b = nn.BatchNorm2d(34), nn.Conv2d(34, 33, 3, padding=1, bias=False)
        self.c, self.head = nn.Conv2d(33, 32, 3, padding=1), nn.Linear(32, 4)

    def forward(self, x):
        x = F.relu(self.norm(self.a(F.relu(self.stem(x)))))
        x = F.relu(self.b(F.max_pool2d(x, 2)))
        return self.head((F.relu(self.c(x))).mean((2, 3)))


@pytest.mark.parametrize(
    "options", [{}, {"channels_last": False}, {"savings": Savings(consumers=False, folding=False)}]
)
def test_winograds_convolution_equals_the_naive_engine(options, monkeypatch):
    monkeypatch.setattr(winograd, "_is_faster", lambda *_: True)
    case = dataclasses.replace(CASES["conv relu"], make=Wide, name="wide")
    network, examples = initialised(case, 0)
    cuts = [la.Ablation(site, units, method) for site in la.find_sites(network, examples).values()
            for method in METHODS for units in unit_sets(site)]  # fmt: skip
    one = Trial(network, examples, (case.inputs(20, 99), torch.arange(20) % 4), cuts)
    outcomes = one.run(**options)
    assert outcomes.attrs["share_run_again"] < 0.05
    one.check(outcomes)
    without = one.run(savings=Savings(winograd=False))
    assert "share_run_again" not in without.attrs


# --- any small graph -----------------------------------------------------------------------------

_SIZE = 4
_INTO = {"relu": 1, "relu_": 1, "gelu": 1, "norm": 1, "group norm": 1, "conv": 1, "depthwise": 1,
         "max pool": 1, "average pool": 1, "add": 2, "cat": 2, "mul": 2, "gate": 1}  # fmt: skip
_ENDS = ("mean", "flatten", "max", "linear")


@st.composite
def plans(draw):
    """Steps, each (what, which earlier values it reads, how many channels it makes)."""
    kinds = st.sampled_from(sorted(_INTO))
    steps = []
    for i in range(draw(st.integers(1, 7))):
        kind = draw(kinds)
        read = tuple(draw(st.integers(0, i)) for _ in range(_INTO[kind]))
        steps.append((kind, read, draw(st.integers(1, 4))))
    return tuple(steps), draw(st.sampled_from(_ENDS))


class Drawn(nn.Module):
    """A stem, the steps of a plan, and a head; values of other widths are brought in line."""

    def __init__(self, plan):
        super().__init__()
        self.steps, self.end = plan
        self.stem, widths, made = nn.Conv2d(2, 3, 3, padding=1), [3], []
        for kind, read, width in self.steps:
            given = [widths[r] for r in read]
            made.append(_module(kind, given, width))
            same = max(given) if kind in ("add", "mul") else given[0]
            widths.append({"conv": width, "cat": sum(given)}.get(kind, same))
        self.parts, self.widths = nn.ModuleList(made), widths
        pixels = _SIZE**2 if self.end == "flatten" else 1
        self.mixed = nn.Linear(_SIZE, 3) if self.end == "linear" else nn.Identity()
        self.fc, self.head = nn.Linear(widths[-1] * pixels, 4), nn.Linear(4, 3)

    def forward(self, x):
        values = [self.stem(x)]
        for (kind, read, _), part in zip(self.steps, self.parts, strict=True):
            if kind in ("add", "mul"):
                most = max(self.widths[r] for r in read)
                one, other = (_widened(values[r], most - self.widths[r]) for r in read)
                values.append(one + other if kind == "add" else one * other)
            else:
                values.append(_apply(kind, part, *(values[r] for r in read)))
        x = self.mixed(values[-1])
        x = x.flatten(1) if self.end == "flatten" else (
            x.amax((2, 3)) if self.end == "max" else x.mean((2, 3)))  # fmt: skip
        return self.head(F.relu(self.fc(x)))


def _module(kind, given, width):
    return {
        "conv": lambda: nn.Conv2d(given[0], width, 1 + 2 * (width % 2), padding=width % 2),
        "depthwise": lambda: nn.Conv2d(given[0], given[0], 3, padding=1, groups=given[0]),
        "norm": lambda: nn.BatchNorm2d(given[0]), "group norm": lambda: nn.GroupNorm(1, given[0]),
        "relu": nn.ReLU, "relu_": lambda: nn.ReLU(inplace=True), "gelu": nn.GELU,
        "max pool": lambda: nn.MaxPool2d(3, 1, 1), "average pool": lambda: nn.AvgPool2d(3, 1, 1),
        "gate": lambda: nn.Conv2d(given[0], given[0], 1),
    }.get(kind, nn.Identity)()  # fmt: skip


def _apply(kind, part, *values):
    if kind == "gate":
        return values[0] * torch.sigmoid(part(values[0].mean((2, 3), keepdim=True)))
    return torch.cat(values, 1) if kind == "cat" else part(values[0])


def _widened(value, by):
    return F.pad(value, (0, 0, 0, 0, 0, by)) if by else value


@given(plan=plans(), seed=st.integers(0, 1000))
@settings(max_examples=12, deadline=None)
def test_the_contract_holds_for_any_small_graph(plan, seed):
    with la.networks.seeded(seed):
        network = Drawn(plan).eval()
        for name, value in (*network.named_parameters(), *network.named_buffers()):
            if value.is_floating_point():
                value.data.normal_(0, 0.8) if "var" not in name else value.data.uniform_(0.5, 2)
        examples = Examples(torch.randn(12, 2, _SIZE, _SIZE), torch.arange(12) % 3, tuple("abc"))
        reference = (torch.randn(6, 2, _SIZE, _SIZE), torch.arange(6) % 3)
    cuts = [la.Ablation(site, units, method) for site in la.find_sites(network, examples).values()
            for method, units in product(methods_of(site), unit_sets(site)[::2])]  # fmt: skip
    one = Trial(network, examples, reference, cuts)
    outcomes = one.run()
    assert outcomes.attrs["engine"] == "fx", outcomes.attrs["engine_reason"]
    one.check(outcomes)


# --- what silence is -----------------------------------------------------------------------------


def by_class(outputs, labels):
    return {f"logit{i}": column for i, column in enumerate(outputs.unbind(1))}


@pytest.mark.thinned(7, by="engine")
@pytest.mark.parametrize("engine", ["auto", "naive"])
@pytest.mark.parametrize("name", REMOVABLE)
def test_silence_equals_a_network_without_the_units(name, engine):
    network, (inputs, labels) = initialised(CASES[name], 0)
    sites = la.find_sites(network, (inputs, labels))
    cuts = [la.Ablation(sites[s], u) for s in REMOVABLE[name] for u in ((0,), (1, 2))]
    found = la.evaluate(network, (inputs, labels), cuts, engine=engine, readout=by_class)
    ranks = la.evaluate(network, (inputs, labels), cuts, engine=engine)["rank"].values
    for i, cut in enumerate(cuts):
        twin = removed(network, CASES[name], cut.site.name, cut.units).double()
        logits = twin(inputs.double() if inputs.is_floating_point() else inputs).detach()
        columns_ = np.stack([found[f"logit{c}"].values[i] for c in range(4)], 1)
        np.testing.assert_allclose(columns_, logits, rtol=1e-4, atol=1e-5)
        assert ranks[i].tolist() == la.readouts.classification(logits, labels)[0].tolist()
