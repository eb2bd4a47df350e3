"""Retraining after an ablation: what is recorded, what stays, what ends it."""

import copy
import inspect
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

import lashley as la
from lashley.data import digits
from lashley.errors import (
    AblationError,
    DataError,
    IntegrityError,
    LashleyError,
    NetworkError,
    SiteError,
    TrainingError,
)
from lashley.networks import mlp, seeded
from lashley.recovery.each import recover_each
from lashley.recovery.holding import Holding
from lashley.recovery.iterated import LONG, iterated_ablations, recover_iterated
from lashley.recovery.patience import Patience
from lashley.recovery.prefix import cached
from lashley.recovery.result import Recovery
from lashley.recovery.single import recover
from lashley.recovery.task import task_of
from lashley.training import Recipe, loop, train

from rounding import assert_same_to_rounding

SHORT = Recipe(epochs=3, lr=0.02, batch_size=64)
NAMES = tuple("0123456789")

pytestmark = pytest.mark.usefixtures("one_thread")


def convolutional() -> nn.Module:
    with seeded(0):
        return nn.Sequential(
            nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU(inplace=True),
            nn.Conv2d(8, 12, 3), nn.BatchNorm2d(12), nn.ReLU(inplace=True), nn.MaxPool2d(2),
            nn.Conv2d(12, 16, 2), nn.BatchNorm2d(16), nn.ReLU(), nn.Flatten(), nn.Linear(16, 10),
        )  # fmt: skip


@pytest.fixture(scope="module")
def parts() -> dict[str, la.Examples]:
    """The training digits to train on and to validate, the test digits to measure on."""
    whole, test = digits("train"), digits("test")
    rest = la.Examples(whole.inputs[:900], whole.labels[:900], NAMES)
    held_out = la.Examples(whole.inputs[900:], whole.labels[900:], NAMES)
    return {"train": rest, "test": test, "validation": held_out}


@pytest.fixture(scope="module")
def network(parts: dict[str, la.Examples]) -> nn.Module:
    torch.set_num_threads(1)
    return train(convolutional(), parts["train"], Recipe(epochs=15, lr=0.05, batch_size=64))


@pytest.fixture(scope="module")
def perceptron(parts: dict[str, la.Examples]) -> nn.Module:
    return train(mlp([64, 12, 8, 10], seed=0), flat(parts["train"]), Recipe(epochs=40, lr=0.05))


def in_double(*given: Any) -> list[Any]:
    """Networks and examples in float64: two ways to train agree to 1e-7 there.

    Rounding may grow a hundred million times until then, and is no fault yet.
    """
    return [
        copy.deepcopy(one).double() if isinstance(one, nn.Module)
        else la.Examples(one.inputs.double(), one.labels, one.class_names)
        for one in given
    ]  # fmt: skip


def flat(examples: la.Examples) -> la.Examples:
    return la.Examples(examples.inputs.flatten(1), examples.labels, examples.class_names)


@pytest.fixture(scope="module")
def cut(network: nn.Module, parts: dict[str, la.Examples]) -> la.Ablation:
    site = la.find_sites(network, parts["test"])["3"]
    return la.Ablation(site, (0, 2, 5, 7, 8, 11), "zero_weights")


@pytest.fixture(scope="module")
def done(network: nn.Module, parts: dict[str, la.Examples], cut: la.Ablation) -> Recovery:
    return recover(network, cut, parts["train"], parts["test"], SHORT)


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lashley.recovery.single.CHECKPOINT_SECONDS", 0.0)


def same(one: Recovery, other: Recovery) -> bool:
    pd.testing.assert_frame_equal(one.record, other.record)
    pd.testing.assert_frame_equal(one.layers, other.layers)
    states = (one.network.state_dict(), other.network.state_dict())
    assert one.outcomes.identical(other.outcomes)
    assert one.ended == other.ended
    return all(torch.equal(states[0][n], states[1][n]) for n in states[0])


# --- what is measured ----------------------------------------------------------------------


@pytest.mark.parametrize("method", ["zero_weights", "silence", "mean"])
def test_it_begins_with_the_ablation_that_evaluate_measures(
    network: nn.Module, parts: dict[str, la.Examples], cut: la.Ablation, method: str
) -> None:
    network, train_on, test = in_double(network, parts["train"], parts["test"])  # as both decide
    cut = replace(cut, method=method)
    once = replace(SHORT, epochs=1)
    found = recover(network, cut, train_on, test, once).outcomes
    reference = train_on if method == "mean" else None
    wanted = la.evaluate(network, test, [cut], engine="naive", reference=reference)
    assert np.array_equal(found["rank"][0], wanted["rank"][0])
    assert np.array_equal(found["intact_rank"], wanted["intact_rank"])
    assert la.effects(wanted)["overall_lost"] > 10  # else there were nothing to see


