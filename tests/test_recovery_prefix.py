"""The cached prefix: what is kept, and that training behind it gives the same weights."""

import copy
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import lashley as la
from lashley.networks import seeded
from lashley.recovery.freezing import Frozen, freeze, frozen_by, to_train_mode
from lashley.recovery.packing import Packed, pack, unpack
from lashley.recovery.prefix import Split, cached, split
from lashley.training import Recipe
from lashley.training.alone import learner_of
from lashley.training.loop import Training, run

from architectures import cases, initialised
from rounding import assert_same_to_rounding

pytestmark = pytest.mark.usefixtures("one_thread")
RECIPE = Recipe(epochs=2, lr=0.05, batch_size=8, weight_decay=0.01)
IMAGES = torch.randn(24, 3, 8, 8, generator=torch.Generator().manual_seed(0))
EXAMPLES = IMAGES, torch.arange(24) % 4
SINGLE, DOUBLE = torch.float32, torch.float64


def vgg() -> nn.Module:
    with seeded(0):
        return nn.Sequential(
            nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.MaxPool2d(2),
            nn.Dropout(0.3), nn.Conv2d(4, 5, 2), nn.BatchNorm2d(5), nn.ReLU(inplace=True),
            nn.Dropout(0.3), nn.Flatten(), nn.Linear(20, 8), nn.ReLU(inplace=True), nn.Linear(8, 4),
        )  # fmt: skip


class Residual(nn.Module):
    """A block whose ReLU works in place and is called three times."""

    def __init__(self) -> None:
        super().__init__()
        with seeded(0):
            self.stem, self.bn = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)
            self.one, self.bn1 = nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4)
            self.two, self.bn2 = nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4)
            self.relu, self.head = nn.ReLU(inplace=True), nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.bn(self.stem(x)))
        y = self.bn2(self.two(self.relu(self.bn1(self.one(x)))))
        y += x
        return self.head(self.relu(y).mean((2, 3)))


class Functional(nn.Module):
    """Functions, sizes of the batch, weights that no module calls, an output per image pair."""

    def __init__(self, written: bool = False) -> None:
        super().__init__()
        with seeded(0):
            self.a, self.b, self.c = nn.Linear(48, 12), nn.Linear(12, 6), nn.Linear(24, 4)
            self.shift, self.scale = (nn.Parameter(torch.randn(12)) for _ in range(2))
        self.written = written

    def forward(self, x: Tensor) -> Tensor:
        n, t = x.size(0), 4
        x = F.leaky_relu(self.a(x.reshape(n * t, -1)), 0.1)  # (example * token, feature)
        if self.written:
            torch.relu_(x)
        x = F.relu(self.b(x * self.scale + self.shift), inplace=True) + self.shift[:6]
        return self.c(x.reshape(n, -1))


