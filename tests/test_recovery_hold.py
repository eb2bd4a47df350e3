"""How an ablation is held while the rest of the network is trained."""

import copy
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations

import lashley as la
from lashley.errors import AblationError, SiteError, TrainingError
from lashley.recovery.ablated import ablated, naively
from lashley.recovery.holding import Hold, Holding, held_norm
from lashley.recovery.starts import anew, redrawn
from lashley.training import Recipe
from lashley.training.alone import Alone, learner_of
from lashley.training.population import Together
from lashley.training.stack import stacked

from architectures import REMOVABLE, cases, initialised, logits_of, removed

CASES = cases()
METHODS = ("silence", "zero_weights", "mean")
ROUGH = Recipe(lr=0.05, momentum=0.9, nesterov=True, weight_decay=0.1)
ADAMW = Recipe(lr=0.05, momentum=0.9, weight_decay=0.1, optimiser="adamw")


def small(norm=True, nonlinearity=nn.ReLU, seed=0):
    """conv, batch norm and nonlinearity, with statistics and shifts that are no 0."""
    with la.networks.seeded(seed):
        network = nn.Sequential(
            nn.Conv2d(3, 6, 3, padding=1), nn.BatchNorm2d(6) if norm else nn.Identity(),
            nonlinearity(), nn.Conv2d(6, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
            nn.Linear(4, 3),
        )  # fmt: skip
        if norm:
            nn.init.uniform_(network[1].bias, 0.5, 1.5)  # relu lets what it makes of 0 through
            nn.init.uniform_(network[1].weight, 0.5, 1.5)
            nn.init.uniform_(network[1].running_mean, -0.2, 0.2)
            nn.init.uniform_(network[1].running_var, 0.5, 1.5)
    return network.eval()


def data(n=24, seed=0):
    draw = torch.Generator().manual_seed(seed)
    return torch.randn(n, 3, 8, 8, generator=draw), torch.arange(n) % 3


def cut_of(network, method="silence", site="0", units=(1, 4), examples=None):
    return la.Ablation(la.find_sites(network, examples or data())[site], units, method)


def steps(learner, n, examples=None, lr=0.05):
    inputs, labels = examples or data()
    return torch.stack([learner.step(inputs, labels, lr) for _ in range(n)])


def state_of(network):
    return {name: value.clone() for name, value in network.state_dict().items()}


def same(one, other):
    return all(torch.equal(value, other[name]) for name, value in one.items())


def logits(outputs, labels):
    """All logits of an example, as a readout."""
    return {f"logit{k}": column for k, column in enumerate(outputs.unbind(-1))}


def in_double(inputs):
    if isinstance(inputs, dict):
        return {name: in_double(tensor) for name, tensor in inputs.items()}
    return inputs.double() if inputs.is_floating_point() else inputs


class TestTheAblatedCopy:
    @pytest.mark.thinned(4)
    @pytest.mark.parametrize(
        "name",
        ["mlp", "mlp batch norm", "mlp norm behind the relu", "mlp gelu", "conv1d", "conv2d",
         "conv2d with biases", "grouped convolutions", "functional",
         "basic residual", "inverted residual", "u-net transposed"],
    )  # fmt: skip
    def test_computes_what_the_reference_does(self, name):
        network, (inputs, labels) = initialised(CASES[name], 0, 12)
        network, examples = network.double(), (in_double(inputs), labels)
        training = in_double(CASES[name].inputs(30, 1)), torch.arange(30) % 2
        sites = la.find_sites(network, examples).values()
        for site in (s for s in sites if s.kind != "residual"):
            for method in METHODS:
                cut = la.Ablation(site, (0, site.n_units - 1), method)
                try:
                    found = ablated(network, cut, training)[0]
                except (AblationError, SiteError):  # behind GELU a mean; layer norm; heads
                    assert method == "mean" or site.name == "fc"
                    continue
                truth = la.evaluate(network, examples, [cut], engine="naive",
                                    reference=training, readout=logits)  # fmt: skip
                with torch.no_grad():
                    outputs = logits_of(found, examples[0])
                expected = np.stack([truth[k].values[0] for k in logits(outputs, None)], axis=-1)
                np.testing.assert_allclose(outputs, expected, rtol=1e-6, atol=1e-6)  # of float32

    @pytest.mark.parametrize("method", METHODS)
    def test_of_grouped_and_transposed_convolutions_loses_these_units_only(self, method):
        with la.networks.seeded(0):
            network = nn.Sequential(
                nn.ConvTranspose2d(3, 6, 3, groups=3), nn.ReLU(),
                nn.Conv2d(6, 6, 3, groups=6), nn.ReLU(), nn.Flatten(), nn.Linear(6 * 64, 3),
            ).eval()  # fmt: skip
        for site in ("0", "2"):
            cut = cut_of(network, method, site, (1, 4))
            found, held = ablated(network, cut, data())
            changed = found[int(site)].weight != network[int(site)].weight
            assert torch.equal(changed, held[f"{site}.weight"].mask)
            other = [unit for unit in range(6) if unit not in cut.units]
            behind = (m[: int(site) + 2](data()[0]) for m in (found, network))
            before, after = ([part[:, u] for u in other] for part in behind)
            torch.testing.assert_close(before, after)

    @pytest.mark.parametrize("method", METHODS)
    def test_holds_the_same_constants_in_train_mode(self, method):
        network = small()
        found, _ = ablated(network, cut_of(network, method), data())
        front = found[:3]
        resting, training = front.eval()(data()[0]), front.train()(data(seed=1)[0])
        for unit in (1, 4):
            constant = resting[0, unit, 0, 0]
            assert (resting[:, unit] == constant).all()
            assert (training[:, unit] == constant).all()
        assert (resting[:, 1] != 0).any() or method != "mean"

    def test_of_zero_weights_keeps_what_batch_norm_made_of_zeros(self):
        network = small()
        found, _ = ablated(network, cut_of(network, "zero_weights"), data())
        norm = network[1]
        made = norm.bias - norm.weight * norm.running_mean / (norm.running_var + norm.eps).sqrt()
        units = [1, 4]
        torch.testing.assert_close(found[1].bias[units], made[units])
        assert found[1].weight[units].tolist() == [0, 0]

    @pytest.mark.parametrize("method", METHODS)
    def test_behind_two_batch_norms_is_held_by_the_last(self, method):
        network = nn.Sequential(*small()[:2], nn.Tanh(), *small(seed=1)[1:])
        found, held = ablated(network, cut_of(network, method), data())
        assert set(held) == {"0.weight", "0.bias", "3.weight", "3.bias"}
        with Holding(learner_of(found.train(), ROUGH), [held]) as holding:
            before = found[:5](data()[0])[:, [1, 4]]
            steps(holding, 3)
        assert torch.equal(found[:5](data(seed=1)[0])[:, [1, 4]], before)

    def test_of_the_mean_takes_all_examples_given(self):
        network, examples = small(norm=False), data(600)
        found, _ = ablated(network, cut_of(network, "mean"), examples)
        mean = network[:3](examples[0]).mean((0, 2, 3))
        torch.testing.assert_close(found[0].bias[[1, 4]], mean[[1, 4]])

    def test_leaves_the_given_network_as_it_was(self):
        network = small().train()
        before, cut = state_of(network), cut_of(small())
        for make in (ablated, naively, partial(redrawn, seed=0)):
            cut = cut_of(network, "zero_weights")
            made = make(network, cut, data())
            copied = made if isinstance(made, nn.Module) else made[0]
            assert same(before, network.state_dict())
            assert network.training
            assert not copied.training
            assert not same(before, copied.state_dict())

    def test_leaves_all_other_weights_as_they_were(self):
        network = small()
        found, held = ablated(network, cut_of(network), data())
        for name, value in network.state_dict().items():
            mask = held[name].mask if name in held else torch.zeros_like(value, dtype=torch.bool)
            assert torch.equal(found.state_dict()[name][~mask], value[~mask]), name

    def test_of_a_module_with_two_names_holds_what_training_changes(self):
        network = TwoNames().eval()
        (site,) = [s for s in la.find_sites(network, data()).values() if s.n_units == 6]
        found, held = ablated(network, la.Ablation(site, (1, 4)), data())
        assert set(held) <= set(dict(found.named_parameters()))
        with Holding(learner_of(found.train(), ROUGH), [held]) as holding:
            steps(holding, 2)
        assert (found.layers[0].weight[[1, 4]] == 0).all()


class TwoNames(nn.Module):
    """Its first layer is also a child of its own."""

    def __init__(self):
        super().__init__()
        layers = small()
        self.layers, self.first = layers, layers[0]

    def forward(self, x):
        return self.layers[1:](self.first(x))


class TestWhatCannotBeHeld:
    def refuses(self, error, words, network, cut, examples=None, make=ablated):
        with pytest.raises(error, match=words):
            make(network, cut, examples or data())

    def test_resample(self):
        network = small()
        self.refuses(AblationError, "'resample', which draws the units' values anew for each",
                     network, cut_of(network, "resample"))  # fmt: skip

    def test_a_layer_as_a_whole(self):
        network = small()
        self.refuses(AblationError, "given all 6 of 0, so nothing would come through",
                     network, cut_of(network, units=range(6)))  # fmt: skip

    def test_heads(self):
        network, examples = initialised(CASES["vit multihead attention"], 0, 12)
        cut = cut_of(network, site="block.attn.mha", units=(0,), examples=examples)
        self.refuses(SiteError, "holds heads, which have no weights of their own to be held",
                     network, cut, examples)  # fmt: skip

    @pytest.mark.parametrize("norm", [False, True])
    def test_silence_behind_a_sigmoid(self, norm):
        network = small(norm, nn.Sigmoid)
        self.refuses(AblationError, "constant 0, but its weights can only make it 0.5 after",
                     network, cut_of(network))  # fmt: skip
        ablated(network, cut_of(network, "zero_weights"), data())

    def test_a_mean_that_the_nonlinearity_changes(self):
        network = small(nonlinearity=nn.Tanh)
        self.refuses(AblationError, "'mean' makes unit 1 of 0 the constant .* after batch_norm, "
                     "tanh; allowed are constants that pass through",
                     network, cut_of(network, "mean"))  # fmt: skip

    def test_a_constant_that_other_weights_move(self):
        network = small(nonlinearity=partial(nn.PReLU, 6))
        with torch.no_grad():
            network[1].bias.fill_(-5)
        self.refuses(AblationError, "can only make it .* after batch_norm, prelu",
                     network, cut_of(network, "zero_weights"))  # fmt: skip
        ablated(network, cut_of(network, "silence"), data())

    def test_units_behind_layer_norm(self):
        network = nn.Sequential(nn.Flatten(), nn.Linear(192, 6), nn.LayerNorm(6), nn.ReLU(),
                                nn.Linear(6, 3)).eval()  # fmt: skip
        self.refuses(SiteError, "1 is followed by layer_norm, which mixes its units",
                     network, cut_of(network, site="1"))  # fmt: skip

    def test_a_mean_without_a_bias(self):
        network = nn.Sequential(nn.Flatten(), nn.Linear(192, 6, bias=False), nn.ReLU(),
                                nn.Linear(6, 3)).eval()  # fmt: skip
        self.refuses(AblationError, "neither a bias nor a batch norm after it",
                     network, cut_of(network, "mean", "1"))  # fmt: skip
        ablated(network, cut_of(network, "silence", "1"), data())

    def test_batch_norm_without_a_shift(self):
        network = small()
        network[1] = nn.BatchNorm2d(6, affine=False).eval()
        self.refuses(AblationError, "no gain and shift of its own", network, cut_of(network))

    def test_batch_norm_over_another_axis(self):
        network = nn.Sequential(nn.Flatten(2), nn.Linear(64, 3), nn.BatchNorm1d(3), nn.ReLU(),
                                nn.Flatten(), nn.Linear(9, 3)).eval()  # fmt: skip
        self.refuses(SiteError, "normalises an axis other than that of the units",
                     network, cut_of(network, site="1", units=(1,)))  # fmt: skip

    def test_weights_that_two_layers_share(self):
        network, examples = initialised(CASES["tied weights"], 0, 12)
        cut = cut_of(network, site="two", examples=examples)
        self.refuses(SiteError, "one.weight also serves another layer .one, two read it",
                     network, cut, examples)  # fmt: skip

    def test_a_batch_norm_that_two_layers_share(self):
        network = OneNorm().eval()
        self.refuses(SiteError, "norm.weight also serves another layer",
                     network, cut_of(network, site="a"))  # fmt: skip

    def test_a_module_called_twice(self):
        network, examples = initialised(CASES["shared linear"], 0, 12)
        cut = cut_of(network, site="again", examples=examples)
        self.refuses(SiteError, "calls it 2 times", network, cut, examples)

    def test_weights_with_a_parametrisation(self):
        network = small(norm=False)
        parametrizations.weight_norm(network[0])
        self.refuses(SiteError, "is not a plain parameter .weight_norm or another",
                     network, cut_of(network))  # fmt: skip

    def test_naively_what_zeros_do_not_silence(self):
        network = small()
        with torch.no_grad():
            network[1].bias.fill_(5)
        self.refuses(AblationError, "after batch_norm, relu; allowed without a hold is",
                     network, cut_of(network), make=naively)  # fmt: skip
        self.refuses(AblationError, "allowed without a hold is 'zero_weights'",
                     network, cut_of(network, "mean"), make=naively)  # fmt: skip
        naively(small(norm=False), cut_of(network), data())


class OneNorm(nn.Module):
    """One batch norm behind two layers."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 6, 1), nn.Conv2d(6, 6, 1)
        self.norm, self.head = nn.BatchNorm2d(6), nn.Linear(6, 3)

    def forward(self, x):
        x = F.relu(self.norm(self.a(x)))
        return self.head(F.relu(self.norm(self.b(x))).mean((2, 3)))


class TestTraining:
    @pytest.mark.parametrize("recipe", [ROUGH, ADAMW], ids=["sgd", "adamw"])
    @pytest.mark.parametrize(
        "name",
        ["mlp", "mlp silu", "conv1d", "conv2d", "conv2d with biases", "basic residual",
         "inverted residual", "inverted residual with squeeze-excitation", "grouped queries"],
    )  # fmt: skip
    def test_with_units_held_silent_equals_training_without_them(self, name, recipe):
        case = CASES[name]
        network, (inputs, labels) = initialised(case, 0, 24)
        network, inputs = network.double(), in_double(inputs)
        for site in REMOVABLE[name]:
            cut = cut_of(network, "silence", site, (0, 2), (inputs, labels))
            found, held = ablated(network, cut, (inputs, labels))
            smaller = removed(network, case, site, cut.units).double()
            learners = [learner_of(n.train(), recipe) for n in (found, smaller)]
            with Holding(learners[0], [held]) as holding:
                losses = [steps(one, 6, (inputs, labels), 0.01) for one in (holding, learners[1])]
            torch.testing.assert_close(*losses, rtol=1e-7, atol=1e-7)
            assert losses[0][-1] != losses[0][0]
            unseen = in_double(case.inputs(12, 9))
            with torch.no_grad():
                outputs = [logits_of(n.eval(), unseen) for n in (found, smaller)]
            torch.testing.assert_close(*outputs, rtol=1e-6, atol=1e-6)

    @pytest.mark.parametrize("method", METHODS)
    @pytest.mark.parametrize("recipe", [ROUGH, ADAMW], ids=["sgd", "adamw"])
    @pytest.mark.parametrize("norm", [True, False])
    def test_leaves_held_numbers_bit_equal_and_moves_the_others(self, norm, recipe, method):
        network = small(norm)
        found, held = ablated(network, cut_of(network, method), data())
        before, learner = state_of(found), learner_of(found.train(), recipe)
        with Holding(learner, [held]) as holding:
            steps(holding, 5)
        tensors = holding.tensors()
        for name, numbers in held.items():
            after = tensors[f"state.{name}"][0]
            assert torch.equal(after[numbers.mask], before[name][numbers.mask]), name
            moved = (after != before[name])[~numbers.mask]
            assert moved.float().mean() > 0.9, name
            kept = [
                t[0]
                for n, t in tensors.items()
                if n.endswith(f".{name}") and n.split(".")[0] not in ("state", "step")
            ]
            assert len(kept) == (1 if recipe is ROUGH else 2)
            for numbers_of in kept:
                assert (numbers_of[numbers.mask] == 0).all(), name
                assert (numbers_of[~numbers.mask] != 0).any(), name
        assert held_norm(tensors, [held]).tolist() == [0]

    def test_without_a_hold_filters_behind_batch_norm_grow_back(self):
        network = small()
        cut = cut_of(network, "zero_weights")
        found, watched = naively(network, cut, data())
        learner = learner_of(found.train(), Recipe(lr=0.01))
        assert held_norm(learner.tensors(), [watched]).tolist() == [0]
        steps(learner, 50, lr=0.01)
        assert held_norm(learner.tensors(), [watched]) > 0.1
        found, held = ablated(network, cut, data())
        constants = found[:3](data()[0])[0, [1, 4], 0, 0]
        learner = learner_of(found.train(), Recipe(lr=0.01))
        with Holding(learner, [held]) as holding:
            steps(holding, 50, lr=0.01)
        assert held_norm(learner.tensors(), [watched]).tolist() == [0]
        assert held_norm(learner.tensors(), [held]).tolist() == [0]
        assert torch.equal(found.eval()[:3](data(seed=1)[0])[0, [1, 4], 0, 0], constants)

    def test_shows_the_optimiser_no_gradient_of_held_numbers(self):
        network = small()
        found, held = ablated(network, cut_of(network, "zero_weights"), data())
        learner = learner_of(found.train(), ROUGH)
        with Holding(learner, [held]) as holding:
            steps(holding, 1)
            assert (found[1].bias.grad[[1, 4]] == 0).all()
            assert (found[1].bias.grad[[0, 2, 3, 5]] != 0).all()
        steps(learner, 1)  # once it is closed
        assert (found[1].bias.grad[[1, 4]] != 0).all()

    def test_puts_held_numbers_in_place_before_the_first_step(self):
        network = small()
        _, held = ablated(network, cut_of(network), data())
        learner = learner_of(copy.deepcopy(network).train(), ROUGH)
        assert held_norm(learner.tensors(), [held]) > 0
        Holding(learner, [held])
        assert held_norm(learner.tensors(), [held]).tolist() == [0]

    def test_of_a_frozen_layer_needs_no_hooks(self):
        network = small()
        found, held = ablated(network, cut_of(network), data())
        found[:2].requires_grad_(False)
        with Holding(learner_of(found.train(), ROUGH), [held]) as holding:
            steps(holding, 2)
        assert held_norm(holding.tensors(), [held]).tolist() == [0]


class TestAPopulation:
    CUTS = ((0, 1), (4,), (2, 3, 5))

    def members(self):
        network = small()
        starts = [ablated(network, cut_of(network, "zero_weights", units=u), data())
                  for u in self.CUTS]  # fmt: skip
        return [n.double() for n, _ in starts], [held for _, held in starts]

    def test_holds_other_numbers_in_each_member_as_alone(self):
        members, held = self.members()
        double = data()[0].double(), data()[1]
        alone = [copy.deepcopy(m).train() for m in members]
        for network, own in zip(alone, held, strict=True):
            with Holding(learner_of(network, ROUGH), [own]) as holding:
                steps(holding, 4, double)
        stack = stacked(members)
        stack.skeleton.train()
        with Holding(Together(stack, ROUGH), held) as holding:
            steps(holding, 4, double)
        assert held_norm(holding.tensors(), held).tolist() == [0, 0, 0]
        for i, network in enumerate(alone):
            for name, value in network.state_dict().items():
                torch.testing.assert_close(stack.state[name][i].detach(), value)

    def test_sees_no_gradient_of_held_numbers(self):
        members, held = self.members()
        learner = Together(stacked(members), ROUGH)
        with Holding(learner, held):
            shift = learner.stack.state["1.bias"]
            loss = learner.outputs(data()[0].double()).square().sum()
            (gradient,) = torch.autograd.grad(loss, [shift])
        for i, units in enumerate(self.CUTS):
            free = [u for u in range(6) if u not in units]
            assert (gradient[i, list(units)] == 0).all()
            assert (gradient[i, free] != 0).any()

    def test_may_hold_nothing_in_a_member(self):
        members, held = self.members()
        held[1] = {}
        learner = Together(stacked(members), ROUGH)
        with Holding(learner, held) as holding:
            steps(holding, 2, (data()[0].double(), data()[1]))
        found = held_norm(holding.tensors(), held)
        assert found[[0, 2]].tolist() == [0, 0]
        assert found[1].isnan()


class TestTheNorm:
    def test_is_that_of_the_differences_over_all_held_numbers(self):
        mask = torch.tensor([True, True, False])
        held = {"a": Hold(mask, torch.tensor([1.0, 2.0, 9.0])),
                "b": Hold(mask, torch.tensor(0.0))}  # fmt: skip
        tensors = {"state.a": torch.tensor([[1.0, 2, 3], [4, 2, 0]]),
                   "state.b": torch.tensor([[0.0, 0, 5], [0, 4, 5]])}  # fmt: skip
        assert held_norm(tensors, [held, held]).tolist() == [0, 5]

    def test_of_numbers_that_are_not_there(self):
        learner = learner_of(small(), ROUGH)
        mask = torch.ones(2, dtype=torch.bool)
        for name, words in (("9.bias", "there is none"), ("0.bias", r"it is of shape \(6,\)")):
            held = {name: Hold(mask, torch.tensor(0.0))}
            for act in (Holding, lambda one, held: held_norm(one.tensors(), held)):
                with pytest.raises(TrainingError, match=f"given '{name}' of shape .2,., .*{words}"):
                    act(learner, [held])

    def test_of_another_number_of_networks(self):
        learner = learner_of(small(), ROUGH)
        with pytest.raises(TrainingError, match="held: given 2 for 1 networks"):
            Holding(learner, [{}, {}])
        with pytest.raises(TrainingError, match="held: given one mapping for 1 networks"):
            held_norm(learner.tensors(), {})


class TestRedrawn:
    def test_units_have_the_weights_that_a_new_layer_draws(self):
        network = small()
        torch.manual_seed(5)
        expected = nn.Conv2d(3, 6, 3, padding=1)
        before = torch.get_rng_state()
        found = redrawn(network, cut_of(network), data(), seed=5)
        assert torch.equal(torch.get_rng_state(), before)
        units, others = [1, 4], [0, 2, 3, 5]
        for name in ("weight", "bias"):
            tensor, old = getattr(found[0], name), getattr(network[0], name)
            assert torch.equal(tensor[units], getattr(expected, name)[units])
            assert torch.equal(tensor[others], old[others])
        new = nn.BatchNorm2d(6)
        for name in ("weight", "bias", "running_mean", "running_var"):
            tensor, old = getattr(found[1], name), getattr(network[1], name)
            assert torch.equal(tensor[units], getattr(new, name)[units])
            assert torch.equal(tensor[others], old[others])
        assert same(network[3:].state_dict(), found[3:].state_dict())

    def test_units_of_another_seed_differ(self):
        network = small()
        one, again, other = (redrawn(network, cut_of(network), data(), s) for s in (1, 1, 2))
        assert same(one.state_dict(), again.state_dict())
        assert not torch.equal(one[0].weight, other[0].weight)

    def test_units_of_a_module_that_draws_none(self):
        network, examples = initialised(CASES["functional"], 0, 12)
        cut = cut_of(network, site="conv", units=(1,), examples=examples)
        with pytest.raises(TrainingError, match=r"start: conv .FunctionalConv. has parameters of"):
            redrawn(network, cut, examples, 0)


class TestAnew:
    def test_modules_draw_new_weights_and_held_numbers_stay(self):
        network = small()
        found, held = ablated(network, cut_of(network, "zero_weights"), data())
        before = state_of(found)
        fresh = anew(found, ["0", "1", "2", "7"], held, seed=3)
        assert same(before, found.state_dict())
        for name in ("0.weight", "0.bias", "1.weight", "1.bias"):
            mask = held[name].mask
            assert torch.equal(fresh.state_dict()[name][mask], before[name][mask])
            assert not torch.equal(fresh.state_dict()[name][~mask], before[name][~mask])
        assert fresh[1].running_mean.tolist() == [0] * 6
        assert fresh[1].weight[0] == 1
        assert torch.equal(fresh[3].weight, network[3].weight)
        assert not torch.equal(fresh[7].weight, network[7].weight)
        assert not fresh.training
        again, other = (anew(found, ["0", "1", "2", "7"], held, seed) for seed in (3, 4))
        assert same(fresh.state_dict(), again.state_dict())
        assert not torch.equal(fresh[0].weight, other[0].weight)

    def test_weights_come_from_the_modules_own_draw(self):
        torch.manual_seed(2)
        expected = nn.Linear(4, 3)
        before = torch.get_rng_state()
        assert torch.equal(anew(small(), ["7"], {}, seed=2)[7].weight, expected.weight)
        assert torch.equal(torch.get_rng_state(), before)

    def test_frozen_parameters_stay(self):
        network = small()
        network[7].bias.requires_grad_(False)
        fresh = anew(network, ["7"], {}, seed=0)
        assert torch.equal(fresh[7].bias, network[7].bias)
        assert not torch.equal(fresh[7].weight, network[7].weight)

    def test_attention_draws_too(self):
        network, _ = initialised(CASES["vit multihead attention"], 0, 12)
        fresh = anew(network, ["block.attn.mha"], {}, seed=0)
        old, new = (n.get_submodule("block.attn.mha") for n in (network, fresh))
        assert not torch.equal(old.in_proj_weight, new.in_proj_weight)
        assert torch.equal(old.out_proj.weight, new.out_proj.weight)  # a module of its own

    def test_a_module_that_draws_none(self):
        network, _ = initialised(CASES["functional"], 0, 12)
        with pytest.raises(TrainingError, match="fc .FunctionalLinear. has parameters of its own, "
                           r"but no reset_parameters\(\)"):  # fmt: skip
            anew(network, ["fc"], {}, seed=0)
        with pytest.raises(TrainingError, match=r"start: the network .Functional. has parameters"):
            anew(network, [""], {}, seed=0)


def test_a_learner_alone_and_together_are_learners_when_they_hold():
    for learner in (learner_of(small(), ROUGH), Together(stacked([small(), small()]), ROUGH)):
        members = 1 if isinstance(learner, Alone) else 2
        holding = Holding(learner, [{}] * members)
        assert holding.tensors().keys() == learner.tensors().keys()
        assert steps(holding, 1).shape == (1, members)