def test_what_was_lost_comes_back_and_the_record_is_what_the_outcomes_say(
    done: Recovery, network: nn.Module, parts: dict[str, la.Examples], cut: la.Ablation
) -> None:
    record, test = done.record, parts["test"]
    assert record.epoch.tolist() == [0, 1, 2, 3]
    assert record.top1_drop_pp[0] > 10 > 5 > record.top1_drop_pp[3]
    with torch.no_grad():
        right = done.network(test.inputs).argmax(1) == test.labels
        before = done.before(test.inputs).argmax(1) == test.labels
        loss = nn.functional.cross_entropy(done.network(test.inputs), test.labels)
    assert record.top1_percent[3] == pytest.approx(100 * right.double().mean().item())
    assert record.top1_percent[0] == pytest.approx(100 * before.double().mean().item())
    assert record.loss[3] == pytest.approx(loss.item(), rel=1e-5)
    assert record.train_loss.isna().tolist() == [True, False, False, False]
    assert record.train_loss[1:].is_monotonic_decreasing
    effects = la.effects(done.outcomes, top=5)
    assert effects["epoch"].values.tolist() == [0, 1, 2, 3]
    assert np.array_equal(effects["overall_drop_pp"], record.top5_drop_pp)
    assert (record.top5_low_percent < record.top5_percent).all()
    assert (done.start, done.hold, done.ended) == ("ablated", True, "all epochs")


def test_the_ablation_is_in_the_recovered_network(
    done: Recovery, parts: dict[str, la.Examples], cut: la.Ablation
) -> None:
    assert type(done.network) is nn.Sequential
    assert not done.network.training
    again = la.evaluate(done.network, parts["test"], [cut], engine="naive")
    assert np.array_equal(again["rank"][0], again["intact_rank"])
    assert (done.record.held_norm == 0).all()
    for parameter in done.network.parameters():
        assert parameter.requires_grad
        assert parameter.grad is None
        assert not parameter._backward_hooks


def test_network_and_examples_are_left_as_they_were(
    network: nn.Module, parts: dict[str, la.Examples], cut: la.Ablation
) -> None:
    before = {n: v.clone() for n, v in network.state_dict().items()}
    modes = [m.training for m in network.modules()]
    grads = [p.requires_grad for p in network.parameters()]
    recover(network, cut, parts["train"], parts["test"], replace(SHORT, epochs=1), freeze="none")
    assert all(torch.equal(v, before[n]) for n, v in network.state_dict().items())
    assert [m.training for m in network.modules()] == modes
    assert [p.requires_grad for p in network.parameters()] == grads
    for examples in parts.values():
        assert examples.current_fingerprint() == examples.fingerprint


def test_the_change_of_each_layer(done: Recovery) -> None:
    changes = done.layers.set_index("module")
    assert (changes.change[["0", "1"]] == 0).all()  # frozen: upstream of the ablated layer
    assert (changes.change[["3", "4", "7", "8", "11"]] > 0).all()
    old, new = (n.get_submodule("7") for n in (done.before, done.network))
    both = [torch.cat([m.weight.flatten(), m.bias]).detach() for m in (old, new)]
    wanted = (both[1] - both[0]).norm() / both[0].norm()
    assert changes.change["7"] == pytest.approx(wanted.item(), rel=1e-4)
    assert changes.parameters["7"] == len(both[0])


def test_ranks_of_a_network_with_more_outputs_than_classes_are_whole(
    parts: dict[str, la.Examples],
) -> None:
    network, train_on, test = in_double(
        mlp([64, 12, 300], seed=0), flat(parts["train"]), flat(parts["test"])
    )
    cut = la.Ablation(la.find_sites(network, test)["fc1"], (0,))
    found = recover(network, cut, train_on, test, replace(SHORT, epochs=1)).outcomes
    wanted = la.evaluate(network, test, [cut])
    assert np.array_equal(found["rank"][0], wanted["rank"][0])
    assert found["intact_rank"].max() > 255


def test_the_same_seed_gives_the_same_record(
    done: Recovery, network: nn.Module, parts: dict[str, la.Examples], cut: la.Ablation
) -> None:
    assert same(done, recover(network, cut, parts["train"], parts["test"], SHORT))
    other = recover(network, cut, parts["train"], parts["test"], replace(SHORT, seed=1))
    assert not done.record.equals(other.record)


