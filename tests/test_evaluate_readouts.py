"""Readouts, end to end: losses and functions of a user's own, on every path and kind of network."""

import copy
import math
import warnings
from itertools import product

import numpy as np
import pytest
import torch
from scipy import stats as sps
from torch import nn
from torch.nn import functional as F

import lashley as la
from lashley.errors import EngineError, ReadoutError

from architectures import cases, initialised
from architectures.case import TOKENS, VOCABULARY
from architectures.language import Block, Causal, Feedforward, Language
from rounding import assert_readouts_close, in_double, room_of

ENGINES = ("fx", "export", "hooks", "naive")
CASES = cases()
PLAIN = ["mlp", "mlp batch norm", "conv relu", "conv2d"]
LIBRARY = [name for name in CASES if name.startswith("transformers")]


def margin(outputs, labels):
    """A real number, a whole number and a truth value of each example."""
    true = outputs.gather(1, labels[:, None])[:, 0]
    others = outputs.scatter(1, labels[:, None], -math.inf)
    return {
        "margin": true - others.amax(1),
        "best": outputs.argmax(1),
        "right": outputs.argmax(1) == labels,
        "ahead": ahead(outputs),
    }


def ahead(outputs):
    """How far the largest output is before the next; of all tokens the least."""
    first, second = outputs.topk(2, -1).values.unbind(-1)
    return (first - second).flatten(1).amin(1) if outputs.ndim > 2 else first - second


def singles_of(network, examples, method="silence", kinds=("hidden", "filter")):
    sites = la.find_sites(network, examples).values()
    return [cut for site in sites if site.kind in kinds for cut in la.singles(site, method)]


def with_zeros(network, cut):
    """By hand: a copy of the network with a unit's weights and bias set to 0."""
    ablated = copy.deepcopy(network)
    layer = ablated.get_submodule(cut.site.name)
    with torch.no_grad():
        for parameter in (layer.weight, layer.bias):
            if parameter is not None:
                parameter[list(cut.units)] = 0
    return ablated


def logits(network, inputs):
    with torch.no_grad():
        outputs = network(**inputs) if isinstance(inputs, dict) else network(inputs)
    return outputs if isinstance(outputs, torch.Tensor) else outputs.logits


class TestEveryPath:
    @pytest.mark.thinned(3)
    @pytest.mark.parametrize("readout", ["loss", margin])
    @pytest.mark.parametrize("name", PLAIN)
    def test_agrees_with_the_reference(self, name, readout):
        network, examples = initialised(CASES[name], 1)
        cuts = singles_of(network, examples)
        found = {
            e: la.evaluate(network, examples, cuts, readout=readout, engine=e) for e in ENGINES
        }
        expected = found["naive"]
        name, decided = ("loss", ()) if readout == "loss" else ("margin", ("best", "right"))
        for (engine, outcomes), of in product(found.items(), ("", "intact_")):
            assert outcomes.attrs["engine"] == engine
            one, other = outcomes[f"{of}{name}"], expected[f"{of}{name}"]
            assert_readouts_close(one, other, network, examples[0])
            for variable in decided:
                sure = expected[f"{of}ahead"].values > room_of(network, examples[0])[0]
                assert sure.mean() > 0.99
                one, other = outcomes[f"{of}{variable}"], expected[f"{of}{variable}"]
                assert (one == other).values[sure].all()
            for variable in (name, *decided):
                assert outcomes[f"{of}{variable}"].dtype == expected[f"{of}{variable}"].dtype
        assert np.ptp(expected[name].values, 0).max() > 0.1  # the ablations matter

    @pytest.mark.parametrize("engine", ENGINES)
    def test_equals_a_loop_by_hand(self, engine):
        network, (inputs, labels) = initialised(CASES[PLAIN[0]], 2)
        cuts = singles_of(network, (inputs, labels), "zero_weights")
        found = la.evaluate(network, (inputs, labels), cuts, readout="loss", engine=engine)
        expected = [
            F.cross_entropy(logits(with_zeros(network, cut), inputs), labels, reduction="none")
            for cut in cuts
        ]
        assert_readouts_close(found["loss"], torch.stack(expected), network, inputs)

    def test_values_have_their_types(self):
        network, examples = initialised(CASES[PLAIN[0]], 1)
        found = la.evaluate(network, examples, singles_of(network, examples), readout=margin)
        kinds = {"margin": "float32", "best": "int64", "right": "uint8"}
        assert {name: str(found[name].dtype) for name in kinds} == kinds
        assert found.attrs["readout"] == "margin"
        assert "rank" not in found


