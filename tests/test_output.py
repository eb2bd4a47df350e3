"""Which part of what a network returns is its output."""

import copy
import pickle
from collections import namedtuple
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import nn

import lashley as la
from lashley.errors import EngineError, OutcomesError, TrainingError
from lashley.graph.reading import as_given, described, reading

X, Y = torch.randn(40, 5, generator=torch.Generator().manual_seed(0)), torch.arange(40) % 3
Named = namedtuple("Named", "first second")


@dataclass
class Both:
    """As the outputs of many libraries are."""

    first: torch.Tensor
    second: torch.Tensor


class Body(nn.Module):
    """Two heads on one trunk; `form` is what it makes of them."""

    def __init__(self, form=tuple):
        super().__init__()
        self.a, self.b, self.c, self.d = (nn.Linear(*n) for n in ((5, 8), (8, 6), (6, 4), (6, 3)))
        self.form = form

    def forward(self, x, *, noise=None):
        h = torch.relu(self.b(torch.relu(self.a(x))))
        return self.form((self.c(h), self.d(h)))


class Branching(Body):
    """That no tracer captures."""

    def forward(self, x, *, noise=None):
        return super().forward(x + 1 if float(x.detach().sum()) > 1e9 else x)


FORMS = {
    "tuple": (tuple, 1),
    "list": (list, -1),
    "dict": (lambda both: dict(zip(("first", "second"), both, strict=True)), "second"),
    "named tuple": (lambda both: Named(*both), "second"),
    "dataclass": (lambda both: Both(*both), "second"),
    "nested": (lambda both: {"heads": both}, lambda given: given["heads"][1]),
    "a function": (tuple, lambda given: given[1] * 1.0),
}


def made(form=tuple, kind=Body):
    with la.networks.seeded(0):
        return kind(form).eval()


def plain():
    """The same network, which returns the second head alone."""
    return made(lambda both: both[1])


@pytest.mark.thinned(3, by="engine")
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("engine", ["auto", "fx", "export", "naive"])
def test_outcomes_are_those_of_a_network_that_returns_that_part_alone(form, engine):
    make, output = FORMS[form]
    network, twin = made(make), plain()
    sites = la.find_sites(network, (X, Y), output=output)
    assert list(sites) == list(la.find_sites(twin, (X, Y))) == ["a", "b"]
    for method in ("silence", "zero_weights"):
        cuts = la.singles(sites["b"], method)
        found = la.evaluate(network, (X, Y), cuts, engine=engine, output=output)
        truth = la.evaluate(twin, (X, Y), cuts, engine="naive")
        for name in ("rank", "prediction", "intact_rank"):
            np.testing.assert_array_equal(found[name], truth[name])


@pytest.mark.parametrize("engine", ["auto", "hooks", "naive"])
def test_with_hooks_where_nothing_captures(engine):
    network, twin = made(kind=Branching), made(lambda both: both[1], Branching)
    cuts = la.singles(la.find_sites(network, (X, Y), output=1)["a"], "zero_weights")
    found = la.evaluate(network, (X, Y), cuts, engine=engine, output=1)
    truth = la.evaluate(twin, (X, Y), cuts, engine="naive")
    np.testing.assert_array_equal(found["rank"], truth["rank"])
    with pytest.raises(EngineError, match="'fx' cannot capture"):
        la.evaluate(network, (X, Y), cuts, engine="fx", output=1)


def test_parts_that_are_made_into_two_columns():
    """A single logit, as the error advises."""
    with la.networks.seeded(3):
        network = nn.Sequential(nn.Linear(5, 6), nn.ReLU(), nn.Linear(6, 1)).eval()
    with torch.no_grad():
        logit = network(X)[:, 0]
    labels, cuts = (logit > 0).long(), la.singles(la.find_sites(network, (X, Y))["0"])
    for name, advised in (
        ("logits", lambda z: torch.cat([torch.zeros_like(z), z], 1)),
        ("probabilities", lambda z: torch.cat([1 - z.sigmoid(), z.sigmoid()], 1)),
    ):
        found = la.evaluate(network, (X, labels), cuts, output=advised)
        assert (found["intact_rank"] == 0).all(), name
        for cut, prediction in zip(cuts, found["prediction"].values, strict=True):
            keep = torch.ones(6).index_fill(0, torch.tensor(cut.units), 0)
            with torch.no_grad():
                ablated = network[2](network[:2](X) * keep)[:, 0]
            sure = ablated.abs() > 1e-5
            assert torch.equal(torch.from_numpy(prediction)[sure].bool(), (ablated > 0)[sure])


