"""Fixtures that several test files share."""

import os
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, settings

from lashley.training.checkpoint import Checkpoint

from finished import carried_out, made_once
from layer_study import generated

settings.register_profile(  # what takes long may have waited
    "shared machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("shared machine")

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Of a test that is `thinned(n)` n cases are drawn by its name; the others are slow."""
    cases: dict[tuple[str, int], list[pytest.Item]] = defaultdict(list)
    for item in items:
        for mark in item.iter_markers("thinned"):
            cases[item.nodeid.partition("[")[0], mark.args[0]].append(item)
    for (name, n), own in cases.items():
        kept = Random(name).sample(own, min(n, len(own)))
        for item in own:
            if item not in kept:
                item.add_marker(pytest.mark.slow)


def data_root() -> Path | None:
    """Where the real data lie on this machine, if anywhere."""
    root = Path(os.environ.get("LASHLEY_DATA") or SHARED / "data")
    return root if (root / "mnist").is_dir() and (root / "meyes2019").is_dir() else None


@pytest.fixture
def mnist_data(monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of MNIST and of the authors' networks, with LASHLEY_DATA pointing at it."""
    root = data_root()
    if root is None:
        pytest.skip("MNIST and the authors' networks are not here: set LASHLEY_DATA")
    monkeypatch.setenv("LASHLEY_DATA", str(root))
    return root


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Small networks gain nothing from more, and the same sums give the same bits."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def stop_after(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Ctrl-C after so many checkpoints."""

    def stop_after(saves: int) -> None:
        def counted(self: Checkpoint, *given: Any) -> None:
            save(self, *given)
            left.pop()
            if not left:
                monkeypatch.setattr(Checkpoint, "save", save)
                raise KeyboardInterrupt

        save, left = Checkpoint.save, [None] * saves
        monkeypatch.setattr(Checkpoint, "save", counted)

    return stop_after


TINY_STUDY = """\
name: tiny
title: A <script>alert("tiny")</script> study
data: {name: digits}
network: {widths: [64, 6, 5, 10], bias: false, weights: train, seed: 0}
training: {epochs: 2, lr: 0.02, momentum: 0.9, batch_size: 64, seed: 0}
population: {networks: 2}
ablation: {site: fc1, method: zero_weights}
scores: {resamples: 100}
"""


@pytest.fixture(scope="session")
def tiny_study() -> str:
    """A whole study that takes seconds, as YAML; its title is what no page should trust."""
    return TINY_STUDY


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a complete run of the tiny study; tests that change it take a copy."""

    def make(folder: Path) -> None:
        (folder / "tiny.yaml").write_text(TINY_STUDY)
        carried_out(folder / "tiny.yaml", folder / "run")

    return made_once(tmp_path_factory, "tiny", make) / "run"


@pytest.fixture(scope="session")
def digits_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a complete run of digits-mlp as it is; tests that change it take a copy."""
    return (
        made_once(tmp_path_factory, "digits", lambda it: carried_out("digits-mlp", it / "run"))
        / "run"
    )


@pytest.fixture(scope="session")
def layer_study_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny layer study, with its images and weights beside it."""
    return made_once(tmp_path_factory, "layers", generated) / "layers.yaml"


@pytest.fixture(scope="session")
def finished_layers(tmp_path_factory: pytest.TempPathFactory, layer_study_file: Path) -> Path:
    """The folder of a complete run of the tiny layer study; tests that change it take a copy."""

    def make(folder: Path) -> None:
        carried_out(layer_study_file, folder / "run")

    return made_once(tmp_path_factory, "layers-run", make) / "run"
