"""Training alone and as a population: the vectorised form is held to the plain loop."""

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from lashley.data import Examples, digits, mnist
from lashley.errors import DataError, LashleyError, NetworkError, TrainingError
from lashley.networks import mlp, seeded
from lashley.training import Recipe, train, train_population
from lashley.training.checkpoint import Checkpoint
from lashley.training.recipe import batches

SHORT = Recipe(epochs=2, lr=0.05, batch_size=128)


@pytest.fixture(scope="module")
def examples() -> Examples:
    return digits("train")


def population(n: int = 3, *, bias: bool = False) -> list[nn.Module]:
    return [mlp([64, 20, 10, 10], bias=bias, seed=s) for s in range(n)]


def convolutional(seed: int, dropout: float = 0.0) -> nn.Module:
    with seeded(seed):
        return nn.Sequential(
            nn.Conv2d(1, 4, 3),
            nn.BatchNorm2d(4),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Dropout(dropout),
            nn.Linear(36, 10),
        )


class Tied(nn.Module):
    """Two names for one weight, a frozen layer, an unused one, a first step done in place."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        with seeded(seed):
            self.first = nn.Linear(64, 64)
            self.second = nn.Linear(64, 64)
            self.frozen = nn.Linear(64, 10).requires_grad_(False)
            self.unused = nn.Linear(2, 2)
        self.second.weight = self.first.weight

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        hidden = F.relu(self.first(x.flatten(1).mul_(0.5)))
        return self.frozen(F.relu(self.second(hidden)))


def weights(network: nn.Module) -> list[torch.Tensor]:
    return [v.clone() for v in network.state_dict().values()]


def equal(one: nn.Module, other: nn.Module) -> bool:
    return all(torch.equal(a, b) for a, b in zip(weights(one), weights(other), strict=True))


def in_double(examples: Examples) -> Examples:
    return Examples(examples.inputs.double(), examples.labels, examples.class_names)


def assert_close(one: nn.Module, other: nn.Module) -> None:
    """To 1e-7, in float64: its rounding may grow a hundred million times, and is no fault yet."""
    for a, b in zip(weights(one), weights(other), strict=True):
        assert a.dtype in (torch.float64, torch.int64)
        torch.testing.assert_close(a, b)


def accuracy(network: nn.Module, examples: Examples) -> float:
    with torch.inference_mode():
        hits = network(examples.inputs).argmax(1) == examples.labels
    return 100 * hits.double().mean().item()


# --- a population follows the networks trained alone ---------------------------------------


@pytest.mark.parametrize("make", [
    lambda s: mlp([64, 20, 10, 10], bias=False, seed=s),
    lambda s: mlp([64, 20, 10], bias=True, seed=s),
    convolutional,
    Tied,
], ids=["mlp", "mlp with bias", "convolutional", "tied, frozen, unused"])  # fmt: skip
def test_a_member_follows_the_one_trained_alone(
    make: Callable[[int], nn.Module], examples: Examples
) -> None:
    networks, examples = [make(s).double() for s in range(3)], in_double(examples)
    recipe = Recipe(epochs=1, lr=0.05)
    for network, member in zip(networks, train_population(networks, examples, recipe), strict=True):
        alone = train(network, examples, recipe)
        assert_close(member, alone)
        assert not equal(alone, network)


def test_a_member_follows_the_one_trained_alone_on_mnist(mnist_data: Path) -> None:
    whole, recipe = mnist("train"), Recipe(epochs=1, batch_size=64)
    some = Examples(whole.inputs[:12_000], whole.labels[:12_000], whole.class_names)
    examples = in_double(some)
    networks = [mlp([784, 20, 10, 10], bias=False, seed=s).double() for s in range(20)]
    members = train_population(networks, examples, recipe)
    for i in (0, 7, 19):
        alone = train(networks[i], examples, recipe)
        assert_close(members[i], alone)


@settings(max_examples=15, deadline=None)
@given(
    n=st.integers(1, 4),
    count=st.integers(2, 40),
    batch_size=st.integers(1, 50),
    momentum=st.sampled_from([0.0, 0.5, 0.9]),
    seed=st.integers(0, 2**40),
)
def test_any_population_follows_the_ones_trained_alone(
    n: int, count: int, batch_size: int, momentum: float, seed: int
) -> None:
    generator = torch.Generator().manual_seed(count)
    few = torch.randn(count, 5, generator=generator).double(), torch.arange(count) % 3
    recipe = Recipe(epochs=1, lr=0.01, momentum=momentum, batch_size=batch_size, seed=seed)
    networks = [mlp([5, 4, 3], seed=s).double() for s in range(n)]
    for network, member in zip(networks, train_population(networks, few, recipe), strict=True):
        assert_close(member, train(network, few, recipe))


def test_the_plain_loop_is_pytorchs_own(examples: Examples) -> None:
    recipe, examples = Recipe(epochs=1, lr=0.05, batch_size=500), in_double(examples)
    network = mlp([64, 20, 10], seed=0).double()
    expected = mlp([64, 20, 10], seed=0).double()
    optimiser = torch.optim.SGD(expected.parameters(), lr=0.05, momentum=0.9)
    sizes = []
    for batch in batches(len(examples), recipe, epoch=0):
        sizes.append(len(batch))
        optimiser.zero_grad()
        logs = F.log_softmax(expected(examples.inputs[batch]), 1)
        F.nll_loss(logs, examples.labels[batch]).backward()
        optimiser.step()
    assert sizes == [500, 500, 200]
    assert_close(train(network, examples, recipe), expected)


def test_training_learns(examples: Examples) -> None:
    trained = train_population(population(2), examples, Recipe(epochs=30, lr=0.05))
    assert all(accuracy(network, digits("test")) > 80 for network in trained)


# --- order, seeds, and what is left alone --------------------------------------------------


def test_the_order_of_the_batches_is_a_function_of_seed_and_epoch() -> None:
    def order(seed: int, epoch: int) -> list[int]:
        return torch.cat(list(batches(50, Recipe(seed=seed), epoch))).tolist()

    assert order(3, 4) == order(3, 4)
    assert sorted(order(3, 4)) == list(range(50))
    assert len({tuple(order(seed, epoch)) for seed in range(4) for epoch in range(4)}) == 16


@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_the_same_seed_trains_the_same_bits(dropout: float, examples: Examples) -> None:
    networks = [convolutional(s, dropout) for s in range(2)]
    first, again = (train_population(networks, examples, SHORT) for _ in range(2))
    other = train_population(networks, examples, Recipe(2, 0.05, batch_size=128, seed=1))
    assert all(equal(a, b) for a, b in zip(first, again, strict=True))
    assert not equal(first[0], other[0])
    assert equal(train(networks[0], examples, SHORT), train(networks[0], examples, SHORT))


def test_dropout_draws_other_noise_for_each_member(examples: Examples) -> None:
    twins = [convolutional(0, dropout=0.5), convolutional(0, dropout=0.5)]
    assert not equal(*train_population(twins, examples, SHORT))


def test_members_do_not_disturb_each_other(examples: Examples) -> None:
    networks, examples = [n.double() for n in population(3)], in_double(examples)
    three = train_population(networks, examples, SHORT)
    (one,) = train_population(networks[2:], examples, SHORT)
    assert_close(three[2], one)


@pytest.mark.parametrize("train_it", [
    train, lambda n, e, r: train_population([n, n], e, r)[1],
], ids=["alone", "population"])  # fmt: skip
def test_what_is_given_stays_as_it_was(train_it: Callable, examples: Examples) -> None:
    network = convolutional(0, dropout=0.5).eval()
    network[0].train()  # pyright: ignore
    network[0].weight.requires_grad_(False)  # pyright: ignore
    network[6].register_forward_hook(lambda *_: None)  # pyright: ignore
    before, bits = weights(network), torch.get_rng_state()
    modes = [m.training for m in network.modules()]
    trained = train_it(network, examples, SHORT)
    assert all(torch.equal(a, b) for a, b in zip(before, weights(network), strict=True))
    assert modes == [m.training for m in network.modules()]
    assert [p.requires_grad for p in network.parameters()] == [False] + [True] * 5
    assert len(network[6]._forward_hooks) == 1  # pyright: ignore
    assert all(p.grad is None for p in [*network.parameters(), *trained.parameters()])
    assert torch.equal(bits, torch.get_rng_state())
    assert not any(m.training for m in trained.modules())
    assert torch.equal(trained[0].weight, network[0].weight)  # frozen
    assert not examples.inputs.requires_grad
    assert examples.current_fingerprint() == examples.fingerprint


# --- checkpoints ---------------------------------------------------------------------------


class Stop(Exception):
    """The user's Ctrl-C."""