class TestEffects:
    def test_are_mean_differences_with_paired_intervals(self):
        network, examples = initialised(CASES[PLAIN[0]], 1)
        cuts = singles_of(network, examples)
        found = la.evaluate(network, examples, cuts, readout=margin)
        effects, label = la.effects(found), found["label"].values
        for name in ("margin", "best", "right"):
            change = found[name].values.astype(float) - found[f"intact_{name}"].values
            self.check(effects, f"overall_{name}_change", change)
            for c in range(4):
                self.check(effects.isel({"class": c}), f"{name}_change", change[:, label == c])

    def check(self, effects, name, change):
        mean, n = change.mean(1), change.shape[1]
        np.testing.assert_allclose(effects[name], mean, atol=1e-9)
        with np.errstate(divide="ignore", invalid="ignore"):
            low, high = sps.t.interval(0.95, n - 1, mean, change.std(1, ddof=1) / math.sqrt(n))
        same = change.std(1) == 0
        np.testing.assert_allclose(effects[f"{name}_low"], np.where(same, mean, low), atol=1e-7)
        np.testing.assert_allclose(effects[f"{name}_high"], np.where(same, mean, high), atol=1e-7)

    def test_the_table_has_a_row_per_ablation_and_class(self):
        network, examples = initialised(CASES[PLAIN[0]], 1)
        cuts = singles_of(network, examples)
        table = la.effects(la.evaluate(network, examples, cuts, readout="loss")).to_dataframe()
        assert len(table) == 4 * len(cuts)
        assert {"loss_change", "overall_loss_change", "units", "site"} <= set(table)


class Speaking(Language):
    """A language model: logits (example, token, token that comes next)."""

    def __init__(self):
        block = Block(nn.LayerNorm, Causal(), Feedforward())
        super().__init__(block, norm=nn.LayerNorm, positions=True)
        self.head = nn.Linear(self.wte.embedding_dim, VOCABULARY, bias=False)

    def forward(self, ids):
        x = self.wte(ids) + self.wpe(torch.arange(ids.shape[1]))
        for block in self.h:
            x = block(x)
        return self.head(self.ln_f(x))


def speaking():
    return Speaking(), lambda ids: ids


def gpt2():
    library = pytest.importorskip("transformers")
    config = library.GPT2Config(
        vocab_size=VOCABULARY, n_positions=TOKENS, n_embd=8, n_layer=1, n_head=4, n_inner=5,
        bos_token_id=None, eos_token_id=None, initializer_range=0.5,
    )  # fmt: skip
    return library.GPT2LMHeadModel(config), lambda ids: {"input_ids": ids}


class TestNextTokens:
    @pytest.fixture(params=[speaking, gpt2], ids=["plain", "transformers"])
    def model(self, request):
        with la.networks.seeded(0):
            network, inputs_of = request.param()
            ids = torch.randint(1, VOCABULARY, (30, TOKENS))
        targets = torch.cat([ids[:, 1:], torch.full((30, 1), -100)], 1)
        targets[::3, 3:] = -100  # as padding does
        return network.eval(), inputs_of(ids), targets

    def test_the_loss_is_that_of_the_tokens_that_count(self, model):
        network, inputs, targets = model
        cuts = singles_of(network, (inputs, targets), kinds=("hidden", "head"))
        found = la.evaluate(network, (inputs, targets), cuts, readout="loss")
        assert dict(found.sizes) == {"ablation": len(cuts), "example": 30}
        outputs = logits(network, inputs)
        for i in range(30):
            expected = F.cross_entropy(outputs[i], targets[i], ignore_index=-100)
            assert_readouts_close(found["intact_loss"][i], expected, network, inputs)
        slow = la.evaluate(network, (inputs, targets), cuts, readout="loss", engine="naive")
        assert_readouts_close(found["loss"], slow["loss"], network, inputs)
        effects = la.effects(found)
        change = (found["loss"] - found["intact_loss"]).values.astype(float)
        assert abs(change).mean() > 0.01
        np.testing.assert_allclose(effects["overall_loss_change"], change.mean(1), atol=1e-9)
        assert len(effects.to_dataframe()) == len(cuts)

    def test_a_function_of_tokens(self, model):
        network, inputs, targets = model

        def hits(outputs, targets):
            counted = targets != -100
            right = (outputs.argmax(2) == targets) & counted
            share = outputs.softmax(2).amax(2).mean(1)
            return {"hits": right.sum(1), "share": share, "ahead": ahead(outputs)}

        cuts = singles_of(network, (inputs, targets), kinds=("hidden", "head"))[::3]
        found = la.evaluate(network, (inputs, targets), cuts, readout=hits)
        expected = hits(logits(network, inputs), targets)
        assert_readouts_close(found["intact_share"], expected["share"], network, inputs)
        slow = la.evaluate(network, (inputs, targets), cuts, readout=hits, engine="naive")
        assert_readouts_close(found["share"], slow["share"], network, inputs)
        for of in ("", "intact_"):
            sure = slow[f"{of}ahead"].values > room_of(network, inputs)[0]
            assert sure.mean() > 0.99
            assert (found[f"{of}hits"] == slow[f"{of}hits"]).values[sure].all()
        assert (slow["hits"] != slow["intact_hits"]).any()


