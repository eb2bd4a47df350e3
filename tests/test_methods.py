"""Methods: each equals its hand-written twin by every engine; a method of one's own is a class."""

import copy
import pickle
from dataclasses import FrozenInstanceError, InitVar, dataclass, field
from typing import ClassVar

import numpy as np
import pytest
import torch
import xxhash
from torch import nn
from torch.nn import functional as F

import lashley as la
from lashley.errors import AblationError, EngineError
from lashley.methods import as_method

from by_hand import ENGINES, Units, Written, examples, logits, may_refuse, measured

N, N_REFERENCE = 24, 11
A = Units("a")


@dataclass(frozen=True)
class Clipped(la.methods.Method):
    """A method of a user's own: the activation, but no more than so much."""

    most: float = 0.25

    def replacement(self, site):
        return la.methods.Function(lambda activation: activation.clamp(max=self.most))


@dataclass(frozen=True)
class HalfMean(la.methods.Method):
    """Another one: half the mean activation."""

    def replacement(self, site):
        return la.methods.Constants(lambda channels: channels.mean / 2, needs_mean=True)


def dense(net, x, at):
    return net.out(at(net.a(x).relu()))


def filters(net, x, at):
    return net.out(at(net.bn(net.a(x)).relu()).mean((2, 3)))


def heads(net, x, at):
    q, k, v = (f(x).unflatten(-1, (3, 4)).transpose(1, 2) for f in (net.q, net.k, net.v))
    held = at(F.scaled_dot_product_attention(q, k, v))
    return net.out(held.transpose(1, 2).flatten(2).mean(1))


def twice(net, x, at):
    return net.out(at(torch.tanh(net.a(at(torch.tanh(net.a(x)))))))


def branching(net, x, at):
    if float(x.abs().sum()) > 1e9:  # nothing captures this
        x = -x
    return net.out(at(net.a(x).relu()))


def tokens_first(net, x, at):
    held = at(torch.sigmoid(net.a(x.transpose(0, 1))))
    return net.out(held.mean(0))


def normed(net, x, at):
    return net.out(at(net.norm(net.a(x)).relu()).mean(1))


def cases():
    yield "dense", dense, A, (6,), {"a": nn.Linear(6, 5), "out": nn.Linear(5, 3)}
    yield "filters", filters, Units("a", -3), (3, 4, 4), {
        "a": nn.Conv2d(3, 5, 3), "bn": nn.BatchNorm2d(5), "out": nn.Linear(5, 3)}  # fmt: skip
    yield "heads", heads, Units("scaled_dot_product_attention", -3, (-1,)), (5, 12), {
        "q": nn.Linear(12, 12), "k": nn.Linear(12, 12), "v": nn.Linear(12, 12),
        "out": nn.Linear(12, 3)}  # fmt: skip
    yield "twice", twice, A, (6,), {"a": nn.Linear(6, 6), "out": nn.Linear(6, 3)}
    yield "branching", branching, A, (6,), {"a": nn.Linear(6, 5), "out": nn.Linear(5, 3)}
    yield "tokens_first", tokens_first, A, (4, 6), {"a": nn.Linear(6, 5), "out": nn.Linear(5, 3)}
    yield "normed", normed, A, (4, 6), {
        "a": nn.Linear(6, 5), "norm": nn.LayerNorm(5), "out": nn.Linear(5, 3)}  # fmt: skip


def made(name):
    """A network, which units it has where, inputs and a reference."""
    with la.networks.seeded(0):
        _, function, units, shape, parts = next(c for c in cases() if c[0] == name)
        net = Written(function, **parts).eval()
        return net, units, 2 * torch.randn(N, *shape), 2 * torch.randn(N_REFERENCE, *shape)


