"""Fixtures that several test files share."""

import os
from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"


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