@pytest.mark.parametrize("changes", [
    {}, {"optimiser": "adamw", "lr": 0.002, "weight_decay": 0.01}, {"autocast": True},
], ids=["sgd", "adamw", "bfloat16"])  # fmt: skip
@pytest.mark.parametrize("site", ["3", "7"])
def test_with_a_cached_prefix_the_numbers_are_the_same(
    network: nn.Module, parts: dict[str, la.Examples], changes: dict, site: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    recipe, seen, plain = replace(SHORT, **changes), [], cached
    train_on, test = parts["train"], parts["test"]
    if not recipe.autocast:
        network, train_on, test = in_double(network, train_on, test)
    ablation = la.Ablation(la.find_sites(network, test)[site], (0, 2, 5, 7))
    given = (network, ablation, train_on, test)

    def counted(*given: Any) -> torch.Tensor | None:
        seen.append(plain(*given))
        return seen[-1]

    monkeypatch.setattr("lashley.recovery.prefix.cached", counted)
    fast, slow = recover(*given, recipe), recover(*given, recipe, cache_gb=0.0)
    assert [len(values) for values in seen] == [900, 597]
    if recipe.autocast:  # rounds otherwise where numbers lie in memory in another order
        exact = recover(*given, replace(recipe, autocast=False), cache_gb=0.0)
        assert_same_to_rounding(*map(losses_and_weights, (slow, fast, exact)))
        return
    assert np.array_equal(fast.outcomes["rank"], slow.outcomes["rank"])
    for name, value in fast.network.state_dict().items():
        torch.testing.assert_close(value, slow.network.state_dict()[name])


def losses_and_weights(run: Recovery) -> dict[str, torch.Tensor]:
    weights = torch.cat([p.detach().flatten() for p in run.network.parameters()])
    return {"losses": torch.tensor(run.record.loss), "weights": weights}


# --- the ablation is held, or not ----------------------------------------------------------


def test_without_the_hold_it_grows_back(
    network: nn.Module, parts: dict[str, la.Examples], cut: la.Ablation
) -> None:
    given = (network, cut, parts["train"], parts["test"], SHORT)
    loose = recover(*given, hold=False)
    assert not loose.hold
    assert not loose.record.hold.any()
    assert loose.record.held_norm[0] == 0
    assert loose.record.held_norm[1] > 0.1
    again = la.evaluate(loose.network, parts["test"], [cut])
    assert la.effects(again)["overall_lost"] > 0  # the units are in use again


class Alias(nn.Module):
    """The weights of a layer have another, earlier name."""

    def __init__(self) -> None:
        super().__init__()
        with seeded(0):
            a, b, c = nn.Linear(64, 8), nn.Linear(8, 8), nn.Linear(8, 10)
        self.w = b.weight
        self.a, self.b, self.c = a, b, c

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.c(torch.tanh(self.b(torch.relu(self.a(x)))))


@pytest.mark.parametrize("cache_gb", [0.0, 4.0])
def test_weights_with_two_names_are_held(parts: dict[str, la.Examples], cache_gb: float) -> None:
    network, train_on = Alias(), flat(parts["train"])
    cut = la.Ablation(la.find_sites(network, train_on)["b"], (0, 5))
    found = recover(network, cut, train_on, flat(parts["test"]), SHORT, cache_gb=cache_gb)
    assert (found.record.held_norm == 0).all()
    assert (found.network.b.weight[[0, 5]] == 0).all()
    assert (found.network.b.weight[1] != network.b.weight[1]).any()


def test_an_ablation_that_is_no_longer_held_is_an_error(
    network: nn.Module, parts: dict[str, la.Examples], cut: la.Ablation,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    decaying = replace(SHORT, weight_decay=0.1)
    given = (network, cut, parts["train"], parts["test"], decaying)
    assert (recover(*given).record.held_norm == 0).all()
    monkeypatch.setattr(Holding, "step", lambda self, *batch: self._learner.step(*batch))
    with pytest.raises(IntegrityError, match="hold: after epoch 1 the ablated units have moved"):
        recover(*given)


# --- controls ------------------------------------------------------------------------------


def test_the_intact_control_trains_the_network_as_it_is(
    network: nn.Module, parts: dict[str, la.Examples], cut: la.Ablation
) -> None:
    network, train_on, test = in_double(network, parts["train"], parts["test"])
    found = recover(network, cut, train_on, test, SHORT, start="intact")
    assert found.record.top1_drop_pp[0] == 0
    assert found.record.held_norm.isna().all()
    rest = nn.Sequential(*(m.eval() for m in network[:3]))
    features = la.Examples(rest(train_on.inputs).detach(), train_on.labels, NAMES)
    trained = train(network[3:], features, SHORT)
    for one, other in zip(trained.parameters(), found.network[3:].parameters(), strict=True):
        torch.testing.assert_close(one, other)


def test_redrawn_units_train_with_the_rest(
    network: nn.Module, parts: dict[str, la.Examples], cut: la.Ablation
) -> None:
    given = (network, cut, parts["train"], parts["test"], SHORT)
    found = recover(*given, start="redrawn")
    units, rest = list(cut.units), [u for u in range(12) if u not in cut.units]
    old, new, given_weights = (
        n.get_submodule("3").weight for n in (found.before, found.network, network)
    )
    assert torch.equal(old[rest], given_weights[rest])
    assert not any(torch.equal(old[u], given_weights[u]) for u in units)
    assert not any(torch.equal(old[u], new[u]) for u in units)


def test_from_scratch_holds_the_ablation_and_draws_all_that_is_trained(
    network: nn.Module, parts: dict[str, la.Examples], cut: la.Ablation
) -> None:
    given = (network, cut, parts["train"], parts["test"], SHORT)
    found = recover(*given, start="from_scratch")
    assert (found.record.held_norm == 0).all()
    assert found.record.top1_percent[0] < 40
    assert torch.equal(found.before.get_submodule("0").weight, network.get_submodule("0").weight)
    for name in ("3", "7", "11"):
        assert not torch.equal(
            found.before.get_submodule(name).weight, network.get_submodule(name).weight
        )
    again = la.evaluate(found.network, parts["test"], [cut], engine="naive")
    assert np.array_equal(again["rank"][0], again["intact_rank"])


@pytest.mark.parametrize("start", ["ablated", "intact", "redrawn", "from_scratch"])
def test_the_network_that_comes_back_can_be_trained_as_the_given_one(
    network: nn.Module, parts: dict[str, la.Examples], cut: la.Ablation, start: str
) -> None:
    once = replace(SHORT, epochs=1)
    found = recover(network, cut, parts["train"], parts["test"], once, start=start)
    assert all(p.requires_grad for p in found.network.parameters())


def test_a_buffer_frozen_by_its_name_stays(
    network: nn.Module, parts: dict[str, la.Examples], cut: la.Ablation
) -> None:
    names = ["4.running_mean", "1.running_var"]
    for start in ("ablated", "from_scratch"):
        given = (network, cut, parts["train"], parts["test"], replace(SHORT, epochs=1))
        found = recover(*given, freeze=names, start=start).network
        for name in names:
            assert torch.equal(found.get_buffer(name), network.get_buffer(name))
        assert not torch.equal(found.get_parameter("4.weight"), network.get_parameter("4.weight"))


# --- how it ends ---------------------------------------------------------------------------


@pytest.mark.parametrize(("accuracy", "ends"), [
    ([10, 50, 60, 61, 61.01, 61.02], True),  # 5 epochs, and no 0.05 in the last 2
    ([10, 50, 60, 61, 61.02], False),  # 4 epochs
    ([10, 50, 60, 61, 61, 61.05], False),  # just enough
    ([10, 50, 60, 61, 61.05, 61.05], False),
    ([10, 50, 60, 62, 61, 61.5], True),  # not above what there was before
    ([10, 50, 60, 61, 62, 63, 63, 63], True),
    ([10], False),
])  # fmt: skip
def test_the_papers_stop_rule(accuracy: list[float], ends: bool) -> None:
    assert Patience().ends(accuracy) is ends


def test_it_stops_where_the_rule_says_so_on_the_validation_examples(
    network: nn.Module, parts: dict[str, la.Examples], cut: la.Ablation
) -> None:
    rule, recipe = Patience(least=2, within=1, gain_pp=2.0, top=1), replace(SHORT, epochs=12)
    given = (network, cut, parts["train"], parts["test"], recipe)
    found = recover(*given, stop=rule, validation=parts["validation"])
    seen = found.record.validation_percent.tolist()
    assert found.ended == "no gain"
    assert 2 <= len(seen) - 1 < 12
    assert rule.ends(seen)
    assert not any(rule.ends(seen[:n]) for n in range(1, len(seen)))
    with torch.no_grad():
        held_out = parts["validation"]
        right = (found.network(held_out.inputs).argmax(1) == held_out.labels).double().mean()
    assert seen[-1] == pytest.approx(100 * right.item())


def test_a_diverging_recovery_keeps_its_last_good_epoch(
    network: nn.Module, parts: dict[str, la.Examples], cut: la.Ablation,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    given = (network, cut, parts["train"], parts["test"])
    good = recover(*given, replace(SHORT, epochs=1))
    plain = loop.lr_at
    monkeypatch.setattr(
        loop, "lr_at",
        lambda step, steps, recipe: 1e30 if step > steps / 3 + 2 else plain(step, steps, recipe),
    )  # fmt: skip
    with pytest.warns(UserWarning, match=r"diverged in epoch 2; network and record .* epoch 1"):
        found = recover(*given, SHORT)
    assert found.ended == "diverged in epoch 2"
    pd.testing.assert_frame_equal(found.record, good.record)
    for name, value in found.network.state_dict().items():
        assert torch.equal(value, good.network.state_dict()[name])


def test_one_that_diverges_at_once_is_the_ablated_network(
    network: nn.Module, parts: dict[str, la.Examples], cut: la.Ablation
) -> None:
    with pytest.warns(UserWarning, match="diverged in epoch 1"):
        found = recover(network, cut, parts["train"], parts["test"], replace(SHORT, lr=1e30))
    assert found.record.epoch.tolist() == [0]
    for name, value in found.network.state_dict().items():
        assert torch.equal(value, found.before.state_dict()[name])


def test_outputs_that_are_not_finite_are_a_divergence_too(parts: dict[str, la.Examples]) -> None:
    """Weights and losses of the training are finite still; of NaN every rank would be 0."""
    network, train_on = mlp([64, 12, 8, 10], seed=0), flat(parts["train"])
    cut = la.Ablation(la.find_sites(network, train_on)["fc1"], (0,))
    wild = Recipe(epochs=2, lr=1e22, batch_size=900)  # one step each
    with pytest.warns(UserWarning, match="diverged in epoch 1; .* outputs are not finite"):
        found = recover(network, cut, train_on, flat(parts["test"]), wild, freeze="none")
    assert found.record.epoch.tolist() == [0]
    assert np.isfinite(found.record.loss).all()


# --- stopped and gone on with --------------------------------------------------------------


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("options", [{}, {"cache_gb": 0.0}, {"freeze": "none"}],
                         ids=["cached", "plain", "all trained"])  # fmt: skip
def test_stopped_inside_an_epoch_the_record_is_the_same(
    network: nn.Module, parts: dict[str, la.Examples], cut: la.Ablation, options: dict,
    tmp_path: Path, stop_after: Callable,
) -> None:  # fmt: skip
    recipe = replace(SHORT, batch_size=225)  # 4 batches of an epoch
    options |= {"stop": Patience(2, 1, 0.5, 1), "validation": parts["validation"]}
    given = (network, cut, parts["train"], parts["test"], recipe)
    undisturbed, path = recover(*given, **options), tmp_path / "it.safetensors"
    for batches in (1, 2, 1, 2):  # inside, inside, at the end of an epoch, inside the second
        stop_after(batches)
        with pytest.raises(KeyboardInterrupt):
            recover(*given, checkpoint=path, **options)
    assert same(recover(*given, checkpoint=path, **options), undisturbed)
    told: list[Any] = []
    again = recover(*given, checkpoint=path, progress=lambda *at: told.append(at), **options)
    assert same(again, undisturbed)
    assert len(told) == 1  # nothing was trained


@pytest.mark.thinned(4)
@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("other", [
    {"hold": False}, {"start": "from_scratch"}, {"freeze": "none"}, {"cache_gb": 0.0},
    {"test": 1}, {"units": (1,)}, {"recipe": replace(SHORT, epochs=2)}, {"intact": 1},
], ids=lambda other: next(iter(other)))  # fmt: skip
def test_a_checkpoint_of_another_recovery_is_not_taken(
    network: nn.Module, parts: dict[str, la.Examples], cut: la.Ablation, other: dict,
    tmp_path: Path,
) -> None:  # fmt: skip
    path, test, recipe = tmp_path / "it.safetensors", parts["test"], SHORT
    recover(network, cut, parts["train"], test, recipe, checkpoint=path)
    other = dict(other)
    if other.pop("test", None):
        test = la.Examples(test.inputs[:300], test.labels[:300], NAMES)
    if other.pop("intact", None):
        other["intact"] = convolutional().eval()
    cut = replace(cut, units=other.pop("units", cut.units))
    given = (network, cut, parts["train"], test, other.pop("recipe", recipe))
    assert same(recover(*given, checkpoint=path, **other), recover(*given, **other))


def recovered(folder: Path, checkpoint: Path | None) -> None:
    whole, test = digits("train"), digits("test")
    train_on = la.Examples(whole.inputs[:900], whole.labels[:900], NAMES)
    network = convolutional().eval()
    cut = la.Ablation(la.find_sites(network, test)["3"], (0, 3, 4), "zero_weights")
    recipe = Recipe(epochs=4, lr=0.02, batch_size=10)  # 90 batches of an epoch
    found = recover(network, cut, train_on, test, recipe, checkpoint=checkpoint)
    name = f"recovered-{checkpoint is None}"
    save_file(dict(found.network.state_dict()), folder / f"{name}.safetensors")
    found.record.to_csv(folder / f"{name}.csv")


@pytest.mark.slow
def test_killed_at_random_moments_the_record_is_the_same(tmp_path: Path) -> None:
    commands = (
        "import torch; torch.set_num_threads(1); from pathlib import Path;"
        "import stopping, test_recovery as here, lashley.recovery.single as single;"
        f"single.CHECKPOINT_SECONDS = 0.0; folder = Path({str(tmp_path)!r});"
        "stopping.killed_at_random(here.recovered, folder, folder / 'it.safetensors')"
    )
    run = subprocess.run(
        [sys.executable, "-c", commands], cwd=Path(__file__).parent, timeout=900, check=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"}, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    ends = [tuple(map(int, line.split())) for line in run.stdout.splitlines()]
    assert [code for code, _ in ends] == [-signal.SIGKILL] * 5 + [0]
    steps = [step for _, step in ends]
    assert steps == sorted(set(steps))
    assert any(step % 90 for step in steps)
    for kind in ("safetensors", "csv"):
        kept, undisturbed = (tmp_path / f"recovered-{name}.{kind}" for name in (False, True))
        assert kept.read_bytes() == undisturbed.read_bytes()


# --- several instances ---------------------------------------------------------------------


def test_instances_together_are_those_one_after_the_other(
    perceptron: nn.Module, parts: dict[str, la.Examples], tmp_path: Path
) -> None:
    perceptron, train_on, test = in_double(perceptron, flat(parts["train"]), flat(parts["test"]))
    site = la.find_sites(perceptron, test)["fc2"]
    cuts = [replace(c, method="silence") for c in la.random_groups(site, 0.4, 3, seed=1)]
    given = (perceptron, cuts, train_on, test, SHORT)
    alone = recover_each(*given, together=False)
    for found in (recover_each(*given), recover_each(*given, checkpoint=tmp_path)):
        assert [f.ablation for f in found] == cuts
        for one, other in zip(found, alone, strict=True):
            assert (one.record.held_norm == 0).all()
            np.testing.assert_allclose(one.record.loss, other.record.loss, rtol=1e-7)
            np.testing.assert_allclose(one.layers.change, other.layers.change, rtol=1e-7)
    assert [p.name for p in tmp_path.iterdir()] == ["together.safetensors"]
    plain = [recover(perceptron, cut, train_on, test, SHORT) for cut in cuts]
    assert all(same(one, other) for one, other in zip(plain, alone, strict=True))


def test_one_instance_that_diverges_does_not_end_the_others(
    perceptron: nn.Module, parts: dict[str, la.Examples]
) -> None:
    train_on, test = flat(parts["train"]), flat(parts["test"])
    site = la.find_sites(perceptron, test)["fc1"]
    cuts = la.random_groups(site, 0.4, 2, seed=1)
    wild = replace(SHORT, lr=1e30)
    with pytest.warns(UserWarning, match="diverged in epoch 1"):
        found = recover_each(perceptron, cuts, train_on, test, wild)
    assert [f.ended for f in found] == ["diverged in epoch 1"] * 2


def test_progress_of_instances_counts_all_epochs(
    perceptron: nn.Module, parts: dict[str, la.Examples]
) -> None:
    train_on, test = flat(parts["train"]), flat(parts["test"])
    cuts = la.random_groups(la.find_sites(perceptron, test)["fc1"], 0.4, 2, seed=1)
    for together, wanted in ((True, (2, 4, 6)), (False, range(1, 7))):
        told: list[Any] = []
        recover_each(
            perceptron, cuts, train_on, test, SHORT, together=together,
            progress=lambda *at: told.append(at),  # noqa: B023
        )  # fmt: skip
        assert told == [(done, 6) for done in wanted]


class Recurrent(nn.Module):
    """Which vmap cannot map."""

    def __init__(self) -> None:
        super().__init__()
        with seeded(0):
            self.first, self.cell = nn.Linear(8, 6), nn.GRU(6, 5, batch_first=True)
            self.last = nn.Linear(5, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(self.cell(torch.relu(self.first(x.unflatten(1, (8, 8)))))[0][:, -1])


def test_networks_that_cannot_be_stacked_are_trained_one_by_one(
    parts: dict[str, la.Examples],
) -> None:
    network, train_on, test = Recurrent().eval(), flat(parts["train"]), flat(parts["test"])
    site = la.find_sites(network, test)["first"]
    cuts = [la.Ablation(site, (unit,)) for unit in (0, 3)]
    given = (network, cuts, train_on, test, replace(SHORT, epochs=1))
    assert [(f.record.held_norm == 0).all() for f in recover_each(*given)] == [True, True]
    with pytest.raises(TrainingError, match="cannot be vectorised"):
        recover_each(*given, together=True)


# --- again and again -----------------------------------------------------------------------


def test_each_step_draws_anew_and_keeps_what_was_taken(cut: la.Ablation) -> None:
    steps = iterated_ablations(cut.site, 0.25, 5, seed=3)
    sets = [set(step.units) for step in steps]
    assert all(a <= b for a, b in pairwise(sets))
    assert len(sets[0]) == 3
    assert all(len(b) - len(a) <= 3 for a, b in pairwise(sets))
    assert len(sets[-1]) < 15  # with replacement: some are drawn twice
    assert [s.columns["iteration"] for s in steps] == [1, 2, 3, 4, 5]
    assert steps == iterated_ablations(cut.site, 0.25, 5, seed=3)
    assert steps != iterated_ablations(cut.site, 0.25, 5, seed=4)


def test_steps_end_before_nothing_is_left(cut: la.Ablation) -> None:
    steps = iterated_ablations(cut.site, 0.5, 40, seed=0)
    assert 1 < len(steps) < 40
    assert len(steps[-1].units) < 12


def test_iterated_recovery_goes_on_from_the_recovered_network(
    network: nn.Module, parts: dict[str, la.Examples], cut: la.Ablation, tmp_path: Path
) -> None:
    steps = iterated_ablations(cut.site, 0.25, 3, seed=0)
    given = (network, steps, parts["train"], parts["test"], replace(SHORT, epochs=2))
    found = list(recover_iterated(*given))
    assert [f.ablation for f in found] == steps
    intact = found[0].outcomes["intact_rank"].values
    for before, after in pairwise(found):
        assert np.array_equal(after.outcomes["intact_rank"], intact)
        assert (after.record.held_norm == 0).all()
        old, new = (f.network.get_submodule("7").weight for f in (before, after))
        assert torch.equal(after.before.get_submodule("7").weight, old)
        assert not torch.equal(old, new)
    again = la.evaluate(found[-1].network, parts["test"], [steps[-1]], engine="naive")
    assert np.array_equal(again["rank"][0], again["intact_rank"])
    partly = recover_iterated(*given, checkpoint=tmp_path)
    next(partly), next(partly)
    told: list[Any] = []
    resumed = list(
        recover_iterated(*given, checkpoint=tmp_path, progress=lambda *at: told.append(at))
    )
    assert all(same(one, other) for one, other in zip(resumed, found, strict=True))
    assert told == [(2, 2), (2, 2), (1, 2), (2, 2)]  # two were there


def test_a_step_that_gives_units_back_is_refused(
    network: nn.Module, parts: dict[str, la.Examples], cut: la.Ablation
) -> None:
    steps = [replace(cut, units=units) for units in ((0, 2), (2, 3))]
    with pytest.raises(AblationError, match=r"gives back units of 3 .* such as \[0\]; .* unions"):
        next(recover_iterated(network, steps, parts["train"], parts["test"]))


# --- bad input -----------------------------------------------------------------------------


def test_the_defaults_are_written_down_once_only_in_effect() -> None:
    shown, used = (inspect.signature(f).parameters for f in (recover, task_of))
    for name, parameter in used.items():
        if parameter.default is not inspect.Parameter.empty:
            assert shown[name].default == parameter.default


def bad(parts: dict[str, la.Examples], **changes: Any) -> dict[str, Any]:
    return {"train": parts["train"], "test": parts["test"], "recipe": SHORT} | changes


@pytest.mark.parametrize(("changes", "error", "words"), [
    ({"train": (torch.zeros(0, 1, 8, 8), torch.zeros(0).long())}, DataError, "at least one"),
    ({"train": "five"}, DataError, "train: has no example of 5 classes .* such as 5, 6"),
    ({"train": (torch.zeros(10, 3, 8, 8), torch.arange(10))}, TrainingError, "does not run"),
    ({"freeze": ["0", "1", "3", "4", "7", "8", "11"]}, TrainingError, "nothing is left to train"),
    ({"freeze": "downstream", "train_ablated": False}, None, ""),
    ({"freeze": "sideways"}, TrainingError, "freeze: given 'sideways'; allowed are 'upstream'"),
    ({"units": range(12)}, AblationError, "units: given all 12 of 3, .* Leave at least one"),
    ({"method": "resample"}, AblationError, "method: given 'resample'"),
    ({"start": "broken"}, TrainingError, "start: given 'broken'; allowed are ablated, intact"),
    ({"start": "intact", "hold": False}, TrainingError, "hold: given False .* 'intact'"),
    ({"stop": Patience()}, TrainingError, "validation: is missing; .* leave out stop"),
    ({"validation": "test"}, TrainingError, "stop: is missing; .* leave out validation"),
    ({"stop": Patience(top=10), "validation": "test"}, TrainingError, "stop: given top=10 .* 9"),
    ({"start": "redrawn", "train_ablated": False}, TrainingError, "'redrawn' with 3 frozen"),
    ({"recipe": 5}, TrainingError, "recipe: given a int; allowed is Recipe"),
    ({"stop": 3}, TrainingError, "stop: given a int; allowed is .*Patience"),
    ({"hold": None}, TrainingError, "hold: given a NoneType; allowed is bool"),
    ({"train_ablated": "no"}, TrainingError, "train_ablated: given a str; allowed is bool"),
    ({"intact": "x"}, NetworkError, "intact: given the text 'x'; allowed is a torch.nn.Module"),
    ({"intact": nn.Linear(3, 10)}, TrainingError, "does not run"),
    ({"test": "five"}, None, ""),
    ({"validation": "test", "stop": Patience(top=1)}, TrainingError,
     "validation: given the test examples; .* Set some training examples aside"),
    ({"cache_gb": -1}, TrainingError, "cache_gb: given -1; allowed is a number of at least 0"),
    ({"recipe": replace(SHORT, optimiser="adamw", nesterov=False)}, None, ""),
])  # fmt: skip
def test_what_cannot_be_carried_out(
    network: nn.Module, parts: dict[str, la.Examples], cut: la.Ablation, changes: dict,
    error: type[LashleyError] | None, words: str,
) -> None:  # fmt: skip
    changes = dict(changes)
    cut = replace(cut, units=changes.pop("units", cut.units))
    cut = replace(cut, method=changes.pop("method", cut.method))
    for name in ("train", "test"):
        if changes.get(name) == "five":
            low = parts[name].labels < 5
            changes[name] = la.Examples(parts[name].inputs[low], parts[name].labels[low], NAMES)
    if changes.get("validation") == "test":
        changes["validation"] = parts["test"]
    given = bad(parts, **changes)
    if error is None:
        recover(network, cut, **given)
        return
    with pytest.raises(error, match=words):
        recover(network, cut, **given)


def test_what_is_no_ablation(network: nn.Module, parts: dict[str, la.Examples]) -> None:
    with pytest.raises(AblationError, match="ablation: given a int; allowed is a lashley.Abla"):  # noqa: RUF043
        recover(network, 3, parts["train"], parts["test"])  # type: ignore[arg-type]
    with pytest.raises(AblationError, match="ablations: given none"):
        recover_each(network, [], parts["train"], parts["test"])
    sites = la.find_sites(network, parts["test"])
    two = [la.Ablation(sites[n], (0,)) for n in ("0", "3")]
    with pytest.raises(AblationError, match=r"ablations: given those of 0, 3; .* one site"):
        recover_each(network, two, parts["train"], parts["test"])
    wrong = la.Ablation(replace(sites["0"], name="fc9"), (0,))
    with pytest.raises(SiteError, match="fc9"):
        recover(network, wrong, parts["train"], parts["test"])


def test_together_goes_with_no_stop_rule(
    network: nn.Module, parts: dict[str, la.Examples], cut: la.Ablation
) -> None:
    with pytest.raises(TrainingError, match="together: given True with a stop rule"):
        recover_each(
            network, [cut], parts["train"], parts["test"], stop=Patience(),
            validation=parts["validation"], together=True,
        )  # fmt: skip


@pytest.mark.parametrize(("given", "words"), [
    ({"least": 0}, "stop: given least=0; allowed is a whole number of at least 1 .* paper's 5"),
    ({"within": 1.5}, "stop: given within=1.5"),
    ({"top": True}, "stop: given top=True"),
    ({"gain_pp": -1}, "stop: given gain_pp=-1; allowed is a number from 0 to 100, in pp"),
    ({"gain_pp": float("nan")}, "stop: given gain_pp=nan"),
])  # fmt: skip
def test_a_stop_rule_that_is_none(given: dict, words: str) -> None:
    with pytest.raises(TrainingError, match=words.replace(" .* ", r"[.] .* ")):
        Patience(**given)


def test_the_paper_default_is_its_five_epochs() -> None:
    assert inspect.signature(recover).parameters["recipe"].default == Recipe(epochs=5)
    assert LONG.epochs > Patience().least