class TestRealNumbersAsTargets:
    @pytest.mark.parametrize("engine", ENGINES)
    def test_squared_errors(self, engine):
        with la.networks.seeded(0):
            network = nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 1)).eval()
            inputs, targets = torch.randn(50, 5), torch.randn(50)

        def error(outputs, targets):
            return {"squared": (outputs[:, 0] - targets) ** 2}

        cuts = singles_of(network, (inputs, targets), "zero_weights")
        found = la.evaluate(network, (inputs, targets), cuts, readout=error, engine=engine)
        expected = [error(logits(with_zeros(network, c), inputs), targets)["squared"] for c in cuts]
        np.testing.assert_allclose(found["squared"], torch.stack(expected), rtol=1e-4, atol=1e-5)
        change = torch.stack(expected) - error(logits(network, inputs), targets)["squared"]
        effects = la.effects(found)
        np.testing.assert_allclose(
            effects["overall_squared_change"], change.mean(1), rtol=1e-4, atol=1e-5
        )
        assert "class" not in effects.sizes


class TestNetworksOfTheLibrary:
    @pytest.mark.thinned(3)
    @pytest.mark.parametrize("name", LIBRARY)
    def test_from_inputs_by_name_to_a_table(self, name):
        network, (inputs, labels) = initialised(CASES[name], 0)
        cuts = singles_of(network, (inputs, labels), kinds=("hidden", "filter", "head"))
        found = la.evaluate(network, (inputs, labels), cuts)
        intact = logits(copy.deepcopy(network).double(), in_double(inputs))
        np.testing.assert_array_equal(found["intact_prediction"], intact.argmax(1))
        effects = la.effects(found)
        table = effects.to_dataframe()
        assert len(table) == len(cuts) * 4
        assert set(table["site"]) == set(CASES[name].sites)
        lost = (found["intact_rank"] == 0) & (found["rank"] != 0)
        np.testing.assert_array_equal(effects["overall_lost"], lost.sum("example"))
        assert lost.any()

    @pytest.mark.parametrize("name", [n for n in LIBRARY if "gpt2" not in n])  # transposed weights
    def test_equal_a_loop_by_hand(self, name):
        network, (inputs, labels) = initialised(CASES[name], 0)
        cuts = singles_of(network, (inputs, labels), "zero_weights")
        found = la.evaluate(network, (inputs, labels), cuts)
        for row, cut in enumerate(cuts):
            outputs = logits(with_zeros(network, cut), inputs)
            top = outputs.topk(2, 1).values
            sure = (top[:, 0] - top[:, 1] > 1e-4).numpy()
            predictions = found["prediction"].values[row]
            np.testing.assert_array_equal(predictions[sure], outputs.argmax(1).numpy()[sure])

    def test_with_hooks_and_with_a_readout(self):
        network, (inputs, labels) = initialised(CASES["transformers bert"], 0)
        cuts = singles_of(network, (inputs, labels), "zero_weights")
        for readout in ("classification", "loss"):
            fast, slow = (
                la.evaluate(network, (inputs, labels), cuts, readout=readout, engine=engine)
                for engine in ("auto", "hooks")
            )
            if readout == "classification":
                np.testing.assert_array_equal(fast["rank"], slow["rank"])
            else:
                assert_readouts_close(fast["loss"], slow["loss"], network, inputs)


class TestRefusesAtTheDoor:
    """Before the first batch: a bad return must not cost an hour."""

    @pytest.mark.parametrize(
        ("returned", "words"),
        [
            (lambda o, t: o.amax(1), "returned a Tensor; allowed is a dict"),
            (lambda o, t: None, "returned a NoneType; allowed is a dict"),
            (lambda o, t: {}, "returned an empty dict"),
            (lambda o, t: {"m": o.mean()}, r"shape \(\) as 'm'; allowed is a tensor of shape"),
            (
                lambda o, t: {"m": o},
                r"one number per example. Pick one, or take a mean over",
            ),
            (lambda o, t: {"m": o.amax(1).numpy()}, "returned a ndarray as 'm'"),
            (lambda o, t: {"m": o[:, 0] * math.nan}, "returned NaN or infinity as 'm' for"),
            (lambda o, t: {"rank": o[:, 0]}, "returned 'rank'; allowed are names of letters"),
            (lambda o, t: {"intact_m": o[:, 0]}, "returned 'intact_m'"),
            (lambda o, t: {3: o[:, 0]}, "returned 3; allowed are names"),
        ],
    )
    def test_a_bad_return(self, returned, words):
        network, examples = initialised(CASES[PLAIN[0]], 1)
        cuts, calls = singles_of(network, examples), []
        with pytest.raises(ReadoutError, match=words):
            la.evaluate(
                network, examples, cuts, readout=returned, progress=lambda *done: calls.append(done)
            )
        assert not calls

    @pytest.mark.parametrize("readout", ["los", None, 1, nn.CrossEntropyLoss])
    def test_what_is_no_readout(self, readout):
        network, examples = initialised(CASES[PLAIN[0]], 1)
        with pytest.raises(ReadoutError, match=r"allowed are 'classification', 'loss', .*or a fun"):
            la.evaluate(network, examples, singles_of(network, examples), readout=readout)

    def test_losses_of_other_targets(self):
        network, (inputs, _) = initialised(CASES[PLAIN[0]], 1)
        examples = (inputs, torch.randn(len(inputs)))
        with pytest.raises(ReadoutError, match=r"loss: given outputs .* torch.float32 targets"):
            la.evaluate(network, examples, singles_of(network, examples), readout="loss")