def normal_by_hand(shape, units, site, seed, call):
    """Every example's own numbers: those of a unit's channel at all positions, then the next."""
    kept = sorted(a % len(shape) for a in (units.axis, *units.own))
    axis = 1 if units.site == "a" and len(shape) == 3 and shape[1] == N else 0
    others = [a for a in range(len(shape)) if a not in (axis, *kept)]
    found = torch.zeros(shape, dtype=torch.float64)
    own = xxhash.xxh3_64_intdigest(site.encode())
    for n in range(N):
        numbers = np.random.default_rng((seed, own, call, n)).standard_normal(
            int(np.prod(shape)) // N)  # fmt: skip
        by_channel = numbers.reshape([shape[a] for a in (*kept, *others)])
        back = np.argsort([sorted((*kept, *others)).index(a) for a in (*kept, *others)])
        found.select(axis, n).copy_(torch.from_numpy(by_channel.transpose(back)))
    return found


def news(method, units, site, held):
    """What a method puts in place of a value: a function of it and of which call it is."""

    def over(value):
        kept = {a % value.ndim for a in (units.axis, *units.own)}
        return [a for a in range(value.ndim) if a not in kept]

    def new(value, call):
        if isinstance(method, la.methods.Constant):
            each = torch.tensor(method.values, dtype=torch.float64).expand(site.n_units)
            shape = [site.n_units if a == units.axis % value.ndim else 1 for a in range(value.ndim)]
            return each.view(shape).expand_as(value)
        if isinstance(method, la.methods.Scale):
            return value * method.factor
        if isinstance(method, Clipped):
            return torch.minimum(value, torch.tensor(method.most, dtype=value.dtype))
        if isinstance(method, HalfMean):
            return (held[call].mean(over(value), keepdim=True) / 2).expand_as(value)
        assert isinstance(method, la.methods.Noise)
        sd = held[call].std(over(value), correction=0, keepdim=True)
        drawn = normal_by_hand(value.shape, units, site.name, method.seed, call)
        return value + method.sd * sd * drawn

    return new


def by_hand(net, x, reference, units, site, which, method):
    """(example, class) outputs of the ablated network in float64, by a plain loop over units."""
    twin, held, calls = copy.deepcopy(net).double().eval(), [], iter(range(9))
    with torch.no_grad():
        twin.function(twin, reference.double(), lambda value: held.append(value) or value)
        new = news(method, units, site, held)

        def at(value):
            found, changed = new(value, next(calls)), value.clone()
            for unit in which:
                changed.select(units.axis, unit)[...] = found.select(units.axis, unit)
            return changed

        return twin.function(twin, x.double(), at)


METHODS = [la.methods.Constant(0.7), la.methods.Scale(0.5), la.methods.Scale(-2),
           la.methods.Noise(0.5), la.methods.Noise(2.0, seed=3), Clipped(), HalfMean()]  # fmt: skip


@pytest.mark.thinned(2, by="engine")
@pytest.mark.parametrize(("name", "engine"), [
    (case[0], engine) for case in cases() for engine in ENGINES
    if (case[0], engine) != ("branching", "export")])  # fmt: skip
def test_each_equals_its_hand_written_twin(name, engine):
    net, units, x, reference = made(name)
    (site,) = [s for s in la.find_sites(net, examples(x)).values() if s.name == units.site]
    each = la.methods.Constant(torch.linspace(-1, 1, site.n_units))
    cuts = [la.Ablation(site, w, m) for m in (*METHODS, each) for w in ((0,), (1, 2), (0, 2))]
    right = torch.stack([by_hand(net, x, reference, units, site, c.units, c.method) for c in cuts])
    with torch.no_grad():
        intact = copy.deepcopy(net).double()(x.double())
    changes = (right - intact).abs().amax((1, 2))
    assert float(changes.min()) > 1e-3, "nothing changes by hand"
    with may_refuse(net, engine):
        found = la.evaluate(net, examples(x), cuts, reference=examples(reference), readout=logits,
                            engine=engine)  # fmt: skip
        wrong = (measured(found) - right).abs().amax((1, 2)) > 1e-4 * right.abs().max()
        assert not wrong.any(), [(str(c.method), c.label) for c, w in zip(cuts, wrong, strict=True)
                                 if w]  # fmt: skip
        assert found["method"].values.tolist() == [str(c.method) for c in cuts]


@pytest.mark.thinned(1, by="name")
@pytest.mark.parametrize("savings", [la.Savings(), la.Savings(joining=False),
                                     la.Savings(consumers=False, folding=False)])  # fmt: skip
@pytest.mark.parametrize("name", ["dense", "filters", "heads", "twice"])
def test_ranks_are_those_of_the_slow_engine_whatever_is_saved(name, savings):
    net, units, x, reference = made(name)
    site = la.find_sites(net, examples(x))[units.site]
    cuts = [la.Ablation(site, w, m) for m in METHODS for w in ((0,), (1, 2))]
    given = {"reference": examples(reference)}
    slow = la.evaluate(net, examples(x), cuts, engine="naive", **given)
    for how in ({}, {"memory": 1 << 12}, {"dtype": torch.bfloat16}):
        fast = la.evaluate(net, examples(x), cuts, savings=savings, **given, **how)
        for variable in ("rank", "prediction"):
            assert (fast[variable] == slow[variable]).all(), how


@pytest.mark.parametrize("engine", ["auto", "naive"])
def test_the_steps_of_a_recurrent_unit_are_scaled_each(engine):
    class Reading(nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn, self.out = nn.RNN(3, 4, batch_first=True), nn.Linear(4, 3)

        def forward(self, x):
            return self.out(self.rnn(x)[0][:, -1])

    with la.networks.seeded(0):
        net, x = Reading().eval(), torch.randn(N, 5, 3)
    site = la.find_sites(net, examples(x))["rnn"]
    found = la.evaluate(net, examples(x), [la.Ablation(site, (1,), "scale(0.5)")], readout=logits,
                        engine=engine)  # fmt: skip
    twin, h = copy.deepcopy(net).double(), torch.zeros(N, 4, dtype=torch.float64)
    with torch.no_grad():
        for t in range(5):
            r = twin.rnn
            h = torch.tanh(x[:, t].double() @ r.weight_ih_l0.T + r.bias_ih_l0
                           + h @ r.weight_hh_l0.T + r.bias_hh_l0)  # fmt: skip
            h[:, 1] *= 0.5
        torch.testing.assert_close(measured(found)[0], twin.out(h), rtol=0, atol=1e-5)


def test_noise_is_the_same_in_batches_of_any_size_and_order(monkeypatch):
    net, _, x, reference = made("dense")
    site = la.find_sites(net, examples(x))["a"]
    cuts = la.singles(site, la.methods.Noise(1.0))
    given = {"reference": examples(reference)}
    whole = la.evaluate(net, examples(x), cuts, **given, readout="loss")
    monkeypatch.setattr("lashley.engine.sweeping._BATCH_NUMBERS", 1)
    monkeypatch.setattr("lashley.engine.sweeping._FEWEST", 5)
    parts = la.evaluate(net, examples(x), cuts, **given, readout="loss")
    np.testing.assert_allclose(parts["loss"], whole["loss"], rtol=1e-4)
    ranks = la.evaluate(net, examples(x), cuts, **given, engine="naive")
    early = la.evaluate(net, examples(x), cuts, **given, precision=60.0)
    taken = early["rank"].values != 255
    assert 0 < taken.sum() <= taken.size
    assert (early["rank"].values == ranks["rank"].values)[taken].all()
    other = la.evaluate(net, examples(x), la.singles(site, "noise(1.0, 1)"), **given,
                        readout="loss")  # fmt: skip
    assert abs(other["loss"] - whole["loss"]).max() > 0.01


def test_equal_ablations_by_other_methods_are_not_run_as_one():
    net, _, x, reference = made("dense")
    site = la.find_sites(net, examples(x))["a"]
    methods = ("scale(0.5)", "scale(0.25)", "resample", "noise(0.5)", Clipped(0.1), Clipped(0.2))
    cuts = [la.Ablation(site, (0, 1), m) for m in methods]
    found = la.evaluate(net, examples(x), cuts, reference=examples(reference), readout=logits)
    outputs = measured(found)
    for i in range(len(cuts)):
        for j in range(i):
            assert (outputs[i] - outputs[j]).abs().max() > 1e-3


class TestText:
    @pytest.mark.parametrize("text", ["silence", "zero_weights", "mean", "resample", "scale(0.5)",
                                      "noise(0.5)", "noise(0.5, 3)", "constant(1.5)",
                                      "constant((1.0, 2.0))", f"{__name__}:Clipped(0.25)",
                                      f"{__name__}:Clipped(0.5)"])  # fmt: skip
    def test_goes_there_and_back(self, text):
        method = as_method(text)
        assert str(method) == text
        assert as_method(method) is method
        assert as_method(f" {text} ") == method
        assert hash(as_method(text)) == hash(method)
        assert pickle.loads(pickle.dumps(method)) == method

    def test_takes_names_of_arguments(self):
        assert as_method("noise(sd=1, seed=4)") == la.methods.Noise(1.0, 4)
        assert as_method("constant([1, 2])") == la.methods.Constant((1.0, 2.0))

    def test_a_class_derived_from_one_of_ours_is_not_that(self):
        @dataclass(frozen=True)
        class Twice(la.methods.Scale):
            pass

        assert "Twice(2.0)" in str(Twice(2))
        assert str(Twice(2)) != str(la.methods.Scale(2))

    @pytest.mark.parametrize(("given", "words"), [
        ("average", "given 'average'; allowed are silence, zero_weights, mean, .*Take 'silence'"),
        ("scale", r"given 'scale', whose arguments do not fit .*'factor'.*Give la.methods.Scale"),
        ("scale(a)", "whose arguments do not fit"), ("scale(0.5", "given 'scale"),
        ("scale('x')", "given 'x' as factor of scale; allowed is a finite number"),
        ("noise(-1)", r"-1 as sd of noise; .* of at least 0"), ("noise(1, -1)", "as seed of noi"),
        ("constant(())", r"given constant of \(\)"), ("constant('1')", "given constant of '1'"),
        ("nowhere:Method", "cannot be imported .*No module named 'nowhere'"),
        ("os.path:join", "is not a method; allowed is a class derived from la.methods.Method"),
        (3, "given 3; allowed are"), (None, "given None; allowed are"),
        (la.methods.Scale, "given <class .*Scale'>; allowed are"),
    ])  # fmt: skip
    def test_what_is_none(self, given, words):
        with pytest.raises(AblationError, match=f"method: .*{words}"):
            as_method(given)


class TestAtTheDoor:
    """What no engine can do is refused before anything runs, by all that take ablations."""

    SITE = la.Site("a", "hidden", 5, -1)

    def test_as_many_values_as_units(self):
        with pytest.raises(AblationError, match=r"given 2 values for constant; a has 5 units"):
            la.Ablation(self.SITE, (0,), la.methods.Constant((1, 2)))
        la.Ablation(self.SITE, (0,), la.methods.Constant(range(5)))

    def test_a_method_of_ones_own_is_a_dataclass_whose_fields_can_be_compared(self):
        class Plain(la.methods.Method):
            def replacement(self, site):
                return la.methods.Donated()

        @dataclass(frozen=True)
        class Listed(la.methods.Method):
            values: list = field(default_factory=list)

            def replacement(self, site):
                return la.methods.Donated()

        with pytest.raises(AblationError, match=r"not itself a dataclass.*frozen=True"):
            la.Ablation(self.SITE, (0,), Plain())
        with pytest.raises(AblationError, match=r"be compared with others .*hashable.*tuples"):
            la.Ablation(self.SITE, (0,), Listed())

    def test_its_replacement_is_one(self):
        @dataclass(frozen=True)
        class Wrong(la.methods.Method):
            def replacement(self, site):
                return 0.0

        @dataclass(frozen=True)
        class AtWeights(la.methods.Method):
            where: ClassVar = la.methods.Where.WEIGHTS

            def replacement(self, site):
                return la.methods.Donated()

        with pytest.raises(AblationError, match=r"is a float; allowed are la.methods.Constants"):
            la.Ablation(self.SITE, (0,), Wrong())
        with pytest.raises(AblationError, match=r"acts on weights, .* allowed there is 0"):
            la.Ablation(self.SITE, (0,), AtWeights())

    @pytest.mark.parametrize("engine", ["auto", "hooks", "naive"])
    def test_a_function_keeps_the_shape(self, engine):
        @dataclass(frozen=True)
        class Summed(la.methods.Method):
            def replacement(self, site):
                return la.methods.Function(lambda activation: activation.sum(-1))

        net, _, x, _ = made("dense")
        site = la.find_sites(net, examples(x))["a"]
        with pytest.raises(
            AblationError, match=r"returned \(\d+,\) in torch.float\d+ for an activation"
        ):
            la.evaluate(net, examples(x), [la.Ablation(site, (0,), Summed())], engine=engine)

    def test_noise_and_a_mean_of_ones_own_need_a_reference(self):
        net, _, x, _ = made("dense")
        site = la.find_sites(net, examples(x))["a"]
        for method in (la.methods.Noise(1), HalfMean()):
            with pytest.raises(EngineError, match=r"reference: the method .* needs examples"):
                la.evaluate(net, examples(x), [la.Ablation(site, (0,), method)])
            with pytest.raises(EngineError, match=r"reference: the method .* needs examples"):
                la.plan(net, examples(x), [la.Ablation(site, (0,), method)])

    def test_values_are_frozen(self):
        with pytest.raises(FrozenInstanceError):
            la.methods.Scale(0.5).factor = 1.0


@dataclass(frozen=True)
class Own(la.methods.Method):
    """A method of a user's own, by what its replacement is named."""

    name: str

    def replacement(self, site):
        return {
            "writes": la.methods.Function(lambda t: t.mul_(3)),
            "triples": la.methods.Function(lambda t: t * 3),
            "doubles": la.methods.Constants(lambda c: c.mean.mul_(2), needs_mean=True),
            "raises": la.methods.Function(lambda t: t.nowhere),
            "complex": la.methods.Function(lambda t: t.to(torch.cfloat) * 1j),
            "number": la.methods.Constants(lambda c: 0.5),
            "few": la.methods.Constants(lambda c: torch.zeros(3)),
            "unasked": la.methods.Constants(lambda c: c.mean / 2),
        }[self.name]


class TestOfOnesOwn:
    def outcomes(self, engine, *methods):
        net, _, x, reference = made("dense")
        site = la.find_sites(net, examples(x))["a"]
        cuts = [la.Ablation(site, (1,), method) for method in methods]
        how = {"reference": examples(reference), "readout": logits, "engine": engine}
        return measured(la.evaluate(net, examples(x), cuts, **how))

    @pytest.mark.parametrize("engine", ["auto", "hooks", "naive"])
    def test_a_function_may_write_to_what_it_is_given(self, engine):
        writing, plain = self.outcomes(engine, Own("writes"), Own("triples"))
        torch.testing.assert_close(writing, plain)

    @pytest.mark.parametrize("engine", ["auto", "hooks", "naive"])
    def test_constants_that_are_written_to_spoil_no_others(self, engine):
        _, mean = self.outcomes(engine, Own("doubles"), "mean")
        torch.testing.assert_close(mean, self.outcomes(engine, "mean")[0])

    @pytest.mark.thinned(2, by="engine")
    @pytest.mark.parametrize("engine", ["auto", "hooks", "naive"])
    @pytest.mark.parametrize(("name", "words"), [
        ("raises", r"its function raised AttributeError \(.*nowhere.*\); .*by hand"),
        ("complex", r"its function returned \(\d+, 5\) in torch.complex64 for an activation of"),
        ("number", r"its constants are a float; allowed is a tensor of shape \(5,\)"),
        ("few", r"its constants are \(3,\) in torch.float32; allowed is a tensor of shape \(5,\)"),
        ("unasked", r"its constants raised TypeError \(unsupported operand.*None"),
    ])  # fmt: skip
    def test_what_goes_wrong_in_it_is_told_by_its_name(self, engine, name, words):
        with pytest.raises(AblationError, match=f"method: {words}") as caught:
            self.outcomes(engine, Own(name), "mean")
        assert "tlparse" not in str(caught.value)

    @pytest.mark.parametrize(("make", "words"), [
        (lambda: la.methods.Function(3), r"given la.methods.Function\(3\); allowed is a function"),
        (lambda: la.methods.Constants(5), r"Constants\(5\).*For a number take la.methods.Constant"),
        (lambda: la.methods.Function(abs, seed=-1), "given -1 as seed of Function"),
        (lambda: la.methods.Scale(10**400), "as factor of scale; allowed is a finite number"),
        (lambda: la.methods.Constant(10**400), "given constant of"),
        (lambda: la.methods.Constant({1: 2}), "given constant of"),
        (lambda: la.methods.Constant(True), "given constant of True"),
        (lambda: la.methods.Constant(torch.ones(5, dtype=torch.cfloat)), "given constant of"),
        (lambda: as_method("scale(0.5)(1)"), "one pair of brackets"),
        (lambda: as_method("noise(sd=1, sd=2)"), "given twice"),
        (lambda: as_method(".:x"), "cannot be imported"),
        (lambda: la.Ablation(TestAtTheDoor.SITE, (0,), Own("nothing")), "raised KeyError"),
    ])  # fmt: skip
    def test_what_is_refused_as_it_is_made(self, make, words):
        with pytest.raises(AblationError, match=f"method: .*{words}"):
            make()

    def test_fields_that_do_not_tell_it_apart_are_refused(self):
        @dataclass(frozen=True)
        class Hidden(Own):
            most: float = field(default=0.5, compare=False)

        with pytest.raises(AblationError, match=r"fields most are not part of its comparison"):
            la.Ablation(TestAtTheDoor.SITE, (0,), Hidden("triples"))

    def test_what_does_not_show_in_its_fields_is_refused(self):
        """Two of such a class would count as equal, and one of them would be run for both."""

        class Plain(la.methods.Method):
            def replacement(self, site):
                return la.methods.Function(lambda activation: activation)

        @dataclass(frozen=True, eq=False)
        class Uncompared(Plain):
            most: float = 0.0

        @dataclass(frozen=True)
        class OfAnother(Plain):
            most: InitVar[float] = 0.0

        @dataclass(frozen=True)
        class OfItsOwn(Plain):
            most: float = 0.0

            def __eq__(self, other):
                return type(self) is type(other)

            __hash__ = Plain.__hash__

        @dataclass(frozen=True, init=False)
        class MadeOtherwise(Plain):
            most: float = 0.0

            def __init__(self, most=0.0):
                pass

        for kind in (Uncompared, OfAnother, OfItsOwn, MadeOtherwise):
            with pytest.raises(AblationError, match="cannot be told apart"):
                la.Ablation(la.Site("a", "hidden", 3, -1), (0,), kind(0.3))

    def test_it_cannot_pass_for_one_of_ours(self):
        @dataclass(frozen=True)
        class Silent(la.methods.Method):
            alias: ClassVar[str] = "silence"

            def replacement(self, site):
                return la.methods.Function(lambda activation: activation * 2)

        with pytest.raises(AblationError, match="Silent with the alias 'silence'"):
            as_method(Silent())

    def test_a_class_inside_a_function_is_refused_with_a_store(self, tmp_path):
        @dataclass(frozen=True)
        class Inner(la.methods.Method):
            def replacement(self, site):
                return la.methods.Function(lambda activation: activation * 2)

        network = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
        data = (torch.randn(8, 3), torch.arange(8) % 2)
        cuts = la.singles(la.find_sites(network, data)["0"], Inner())
        la.evaluate(network, data, cuts)
        with pytest.raises(AblationError, match=r"Inner.*a class inside a function"):
            la.evaluate(network, data, cuts, store=tmp_path / "store")

    def test_where_it_acts_is_a_place(self):
        @dataclass(frozen=True)
        class Weights(la.methods.Method):
            where = "weights"

            def replacement(self, site):
                return la.methods.ZEROS

        with pytest.raises(AblationError, match="has where = 'weights'; allowed are Where"):
            Weights().at(la.Site("a", "hidden", 3, -1))

    @pytest.mark.parametrize("values", [[True] * 3, ["1"] * 3])
    def test_constants_are_numbers(self, values):
        with pytest.raises(AblationError, match="given constant of"):
            la.methods.Constant(values)

    def test_its_text_has_all_its_fields(self):
        @dataclass(frozen=True)
        class Named(Own):
            most: float = field(default=0.5, kw_only=True)

        assert str(Named("triples", most=np.float64(0.25))).endswith("Named('triples', most=0.25)")
        assert str(Clipped()) == f"{__name__}:Clipped(0.25)"  # a default may be another one day


class TestRecovery:
    RECIPE = la.Recipe(epochs=1, lr=0.1, batch_size=8)

    def recovered(self, method, start="ablated"):
        net, _, x, reference = made("filters")
        site = la.find_sites(net, examples(x))["a"]
        cut = la.Ablation(site, (0, 3), method)
        found = la.recover(net, cut, train=examples(reference), test=examples(x),
                           recipe=self.RECIPE, start=start)  # fmt: skip
        with torch.no_grad():
            held = found.network.bn(found.network.a(x)).relu()[:, [0, 3]]
        return held, cut, net, reference

    def test_constants_of_ones_own_are_held(self):
        each = torch.linspace(0.5, 1.5, 5)
        held, *_ = self.recovered(la.methods.Constant(each))
        for i, unit in enumerate((0, 3)):
            torch.testing.assert_close(held[:, i], each[unit].expand_as(held[:, i]))
        held, _, net, reference = self.recovered(HalfMean())
        with torch.no_grad():
            mean = net.bn(net.a(reference)).relu().mean((0, 2, 3)) / 2
        for i, unit in enumerate((0, 3)):
            torch.testing.assert_close(held[:, i], mean[unit].expand_as(held[:, i]))

    @pytest.mark.parametrize(("method", "words"), [
        ("scale(0.5)", "given 'scale\\(0.5\\)', which makes the units' values from what they are"),
        ("noise(0.5)", "which makes the units' values from"), (Clipped(), "which makes the units'"),
        ("resample", "given 'resample', which draws the units' values anew"),
        ("constant(-1)", "makes unit 0 of a the constant -1, but its weights can only make it 0"),
    ])  # fmt: skip
    def test_what_no_weights_can_hold_is_refused(self, method, words):
        with pytest.raises(AblationError, match=words):
            self.recovered(method)
