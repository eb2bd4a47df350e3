"""How much faster a population trains than its members one after another.

    python benchmarks/population.py [--members 20] [--epochs 1] [--alone 3] [--rounds 3]

The paper's MLP and recipe, on MNIST if its files are there (`LASHLEY_DATA`, or `shared/data` beside
the repository), else on random data of the same shape. Both ways are timed in turn, in one
process, so that another load on the machine meets both.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch

import lashley.data
from lashley.data import Examples
from lashley.networks import mlp
from lashley.training import Recipe, train, train_population

BESIDE = Path(__file__).resolve().parents[2] / "shared" / "data"


def examples() -> tuple[str, Examples]:
    root = Path(os.environ.get("LASHLEY_DATA") or BESIDE)
    if (root / "mnist").is_dir():
        os.environ["LASHLEY_DATA"] = str(root)
        return "MNIST", lashley.data.mnist("train")
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(60_000, 1, 28, 28, generator=generator)
    labels = torch.randint(10, (60_000,), generator=generator)
    return "random numbers (no MNIST here)", Examples(inputs, labels, tuple("0123456789"))


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def cpu() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def line(name: str, values: list[float]) -> str:
    return f"{name:<44}{statistics.median(values):8.2f} s   best {min(values):.2f} s"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--members", type=int, default=20, help="networks in the population")
    parser.add_argument("--epochs", type=int, default=1, help="epochs of each timed training")
    parser.add_argument("--alone", type=int, default=3, help="networks timed alone, per round")
    parser.add_argument("--rounds", type=int, default=3, help="rounds; medians are reported")
    given = parser.parse_args()

    name, data = examples()
    recipe = Recipe(epochs=given.epochs)
    networks = [mlp([784, 20, 10, 10], bias=False, seed=s) for s in range(given.members)]
    train_population(networks[:2], data, Recipe(epochs=1))  # warms up threads and memory
    together: list[float] = []
    alone: list[float] = []
    for _ in range(given.rounds):
        spent = seconds(lambda: train_population(networks, data, recipe))
        together.append(spent / given.epochs)
        for network in networks[: given.alone]:
            spent = seconds(lambda network=network: train(network, data, recipe))
            alone.append(given.members * spent / given.epochs)

    print(f"MLP 784-20-10-10, batch {recipe.batch_size}, {len(data):,} examples: {name}")
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, {cpu()}")
    print(f"{given.rounds} rounds of {given.epochs} epochs in turn; seconds per epoch, median:")
    print(line(f"  population of {given.members}", together))
    print(line(f"  one alone x {given.members} ({len(alone)} timed)", alone))
    ratio = statistics.median(alone) / statistics.median(together)
    print(f"  the population is {ratio:.1f} times as fast (best against best: "
          f"{min(alone) / min(together):.1f})")  # fmt: skip


if __name__ == "__main__":
    main()