def stop_after(epochs: int) -> Callable[[int, int], None]:
    def progress(done: int, total: int) -> None:
        if done == epochs:
            raise Stop

    return progress


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lashley.training.population.CHECKPOINT_SECONDS", 0.0)


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("stopped", [1, 3, 5])
def test_a_resumed_training_is_bit_for_bit_an_undisturbed_one(
    stopped: int, examples: Examples, tmp_path: Path
) -> None:
    recipe, path = Recipe(epochs=5, lr=0.05), tmp_path / "training.safetensors"
    networks = [convolutional(s, dropout=0.2) for s in range(2)]
    undisturbed = train_population(networks, examples, recipe)
    with pytest.raises(Stop):
        train_population(networks, examples, recipe, checkpoint=path, progress=stop_after(stopped))
    seen = []
    resumed = train_population(
        networks, examples, recipe, checkpoint=path, progress=lambda *at: seen.append(at)
    )
    assert seen == [(done, 5) for done in range(stopped, 6)]
    assert all(equal(a, b) for a, b in zip(undisturbed, resumed, strict=True))
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("other", ["recipe", "networks", "examples", "damaged"])
def test_a_checkpoint_of_another_training_is_ignored_and_overwritten(
    other: str, examples: Examples, tmp_path: Path
) -> None:
    path = tmp_path / "training.safetensors"
    networks = population(2)
    train_population(networks, examples, SHORT, checkpoint=path)
    recipe = Recipe(epochs=2, lr=0.01) if other == "recipe" else SHORT
    networks = population(3)[1:] if other == "networks" else networks
    data = digits("test") if other == "examples" else examples
    if other == "damaged":
        path.write_bytes(path.read_bytes()[:-100])
    before, seen = path.read_bytes(), []
    trained = train_population(
        networks, data, recipe, checkpoint=path, progress=lambda *at: seen.append(at)
    )
    assert seen == [(1, 2), (2, 2)]
    assert equal(trained[0], train_population(networks, data, recipe)[0])
    assert path.read_bytes() != before


