"""What `evaluate` is given, as users have it: labels, targets, reference examples, scales."""

import warnings

import numpy as np
import pytest
import torch
from torch import nn

import lashley as la
from lashley.engine.verdict import Verdict, check_empty
from lashley.errors import DataError, EngineError, IntegrityError, ReadoutError
from lashley.outcomes import assemble
from lashley.readouts import Readout

ENGINES = ("fx", "export", "hooks", "naive")


def made(outputs=4, seed=0):
    """A network, and inputs with the classes that it finds in them."""
    with la.networks.seeded(seed):
        network = nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, outputs)).eval()
        inputs = 9 * torch.randn(60, 5)
    with torch.no_grad():
        return network, inputs, network(inputs).argmax(1)


def cuts_of(network, inputs, method="silence", name="0"):
    return la.singles(la.find_sites(network, (inputs, torch.zeros(len(inputs))))[name], method)


class TestLabels:
    @pytest.mark.parametrize("kind", ["uint8", "int16", "int32", "int64", "uint32"])
    def test_examples_without_class_names_are_a_pair_with_classes(self, kind):
        network, inputs, labels = made()
        given = la.Examples(inputs.numpy(), labels.numpy().astype(kind))
        cuts = cuts_of(network, inputs)
        found = la.evaluate(network, given, cuts)
        assert found.equals(la.evaluate(network, (inputs, labels), cuts))
        assert (found["intact_rank"] == 0).all()
        assert la.effects(found)["class"].values.tolist() == ["0", "1", "2", "3"]

    def test_a_change_since_they_were_made_is_noticed(self):
        network, inputs, labels = made()
        given = la.Examples(inputs, labels.int())
        inputs[3, 1] += 1
        with pytest.raises(IntegrityError, match="examples: inputs changed since they were made"):
            la.evaluate(network, given, cuts_of(network, inputs))

    def test_of_some_of_the_outputs_are_enough(self):
        network, inputs, labels = made(outputs=9, seed=2)
        some = (labels == 1) | (labels == 7)
        cuts = cuts_of(network, inputs)
        whole = la.evaluate(network, (inputs, labels), cuts)
        with pytest.warns(UserWarning, match=r"examples: 6 of 8 classes have no example \(0, 2, 3"):
            found = la.evaluate(network, (inputs[some], labels[some]), cuts)
        np.testing.assert_array_equal(found["rank"], whole["rank"][:, some.numpy()])
        assert found.attrs["classes_without_examples"] == 6
        drops, expected = (la.effects(o)["drop_pp"].values for o in (found, whole))
        np.testing.assert_array_equal(drops[:, [1, 7]], expected[:, [1, 7]])
        assert np.isnan(np.delete(drops, [1, 7], axis=1)).all()

    def test_of_a_named_class_without_examples(self, tmp_path):
        network, inputs, labels = made()
        some = labels != 1
        given = la.Examples(inputs[some], labels[some], tuple("abcd"))
        cuts = cuts_of(network, inputs)
        with pytest.warns(UserWarning, match=r"1 of 4 classes have no example \(b\), so their ef"):
            found = la.evaluate(network, given, cuts, store=tmp_path / "s")
        effects = la.effects(la.open_store(tmp_path / "s"))
        assert found.attrs["classes_without_examples"] == 1
        assert np.isnan(effects["drop_pp"].sel({"class": "b"})).all()
        assert effects["total"].values[1] == 0
        assert not np.isnan(effects["drop_pp"].sel({"class": ["a", "c", "d"]})).any()
        assert (effects["drop_low_pp"].sel({"class": "b"}) == -100).all()
        pairs = la.pairs(la.find_sites(network, given)["0"])[:3]
        with pytest.warns(UserWarning, match="so their effects are NaN"):
            both = la.evaluate(network, given, pairs)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found = la.interactions(found, both)
        assert np.isnan(found["class_excess_pp"].values[:, 1]).all()

    def test_all_classes_have_examples_and_nothing_is_said(self):
        network, inputs, labels = made()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found = la.evaluate(network, (inputs, labels), cuts_of(network, inputs))
        assert "classes_without_examples" not in found.attrs

    def test_as_columns_and_one_hot_are_right_once_the_advice_is_followed(self):
        network, inputs, labels = made()
        cuts = cuts_of(network, inputs)
        for given, words, advised in (
            (labels[:, None], r"give labels\[:, 0\];", lambda y: y[:, 0]),
            (labels[:, None].float(), r"give labels\[:, 0\]\.long\(\);", lambda y: y[:, 0].long()),
            (labels.double(), r"give labels\.long\(\);", lambda y: y.long()),
            (torch.eye(4)[labels], r"give labels\.argmax\(1\)\.", lambda y: y.argmax(1)),
        ):
            with pytest.raises(DataError, match=words):
                la.evaluate(network, (inputs, given), cuts)
            found = la.evaluate(network, (inputs, advised(given)), cuts)
            assert (found["intact_rank"] == 0).all()

    def test_several_per_example_are_told_of_a_readout(self):
        network, inputs, _ = made()
        with pytest.raises(DataError, match=r"\(multi-label\) and the like go with readout=, a fu"):
            la.evaluate(network, (inputs, (inputs[:, :4] > 0).long()), cuts_of(network, inputs))

    def test_of_recovery_need_no_names_either(self):
        network, inputs, labels = made()
        cut = cuts_of(network, inputs)[0]
        recipe = la.Recipe(epochs=1, batch_size=10)
        train, test = la.Examples(inputs + 0.1, labels.int()), la.Examples(inputs, labels.short())
        found = la.recover(network, cut, train, test, recipe)
        assert la.effects(found.outcomes).sizes["class"] == 4


