"""A training that is stopped inside an epoch goes on as if it had never been."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from lashley.data import Examples, digits
from lashley.errors import TrainingError
from lashley.networks import seeded
from lashley.training import Recipe, train, train_population
from lashley.training.checkpoint import Checkpoint

from stopping import steps_of

PLAIN = Recipe(epochs=3, lr=0.05, batch_size=250)  # 5 batches of an epoch
FULL = replace(
    PLAIN, schedule="one_cycle", weight_decay=1e-3, nesterov=True, augmentation="crops_and_flips"
)
RECIPES = {"plain": PLAIN, "full": FULL, "bfloat16": replace(FULL, autocast=True),
           "without momentum": replace(PLAIN, momentum=0.0)}  # fmt: skip


def convolutional(seed: int = 0) -> nn.Module:
    with seeded(seed):
        return nn.Sequential(
            nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.3),
            nn.Flatten(), nn.Linear(144, 10),
        )  # fmt: skip


def alone(examples: Examples, recipe: Recipe, **kept: Any) -> list[nn.Module]:
    return [train(convolutional(), examples, recipe, **kept)]


def together(examples: Examples, recipe: Recipe, **kept: Any) -> list[nn.Module]:
    return train_population([convolutional(s) for s in range(2)], examples, recipe, **kept)


BOTH = pytest.mark.parametrize("form", [alone, together])


def equal(ones: list[nn.Module], others: list[nn.Module]) -> bool:
    return all(
        torch.equal(a, b)
        for one, other in zip(ones, others, strict=True)
        for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    )


@pytest.fixture(scope="module")
def examples() -> Examples:
    return digits("train")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "training.safetensors"


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    for form in ("alone", "population"):
        monkeypatch.setattr(f"lashley.training.{form}.CHECKPOINT_SECONDS", 0.0)


# --- stopped at any batch ------------------------------------------------------------------


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES.keys())
@BOTH
def test_stopped_inside_an_epoch_and_at_its_end(
    form: Callable, recipe: Recipe, examples: Examples, path: Path, stop_after: Callable
) -> None:
    undisturbed, at = form(examples, recipe), 0
    for batches, seen in ((1, []), (3, []), (1, []), (2, [(1, 3)]), (7, [(1, 3), (2, 3)])):
        told: list[tuple[int, int]] = []
        stop_after(batches)
        with pytest.raises(KeyboardInterrupt):
            form(examples, recipe, checkpoint=path, progress=lambda *now: told.append(now))  # noqa: B023
        at += batches
        assert steps_of(path) == at
        assert told == seen
    assert equal(form(examples, recipe, checkpoint=path), undisturbed)
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def trained(folder: Path, checkpoint: Path | None) -> None:
    recipe = replace(FULL, epochs=4, batch_size=10)  # 120 batches of an epoch
    (network,) = alone(digits("train"), recipe, checkpoint=checkpoint)
    save_file(dict(network.state_dict()), folder / f"trained-{checkpoint is None}.safetensors")


@pytest.mark.slow
def test_killed_at_random_moments(tmp_path: Path) -> None:
    commands = (
        "from pathlib import Path; import stopping;"
        "import test_resuming as here, lashley.training.alone as alone;"
        f"alone.CHECKPOINT_SECONDS = 0.0; folder = Path({str(tmp_path)!r});"
        "stopping.killed_at_random(here.trained, folder, folder / 'training.safetensors')"
    )
    run = subprocess.run(
        [sys.executable, "-c", commands], cwd=Path(__file__).parent, timeout=900, check=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"}, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    ends = [tuple(map(int, line.split())) for line in run.stdout.splitlines()]
    assert [code for code, _ in ends] == [-signal.SIGKILL] * 5 + [0]
    steps = [step for _, step in ends]
    assert steps == sorted(set(steps))
    assert any(step % 120 for step in steps)
    kept, undisturbed = (tmp_path / f"trained-{name}.safetensors" for name in (False, True))
    assert kept.read_bytes() == undisturbed.read_bytes()


# --- what a checkpoint is good for ---------------------------------------------------------


@pytest.mark.thinned(8)
@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("other", [
    {"epochs": 2}, {"lr": 0.1}, {"momentum": 0.5}, {"batch_size": 100}, {"seed": 1},
    {"schedule": "constant"}, {"weight_decay": 0.0}, {"nesterov": False},
    {"augmentation": "none"}, {"autocast": True},
], ids=str)  # fmt: skip
@BOTH
def test_a_checkpoint_of_another_recipe_is_ignored(
    form: Callable, other: dict, examples: Examples, path: Path, stop_after: Callable
) -> None:
    stop_after(7)
    with pytest.raises(KeyboardInterrupt):
        form(examples, FULL, checkpoint=path)
    recipe = replace(FULL, **other)
    assert equal(form(examples, recipe, checkpoint=path), form(examples, recipe))


@pytest.mark.usefixtures("eager")
def test_alone_and_together_do_not_go_on_from_each_other(
    examples: Examples, path: Path, stop_after: Callable
) -> None:
    """Their rounding differs."""

    def one(examples: Examples, recipe: Recipe, **kept: Any) -> list[nn.Module]:
        return train_population([convolutional()], examples, recipe, **kept)

    for first, second in ((alone, one), (one, alone)):
        path.unlink(missing_ok=True)
        stop_after(7)
        with pytest.raises(KeyboardInterrupt):
            first(examples, PLAIN, checkpoint=path)
        assert equal(second(examples, PLAIN, checkpoint=path), second(examples, PLAIN))


@pytest.mark.usefixtures("eager")
@BOTH
def test_divergence_stops_the_epoch_and_deletes_the_checkpoint(
    form: Callable, examples: Examples, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved, save = [], Checkpoint.save
    monkeypatch.setattr(
        Checkpoint, "save", lambda self, tensors, n: (save(self, tensors, n), saved.append(n))
    )
    with pytest.raises(TrainingError, match="diverged in epoch 1 of 3"):
        form(examples, replace(PLAIN, lr=1e12, batch_size=10), checkpoint=path)
    assert 0 < len(saved) < 100
    assert not path.exists()


@pytest.mark.parametrize(("cost", "pause"), [(0.1, 5.0), (0.2, 5.0), (2.0, 40.0)])
def test_a_file_that_takes_long_to_write_is_written_more_seldom(
    cost: float, pause: float, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0

    def slow(_: dict, draft: Path, __: dict) -> None:
        nonlocal now
        now += cost
        draft.touch()

    monkeypatch.setattr("lashley.training.checkpoint.time", SimpleNamespace(monotonic=lambda: now))
    monkeypatch.setattr("lashley.training.checkpoint.save_file", slow)
    checkpoint = Checkpoint(path, "", seconds=5.0)
    for wait in (5.0, pause, pause):
        now += wait - 0.1
        assert not checkpoint.is_due()
        now += 0.2
        assert checkpoint.is_due()
        checkpoint.save({}, 1)


@pytest.mark.usefixtures("eager")
def test_a_checkpoint_that_cannot_be_written(examples: Examples, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(TrainingError, match=r"checkpoint: .* cannot be written .* free space"):
        alone(examples, PLAIN, checkpoint=tmp_path / "file" / "x")
