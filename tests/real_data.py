"""Where the real data lie that some tests need."""

import os
from pathlib import Path

SHARED = Path(__file__).resolve().parents[2] / "shared"


def data_root() -> Path | None:
    """Where the real data lie on this machine, if anywhere."""
    root = Path(os.environ.get("LASHLEY_DATA") or SHARED / "data")
    return root if (root / "mnist").is_dir() and (root / "meyes2019").is_dir() else None
