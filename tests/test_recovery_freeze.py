"""What is frozen, and that training leaves it bit for bit as it is."""

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import lashley as la
from lashley.errors import SiteError, TrainingError
from lashley.networks import seeded
from lashley.recovery.freezing import Frozen, freeze, frozen_by, to_train_mode
from lashley.training import Recipe
from lashley.training.alone import learner_of

from architectures import cases, initialised
from networks_under_test import Branching

pytestmark = pytest.mark.usefixtures("one_thread")
RECIPE = Recipe(epochs=1, lr=0.05, weight_decay=0.01)
UPSTREAM, DOWNSTREAM = "upstream", "downstream"


def sequential() -> nn.Module:
    with seeded(0):
        return nn.Sequential(
            nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.Dropout(0.5),
            nn.Conv2d(4, 5, 3), nn.BatchNorm2d(5), nn.ReLU(inplace=True), nn.Dropout(0.5),
            nn.Conv2d(5, 6, 3), nn.BatchNorm2d(6), nn.ReLU(inplace=True), nn.Dropout(0.5),
            nn.Flatten(), nn.Linear(24, 4),
        )  # fmt: skip


class Residual(nn.Module):
    """A block with a projection beside it."""

    def __init__(self) -> None:
        super().__init__()
        with seeded(0):
            self.stem, self.bn = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)
            self.one, self.bn1 = nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4)
            self.two, self.bn2 = nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4)
            self.beside, self.bn3 = nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4)
            self.relu, self.head = nn.ReLU(inplace=True), nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.bn(self.stem(x)))
        y = self.bn2(self.two(self.relu(self.bn1(self.one(x)))))
        y += self.bn3(self.beside(x))
        return self.head(self.relu(y).mean((2, 3)))


class Dense(nn.Module):
    """Each layer reads all before it."""

    def __init__(self) -> None:
        super().__init__()
        with seeded(0):
            self.stem = nn.Conv2d(3, 4, 3)
            self.bn1, self.one = nn.BatchNorm2d(4), nn.Conv2d(4, 2, 3, padding=1)
            self.bn2, self.two = nn.BatchNorm2d(6), nn.Conv2d(6, 2, 3, padding=1)
            self.head = nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        one = self.one(F.relu(self.bn1(x)))
        two = self.two(F.relu(self.bn2(torch.cat([x, one], 1))))
        return self.head(torch.cat([x, one, two], 1).mean((2, 3)))


class Mlp(nn.Module):
    """Functions for all but the layers; one dropout for both."""

    def __init__(self) -> None:
        super().__init__()
        with seeded(0):
            self.a, self.b, self.c = nn.Linear(192, 9), nn.Linear(9, 8), nn.Linear(8, 4)
        self.drop = nn.Dropout(0.5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.drop(F.relu(self.a(x.flatten(1))))
        return self.c(self.drop(F.relu(self.b(x))))


class Shared(nn.Module):
    """One layer called twice, and two layers with one weight."""

    def __init__(self) -> None:
        super().__init__()
        with seeded(0):
            self.a, self.b, self.c = nn.Linear(192, 9), nn.Linear(9, 9), nn.Linear(9, 9)
            self.d, self.e, self.f = nn.Linear(9, 9), nn.Linear(9, 9), nn.Linear(9, 4)
        self.d.weight = self.a_like = self.e.weight

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.d(F.relu(self.a(x.flatten(1)))))
        x = F.relu(self.b(F.relu(self.c(F.relu(self.b(x))))))
        return self.f(F.relu(self.e(x)))


EXAMPLES = (
    torch.randn(24, 3, 8, 8, generator=torch.Generator().manual_seed(0)),
    torch.arange(24) % 4,
)
# network, site, freeze, train_ablated, modules with tensors that are frozen
RULES = [
    (sequential, "4", UPSTREAM, True, {"0", "1"}),
    (sequential, "4", UPSTREAM, False, {"0", "1", "4", "5"}),
    (sequential, "4", DOWNSTREAM, True, {"8", "9", "13"}),
    (sequential, "4", DOWNSTREAM, False, {"4", "5", "8", "9", "13"}),
    (sequential, "4", "none", True, set()),
    (sequential, "4", "none", False, {"4", "5"}),
    (sequential, "4", ["0", "9"], True, {"0", "9"}),
    (sequential, "0", UPSTREAM, True, set()),
    (sequential, None, ["1"], True, {"1"}),
    (sequential, None, "none", True, set()),
    (Residual, "one", UPSTREAM, True, {"stem", "bn"}),
    (Residual, "two", UPSTREAM, True, {"stem", "bn", "one", "bn1"}),
    (Residual, "beside", UPSTREAM, True, {"stem", "bn"}),
    (Residual, "one", DOWNSTREAM, True, {"two", "bn2", "head"}),
    (Residual, "two", DOWNSTREAM, False, {"two", "bn2", "head"}),
    (Dense, "two", UPSTREAM, True, {"stem", "bn1", "one", "bn2"}),
    (Dense, "one", DOWNSTREAM, True, {"bn2", "two", "head"}),
    (Mlp, "b", UPSTREAM, True, {"a"}),
    (Mlp, "a", DOWNSTREAM, True, {"b", "c"}),
    (Mlp, "a", ["c"], False, {"a", "c"}),
]