def test_a_short_training_writes_its_end_only_and_then_is_not_done_again(
    examples: Examples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, written, seen = tmp_path / "training.safetensors", [], []
    save = Checkpoint.save
    monkeypatch.setattr(
        Checkpoint, "save", lambda self, *of: (written.append(of[-1]), save(self, *of))
    )
    first = train_population(population(2), examples, SHORT, checkpoint=path)
    assert written == [2 * math.ceil(len(examples) / SHORT.batch_size)]
    again = train_population(
        population(2), examples, SHORT, checkpoint=path, progress=lambda *at: seen.append(at)
    )
    assert (len(written), seen) == (1, [(2, 2)])
    assert all(equal(a, b) for a, b in zip(first, again, strict=True))


@pytest.mark.usefixtures("eager")
def test_a_checkpoint_that_cannot_be_written(examples: Examples, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(TrainingError, match=r"checkpoint: .* cannot be written .* free space"):
        train_population(population(2), examples, SHORT, checkpoint=tmp_path / "file" / "x")


def test_progress_counts_epochs(examples: Examples) -> None:
    seen = []
    train(mlp([64, 10], seed=0), examples, SHORT, progress=lambda *at: seen.append(at))
    assert seen == [(1, 2), (2, 2)]


# --- bad input -----------------------------------------------------------------------------


@pytest.mark.parametrize(("values", "words"), [
    ({"epochs": 0}, "epochs: given 0; allowed is a whole number of at least 1"),
    ({"epochs": 1.5}, "epochs: given 1.5"),
    ({"epochs": True}, "epochs: given True"),
    ({"batch_size": 0}, "batch_size: given 0; allowed .* the paper's 256"),
    ({"seed": -1}, "seed: given -1; allowed is a whole number of at least 0"),
    ({"lr": 0}, "lr: given 0; allowed is a finite number above 0"),
    ({"lr": float("nan")}, "lr: given nan"),
    ({"lr": "fast"}, "lr: given 'fast'"),
    ({"momentum": 1.0}, "momentum: given 1.0; allowed is a number from 0 to below 1"),
    ({"momentum": -0.1}, "momentum: given -0.1"),
])  # fmt: skip
def test_a_recipe_out_of_range(values: dict, words: str) -> None:
    with pytest.raises(TrainingError, match=words):
        Recipe(**values)


def test_the_default_recipe_is_the_papers() -> None:
    assert Recipe() == Recipe(epochs=100, lr=0.001, momentum=0.9, batch_size=256, seed=0)


@pytest.mark.parametrize(("networks", "words"), [
    ([], "networks: given none; allowed is a list of at least one"),
    (mlp([64, 10]), r"networks: given one network; .* Give \[network\]"),
    ([mlp([64, 10]), mlp([64, 9, 10])], r"member 1 \(.*fc1.weight \(9, 64\).* than member 0"),
    ([convolutional(0), convolutional(0, dropout=0.1)], "member 1 .* another architecture"),
    ([mlp([64, 10]).requires_grad_(False)], "no parameter requires a gradient"),
    ([mlp([63, 10])], r"an example of shape \(1, 1, 8, 8\) and .* does not run through it"),
    ([mlp([64, 9])], "labels: given values up to 9; the network has 9 outputs, so 0 to 8"),
    ([nn.Conv2d(1, 10, 3)], r"output for one example is of shape \(1, 10, 6, 6\); allowed is one"),
])  # fmt: skip
def test_networks_that_cannot_be_trained(networks: list, words: str, examples: Examples) -> None:
    with pytest.raises(TrainingError, match=words):
        train_population(networks, examples, SHORT)
    if isinstance(networks, list) and len(networks) == 1:
        with pytest.raises(TrainingError, match=words):
            train(networks[0], examples, SHORT)


class Branching(nn.Module):
    """Its path depends on its values, which vmap cannot follow."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(64, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = self.fc(x.flatten(1))
        return out if out.sum() > 0 else -out


class Pair(Branching):
    """Two outputs instead of one."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = self.fc(x.flatten(1))
        return (out, out)  # pyright: ignore


def test_a_network_that_cannot_be_vectorised(examples: Examples) -> None:
    train(Branching(), examples, SHORT)
    with pytest.raises(TrainingError, match="cannot be vectorised: train each member alone"):
        train_population([Branching()], examples, SHORT)


def test_a_network_of_two_outputs(examples: Examples) -> None:
    with pytest.raises(TrainingError, match="is of tuple; allowed is one tensor"):
        train_population([Pair()], examples, SHORT)


def test_weights_that_are_not_finite(examples: Examples) -> None:
    networks = population(2)
    with torch.no_grad():
        networks[1].fc2.weight[0, 0] = float("nan")  # pyright: ignore
    with pytest.raises(NetworkError, match=r"fc2\.weight hold NaN"):
        train_population(networks, examples, SHORT)
    with pytest.raises(NetworkError, match=r"fc2\.weight hold NaN"):
        train(networks[1], examples, SHORT)


def test_a_member_that_diverges_is_named(examples: Examples) -> None:
    networks = population(3)
    with torch.no_grad():
        networks[1].fc1.weight.mul_(1e30)  # pyright: ignore
    words = r"diverged in epoch 1 of 2: .* in 1 of 3 networks \(number 1, .* Lower lr \(it is 0.05"
    with pytest.raises(TrainingError, match=words):
        train_population(networks, examples, SHORT)
    with pytest.raises(TrainingError, match=r"in 1 of 1 networks \(number 0"):
        train(networks[1], examples, SHORT)


def test_weights_lost_in_the_last_step_of_all_are_noticed() -> None:
    few = torch.tensor([[1e3], [-1e3]]), torch.tensor([0, 1])
    recipe = Recipe(epochs=1, lr=1e38, batch_size=2)
    for train_it in (train, lambda n, e, r: train_population([n], e, r)):
        with pytest.raises(TrainingError, match="diverged in epoch 1 of 1"):
            train_it(mlp([1, 2], seed=0), few, recipe)


@pytest.mark.usefixtures("eager")
def test_a_diverged_training_leaves_no_checkpoint(examples: Examples, tmp_path: Path) -> None:
    path = tmp_path / "training.safetensors"
    with pytest.raises(LashleyError, match="diverged"):
        train_population(population(2), examples, Recipe(epochs=3, lr=1e20), checkpoint=path)
    assert not path.exists()


@pytest.mark.parametrize(
    ("examples", "words"),
    [
        (
            ({"x": torch.zeros(4, 3)}, torch.zeros(4, dtype=torch.int64)),
            "allowed here is one tensor",
        ),
        ((torch.zeros(4, 3), torch.zeros(4)), r"labels: given torch\.float32"),
    ],
)
def test_examples_that_are_no_tensor_with_classes(examples: tuple, words: str) -> None:
    network = mlp([3, 4, 2])
    with pytest.raises(DataError, match=words):
        train(network, examples)
    with pytest.raises(DataError, match=words):
        train_population([network], examples)
