"""The recipe: learning rate, optimiser, number format; in a population as alone."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from lashley.data import Examples, cifar10, digits
from lashley.errors import TrainingError
from lashley.networks import mlp, seeded, vgg19_bn
from lashley.training import Recipe, train, train_population
from lashley.training.alone import learner_of
from lashley.training.recipe import batch_seed, batches, epoch_seed
from lashley.training.schedule import lr_at

from real_data import data_root

ONE = {"epochs": 1, "lr": 0.05, "batch_size": 100}
FIELDS: dict[str, dict[str, Any]] = {
    "one cycle": {"schedule": "one_cycle"},
    "weight decay": {"weight_decay": 0.1},
    "nesterov": {"nesterov": True},
    "crops and flips": {"augmentation": "crops_and_flips"},
    "all": {"schedule": "one_cycle", "weight_decay": 0.01, "nesterov": True,
            "augmentation": "crops_and_flips"},
}  # fmt: skip


@pytest.fixture(scope="module")
def examples() -> Examples:
    return digits("train")


def in_float64(examples: Examples) -> Examples:
    return Examples(examples.inputs.double(), examples.labels, examples.class_names)


def convolutional(seed: int, channels: int = 1) -> nn.Sequential:
    with seeded(seed):
        return nn.Sequential(
            nn.Conv2d(channels, 4, 3),
            nn.BatchNorm2d(4),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(144, 10),
        )


class Unused(nn.Module):
    """A layer that is used, and one that is not."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        with seeded(seed):
            self.fc, self.unused = nn.Linear(64, 10), nn.Linear(3, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(x.flatten(1))


def difference(one: nn.Module, other: nn.Module) -> float:
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return max((a.double() - b.double()).abs().max().item() for a, b in pairs)


# --- the learning rate ---------------------------------------------------------------------


@pytest.mark.parametrize("steps", [1, 2, 3, 4, 10, 97, 1000])
def test_one_cycle_is_pytorchs(steps: int) -> None:
    optimiser = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, max_lr=0.3, total_steps=steps, cycle_momentum=False
    )
    recipe = Recipe(lr=0.3, schedule="one_cycle")
    for step in range(steps):
        assert lr_at(step, steps, recipe) == pytest.approx(scheduler.get_last_lr()[0], rel=1e-9)
        optimiser.step()
        if step + 1 < steps:
            scheduler.step()


def test_one_cycle_rises_to_its_peak_and_falls() -> None:
    recipe = Recipe(lr=0.3, schedule="one_cycle")
    lrs = [lr_at(step, 1000, recipe) for step in range(1000)]
    assert max(lrs) == lrs[299] == 0.3
    assert lrs[:300] == sorted(lrs[:300])
    assert lrs[299:] == sorted(lrs[299:], reverse=True)
    assert 0 < lrs[-1] < 2e-6 < lrs[0]


def test_a_constant_learning_rate_is_the_number_given() -> None:
    assert {lr_at(step, 7, Recipe(lr=0.1)) for step in range(7)} == {0.1}


# --- the optimiser -------------------------------------------------------------------------


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("fields", FIELDS.values(), ids=FIELDS.keys())
def test_the_steps_are_pytorchs(fields: dict, momentum: float, examples: Examples) -> None:
    fields = {k: v for k, v in fields.items() if k != "augmentation"}
    fields["nesterov"] = fields.get("nesterov", False) and momentum > 0
    recipe = Recipe(epochs=2, lr=0.05, batch_size=100, momentum=momentum, **fields)
    network, expected = convolutional(0), convolutional(0)
    optimiser = torch.optim.SGD(
        expected.parameters(), lr=0.05, momentum=momentum,
        weight_decay=recipe.weight_decay, nesterov=recipe.nesterov,
    )  # fmt: skip
    order = [batch for epoch in range(2) for batch in batches(len(examples), recipe, epoch)]
    for step, batch in enumerate(order):
        optimiser.param_groups[0]["lr"] = lr_at(step, len(order), recipe)
        optimiser.zero_grad()
        F.cross_entropy(expected(examples.inputs[batch]), examples.labels[batch]).backward()
        optimiser.step()
    assert difference(train(network, examples, recipe), expected) == 0


