"""Writes what the tests hold against Python: `python explorer/tests/fixtures.py`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from lashley import stats
from lashley.page import sweep_arrays
from lashley.page.blocks import PageBlock, array_block, json_block, table_block

HERE = Path(__file__).parent
COUNTS = [
    (0, 0, 0), (0, 0, 1), (1, 0, 1), (0, 3, 3), (0, 0, 10_000), (1, 0, 10_000),
    (4884, 97, 10_000), (97, 4884, 10_000), (10_000, 0, 10_000), (13, 12, 1_135),
]  # fmt: skip
SHARES = [(0, 0), (0, 1), (1, 1), (0, 50), (50, 50), (3, 7), (436, 892), (9464, 10_000)]
SUMS = [  # sum, sum of squares, number
    (3.5, 9.25, 2), (-1.0, 4.0, 5), (0.0, 0.0, 9), (12.5, 800.0, 31), (1e-7, 1e-12, 120),
    (-2e6, 3e10, 442), (17.0, 17.0, 10_000),
]  # fmt: skip
SAMPLES = [[-0.5, -0.4, -0.61, 0.02], [0.3], [0.7, 0.7, 0.7]]


def intervals() -> dict[str, object]:
    """Intervals and densities of lashley.stats, each after what it was given."""
    grid = np.linspace(-1.2, 1.2, 49)
    paired = [(stats.paired_interval(lo - g, lo + g, n), (lo, g, n)) for lo, g, n in COUNTS]
    shares = [(stats.share_interval(part, whole), (part, whole)) for part, whole in SHARES]
    sums = [(stats.mean_interval(*given), given) for given in SUMS]
    return {
        "mean": [[*given, float(found.low), float(found.high)] for found, given in sums],
        "paired": [[*given, float(found.low), float(found.high)] for found, given in paired],
        "share": [[*given, float(found.low), float(found.high)] for found, given in shares],
        "density": [[values, stats.density(values, grid).tolist()] for values in SAMPLES],
        "grid": grid.tolist(),
    }


def blocks() -> list[PageBlock]:
    """Every kind of block but a picture, with what breaks readers in it."""
    table = pd.DataFrame({
        "class": ["cat", "cat", "dog", "cat", "dog", "cat"],
        "claim": ["a, b", 'say "x"', "</script>", "größer", "", "<b>"],
        "count": np.array([0, -1, 2**40, 7, 7, 7], np.int64),
        "drop_pp": [0.5, np.nan, -0.0, 1e-300, -12.25, 3.0],
        "holds": [True, False, True, True, False, True],
        "perhaps": pd.Series([True, None, False, None, True, None], dtype=object),
        "label": np.array([0, 1, 2, 253, 254, 255], np.uint8),
    })  # fmt: skip
    return [
        table_block("table", table),
        table_block("empty", table.iloc[:0]),
        array_block("array", np.arange(6, dtype=np.uint16).reshape(2, 3) * 300),
        array_block("weights", np.array([[0.5, -1.25]], np.float32)),
        json_block("json", {"title": "größer & <b>", "value": float("nan")}),
        *sweep(),
    ]


def sweep() -> list[PageBlock]:
    """Two singles and their pair on four examples; 255 is an example not measured."""
    outcomes = xr.Dataset(
        {
            "intact_prediction": ("example", np.array([0, 1, 2, 1], np.uint8)),
            "prediction": (
                ("ablation", "example"),
                np.array([[0, 1, 2, 255], [0, 2, 2, 1], [1, 2, 1, 1]], np.uint8),
            ),
        }
    )
    ablations = pd.DataFrame({
        "site": "fc1", "units": ["3", "15", "3,15"], "method": "zero_weights",
        "design": ["singles", "singles", "pairs"], "proportion": [0.25, np.nan, np.nan],
    })  # fmt: skip
    examples = pd.DataFrame({"label": np.array([0, 1, 2, 2], np.uint8)})
    arrays = sweep_arrays("clean", outcomes)
    return [
        table_block("examples", examples),
        table_block("ablations-clean", ablations),
        *(array_block(name, array) for name, array in arrays.items()),
    ]


def main() -> None:
    """Writes both files beside this one."""
    (HERE / "intervals.json").write_text(json.dumps(intervals()) + "\n")
    found = {b.name: {"text": b.text, "dtype": b.dtype, "shape": b.shape} for b in blocks()}
    (HERE / "blocks.json").write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
