"""Finished runs of the paper's studies that several test files share."""

from pathlib import Path

import pytest

from lashley import studies

from finished import carried_out, made_once
from layer_study import generated

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
    """The folder of a complete run of digits-mlp with few networks; who changes it takes a copy."""

    def make(folder: Path) -> None:
        few = studies.load("digits-mlp", ["population.networks=4"])
        (folder / "study.yaml").write_text(few.to_yaml())
        carried_out(folder / "study.yaml", folder / "run")

    return made_once(tmp_path_factory, "digits", make) / "run"


@pytest.fixture(scope="session")
def whole_digits_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a complete run of digits-mlp as it is."""

    def make(folder: Path) -> None:
        carried_out("digits-mlp", folder / "run")

    return made_once(tmp_path_factory, "whole-digits", make) / "run"


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