@pytest.mark.parametrize("fields", FIELDS.values(), ids=FIELDS.keys())
def test_every_field_changes_the_result(fields: dict, examples: Examples) -> None:
    plain = train(convolutional(0), examples, Recipe(**ONE))
    assert difference(train(convolutional(0), examples, Recipe(**ONE, **fields)), plain) > 1e-4


@pytest.mark.parametrize("fields", FIELDS.values(), ids=FIELDS.keys())
def test_a_member_follows_the_one_trained_alone(fields: dict, examples: Examples) -> None:
    networks, doubles = [convolutional(s).double() for s in range(3)], in_float64(examples)
    recipe = Recipe(**ONE, **fields)
    for network, member in zip(networks, train_population(networks, doubles, recipe), strict=True):
        assert difference(member, train(network, doubles, recipe)) < 1e-12


def test_what_is_not_used_does_not_decay(examples: Examples) -> None:
    recipe, network = Recipe(**ONE, weight_decay=0.1), Unused(0)
    for trained in (train(network, examples, recipe),
                    *train_population([network], examples, recipe)):  # fmt: skip
        assert isinstance(trained, Unused)
        assert difference(trained.unused, network.unused) == 0
        assert difference(trained.fc, network.fc) > 0.01


# --- bfloat16 ------------------------------------------------------------------------------


class Watched(nn.Sequential):
    """It notes in which form its first layer's output comes, beginning with that of a check."""

    seen: list[tuple[torch.dtype, tuple[int, ...]]]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        first, *others = self
        x = first(x)
        self.seen.append((x.dtype, x.stride()))
        for layer in others:
            x = layer(x)
        return x


@pytest.fixture
def watched() -> Watched:
    Watched.seen = []  # of the class, because training works on a copy
    return Watched(*convolutional(0, channels=3))


@pytest.fixture
def coloured(examples: Examples) -> Examples:
    inputs = examples.inputs * torch.tensor([1.0, 0.5, -0.5])[:, None, None]
    return Examples(inputs, examples.labels, examples.class_names)


@pytest.mark.parametrize("together", [False, True])
def test_autocast_runs_the_layers_in_bfloat16(
    together: bool, watched: Watched, coloured: Examples
) -> None:
    recipe = Recipe(**ONE, autocast=True)
    trained = (
        train_population([watched], coloured, recipe)[0] if together
        else train(watched, coloured, recipe)
    )  # fmt: skip
    _, *forms = watched.seen
    assert {dtype for dtype, _ in forms} == {torch.bfloat16}
    assert {strides[1] for _, strides in forms} == {1}  # channels are neighbours in memory
    assert all(v.dtype in (torch.float32, torch.int64) for v in trained.state_dict().values())
    plain = train(convolutional(0, channels=3), coloured, Recipe(**ONE))
    assert 0 < difference(trained, plain) < 0.05


@pytest.mark.parametrize("autocast", [False, True])
def test_the_loss_is_not_rounded(autocast: bool, coloured: Examples) -> None:
    recipe = Recipe(**ONE, autocast=autocast)
    learner = learner_of(convolutional(0, channels=3), recipe)
    (loss,) = learner.step(coloured.inputs, coloured.labels, recipe.lr)
    assert loss.dtype is torch.float32
    assert loss != loss.bfloat16().float()


def test_members_under_autocast_follow_those_trained_alone(coloured: Examples) -> None:
    recipe = Recipe(**ONE, autocast=True)
    networks = [convolutional(seed, channels=3) for seed in range(2)]
    for network, member in zip(networks, train_population(networks, coloured, recipe), strict=True):
        assert difference(member, train(network, coloured, recipe)) < 1e-3


def test_a_first_layer_in_place_does_not_reach_the_next_member(examples: Examples) -> None:
    halving = nn.LeakyReLU(0.5, inplace=True)
    networks = [nn.Sequential(halving, *convolutional(0)) for _ in range(2)]
    first, second = train_population(networks, examples, Recipe(**ONE, autocast=True))
    assert difference(first, second) == 0


def test_without_autocast_nothing_is_rounded(watched: Watched, coloured: Examples) -> None:
    train(watched, coloured, Recipe(**ONE))
    assert {dtype for dtype, _ in watched.seen} == {torch.float32}
    assert {strides[1] for _, strides in watched.seen} == {36}