def test_fifty_thousand_classes_of_which_few_occur():
    """A language model's: tables by class stay small in time and memory."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 50_000, 3000)
    ranks = (rng.random((3, 3000)) < 0.5).astype(np.uint16)
    arrays = {"rank": ranks, "prediction": np.where(ranks, 7, labels).astype(np.uint16),
              "intact_rank": ranks[0] * 0, "intact_prediction": labels.astype(np.uint16),
              "label": labels.astype(np.uint16)}  # fmt: skip
    cuts = [la.Ablation(la.Site("a", "hidden", 8, -1), (u,)) for u in range(3)]
    outcomes = assemble(cuts, arrays, [str(c) for c in range(50_000)], {})
    effects = la.effects(outcomes)
    assert effects["lost"].values.sum() == ranks.sum()
    assert effects["lost"].values[1, labels[0]] == ranks[1, labels == labels[0]].sum()
    assert (effects["false_positives"].values[:, 7] == (ranks * (labels != 7)).sum(1)).all()


class TestTargetsOfSeveralParts:
    @staticmethod
    def score(outputs, targets):
        logits, weight = targets if isinstance(targets, tuple) else targets.values()
        return {"score": (outputs * logits).sum(1) * weight}

    @pytest.mark.thinned(5)
    @pytest.mark.parametrize("engine", ENGINES)
    @pytest.mark.parametrize("form", ["tuple", "dict"])
    @pytest.mark.parametrize("kind", ["mlp", "conv"])
    def test_come_to_the_readout_as_they_were_given(self, kind, form, engine):
        with la.networks.seeded(1):
            inputs = torch.randn(50, 1, 6, 6)
            first = nn.Conv2d(1, 4, 3) if kind == "conv" else nn.Linear(36, 7)
            head = [] if kind == "conv" else [nn.Flatten()]
            width = 64 if kind == "conv" else 7
            network = nn.Sequential(*head, first, nn.ReLU(), nn.Flatten(), nn.Linear(width, 3))
            targets = (torch.randn(50, 3), torch.arange(50.0))
        network.eval()
        cuts = cuts_of(network, inputs, "zero_weights", str(len(head)))
        given = targets if form == "tuple" else {"logits": targets[0], "weight": targets[1]}
        found = la.evaluate(network, (inputs, given), cuts, readout=self.score, engine=engine)

        def plain(outputs, target):
            return {"score": (outputs * target[:, :3]).sum(1) * target[:, 3]}

        joined = torch.cat([targets[0], targets[1][:, None]], 1)
        truth = la.evaluate(network, (inputs, joined), cuts, readout=plain, engine=engine)
        np.testing.assert_allclose(found["score"], truth["score"], rtol=1e-6, atol=1e-5)
        assert "class" not in found.sizes
        assert la.effects(found)["overall_score_change"].sizes == {"ablation": len(cuts)}

    def test_which_are_changed_meanwhile(self):
        network, inputs, labels = made()
        given = la.Examples(inputs, {"label": labels, "weight": torch.ones(60)})

        def writing(outputs, targets):
            targets["weight"] *= 0.5
            return {"m": outputs[:, 0]}

        with pytest.raises(IntegrityError, match=r"examples: labels\.weight changed"):
            la.evaluate(network, given, cuts_of(network, inputs), readout=writing)

    def test_are_refused_where_a_readout_needs_one(self):
        network, inputs, labels = made()
        cuts, both = cuts_of(network, inputs), (labels, labels)
        with pytest.raises(DataError, match=r"given several tensors; .* that holds the classes"):
            la.evaluate(network, (inputs, both), cuts)
        with pytest.raises(ReadoutError, match=r"loss: given a tuple of targets; .*of your own"):
            la.evaluate(network, (inputs, both), cuts, readout="loss")


class Tokens(nn.Module):
    """Of any length; `fixed` writes a length into its forward."""

    def __init__(self, fixed=None):
        super().__init__()
        self.embed, self.mix, self.out = nn.Embedding(20, 8), nn.Linear(8, 6), nn.Linear(6, 3)
        self.fixed = fixed

    def forward(self, ids):
        hidden = self.embed(ids)
        if self.fixed:
            hidden = hidden.reshape(-1, self.fixed, 8)
        return self.out(torch.tanh(self.mix(hidden)).mean(1))


class TestReferencesOfAnotherLength:
    @pytest.mark.parametrize("engine", ["fx", "export", "naive"])
    def test_a_mean_is_over_all_of_their_positions(self, engine):
        with la.networks.seeded(0):
            network = Tokens().eval()
            ids, others = torch.randint(20, (30, 5)), torch.randint(20, (40, 9))
        data, reference = (ids, torch.arange(30) % 3), (others, torch.zeros(40).long())
        cuts = la.singles(la.find_sites(network, data)["mix"], "mean")
        found = la.evaluate(network, data, cuts, reference=reference, readout="loss", engine=engine)
        with torch.no_grad():
            mean = torch.tanh(network.mix(network.embed(others))).mean((0, 1))
            for unit, losses in enumerate(found["loss"].values):
                hidden = torch.tanh(network.mix(network.embed(ids)))
                hidden[..., unit] = mean[unit]
                truth = nn.functional.cross_entropy(
                    network.out(hidden.mean(1)), data[1], reduction="none"
                )
                np.testing.assert_allclose(losses, truth, rtol=1e-4, atol=1e-6)

    def test_a_donor_must_have_the_same_positions(self):
        network, ids = Tokens().eval(), torch.randint(20, (30, 5))
        site = la.find_sites(network, (ids, torch.zeros(30)))["mix"]
        words = (r"of shape \{'inputs': \(9,\)\}, the evaluated ones of \{'inputs': \(5,\)\}; "
                 r".*Only methods that take a mean allow other lengths\. Cut")  # fmt: skip
        with pytest.raises(EngineError, match=words):
            la.evaluate(
                network, (ids, torch.arange(30) % 3), la.singles(site, "resample"),
                reference=(torch.randint(20, (40, 9)), torch.zeros(40)),
            )  # fmt: skip

    @pytest.mark.parametrize("engine", ["fx", "export", "naive"])
    def test_a_graph_for_one_length_is_an_error_that_says_so(self, engine):
        network, ids = Tokens(fixed=5).eval(), torch.randint(20, (30, 5))
        site = la.find_sites(network, (ids, torch.zeros(30)))["mix"]
        with pytest.raises(DataError, match=r"reference: inputs of shape \(3, 9\) do not run"):
            la.evaluate(
                network, (ids, torch.arange(30) % 3), la.singles(site, "mean"), engine=engine,
                reference=(torch.randint(20, (40, 9)), torch.zeros(40)),
            )  # fmt: skip


class TestScales:
    """A check that knows rounding from an effect, whatever the size of what is measured."""

    @staticmethod
    def errors(outputs, targets):
        error = outputs[:, 0] - targets
        return {"error": error, "square": error**2, "large": 1000 * error, "over": error > 0}

    @pytest.mark.thinned(12)
    @pytest.mark.parametrize("engine", ENGINES)
    @pytest.mark.parametrize("scale", [1e-12, 1e-6, 1.0])
    @pytest.mark.parametrize(("shift", "noise"), [(0.0, 0.1), (1e4, 0.1), (1e6, 0.1), (1e4, 0.0)])
    def test_no_false_alarm(self, scale, shift, noise, engine):
        with la.networks.seeded(0):
            network = nn.Sequential(nn.Linear(5, 16), nn.ReLU(), nn.Linear(16, 1)).eval()
            inputs = torch.randn(50, 5)
        with torch.no_grad():
            network[2].weight.mul_(scale)
            network[2].bias.fill_(shift * scale)
            targets = network(inputs)[:, 0] + noise * scale * torch.randn(50)
        cuts = cuts_of(network, inputs)
        la.evaluate(network, (inputs, targets), cuts, readout=self.errors, engine=engine)

    @pytest.mark.parametrize("scale", [1e-9, 1e-6, 1.0, 1e4])
    def test_a_true_alarm(self, scale):
        measure = Readout("m", lambda outputs, targets: {"m": outputs[:, 0] - targets})
        verdict = Verdict(measure, 1e-5, 1e-5 * scale, torch.uint8)
        outputs, targets = scale * torch.randn(20, 1), scale * torch.randn(20)
        intact = verdict.of_rows(outputs, targets)
        slack = verdict.slack(outputs, targets)
        check_empty(verdict, {"m": intact["m"][:, :9]}, intact, slack)
        check_empty(verdict, {"m": intact["m"] + 2e-6 * scale}, intact, slack)
        with pytest.raises(EngineError, match="an ablation of no units has an effect"):
            check_empty(verdict, {"m": intact["m"] + 0.05 * scale}, intact, slack)

    @pytest.mark.parametrize("scale", [1e-9, 1.0, 1e4])
    def test_rounding_of_outputs_far_above_what_is_measured_is_no_alarm(self, scale):
        measure = Readout("m", self.errors)
        share = 64 * torch.finfo(torch.float32).eps
        outputs = scale * (1 + torch.rand(20, 1))
        verdict = Verdict(measure, share, share * float(outputs.max()), torch.uint8)
        targets = outputs[:, 0].clone()
        intact = verdict.of_rows(outputs, targets)
        other = verdict.of_rows(outputs.nextafter(torch.tensor(torch.inf)), targets)
        assert (other["over"] != intact["over"]).all()
        check_empty(verdict, other, intact, verdict.slack(outputs, targets))
        other = verdict.of_rows(outputs + 1e-3 * scale, targets)
        with pytest.raises(EngineError, match="an ablation of no units has an effect"):
            check_empty(verdict, other, intact, verdict.slack(outputs, targets))

    @pytest.mark.parametrize("scale", [1e-9, 1.0, 1e6])
    def test_a_network_that_draws_random_numbers_is_told_from_rounding(self, scale):
        class Noisy(nn.Module):
            def __init__(self, share):
                super().__init__()
                self.a, self.b, self.share = nn.Linear(5, 4), nn.Linear(4, 3), share

            def forward(self, x):
                out = scale * (1 + self.b(torch.relu(self.a(x))))
                return out + self.share * scale * torch.rand_like(out)

        inputs, labels = torch.randn(30, 5), torch.arange(30) % 3
        for share, refused in ((1e-3, True), (0, False)):
            network = Noisy(share).eval()
            cuts = [la.Ablation(la.Site("a", "hidden", 4, -1), (0,))]
            if not refused:
                la.evaluate(network, (inputs, labels), cuts)
                continue
            with pytest.raises(EngineError, match="two runs on the same examples differ"):
                la.evaluate(network, (inputs, labels), cuts)

    @pytest.mark.parametrize("scale", [1e-9, 1.0, 1e6])
    def test_a_readout_that_mixes_examples(self, scale):
        network, inputs, _ = made()
        with pytest.raises(ReadoutError, match="'m' of an example depends on the other examples"):
            la.evaluate(
                network, (inputs, inputs), cuts_of(network, inputs),
                readout=lambda out, _: {"m": scale * (out[:, 0] - out[:, 0].mean())},
            )  # fmt: skip


class TestNames:
    @pytest.mark.parametrize("store", [True, False])
    @pytest.mark.parametrize("name", ["number", "position", "site", "label", "rank"])
    def test_those_of_the_outcomes_are_refused_before_any_work(self, name, store, tmp_path):
        network, inputs, labels = made()
        seen, where = [], tmp_path / "s" if store else None
        with pytest.raises(ReadoutError, match=f"returned '{name}'; allowed are names"):
            la.evaluate(
                network, (inputs, labels), cuts_of(network, inputs), store=where,
                readout=lambda out, _: {name: out[:, 0]}, progress=lambda *done: seen.append(done),
            )  # fmt: skip
        assert not seen
        assert not (tmp_path / "s").exists()

    @pytest.mark.parametrize("name", ["total", "lost", "loss", "drop_pp"])
    def test_those_of_effects_serve_a_readout(self, name, tmp_path):
        network, inputs, labels = made()
        found = la.evaluate(
            network, (inputs, labels), cuts_of(network, inputs), store=tmp_path / "s",
            readout=lambda out, _: {name: out[:, 0]},
        )  # fmt: skip
        assert f"{name}_change" in la.effects(found)
        assert la.effects(la.open_store(tmp_path / "s")).equals(la.effects(found))

    def test_a_column_called_as_a_readouts_effect(self):
        network, inputs, labels = made()
        cuts = [la.Ablation(c.site, c.units, columns={"m_change": 1})
                for c in cuts_of(network, inputs)]  # fmt: skip
        with pytest.raises(ReadoutError, match=r"returned 'm', which is a column .*effects would"):
            la.evaluate(
                network, (inputs, labels), cuts, readout=lambda out, _: {"m": out[:, 0]}
            )  # fmt: skip


class TestNumberFormats:
    @pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
    @pytest.mark.parametrize("given", [torch.float64, torch.float32, torch.float16])
    def test_recovery_and_training_convert_inputs_as_evaluate_does(self, dtype, given):
        network, inputs, labels = made()
        network = network.to(dtype)
        inputs = inputs.to(given)
        cuts = cuts_of(network, inputs)
        assert (la.evaluate(network, (inputs, labels), cuts)["intact_rank"] == 0).mean() > 0.9
        recipe = la.Recipe(epochs=1, batch_size=10)
        train = (inputs + 0.1, labels)
        done = la.recover(network, cuts[0], train, (inputs, labels), recipe)
        exact = (train[0].to(dtype), labels), (inputs.to(dtype), labels)
        truth = la.recover(network, cuts[0], *exact, recipe)
        for name, value in truth.network.state_dict().items():
            assert value.dtype == dtype
            assert torch.equal(done.network.state_dict()[name], value)
        assert done.outcomes.equals(truth.outcomes)
        assert la.train(network, train, recipe)[0].weight.dtype == dtype

    def test_what_does_not_run_is_told_without_talk_of_vectors(self):
        network, inputs, labels = made()
        cut = cuts_of(network, inputs)[0]
        with pytest.raises(la.LashleyError, match=r"shape .* does not run through it") as found:
            la.recover(network, cut, (inputs[:, :3], labels), (inputs[:, :3], labels))
        assert "vector" not in str(found.value)


@pytest.mark.parametrize("engine", ["auto", "hooks", "naive"])
def test_reference_examples_of_another_width(engine):
    network = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3))
    data = (torch.randn(9, 6), torch.arange(9) % 3)
    cut = la.Ablation(la.find_sites(network, data)["0"], (1,), "mean")
    with pytest.raises(la.LashleyError, match=r"reference: inputs of shape \(3, 5\) do not run"):
        la.evaluate(network, data, [cut], reference=(torch.randn(9, 5), data[1]), engine=engine)


def test_a_saving_is_made_or_not():
    network = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3))
    data = (torch.randn(9, 6), torch.arange(9) % 3)
    cuts = la.singles(la.find_sites(network, data)["0"])
    with pytest.raises(la.LashleyError, match="savings: given joining='no'; allowed are True"):
        la.evaluate(network, data, cuts, savings=la.Savings(joining="no"))
