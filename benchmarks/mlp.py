"""How much faster the engine is than a plain loop, on the paper's MLP, and its memory.

    python benchmarks/mlp.py [--rounds 15]

All 210 single and pair ablations of the paper's MLP on 10,000 digits, ranks and predictions kept.
The loop holds everything in memory and zeroes the weights in place; it wastes nothing except what
the engine saves. Both ways are timed in turn, in one process. Memory is measured in a separate
process for each way, above what it has with the data loaded.
"""

from __future__ import annotations

import argparse
import copy
import subprocess
import sys
from pathlib import Path

import torch
from torch import Tensor, nn

import lashley as la

from measuring import digits_of, machine, ratio, row, seconds


def the_network(data: str) -> nn.Module:
    if data == "MNIST":
        return la.networks.authors_mlp()[0]
    return la.networks.mlp([784, 20, 10, 10], bias=False, seed=0)


def plain_loop(
    network: nn.Module, examples: la.Examples, cuts: list[la.Ablation]
) -> tuple[Tensor, Tensor]:
    network = copy.deepcopy(network).eval()
    layer = network.get_submodule("fc1")
    inputs, labels = examples.inputs, examples.labels[:, None]
    ranks = torch.empty(len(cuts), len(labels), dtype=torch.uint8)
    predictions = torch.empty_like(ranks)
    with torch.inference_mode():
        weight = layer.weight.detach()
        for i, cut in enumerate(cuts):
            kept = weight[list(cut.units)]
            weight[list(cut.units)] = 0
            logits = network(inputs)
            weight[list(cut.units)] = kept
            ranks[i] = (logits > logits.gather(1, labels)).sum(1)
            predictions[i] = logits.argmax(1)
    return ranks, predictions


def memory_mib(name: str) -> float:
    """`VmRSS` is what the process has now, `VmHWM` the most it had since the peak was reset."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(name))


def memory_of(way: str) -> str:
    command = [sys.executable, __file__, "--memory-of", way]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15, help="how often each way is timed")
    parser.add_argument("--memory-of", choices=("loop", "engine"), help=argparse.SUPPRESS)
    given = parser.parse_args()

    data, examples = digits_of("test")
    network = the_network(data)
    site = la.find_sites(network, examples)["fc1"]
    cuts = [*la.singles(site, "zero_weights"), *la.pairs(site, "zero_weights")]
    ways = {
        "loop": lambda: plain_loop(network, examples, cuts),
        "engine": lambda: la.evaluate(network, examples, cuts),
    }
    if given.memory_of:
        Path("/proc/self/clear_refs").write_text("5")  # resets the peak (Linux)
        before = memory_mib("VmRSS")
        ways[given.memory_of]()
        print(f"{memory_mib('VmHWM') - before:.0f} MiB")
        return

    times: dict[str, list[float]] = {way: [] for way in ways}
    for work in ways.values():
        work()
    for _ in range(given.rounds):
        for way, work in ways.items():
            times[way].append(seconds(work))
    fast = la.evaluate(network, examples, cuts)
    slow = plain_loop(network, examples, cuts)[0].numpy()
    print(f"210 ablations of the MLP 784-20-10-10 on {len(examples):,} examples: {data}")
    print(f"{machine()}; {given.rounds} rounds in turn, median:")
    print(row("plain loop over full forward passes", times["loop"]))
    print(row("la.evaluate", times["engine"]))
    print(f"  the engine is {ratio(times['loop'], times['engine'])}")
    differ = int((fast["rank"] != slow).sum())
    print(f"  ranks that differ (rounding in the loop's float32): {differ} of {slow.size:,}")
    print(f"  peak memory above the data: loop {memory_of('loop')}, engine {memory_of('engine')}")


if __name__ == "__main__":
    main()
