"""Every exact saving against its slow twin, alone."""

import copy
from itertools import combinations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

import lashley as la
from lashley.engine import Savings, rows
from lashley.engine.consumers import consumers
from lashley.engine.lowering import map_product
from lashley.engine.program import Live, exact, lowered, run_along
from lashley.engine.shortcuts import decide, group_by_touch, touched_units, updated_consumer
from lashley.engine.stacking import Budget, Choice, out_of_memory
from lashley.engine.winograd import _transforms, winograd
from lashley.graph import capture
from lashley.graph.anatomy import anatomy
from lashley.graph.batch import batch_dependence
from lashley.graph.nodes import op
from lashley.readouts import classification

from architectures import cases, initialised

close = torch.testing.assert_close


def program_of(network, inputs, kept=frozenset(), **options):
    """The lowered program of a network, its graph as captured, and where its units are."""
    captured, _ = capture(network.eval(), inputs[:3])
    batch = {n.name: v for n, v in batch_dependence(captured.module, (inputs[:3],)).items()}
    options = {"fold": True, "channels_last": True} | options
    calls = [call for organ in anatomy(captured.module).values() for call in organ.calls]
    kept = set(kept) or {held.node.name for call in calls for held in call.points}
    return lowered(captured, batch, torch.float32, "cpu", kept=kept, **options), captured, batch


def targets(program):
    return [node.target for node in program.module.graph.nodes]


# --- decisions -----------------------------------------------------------------------------------


@given(seed=st.integers(0, 10**6), classes=st.integers(2, 12), levels=st.integers(1, 50))
@settings(max_examples=60, deadline=None)
def test_decide_equals_the_readout_where_it_is_sure(seed, classes, levels):
    random = np.random.default_rng(seed)
    logits = torch.tensor(random.integers(0, levels, (3, classes, 8)), dtype=torch.float32)
    labels = torch.tensor(random.integers(0, classes, 8))
    rank, prediction = classification(logits.transpose(1, 2), labels)
    found = decide(logits.clone(), labels, margin=0.01, unknown=255.0)
    unsure = found[0] == 255
    assert torch.equal(found[0][~unsure].long(), rank[~unsure])
    assert torch.equal(found[1][~unsure].long(), prediction[~unsure])
    ordered = logits.sort(1).values
    tied_top = ordered[:, -1] == ordered[:, -2]
    tied_label = (logits == logits.gather(1, labels.expand(3, 1, -1))).sum(1) > 1
    assert torch.equal(unsure, tied_top | tied_label)


@pytest.mark.parametrize(("margin", "sure"), [(0.5, True), (2.0, False)])
def test_what_is_closer_than_the_margin_is_unknown(margin, sure):
    logits = torch.tensor([[[10.0], [9.0], [-3.0]]])
    rank, _ = decide(logits, torch.tensor([0]), margin, 255.0)
    assert rank.tolist() == ([[0.0]] if sure else [[255.0]])


def test_each_ablation_may_have_a_margin_of_its_own():
    logits = torch.tensor([[[10.0], [9.0], [-3.0]]] * 2)
    rank, _ = decide(logits, torch.tensor([0]), torch.tensor([0.5, 2.0]).view(2, 1, 1), 255.0)
    assert rank.tolist() == [[0.0], [255.0]]


def test_what_is_not_a_number_is_unknown():
    logits = torch.tensor([[[1.0, 1.0], [float("nan"), 0.0], [0.0, 3.0]]])
    rank, _ = decide(logits, torch.tensor([0, 0]), 0.01, 255.0)
    assert rank[0, 0] == 255


# --- examples that an ablation does not touch ----------------------------------------------------


@given(seed=st.integers(0, 10**6), n=st.integers(1, 6))
@settings(max_examples=50, deadline=None)
def test_groups_cover_every_set_once_and_parents_lack_one_untouched_unit(seed, n):
    random = np.random.default_rng(seed)
    every = [s for k in range(1, n + 1) for s in combinations(range(n), k)]
    sets = [every[i] for i in sorted(random.permutation(len(every))[: random.integers(1, 20)])]
    groups = group_by_touch([(), *sets], random.integers(0, 9, n).tolist())
    assert sorted(m for g in groups for m in g.members) == list(range(1, len(sets) + 1))
    for group in groups:
        for member, parent in zip(group.members, group.parents, strict=True):
            units, without = set(sets[member - 1]), set(sets[parent - 1] if parent else ())
            assert set(group.trigger) | without == units
            assert set(group.trigger) == units - without


