"""Peak memory of an evaluation that streams to a store: does it grow with examples or ablations?

    python benchmarks/memory.py [--examples 1000 100000] [--ablations 100]

A small convolutional network on random images of 12 x 12, which lie in a mapped file. Each size is
measured in its own process: the most memory that `la.evaluate` took at once, above what the process
had with network and examples loaded. Then the same with few and many ablations, to a wanted
precision, and with losses.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from itertools import combinations
from pathlib import Path
from typing import Any

import torch
from torch import nn

import lashley as la

SIDE = 12  # pixels
CLASSES = 10
FILTERS = 16  # of each layer
CHUNK = 10_000  # examples made at once
SOME = 5000  # examples, where the ablations vary
FEW_AND_MANY = (10, 1000)  # ablations


def the_network() -> nn.Module:
    with la.networks.seeded(0):
        return nn.Sequential(
            nn.Conv2d(1, FILTERS, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(FILTERS, FILTERS, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1),
            nn.Flatten(), nn.Linear(FILTERS, CLASSES),
        ).eval()  # fmt: skip


def the_examples(n: int, folder: Path) -> la.Examples:
    """Random images in a mapped file: its pages, read when needed, are not the process's own."""
    file = str(folder / "inputs")
    inputs = torch.from_file(file, shared=True, size=n * SIDE * SIDE).view(n, 1, SIDE, SIDE)
    generator = torch.Generator().manual_seed(0)
    for part in inputs.split(CHUNK):
        part.copy_(torch.randn(part.shape, generator=generator))
    names = tuple(map(str, range(CLASSES)))
    return la.Examples(inputs, torch.arange(n) % CLASSES, names)


def the_cuts(network: nn.Module, examples: la.Examples, n: int) -> list[la.Ablation]:
    sites = la.find_sites(network, examples).values()
    sets = [units for size in (1, 2, 3) for units in combinations(range(FILTERS), size)]
    cuts = [la.Ablation(site, units) for site in sites for units in sets]
    if n > len(cuts):
        raise SystemExit(f"ablations: given {n}; allowed are 1 to {len(cuts)}.")
    return cuts[:: len(cuts) // n][:n]


def memory_mib(name: str) -> float:
    """`VmRSS` is what the process has now, `VmHWM` the most it had since the peak was reset."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(name))


def measure(n_examples: int, n_ablations: int, **how: Any) -> str:
    """In this process: the peak of one evaluation above what was there before, and its time."""
    with tempfile.TemporaryDirectory() as folder:
        network, examples = the_network(), the_examples(n_examples, Path(folder))
        cuts = the_cuts(network, examples, n_ablations)
        la.evaluate(network, warm_up(examples), cuts[:1])  # loads what is imported late
        Path("/proc/self/clear_refs").write_text("5")  # resets the peak (Linux)
        before, start = memory_mib("VmRSS"), time.perf_counter()
        la.evaluate(network, examples, cuts, store=Path(folder) / "store", **how)
        return f"{memory_mib('VmHWM') - before:.0f} {time.perf_counter() - start:.1f}"


def warm_up(examples: la.Examples) -> la.Examples:
    return la.Examples(
        examples.inputs[:CLASSES].clone(), examples.labels[:CLASSES], examples.class_names
    )


def report(n_examples: int, n_ablations: int, **how: Any) -> None:
    """Measure in a process of its own, and print."""
    given = json.dumps({"n_examples": n_examples, "n_ablations": n_ablations, **how})
    command = [sys.executable, __file__, "--one", given]
    found = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.split()
    words = [f"{n_examples:,} examples", f"{n_ablations:,} ablations"]
    words += [f"{name} {value}" for name, value in how.items()]
    print(f"  {', '.join(words):<52}{found[0]:>6} MiB   {found[1]:>6} s", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--examples", type=int, nargs="+", default=[1000, 10_000, 100_000])
    parser.add_argument("--ablations", type=int, default=100)
    parser.add_argument("--one", type=json.loads, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(measure(**given.one))
        return
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads; peak, and time:")
    for n in given.examples:
        report(n, given.ablations)
    for n in FEW_AND_MANY:
        report(SOME, n)
    report(max(given.examples), given.ablations, precision=2.0)
    report(SOME, given.ablations, readout="loss")


if __name__ == "__main__":
    main()