class Noisy(nn.Module):
    """Noise of one of several kinds between two layers."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        with seeded(0):
            self.a, self.b, self.c = nn.Linear(192, 9), nn.Linear(9, 8), nn.Linear(8, 4)
        self.drop, self.kind = nn.Dropout(0.5), kind

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.a(x.flatten(1)))
        if self.kind == "function":
            x = F.dropout(x, 0.5, self.training)
        elif self.kind == "always" or (self.kind == "training" and self.training):
            x = x + torch.randn_like(x)
        elif self.kind == "module":
            x = self.drop(x)
        return self.c(self.drop(F.relu(self.b(x))))


class Heads(nn.Module):
    """Four axes, of which none holds channels of images, and a view that needs them in order."""

    def __init__(self) -> None:
        super().__init__()
        with seeded(0):
            self.a, self.c = nn.Conv2d(3, 8, 2, 2), nn.Linear(128, 4)
            self.gain = nn.Parameter(torch.randn(4))

    def forward(self, x: Tensor) -> Tensor:
        x = self.a(x).flatten(2).transpose(1, 2).unflatten(2, (2, 4)).contiguous()
        return self.c((x * self.gain).view(x.shape[0], -1))


class Mixed(nn.Module):
    """The suffix needs indices beside real numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Linear(192, 9), nn.Linear(9, 9), nn.Linear(9, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.a(x.flatten(1)).relu()
        return self.c(F.relu(self.b(x)).gather(1, x.argsort(1)) * 2)


def frozen_at(network: nn.Module, site: str | None, how, examples=EXAMPLES) -> Frozen:
    found = None if site is None else la.find_sites(network, examples)[site]
    return frozen_by(network, found, how, True, examples)


def copy_split(network: nn.Module, frozen: Frozen, inputs: Tensor) -> tuple[nn.Module, Split]:
    copied = copy.deepcopy(network)
    freeze(copied, frozen)
    found = split(copied, frozen, inputs)
    assert found is not None
    return copied, found


def trained_plainly(network: nn.Module, frozen: Frozen, examples, recipe: Recipe) -> nn.Module:
    copied = copy.deepcopy(network)
    freeze(copied, frozen)
    to_train_mode(copied, frozen)
    run(Training(learner_of(copied, recipe), *examples, recipe))
    return copied


def trained_behind(network: nn.Module, frozen: Frozen, examples, recipe: Recipe) -> nn.Module:
    """The whole network, trained by its suffix on cached values, which must not change."""
    inputs, labels = examples
    copied, parts = copy_split(network, frozen, inputs)
    kept = cached(parts, inputs, recipe, 1.0)
    before = kept.clone()
    to_train_mode(copied, frozen)
    run(Training(learner_of(parts.suffix, recipe), kept, labels, recipe))
    assert torch.equal(kept, before)
    return copied


def assert_trains_alike(network: nn.Module, site: str | None, how, examples, recipe) -> None:
    """After the cached prefix too, in both precisions; to rounding, as it sees other batches."""
    plain, behind = {}, {}
    for dtype in (SINGLE, DOUBLE):
        mine, given = copy.deepcopy(network).to(dtype), in_format(examples, dtype)
        frozen = frozen_at(mine, site, how, given)
        plain[dtype] = trained_plainly(mine, frozen, given, recipe).state_dict()
        behind[dtype] = trained_behind(mine, frozen, given, recipe).state_dict()
        before = mine.state_dict()
        assert all(torch.equal(before[name], plain[dtype][name]) for name in frozen.tensors)
    assert_same_to_rounding(plain[SINGLE], behind[SINGLE], twin=plain[DOUBLE])
    assert_same_to_rounding(plain[DOUBLE], behind[DOUBLE], twin=plain[SINGLE])


def assert_trains_alike_in_bfloat16(network: nn.Module, site: str | None, how, recipe) -> None:
    """To its own rounding: that of float32 is 65,536 times as fine."""
    network.apply(without_dropout)  # which draws other noise in another format
    frozen, rough = frozen_at(network, site, how), replace(recipe, autocast=True)
    plain = trained_plainly(network, frozen, EXAMPLES, rough)
    behind = trained_behind(network, frozen, EXAMPLES, rough)
    exact = trained_plainly(network, frozen, EXAMPLES, recipe)
    assert_same_to_rounding(*map(weights, (plain, behind, exact)))


def weights(network: nn.Module) -> dict[str, Tensor]:
    """As one tensor: of some, such as a shift before batch norm, only rounding is learnt."""
    return {"weights": torch.cat([p.detach().flatten() for p in network.parameters()])}


def without_dropout(module: nn.Module) -> None:
    if isinstance(module, nn.Dropout):
        module.p = 0.0


def in_format(examples, dtype: torch.dtype):
    inputs, labels = examples
    return inputs.to(dtype) if inputs.is_floating_point() else inputs, labels


def differing(one: nn.Module, other: nn.Module) -> list[str]:
    mine, others = one.state_dict(), other.state_dict()
    return [name for name, tensor in mine.items() if not torch.equal(tensor, others[name])]


SPLITS = [
    (vgg, "5", (24, 4, 3, 3)), (vgg, "10", (24, 20)),
    (Residual, "one", (24, 4, 6, 6)), (Residual, "two", (24, 2 * 4 * 6 * 6)),
    (Functional, "b", (24, 4 * 12)),
    (lambda: Functional(written=True), "b", (24, 4 * 12)),
    (lambda: Noisy("module"), "b", (24, 9)), (lambda: Noisy("none"), "b", (24, 9)),
]  # fmt: skip


@pytest.mark.parametrize(("make", "site", "shape"), SPLITS)
def test_training_on_cached_values_gives_the_same_weights(
    make: Callable[[], nn.Module], site: str, shape: tuple[int, ...]
) -> None:
    network = make().eval()
    assert_trains_alike(network, site, "upstream", EXAMPLES, RECIPE)
    frozen = frozen_at(network, site, "upstream")
    plain = trained_plainly(network, frozen, EXAMPLES, RECIPE)
    assert f"{site}.weight" in differing(plain, network)
    kept = cached(copy_split(network, frozen, IMAGES)[1], IMAGES, RECIPE, 1.0)
    assert kept is not None
    assert kept.shape == shape


@pytest.mark.parametrize(("make", "site", "shape"), SPLITS)
def test_under_autocast_too(make: Callable[[], nn.Module], site: str, shape: tuple) -> None:
    recipe = Recipe(epochs=1, lr=0.01, batch_size=8)
    assert_trains_alike_in_bfloat16(make().eval(), site, "upstream", recipe)


def test_the_order_in_memory_is_the_networks() -> None:
    recipe = Recipe(epochs=1, lr=0.01, batch_size=8)
    assert_trains_alike(Heads().eval(), None, ["a"], EXAMPLES, recipe)
    assert_trains_alike_in_bfloat16(Heads().eval(), None, ["a"], recipe)


@pytest.mark.thinned(3)
@pytest.mark.parametrize(
    "name", ["pre-activation with projection", "pre-activation in place", "dense block",
             "basic residual with projection", "padded shortcut by cat", "u-net transposed",
             "inverted residual with squeeze-excitation", "convnext", "channel shuffle",
             "vit encoder layer", "vit fused qkv", "views", "in-place methods", "tied weights"],
)  # fmt: skip
def test_every_architecture_trains_alike_behind_its_prefix(name: str) -> None:
    network, examples = initialised(cases()[name], seed=0)
    recipe = Recipe(epochs=1, lr=0.01, batch_size=len(examples[1]) // 2)
    cuts = 0
    for site in la.find_sites(network, examples):
        if split(network, frozen_at(network, site, "upstream", examples), examples[0]) is not None:
            cuts += 1
            assert_trains_alike(network, site, "upstream", examples, recipe)
    assert cuts >= 1


def test_what_is_random_is_never_in_the_prefix() -> None:
    network = Noisy("module").eval()
    frozen = frozen_at(network, "b", "upstream")
    copied, parts = copy_split(network, frozen, IMAGES)
    to_train_mode(copied, frozen)
    first, second = (parts.prefix(IMAGES) for _ in range(2))
    assert torch.equal(first, second)
    assert not any(m is copied.drop for m in parts.prefix.modules())
    assert not torch.equal(parts.suffix(first), parts.suffix(first))
    first = Frozen(frozen.tensors, frozen.modules | {"drop"})  # at rest, it belongs to the prefix
    assert any(isinstance(m, nn.Dropout) for m in copy_split(network, first, IMAGES)[1]
               .prefix.modules())  # fmt: skip


@pytest.mark.parametrize("kind", ["function", "always", "training"])
def test_noise_outside_of_modules_leaves_the_network_whole(kind: str) -> None:
    network = Noisy(kind).eval()
    frozen = Frozen(frozenset({"a.weight", "a.bias"}), frozenset({"a"}))
    assert split(network, frozen, IMAGES) is None


def test_a_module_that_still_adapts_is_not_in_the_prefix() -> None:
    network = vgg().eval()
    frozen = frozen_at(network, "5", "upstream")
    awake = Frozen(frozen.tensors, frozen.modules - {"1"})
    _, parts = copy_split(network, awake, IMAGES)
    assert [name for name, m in parts.prefix.named_modules() if not list(m.children())] == ["0"]


def test_indices_and_real_numbers_do_not_go_together() -> None:
    network = Mixed().eval()
    assert split(network, frozen_at(network, "b", "upstream"), IMAGES) is None


class LateWrite(nn.Module):
    """What is trained reads a value before it is overwritten, which only its order shows."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Linear(192, 9), nn.Linear(9, 9), nn.Linear(9, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.a(x.flatten(1))
        y = self.b(x)
        torch.relu_(x)
        return self.c(x + y)


def test_parts_that_compute_something_else_are_refused() -> None:
    network = LateWrite().eval()
    assert split(network, frozen_at(network, None, ["a"]), IMAGES) is None


@pytest.mark.parametrize("autocast", [False, True])
def test_packing_keeps_every_bit_and_format(autocast: bool) -> None:
    formats = (torch.bfloat16, torch.float32) if autocast else (torch.float32, torch.float64)
    shapes = {(5, 4, 2, 3): (0, 1), (7, 10, 2): (1, 2), (15,): (0, 3)}  # where the 5 examples are
    values, parts = [], []
    for (shape, (axis, per)), dtype in zip(shapes.items(), (*formats, formats[0]), strict=True):
        of_one = (*shape[:axis], per, *shape[axis + 1 :])
        other = torch.float16 if dtype is torch.float64 else torch.float64
        pair = (other, dtype) if autocast else (dtype, other)
        values.append(torch.randn(shape).to(dtype))
        parts.append(Packed(axis, per, of_one, *pair, last=False))
    packed = pack(values, parts)
    assert packed.shape == (5, 24 + 28 + 3)
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        for value, found in zip(values, unpack(packed, parts), strict=True):
            assert found.dtype == value.dtype
            assert torch.equal(found, value)
        part = unpack(packed[[3]], parts)[1]
    assert torch.equal(part, values[1][:, 6:8])


class Statistics(nn.Module):
    """Normalises by the batch, in eval mode too."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Linear(192, 9), nn.Linear(9, 9), nn.Linear(9, 4)
        self.norm = nn.BatchNorm1d(9, track_running_stats=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.c(F.relu(self.b(self.norm(self.a(x.flatten(1))))))


def test_examples_that_depend_on_one_another_are_not_kept() -> None:
    network = Statistics().eval()
    assert split(network, frozen_at(network, None, ["a", "norm"]), IMAGES) is None


@pytest.mark.parametrize(
    ("site", "how"), [("0", "upstream"), ("5", "downstream"), ("5", "none"), ("5", ["10", "12"])]
)
def test_without_a_frozen_prefix_nothing_is_saved(site: str, how: str | list[str]) -> None:
    network = vgg().eval()
    assert split(network, frozen_at(network, site, how), IMAGES) is None


def test_a_layer_frozen_by_name_is_a_prefix() -> None:
    network = vgg().eval()
    _, parts = copy_split(network, frozen_at(network, "5", ["0", "1"]), IMAGES)
    assert parts.prefix(IMAGES).shape == (24, 4, 3, 3)  # behind the pooling: the fewest


def test_the_parts_hold_the_networks_own_modules() -> None:
    network = Residual().eval()
    frozen = frozen_at(network, "two", "upstream")
    copied, parts = copy_split(network, frozen, IMAGES)
    mine = dict(copied.named_parameters())
    assert all(p is mine[name] for name, p in parts.suffix.named_parameters())
    assert {n.partition(".")[0] for n, _ in parts.suffix.named_parameters()} == {
        "two", "bn2", "head"
    }  # fmt: skip
    to_train_mode(copied, frozen)
    assert parts.suffix.get_submodule("bn2").training
    assert not parts.prefix.get_submodule("bn1").training
    copied.eval()
    inputs = IMAGES
    torch.testing.assert_close(parts.suffix(parts.prefix(inputs)), copied(inputs))


def test_the_suffix_does_not_write_to_what_it_is_given() -> None:
    with seeded(0):
        first, last = nn.Linear(192, 6), nn.Linear(6, 4)
    network = nn.Sequential(nn.Flatten(), first, nn.Dropout(0.5, inplace=True), last).eval()
    awake = Frozen(frozenset({"1.weight", "1.bias"}), frozenset({"1"}))  # but for the dropout
    copied, parts = copy_split(network, awake, IMAGES)
    to_train_mode(copied, awake)
    kept = torch.randn(5, 6)
    before = kept.clone()
    parts.suffix(kept)
    assert torch.equal(kept, before)


def test_the_network_is_left_as_it_was() -> None:
    network = vgg()
    frozen = frozen_at(network, "5", "upstream")
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    parts = split(network, frozen, IMAGES)
    assert cached(parts, IMAGES, RECIPE, 1.0) is not None
    assert all(torch.equal(before[name], t) for name, t in network.state_dict().items())
    assert all(m.training for m in network.modules())


def test_the_limit_is_kept_to_the_byte() -> None:
    network = vgg().eval()
    _, parts = copy_split(network, frozen_at(network, "10", "upstream"), IMAGES)
    nbytes = 24 * 20 * 4
    assert cached(parts, IMAGES, RECIPE, (nbytes + 0.5) / 1e9) is not None
    assert cached(parts, IMAGES, RECIPE, (nbytes - 0.5) / 1e9) is None
    half = Recipe(batch_size=8, autocast=True)
    kept = cached(parts, IMAGES, half, (nbytes + 0.5) / 2e9)
    assert kept is not None
    assert kept.dtype == torch.bfloat16


def test_memory_beside_the_result_is_bounded_by_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    network = vgg().eval()
    _, parts = copy_split(network, frozen_at(network, "10", "upstream"), IMAGES)
    seen = []
    network_prefix = parts.prefix.forward
    monkeypatch.setattr(parts.prefix, "forward", lambda x: seen.append(len(x)) or network_prefix(x))
    cached(parts, IMAGES[:20], RECIPE, 1.0)
    assert seen == [8, 8, 4]