def test_a_unit_touches_an_example_where_any_of_its_numbers_changes():
    value = torch.zeros(3, 4, 2, 2)
    value[1, 2, 0, 1] = 5.0
    touched = touched_units(value, torch.zeros(4, 1, 1), axis=-3)
    assert touched is not None
    assert touched.nonzero().tolist() == [[2, 1]]
    assert touched_units(value, torch.full((4, 1, 1), 7.0), axis=-3) is None  # all are touched
    moved = touched_units(value.movedim(1, -1), torch.zeros(4), axis=-1)
    assert torch.equal(moved, touched)


# --- consumers -----------------------------------------------------------------------------------


@given(seed=st.integers(0, 10**6))
@settings(max_examples=30, deadline=None)
def test_the_updated_consumer_equals_running_it(seed):
    """In float64: any seed must do, and some cancel what float32 has."""
    generator = torch.Generator().manual_seed(seed)
    shapes = (4, 6), (4,), (6, 5), (6,)
    weight, bias, units, constants = (torch.randn(s, generator=generator).double() for s in shapes)
    change = torch.cat([constants[:, None] - units, torch.zeros(1, 5)])
    padded = torch.cat([weight, torch.zeros(4, 1)], 1)
    sets = [(0, 6, 6), (2, 5, 6), (1, 3, 4)]
    found = updated_consumer(weight @ units + bias[:, None], padded, change, torch.tensor(sets))
    for got, chosen in zip(found, sets, strict=True):
        replaced = units.clone()
        for unit in set(chosen) - {6}:
            replaced[unit] = constants[unit]
        close(got, weight @ replaced + bias[:, None])


def _flat(*between):
    return nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.ReLU(), *between, nn.Flatten(),
                         nn.LazyLinear(5), nn.ReLU(), nn.Linear(5, 4))  # fmt: skip


def _conv(axes, **options):
    conv, pool = getattr(nn, f"Conv{axes}d"), getattr(nn, f"AdaptiveAvgPool{axes}d")
    return nn.Sequential(conv(3, 6, 3, padding=1), nn.ReLU(), conv(6, 5, **options), nn.ReLU(),
                         pool(1), nn.Flatten(), nn.Linear(5, 4))  # fmt: skip


CONSUMERS = {
    "linear": (nn.Sequential(nn.Linear(12, 6), nn.GELU(), nn.Linear(6, 5), nn.ReLU(),
                             nn.Linear(5, 4)), (12,)),
    "linear along pixels": (nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 5), nn.ReLU(),
                                          nn.Flatten(), nn.Linear(15, 4)), (3, 4)),
    "conv1d": (_conv(1, kernel_size=3, stride=2), (3, 8)),
    "conv2d": (_conv(2, kernel_size=3, padding=1), (3, 8, 8)),
    "conv2d dilated": (_conv(2, kernel_size=3, padding=2, dilation=2, stride=2), (3, 8, 8)),
    "conv2d same": (_conv(2, kernel_size=(2, 3), padding="same"), (3, 8, 8)),
    "conv3d": (_conv(3, kernel_size=2, padding=1), (3, 4, 4, 4)),
    "small map": (_conv(2, kernel_size=3, padding=1, stride=2), (3, 2, 3)),
    "flatten": (_flat(), (3, 4, 4)),
    "max pool and flatten": (_flat(nn.MaxPool2d(2)), (3, 4, 4)),
    "average pool, activation and flatten": (_flat(nn.AvgPool2d(2), nn.SiLU()), (3, 4, 4)),
    "adaptive pool": (_flat(nn.AdaptiveAvgPool2d(1)), (3, 4, 4)),
}  # fmt: skip