def test_float64_stays_float64(examples: Examples) -> None:
    fields = FIELDS["all"]
    trained = train(convolutional(0).double(), in_float64(examples), Recipe(**ONE, **fields))
    assert all(p.dtype is torch.float64 for p in trained.parameters())
    assert (
        0 < difference(trained, train(convolutional(0), examples, Recipe(**ONE, **fields))) < 1e-5
    )


# --- seeds, memory, and the door -----------------------------------------------------------


def test_no_two_seeds_are_the_same() -> None:
    recipes = [Recipe(seed=seed) for seed in (0, 1, 2**40)]
    seeds = [epoch_seed(recipe, epoch) for recipe in recipes for epoch in range(4)]
    seeds += [batch_seed(r, epoch, i) for r in recipes for epoch in range(4) for i in range(4)]
    assert len(set(seeds)) == 3 * 4 + 3 * 4 * 4


@pytest.mark.parametrize("form", ["alone", "population"])
def test_the_inputs_are_held_once(
    form: str, examples: Examples, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = []
    monkeypatch.setattr(f"lashley.training.{form}.run", lambda t, *_: held.append(t.inputs))
    if form == "alone":
        train(convolutional(0), examples, Recipe(**ONE))
    else:
        train_population([convolutional(0)], examples, Recipe(**ONE))
    assert [inputs.data_ptr() for inputs in held] == [examples.inputs.data_ptr()]


@pytest.mark.parametrize(("values", "words"), [
    ({"schedule": "cosine"}, "schedule: given 'cosine'; allowed is 'constant' or 'one_cycle'"),
    ({"schedule": None}, "schedule: given None; .* Leave it out for the paper's constant"),
    ({"augmentation": "crops"}, "augmentation: given 'crops'; allowed is 'none' or 'crops_and_f"),
    ({"weight_decay": -0.1}, "weight_decay: given -0.1; allowed is a finite number of at least 0"),
    ({"weight_decay": float("inf")}, "weight_decay: given inf"),
    ({"weight_decay": True}, "weight_decay: given True"),
    ({"nesterov": 1}, "nesterov: given 1; allowed is True or False"),
    ({"nesterov": True, "momentum": 0}, "nesterov: given True; allowed is False where momentum is"),
    ({"autocast": "bfloat16"}, "autocast: given 'bfloat16'; allowed is True or False"),
])  # fmt: skip
def test_a_recipe_out_of_range(values: dict, words: str) -> None:
    with pytest.raises(TrainingError, match=words):
        Recipe(**values)


# --- real images ---------------------------------------------------------------------------


@pytest.fixture
def photographs(monkeypatch: pytest.MonkeyPatch) -> tuple[Examples, Examples]:
    """Of CIFAR-10's test images 2,000 to learn from and 1,000 others."""
    root: Path | None = data_root()
    if root is None or not (root / "cifar-10-batches-bin").is_dir():
        pytest.skip("CIFAR-10 is not here: set LASHLEY_DATA")
    monkeypatch.setenv("LASHLEY_DATA", str(root))
    every = cifar10("test")
    first, last = (
        Examples(every.inputs[of], every.labels[of], every.class_names)
        for of in (slice(2000), slice(-1000, None))
    )
    return first, last


@pytest.mark.slow
def test_a_narrow_vgg_learns_photographs(photographs: tuple[Examples, Examples]) -> None:
    known, others = photographs
    recipe = Recipe(
        epochs=4, lr=0.1, batch_size=50, schedule="one_cycle", weight_decay=5e-4, nesterov=True,
        augmentation="crops_and_flips",
    )  # fmt: skip
    trained = train(vgg19_bn(10, 1 / 16, 32, seed=0), known, recipe)
    with torch.inference_mode():
        right = (trained(others.inputs).argmax(1) == others.labels).double().mean().item()
    assert right > 0.16  # chance is 0.10, its standard deviation 0.01


def test_the_recipe_trains_an_mlp_as_well(examples: Examples) -> None:
    recipe = Recipe(epochs=3, lr=0.05, batch_size=64, schedule="one_cycle", nesterov=True)
    trained = train(mlp([64, 30, 10], seed=0), examples, recipe)
    with torch.inference_mode():
        right = (trained(examples.inputs).argmax(1) == examples.labels).double().mean().item()
    assert right > 0.7
