"""What the benchmarks share: the data, the clock, the machine."""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch

import lashley.data
from lashley.data import Examples

BESIDE = Path(__file__).resolve().parents[2] / "shared" / "data"


def digits_of(split: str) -> tuple[str, Examples]:
    """MNIST if its files are there, else random numbers of the same shape; and which it is."""
    root = Path(os.environ.get("LASHLEY_DATA") or BESIDE)
    if (root / "mnist").is_dir():
        os.environ["LASHLEY_DATA"] = str(root)
        return "MNIST", lashley.data.mnist(split)
    count = {"train": 60_000, "test": 10_000}[split]
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(count, 1, 28, 28, generator=generator)
    labels = torch.randint(10, (count,), generator=generator)
    return "random numbers (no MNIST here)", Examples(inputs, labels, tuple("0123456789"))


def seconds(work: Callable[[], object]) -> float:
    """How long one call takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def machine() -> str:
    """Versions and hardware, for the head of a report."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    cpu = names[0] if names else platform.processor() or platform.machine()
    return f"torch {torch.__version__}, {torch.get_num_threads()} threads, {cpu}"


def row(name: str, values: list[float]) -> str:
    """A line of a report: median and best."""
    return f"  {name:<42}{statistics.median(values):9.4f} s   best {min(values):.4f} s"


def ratio(slow: list[float], fast: list[float]) -> str:
    """How many times as fast: by medians and by bests."""
    medians = statistics.median(slow) / statistics.median(fast)
    return f"{medians:.1f} times as fast (best against best: {min(slow) / min(fast):.1f})"