def site_of(network: nn.Module, name: str | None) -> la.Site | None:
    return None if name is None else la.find_sites(network, EXAMPLES)[name]


def held(network: nn.Module) -> dict[str, Tensor]:
    return dict([*network.named_parameters(remove_duplicate=False),
                 *network.named_buffers(remove_duplicate=False)])  # fmt: skip


def trained(network: nn.Module, frozen: Frozen, examples=EXAMPLES) -> nn.Module:
    """A copy after three steps."""
    copied = copy.deepcopy(network)
    freeze(copied, frozen)
    to_train_mode(copied, frozen)
    learner = learner_of(copied, RECIPE)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        for _ in range(3):
            learner.step(examples[0].clone(), examples[1], RECIPE.lr)
    return copied


def unchanged(before: nn.Module, after: nn.Module) -> set[str]:
    new = held(after)
    return {name for name, tensor in held(before).items() if torch.equal(tensor, new[name])}


@pytest.mark.parametrize(("make", "site", "how", "train_ablated", "modules"), RULES)
def test_exactly_the_frozen_tensors_are_bit_equal_after_training(
    make: Callable[[], nn.Module], site: str | None, how: str, train_ablated: bool, modules: set
) -> None:
    network = make().eval()
    frozen = frozen_by(network, site_of(network, site), how, train_ablated, EXAMPLES)
    assert {name.rpartition(".")[0] for name in frozen.tensors} == modules
    assert {name for name in held(network) if name.rpartition(".")[0] in modules} == frozen.tensors
    assert unchanged(network, trained(network, frozen)) == frozen.tensors


@pytest.mark.thinned(3)
@pytest.mark.parametrize(
    "name", ["pre-activation with projection", "basic residual with projection", "dense block",
             "u-net transposed", "inverted residual with squeeze-excitation", "vit encoder layer",
             "vit fused qkv", "group norm", "channel shuffle", "functional", "views",
             "in-place methods", "tied weights", "mlp norm behind the relu"],
)  # fmt: skip
def test_frozen_tensors_are_bit_equal_in_every_architecture(name: str) -> None:
    network, examples = initialised(cases()[name], seed=0)
    for site in la.find_sites(network, examples).values():
        for how in (UPSTREAM, DOWNSTREAM):
            frozen = frozen_by(network, site, how, True, examples)
            assert frozen.tensors <= unchanged(network, trained(network, frozen, examples))


def test_without_gradients_alone_batch_norm_adapts_its_statistics() -> None:
    """The trap: freezing by `requires_grad` changes what the frozen layers compute."""
    network = sequential().eval()
    frozen = frozen_by(network, site_of(network, "4"), UPSTREAM, True, EXAMPLES)
    naive = trained(network, Frozen(frozen.tensors))
    changed = frozen.tensors - unchanged(network, naive)
    assert changed == {"1.running_mean", "1.running_var", "1.num_batches_tracked"}
    assert not frozen.tensors - unchanged(network, trained(network, frozen))


@pytest.mark.parametrize(
    ("how", "resting"),
    [
        (UPSTREAM, {"0", "1", "2", "3"}),
        (DOWNSTREAM, {"8", "9", "10", "11", "12", "13", "7"}),
        (["13"], {"13", "10", "11", "12"}),
        (["8", "9"], {"8", "9"}),
        (["0"], {"0"}),
        (["0", "1.weight", "1.bias"], {"0"}),
        ("none", set()),
    ],
)
def test_dropout_rests_on_the_frozen_side_only(how: str | list[str], resting: set[str]) -> None:
    network = sequential().eval()
    frozen = frozen_by(network, site_of(network, "4"), how, True, EXAMPLES)
    assert frozen.modules == resting | ({"6"} if how == DOWNSTREAM else set())
    to_train_mode(network, frozen)
    assert {name for name, m in network.named_modules() if not m.training} == frozen.modules


@pytest.mark.parametrize(
    ("how", "resting"), [(["5"], {"3", "4", "5", "6"}), (["2"], {"0", "1", "2", "3", "4"})]
)
def test_without_anything_frozen_a_side_does_not_rest(how: list[str], resting: set[str]) -> None:
    network = nn.Sequential(
        nn.Flatten(), nn.Dropout(), nn.Linear(192, 6), nn.ReLU(), nn.Dropout(), nn.Linear(6, 4),
        nn.Dropout(),
    ).eval()  # fmt: skip
    assert frozen_by(network, None, how, True, EXAMPLES).modules == resting


def test_dropout_called_on_both_sides_stays_on() -> None:
    network = Mlp().eval()
    assert frozen_by(network, site_of(network, "b"), UPSTREAM, True, EXAMPLES).modules == {"a"}