@pytest.mark.parametrize(
    ("last", "words"),
    [
        (nn.Linear(6, 1), r"one number per example, \(example, 1\).*torch\.cat\(\[torch\.zeros"),
        (nn.Sequential(nn.Linear(6, 1), nn.Flatten(0)), r"\(example,\).*torch\.stack\(\[torch\.z"),
        (nn.Sequential(nn.Linear(6, 8), nn.Unflatten(1, (4, 2))),
        r"network returned \(9, 4, 2\); .*for next tokens readout='loss'.*output="),
    ],
)  # fmt: skip
def test_outputs_that_are_no_logits_are_told_of_output_and_readout(last, words):
    network = nn.Sequential(nn.Linear(5, 6), nn.ReLU(), last).eval()
    cuts = [la.Ablation(la.find_sites(network, (X, Y))["0"], (0,))]
    with pytest.raises(EngineError, match=words) as found:
        la.evaluate(network, (X[:9], Y[:9] % 2), cuts)
    assert "readout" in str(found.value)
    assert "trained for" not in str(found.value)


class TestWithoutOutput:
    DOORS = (
        lambda network: la.find_sites(network, (X, Y)),
        lambda network: la.evaluate(network, (X, Y), CUTS),
        lambda network: la.plan(network, (X, Y), CUTS),
    )

    @pytest.mark.parametrize("door", DOORS)
    def test_every_door_says_what_the_network_returns(self, door):
        words = r"^outputs: the network returns a tuple of 2 \(a tensor \(3, 4\), a tensor \(3, 3"
        words += r"\)\); allowed is a tensor .*: output=0, or output=a function of it"
        with pytest.raises(EngineError, match=words):
            door(made())

    def test_recovery_says_so_too(self):
        with pytest.raises(EngineError, match=r"^outputs: the network returns a tuple of 2"):
            la.recover(made(), CUTS[0], (X, Y), (X + 1, Y))

    def test_a_logits_that_is_no_tensor_is_none(self):
        network = made(lambda both: {"logits": list(both)})
        with pytest.raises(EngineError, match=r"a dict of 1 \(logits: a list of 2 \(a tensor"):
            la.find_sites(network, (X, Y))


CUTS = [la.Ablation(la.Site("a", "hidden", 8, -1), (0,))]


@pytest.mark.parametrize(
    ("form", "output", "words"),
    [
        (
            "tuple",
            2,
            r"given 2, but the network returns a tuple of 2 .*; allowed are 0, 1, or a",
        ),
        ("tuple", "second", r"given 'second', but .*a tuple of 2"),
        ("dict", "logits", r"given 'logits', .*a dict of 2 .*allowed are 'first', 'second'"),
        ("dict", 0, "given 0, but the network returns a dict of 2"),
        ("dataclass", "third", ".*a Both of 2 .*allowed are 'first', 'second'"),
        ("nested", "heads", r"given 'heads', which is a tuple of 2 .*; allowed is a tensor"),
        ("tuple", lambda given: 1, "given '<lambda>', which is a int of what .* a function that"),
        ("tuple", True, r"given True; allowed are the name of an attribute or key, .*an index"),
        ("tuple", 1.5, "given 1.5; allowed are the name"),
    ],
)
@pytest.mark.parametrize("door", ["find_sites", "evaluate", "plan", "recover"])
def test_parts_that_are_not_there(door, form, output, words):
    network = made(FORMS[form][0])
    call = {
        "find_sites": lambda: la.find_sites(network, (X, Y), output=output),
        "evaluate": lambda: la.evaluate(network, (X, Y), CUTS, output=output),
        "plan": lambda: la.plan(network, (X, Y), CUTS, output=output),
        "recover": lambda: la.recover(network, CUTS[0], (X, Y), (X + 1, Y), output=output),
    }
    with pytest.raises(EngineError, match=f"^output: {words}"):
        call[door]()


def test_a_tensor_has_no_parts():
    for output in (0, "logits"):
        with pytest.raises(EngineError, match=r"returns a tensor \(3, 3\); allowed is to leave"):
            la.find_sites(plain(), (X, Y), output=output)