# --- what is refused at the door ------------------------------------------------------------------


def small():
    with la.networks.seeded(0):
        network = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3))
        inputs, labels = torch.randn(30, 6), torch.arange(30) % 3
    return network, (inputs, labels)


def test_a_readout_that_mixes_examples_is_refused():
    network, examples = small()
    cuts = la.singles(la.find_sites(network, examples)["0"])

    def centred(outputs, targets):
        return {"centred": outputs[:, 0] - outputs[:, 0].mean()}

    with pytest.raises(ReadoutError, match="'centred' of an example depends on the other examples"):
        la.evaluate(network, examples, cuts, readout=centred)


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ({"seed": "a"}, "seed: given 'a'; allowed is a whole number from 0"),
        ({"seed": -1}, "seed: given -1"), ({"seed": True}, "seed: given True"),
        ({"memory": "1GB"}, "memory: given '1GB'; allowed is a whole number of bytes"),
        ({"memory": 0}, "memory: given 0"), ({"savings": True}, "savings: given True; allowed"),
        ({"device": None}, "device: None is not available here"),
        ({"precision": True}, "precision: given True"),
        ({"dtype": torch.float16}, r"dtype: given torch\.float16; allowed are torch\.float32"),
    ],
)  # fmt: skip
def test_options_that_mean_nothing_are_refused(option, words):
    network, examples = small()
    cuts = la.singles(la.find_sites(network, examples)["0"])
    with pytest.raises(EngineError, match=words):
        la.evaluate(network, examples, cuts, **option)


class ByName(nn.Module):
    """Takes two inputs of one shape, which must not be mistaken for one another."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(6, 5), nn.Linear(5, 3)

    def forward(self, left, right):
        return self.b(torch.relu(self.a(left - 3 * right)))


def test_reference_examples_by_name_may_come_in_any_order():
    with la.networks.seeded(0):
        network, parts = ByName(), torch.randn(4, 30, 6)
    labels = torch.arange(30) % 3
    examples = ({"left": parts[0], "right": parts[1]}, labels)
    given = {"left": parts[2], "right": parts[3]}
    cuts = la.singles(la.find_sites(network, examples)["a"], "resample")
    one = la.evaluate(network, examples, cuts, reference=(given, labels))
    turned = (dict(reversed(given.items())), labels)
    other = la.evaluate(network, examples, cuts, reference=turned)
    assert (one["rank"] == other["rank"]).all()
    with pytest.raises(EngineError, match=r"reference: its examples are of shape .* Cut them"):
        la.evaluate(network, examples, cuts, reference=({"left": parts[2]}, labels))


def test_a_measure_named_as_a_column_of_the_design_is_refused_before_any_work():
    network = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.ReLU(), torch.nn.Linear(3, 3))
    data = (torch.randn(6, 4), torch.arange(6) % 3)
    cuts = la.random_groups(la.find_sites(network, data)["0"], 0.4, groups=2)
    with pytest.raises(ReadoutError, match="returned 'seed', which is a column of the ablations"):
        la.evaluate(network, data, cuts, readout=lambda outputs, _: {"seed": outputs[:, 0]})


def test_the_loss_of_probabilities_is_told_with_the_way_out():
    with la.networks.seeded(0):
        network = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 4), nn.Softmax(1)).eval()
        data = torch.randn(40, 8), torch.arange(40) % 4
    cuts = la.singles(la.find_sites(network, data)["0"])
    with pytest.warns(UserWarning, match=r"look like probabilities.*output=lambda p: p\.log\(\)"):
        la.evaluate(network, data, cuts, readout="loss")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = la.evaluate(network, data, cuts, readout="loss", output=lambda p: p.log())
    logits = la.evaluate(network[:3], data, cuts, readout="loss")
    np.testing.assert_allclose(found["loss"], logits["loss"], atol=1e-5)