def test_a_container_rests_when_all_in_it_is_frozen() -> None:
    network = nn.Sequential(nn.Sequential(nn.Flatten(), nn.Linear(192, 8)), nn.Linear(8, 4)).eval()
    frozen = frozen_by(network, None, ["0"], True, EXAMPLES)
    assert frozen == Frozen(frozenset({"0.1.weight", "0.1.bias"}), frozenset({"0", "0.0", "0.1"}))


def test_a_single_parameter_can_be_frozen() -> None:
    network = Mlp().eval()
    frozen = frozen_by(network, None, ["a.bias"], True, EXAMPLES)
    assert frozen == Frozen(frozenset({"a.bias"}), frozenset())
    assert unchanged(network, trained(network, frozen)) == {"a.bias"}


def test_a_tied_weight_is_frozen_under_all_its_names() -> None:
    network = Shared().eval()
    frozen = frozen_by(network, site_of(network, "c"), UPSTREAM, True, EXAMPLES)
    assert {"d.weight", "e.weight", "d.bias"} <= frozen.tensors
    assert "e.bias" not in frozen.tensors


def test_any_name_of_a_tied_weight_freezes_it() -> None:
    network = Shared()
    freeze(network, Frozen(frozenset({"e.weight"})))
    assert not network.d.weight.requires_grad
    assert network.d.bias.requires_grad


def test_of_a_layer_called_twice_upstream_leads_to_every_call() -> None:
    network = Shared().eval()
    site = site_of(network, "b")
    upstream = frozen_by(network, site, UPSTREAM, True, EXAMPLES).tensors
    assert {name.partition(".")[0] for name in upstream} == {"a", "d", "e", "a_like"}
    downstream = frozen_by(network, site, DOWNSTREAM, True, EXAMPLES).tensors
    assert {name.partition(".")[0] for name in downstream} == {"e", "f", "d", "a_like"}


def test_the_network_is_left_as_it_was() -> None:
    network = sequential()
    before = {name: tensor.clone() for name, tensor in held(network).items()}
    modes = [m.training for m in network.modules()]
    with torch.random.fork_rng():
        torch.manual_seed(1)
        frozen_by(network, site_of(network, "4"), UPSTREAM, True, EXAMPLES)
        drawn = torch.rand(1)
        torch.manual_seed(1)
        assert torch.equal(drawn, torch.rand(1))
    assert all(torch.equal(before[name], tensor) for name, tensor in held(network).items())
    assert [m.training for m in network.modules()] == modes
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in network.modules())
    assert all(p.requires_grad for p in network.parameters())


def test_without_a_graph_names_still_work() -> None:
    network = Branching().eval()
    examples = torch.randn(6, 3, 4), torch.arange(6) % 5
    frozen = frozen_by(network, None, ["a"], True, examples)
    assert frozen == Frozen(frozenset({"a.weight", "a.bias"}), frozenset({"a"}))
    site = la.find_sites(network, examples)["a"]
    for how, asked in {UPSTREAM: "freeze='upstream'", "none": "train_ablated=False"}.items():
        with pytest.raises(
            TrainingError, match=rf"{asked} needs the network's graph, .*cannot be "
        ):
            frozen_by(network, site, how, how == UPSTREAM, examples)
    with pytest.raises(TrainingError, match=r"give freeze=\[names\]"):
        frozen_by(network, site, DOWNSTREAM, True, examples)


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("above", r"given 'above'; allowed are 'upstream', 'downstream', 'none' or a list"),
        ("stem", r"A single name goes in a list: \['stem'\]"),
        (["stam"], r"given 'stam', which is not a module, .*the nearest are stem"),
        (["zzzzzz"], r"the nearest are none"),
        (UPSTREAM, r"given 'upstream' without a site; allowed are 'none' or a list of names"),
        ([""], r"nothing is left to train: .*freezes 18 of 18 parameters; .* Freeze fewer.$"),
    ],
)
def test_refusals(how: str | list[str], words: str) -> None:
    with pytest.raises(TrainingError, match=words):
        frozen_by(Residual().eval(), None, how, True, EXAMPLES)


def test_a_site_of_another_network_is_refused() -> None:
    site = site_of(Residual().eval(), "one")
    with pytest.raises(SiteError, match="given 'one', which is not one of the network's 3 sites"):
        frozen_by(sequential().eval(), site, UPSTREAM, True, EXAMPLES)


def test_parameters_that_need_no_gradient_are_not_left_to_train() -> None:
    network = sequential().eval()
    network.requires_grad_(False)[4].requires_grad_()
    frozen_by(network, site_of(network, "4"), UPSTREAM, True, EXAMPLES)
    with pytest.raises(TrainingError, match=r"freezes 8 of 14 parameters, 12 require no grad"):
        frozen_by(network, site_of(network, "4"), UPSTREAM, False, EXAMPLES)