class TestTheNetwork:
    def test_shares_all_with_the_one_that_is_read(self):
        network = made()
        read = reading(network, 1)
        assert isinstance(read, Body)
        assert torch.equal(read(X), network(X)[1])
        assert dict(read.named_parameters()) == dict(network.named_parameters())
        network.a = nn.Linear(5, 8)
        network.train()
        network.note = 3
        assert read.a is network.a
        assert (read.training, read.note) == (True, 3)
        assert reading(network, 1) is read
        assert torch.equal(as_given(read)(X)[0], network(X)[0])
        assert as_given(network) is network
        assert reading(network, None) is network

    @pytest.mark.parametrize("copied", [copy.deepcopy, copy.copy])
    def test_copies_are_read_alike_and_stand_for_themselves(self, copied):
        network = made()
        twin = copied(reading(network, 1))
        assert torch.equal(twin(X), network(X)[1])
        if copied is copy.deepcopy:
            twin.double()
            assert twin(X.double()).dtype == torch.float64
            assert network.a.weight.dtype == torch.float32
            with torch.no_grad():
                twin.a.weight.zero_()
            assert network.a.weight.any()

    def test_a_class_with_a_deepcopy_of_its_own(self):
        class Own(Body):
            def __deepcopy__(self, memo):
                found = Own(self.form)
                found.load_state_dict(self.state_dict())
                return found

        network = made(kind=Own)
        twin = copy.deepcopy(reading(network, 1))
        assert torch.equal(twin(X), network(X)[1])
        zeros = {"a.weight": torch.zeros(8, 5)}
        changed = torch.func.functional_call(twin, zeros, X)
        assert not torch.equal(changed, network(X)[1])

    def test_survives_a_pickle(self):
        network = made()
        twin = pickle.loads(pickle.dumps(reading(network, 1)))
        assert torch.equal(twin(X), network(X)[1])

    def test_is_left_as_it_was(self):
        network = made().train()
        before, state = dict(network.__dict__), copy.deepcopy(network.state_dict())
        cuts = la.singles(la.find_sites(network, (X, Y), output=1)["a"])
        la.evaluate(network, (X, Y), cuts, output=1)
        assert type(network) is Body
        assert network.training
        assert dict(network.__dict__) == before
        assert all(torch.equal(network.state_dict()[n], v) for n, v in state.items())

    @pytest.mark.parametrize("change", ["forward", "hook", "compile"])
    def test_whose_own_forward_was_changed_is_refused(self, change):
        network = made()
        if change == "forward":
            network.forward = lambda x: (x, x)
        elif change == "hook":
            network.register_forward_hook(lambda *_: None)
        else:
            network.compile()
        with pytest.raises(EngineError, match="output: given for a network whose own forward was"):
            la.find_sites(network, (X, Y), output=1)


def test_a_recovered_network_returns_all_again():
    network, twin = made(), plain()
    site = la.find_sites(network, (X, Y), output=1)["b"]
    cut = la.Ablation(site, (0, 2))
    recipe = la.Recipe(epochs=2, batch_size=8)
    found = la.recover(network, cut, (X + 1, Y), (X, Y), recipe, freeze="none", output=1)
    truth = la.recover(twin, cut, (X + 1, Y), (X, Y), recipe, freeze="none")
    for name, value in truth.network.state_dict().items():
        torch.testing.assert_close(found.network.state_dict()[name], value)
    assert type(found.network) is type(found.before) is Body
    assert [part.shape[1] for part in found.network(X)] == [4, 3]
    np.testing.assert_array_equal(found.outcomes["rank"], truth.outcomes["rank"])


def test_recovery_takes_an_object_with_logits_as_evaluate_does():
    class Logits(dict):
        __getattr__ = dict.__getitem__

    network = made(lambda both: Logits(logits=both[1], first=both[0]))
    cut = la.Ablation(la.find_sites(network, (X, Y))["b"], (0,))
    found = la.recover(network, cut, (X + 1, Y), (X, Y), la.Recipe(epochs=1, batch_size=8))
    assert set(found.network(X)) == {"logits", "first"}


def test_training_still_needs_logits():
    with pytest.raises(TrainingError, match="the output for one example is of"):
        la.train(made(lambda both: both[1][:, None]), (X, Y))


class TestInAStore:
    def test_it_is_told_in_the_outcomes(self, tmp_path):
        network = made()
        cuts = la.singles(la.find_sites(network, (X, Y), output=1)["a"])
        one = la.evaluate(network, (X, Y), cuts, output=1, store=tmp_path / "s")
        assert one.attrs["output"] == "1"
        assert "output" not in la.evaluate(plain(), (X, Y), cuts).attrs

    def test_another_output_is_another_evaluation(self, tmp_path):
        network, labels = made(lambda both: (both[0][:, :3], both[1])), Y
        cuts = la.singles(la.find_sites(network, (X, Y), output=1)["a"])
        for first, second in ((0, 1), (lambda out: out[0], lambda out: out[1])):
            store = tmp_path / str(type(first))
            la.evaluate(network, (X, labels), cuts, output=first, store=store)
            la.evaluate(network, (X, labels), cuts, output=first, store=store)
            with pytest.raises(OutcomesError, match="output differ"):
                la.evaluate(network, (X, labels), cuts, output=second, store=store)


def test_scores_of_a_network_with_several_outputs():
    network = made()
    site = la.find_sites(network, (X, Y), output=1)["a"]
    found, truth = la.scores(network, site, (X, Y), output=1), la.scores(plain(), site, (X, Y))
    assert found.equals(truth)


def test_what_is_returned_is_described_without_end():
    deep = {"a": [torch.zeros(2, 3), {"b": (1,)}], "c": None}
    assert described(deep) == (
        "a dict of 2 (a: a list of 2 (a tensor (2, 3), a dict of 1), c: a NoneType)"
    )