@pytest.mark.parametrize("memory", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("name", CONSUMERS)
def test_a_consumers_update_equals_running_it_on_the_replaced_units(name, memory):
    network, shape = CONSUMERS[name]
    with la.networks.seeded(0):
        inputs, new = torch.randn(7, *shape), torch.randn(6)
        network(inputs)
    if len(shape) == 3:
        inputs = inputs.contiguous(memory_format=memory)
    program, captured, _ = program_of(network, inputs, channels_last=memory is torch.channels_last)
    organ = next(iter(anatomy(captured.module).values()))
    point = program.nodes[organ.calls[0].points[0].node.name]
    (found,) = consumers(program, point, organ.axis)
    live, units = Live(program, (inputs,), torch.arange(len(inputs))), torch.tensor([1, 4])
    before, axis = live[point], organ.axis % live[point].ndim
    after = before.clone()
    after.index_copy_(axis, units, _spread(new[units], before, axis, 2))
    source = run_along(found.path, point, after, program) if found.path else after
    twin = run_along([found.node], found.source, source, program)
    change = source - live[found.source]
    features = (units[:, None] * found.per + torch.arange(found.per)).flatten()
    got = live[found.node] + found.update(change.index_select(found.axis, features), features)
    assert not torch.allclose(twin, live[found.node], atol=1e-3)
    close(got, twin, rtol=1e-4, atol=1e-4)


def _spread(values, like, axis, n):
    shape = list(like.shape)
    shape[axis] = n
    return values.view([-1 if d == axis else 1 for d in range(like.ndim)]).expand(shape)


@pytest.mark.parametrize("name", ["conv2d", "linear", "flatten", "max pool and flatten"])
def test_a_suffix_behind_updated_consumers_equals_the_whole_one(name):
    network, shape = CONSUMERS[name]
    inputs = torch.randn(7, *shape, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        network(inputs)
    site = next(iter(la.find_sites(network, (inputs, torch.arange(7) % 4)).values()))
    for update in (True, False):

        def chosen(self, update=update):
            self.trials = {True: 2, False: 2}
            self.seconds = {update: 0.0, not update: 1.0}
            return update

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Choice, "way", chosen)
            patch.setattr("lashley.engine.sweeper.columns", lambda *_: None)
            cuts = la.pairs(site)
            found = la.evaluate(network, (inputs, torch.arange(7) % 4), cuts, readout=_logits)
            truth = la.evaluate(network, (inputs, torch.arange(7) % 4), cuts, readout=_logits,
                                engine="naive")  # fmt: skip
        for variable in ("a", "b"):
            np.testing.assert_allclose(found[variable], truth[variable], rtol=1e-4, atol=1e-4)


def _logits(outputs, labels):
    return {"a": outputs[:, 0], "b": outputs[:, 3]}


# --- folding, small maps, Winograd ---------------------------------------------------------------


@pytest.mark.parametrize("name", ["conv1d", "conv2d with biases", "conv3d", "mlp batch norm",
                                  "basic residual", "functional"])  # fmt: skip
def test_batch_norm_is_folded_away(name):
    network, (inputs, _) = initialised(cases()[name], 0)
    inputs = inputs.clone()
    program, captured, batch = program_of(network, inputs)
    norms = [n for n in program.module.graph.nodes if op(n, program.module) == "batch_norm"]
    plain, *_ = program_of(network, inputs, fold=False)
    kept = [n for n in plain.module.graph.nodes if op(n, plain.module) == "batch_norm"]
    assert kept
    assert len(norms) < len(kept)
    outputs = exact(captured, batch, "cpu").run((inputs.double(),))
    for one in (program, plain):
        close(one.run((inputs.clone(),)), outputs.float(), rtol=1e-4, atol=1e-4)


def test_what_is_wanted_or_read_by_others_is_not_folded():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.norm = nn.Conv2d(3, 5, 3), nn.BatchNorm2d(5)
            self.head = nn.Linear(5, 4)

        def forward(self, x):
            x = self.conv(x)
            return self.head((self.norm(x) + x).mean((2, 3)))

    network, inputs = Twice(), torch.randn(5, 3, 6, 6)
    network.norm.running_mean += 2
    program, *_ = program_of(network, inputs)
    assert "norm" in program.nodes
    assert op(program.nodes["norm"], program.module) == "batch_norm"
    close(program.run((inputs,)), network(inputs), rtol=1e-4, atol=1e-4)
    line = nn.Sequential(nn.Conv2d(3, 5, 3), nn.BatchNorm2d(5), nn.Flatten(), nn.Linear(80, 4))
    line[1].running_mean += 2
    program, *_ = program_of(line, inputs, kept={"_0"})
    (conv, *_) = [n for n in program.nodes.values() if n.target is F.conv2d]
    close(
        Live(program, (inputs,), torch.arange(len(inputs)))[conv],
        line[0](inputs),
        rtol=1e-4,
        atol=1e-4,
    )


@given(
    size=st.tuples(*[st.integers(1, 3)] * 2), kernel=st.tuples(*[st.integers(2, 5)] * 2),
    stride=st.tuples(*[st.integers(1, 2)] * 2), more=st.tuples(*[st.integers(0, 1)] * 2),
    dilation=st.tuples(*[st.integers(1, 2)] * 2), bias=st.booleans(),
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_a_small_map_as_a_matrix_product_equals_the_convolution(
    size, kernel, stride, more, dilation, bias
):
    reach = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
    padding = tuple(max(0, (r + 2 - n) // 2) + m for r, n, m in zip(reach, size, more, strict=True))
    conv = nn.Conv2d(2, 3, kernel, stride, padding, dilation, bias=bias)
    network = nn.Sequential(conv, nn.Flatten(), nn.LazyLinear(4))
    inputs = torch.randn(4, 2, *size)
    network(inputs)
    program, *_ = program_of(network, inputs)
    assert (map_product in targets(program)) is (size[0] * size[1] < kernel[0] * kernel[1])
    close(program.run((inputs,)), network(inputs), rtol=1e-4, atol=1e-5)


@given(rows=st.integers(3, 9), columns=st.integers(3, 9), channels=st.integers(1, 5),
       filters=st.integers(1, 5), bias=st.booleans(), seed=st.integers(0, 100))  # fmt: skip
@settings(max_examples=40, deadline=None)
def test_winograds_convolution_equals_the_plain_one(rows, columns, channels, filters, bias, seed):
    with la.networks.seeded(seed):
        value, weight = (
            torch.randn(3, channels, rows, columns),
            torch.randn(filters, channels, 3, 3),
        )
        shift = torch.randn(filters) if bias else None
    parts = _transforms(weight, (rows, columns))
    into, back = (parts["down"], parts["across"]), (parts["up"], parts["along"])
    for memory in (torch.contiguous_format, torch.channels_last):
        found = winograd(value.contiguous(memory_format=memory), weight, shift, into,
                         parts["kernels"], back)  # fmt: skip
        close(found, F.conv2d(value, weight, shift, padding=1), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("layer", "size", "turned"), [
    (nn.Conv2d(32, 32, 3, padding=1), 8, True), (nn.Conv2d(32, 32, 3, padding=1), 16, False),
    (nn.Conv2d(16, 32, 3, padding=1), 8, False), (nn.Conv2d(32, 32, 3), 8, False),
    (nn.Conv2d(32, 32, 3, 2, 1), 8, False), (nn.Conv2d(32, 32, 5, padding=1), 8, False),
    (nn.Conv2d(32, 32, 3, padding=1, groups=2), 8, False),
    (nn.Conv2d(32, 32, 3, padding=1, dilation=1, bias=False), 4, True),
])  # fmt: skip
def test_which_convolutions_may_be_winograds(layer, size, turned, monkeypatch):
    network = nn.Sequential(layer, nn.Flatten(), nn.LazyLinear(4))
    inputs = torch.randn(3, layer.in_channels, size, size)
    network(inputs)
    for faster in (True, False):
        monkeypatch.setattr("lashley.engine.winograd._is_faster", lambda *_, f=faster: f)
        program, *_ = program_of(network, inputs, fewer_products=True)
        assert program.has_winograd is (turned and faster)
        close(program.run((inputs,)), network(inputs), rtol=1e-4, atol=1e-4)


class Both(nn.Module):
    """Its convolution is read by a ReLU and by others, before and behind it."""

    def __init__(self):
        super().__init__()
        self.stem, self.conv = nn.Conv2d(3, 5, 3), nn.Conv2d(5, 5, 3)
        self.head = nn.Linear(5, 4)

    def forward(self, x):
        x = self.conv(torch.sigmoid(self.stem(x)))
        return self.head((torch.tanh(x) - F.relu(x) + x * 2).mean((2, 3)))


def test_a_relu_does_not_overwrite_what_others_read():
    with la.networks.seeded(0):
        network, examples = Both(), (torch.randn(20, 3, 8, 8), torch.arange(20) % 4)
    for site in la.find_sites(network, examples).values():
        for saving in (True, False):
            fast, truth = (
                la.evaluate(network, examples, la.singles(site), readout=_logits, engine=engine,
                            savings=Savings(consumers=saving)) for engine in ("fx", "naive")
            )  # fmt: skip
            np.testing.assert_allclose(fast["a"], truth["a"], rtol=1e-4, atol=1e-5)


# --- how much at once, and which way -------------------------------------------------------------


def test_the_budget_keeps_to_the_memory_it_is_given():
    assert Budget(None).rows(10) > 1
    assert Budget(1 << 20).rows(100) * 100 * 4 <= 1 << 20
    assert Budget(1).rows(10**9) == 1
    budget = Budget(None)
    before = budget.rows(1000), budget.columns(1000)
    with pytest.warns(UserWarning, match="a stack of 12 rows did not fit"):
        budget.shrink(12, RuntimeError("can't allocate memory"))
    assert (budget.rows(1000), budget.columns(1000)) == tuple(n // 2 for n in before)


def test_what_counts_as_a_lack_of_memory():
    assert out_of_memory(torch.OutOfMemoryError("CUDA out of memory"))
    assert out_of_memory(RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"))
    assert out_of_memory(MemoryError())
    assert not out_of_memory(RuntimeError("shapes cannot be multiplied"))
    assert not out_of_memory(ValueError("can't allocate memory"))


def test_the_faster_way_is_taken_after_both_were_tried():
    choice, taken = Choice(), []
    for _ in range(8):
        way = choice.way()
        taken.append(way)
        choice.timed(way, 1, lambda way=way: torch.zeros(20_000 if way else 1).sort().values)
    assert taken[:4].count(True) == taken[:4].count(False) == 2
    assert taken[4:] == [False] * 4


# --- each saving can be switched off -------------------------------------------------------------


def stacks_run(network, examples, cuts, **savings):
    """How often suffixes are run, and on how many rows: (calls, rows, calls that update)."""
    seen = []
    run = rows.Stacks._run

    def watched(self, runs, cells, times, update):
        n = self.live.size * times if cells is None else len(cells)
        seen.append((n, update and bool(self.plan.consumers), len(runs)))
        return run(self, runs, cells, times, update)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rows.Stacks, "_run", watched)
        la.evaluate(network, examples, cuts, savings=Savings(**savings))
    return seen


@pytest.fixture
def network_and_cuts():
    network, examples = initialised(cases()["conv relu"], 0)
    with torch.no_grad():
        network[0].bias -= 1.0  # whole maps of some examples are silent
    site = la.find_sites(network, examples)["0"]
    return network, examples, la.singles(site)


def test_equal_ablations_run_once(network_and_cuts):
    network, examples, cuts = network_and_cuts
    network[0].bias.data.zero_()
    network[0].bias.requires_grad = False
    both = [*cuts, *cuts, *(la.Ablation(c.site, c.units, "zero_weights") for c in cuts)]

    def most(**savings):
        seen = stacks_run(network, examples, both, untouched=False, joining=False, **savings)
        return sum(sets for _, _, sets in seen)

    assert most() * 2 < most(equal=False)  # each once, beside what measures the margins


def test_untouched_examples_are_not_run(network_and_cuts):
    n = {
        on: sum(r for r, *_ in stacks_run(*network_and_cuts, untouched=on)) for on in (True, False)
    }
    assert n[True] < 0.9 * n[False]


def test_consumers_are_updated_unless_that_is_switched_off(network_and_cuts):
    assert any(update for _, update, _ in stacks_run(*network_and_cuts))
    assert not any(update for _, update, _ in stacks_run(*network_and_cuts, consumers=False))


def test_without_the_prefix_the_whole_network_runs_for_every_ablation(network_and_cuts):
    network, examples, cuts = network_and_cuts
    from lashley.engine.program import Program

    calls = {}
    for prefix in (True, False):
        seen = calls.setdefault(prefix, [])
        with pytest.MonkeyPatch.context() as patch:
            run = Program.run
            patch.setattr(Program, "run", lambda self, x, r=run, s=seen: s.append(1) or r(self, x))
            la.evaluate(network, examples, cuts, savings=Savings(prefix=prefix, untouched=False))
    assert len(calls[False]) >= len(calls[True]) + len(cuts)


def test_lowering_leaves_the_network_as_it_was():
    network, (inputs, _) = initialised(cases()["conv2d"], 0)
    state = copy.deepcopy(network.state_dict())
    program_of(network, inputs, fewer_products=True)
    assert all(torch.equal(state[k], v) for k, v in network.state_dict().items())
