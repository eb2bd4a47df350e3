"""What a plan says, against what the sweep then takes.

    python -m benchmarks.planning [--images 300] [--share 0.1] [--rounds 1] [CASE ...]

Cases: vgg (half-width VGG-19 on CIFAR-10 test images, groups of the tenth of a layer's filters
nearest to each, a stratified share of them), bf16 (the same in bfloat16), precision (the same to
+-2 pp), mlp (every single and pair of a digits MLP). Planned and run in turn, in one process.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

import lashley as la
from lashley.planning import plan

from engine import cpu_images, cpu_network, stratified
from measuring import BESIDE, machine, seconds

PRECISION = 2.0  # pp


@dataclass(frozen=True)
class Sweep:
    """What is planned and run."""

    network: torch.nn.Module
    examples: la.Examples
    cuts: list[la.Ablation]
    how: Mapping[str, Any]


def vgg(given: argparse.Namespace, **how: Any) -> Sweep:
    _, network = cpu_network(0)
    _, examples = cpu_images(given.images, 0)
    sites = la.find_sites(network, examples).values()
    groups = [la.similar_groups(site, 0.1, "zero_weights") for site in sites
              if site.kind == "filter"]  # fmt: skip
    return Sweep(network, examples, stratified(groups, given.share, 0), how)


def mlp(given: argparse.Namespace) -> Sweep:
    examples = la.data.digits("test")
    network = la.networks.mlp([64, 20, 10, 10], bias=False, seed=0)
    site = la.find_sites(network, examples)["fc1"]
    return Sweep(network, examples, [*la.singles(site), *la.pairs(site)], {})


CASES: dict[str, Callable[[argparse.Namespace], Sweep]] = {
    "mlp": mlp,
    "vgg": vgg,
    "bf16": lambda given: vgg(given, dtype=torch.bfloat16),
    "precision": lambda given: vgg(given, precision=PRECISION),
}


def report(name: str, sweep: Sweep, given: argparse.Namespace) -> None:
    """A line per round: what was planned, what it took, and the ratio."""
    for _ in range(given.rounds):
        start = time.perf_counter()
        said = plan(sweep.network, sweep.examples, sweep.cuts, seconds=given.seconds, **sweep.how)
        spent = time.perf_counter() - start
        took, needed = measured(sweep, given.evaluations)
        inside = "inside" if said.low <= took <= said.high else "outside"
        words = f"  {name:<10} planned {said.seconds:8.3f} s  took {took:8.3f} s  "
        words += f"planned/took {said.seconds / took:.2f}, {inside} {said.low:.3g} to "
        words += f"{said.high:.3g} s; planning took {spent:.1f} s"
        if said.precision is not None:
            words += f"; {said.examples_per_ablation:.0f} examples per ablation planned, "
            words += f"{needed:.0f} needed"
        print(words, flush=True)
    if given.verbose:
        print(said, said.table.round(4).to_string(), sep="\n")


def measured(sweep: Sweep, times: int) -> tuple[float, float]:
    """Seconds of an evaluation, and the examples per ablation that it needed."""
    found: list[Any] = []
    spent = [seconds(lambda: found.append(
        la.evaluate(sweep.network, sweep.examples, sweep.cuts, **sweep.how)
    )) for _ in range(times)]  # fmt: skip
    coords = found[0].coords
    needed = float(coords["n_examples"].mean()) if "n_examples" in coords else len(sweep.examples)
    return statistics.median(spent), needed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cases", nargs="*", default=list(CASES), metavar="CASE")
    parser.add_argument("--images", type=int, default=300)
    parser.add_argument("--share", type=float, default=0.1, help="of each layer's ablations")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--evaluations", type=int, default=1, help="per round; their median counts")
    parser.add_argument("--seconds", type=float, default=10.0, help="of calibration")
    parser.add_argument("--verbose", action="store_true", help="the whole plan, too")
    given = parser.parse_args()
    if wrong := [case for case in given.cases if case not in CASES]:
        raise SystemExit(f"case: given {wrong[0]!r}; allowed are {', '.join(CASES)}.")
    os.environ.setdefault("LASHLEY_DATA", str(BESIDE))
    print(machine())
    for case in given.cases:
        report(case, CASES[case](given), given)


if __name__ == "__main__":
    main()
