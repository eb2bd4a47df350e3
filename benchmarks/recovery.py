"""How much faster a recovery trains after its cached prefix than through the whole network.

    python -m benchmarks.recovery [--images 256] [--sites 7 33 46] [--epochs 5] [--rounds 3]
                                  [--quick]

VGG-19 at half width, trained, on CIFAR-10 images of 32 x 32 (seeded random numbers if the files are
not there). A quarter of a layer's filters is ablated and held, all layers nearer the input are
frozen, and the rest is trained: batches of 128, SGD, in float32 and with the layers in bfloat16.
Both ways are timed in turn, in one process. First the steps of training alone, without the hold: an
epoch through the whole network, one after the cached prefix, and the caching, which is done once.
Then `la.recover` with cache_gb=4 and with cache_gb=0, with all that it measures; the two records
are compared.
"""

from __future__ import annotations

import argparse
import copy
import time
from dataclasses import dataclass

import torch
from torch import Tensor, nn

import lashley as la
from lashley.recovery.freezing import Frozen, freeze, frozen_by, to_train_mode
from lashley.recovery.prefix import cached, split
from lashley.training import Recipe
from lashley.training.alone import learner_of
from lashley.training.loop import Training, run

from engine import cpu_images, cpu_network
from measuring import machine, ratio, row, seconds

BATCH, CACHE_GB = 128, 4.0


@dataclass(frozen=True)
class Work:
    """What both ways get."""

    network: nn.Module
    ablation: la.Ablation
    train: la.Examples
    test: la.Examples
    recipe: Recipe


def the_work(network: nn.Module, images: la.Examples, site: int, recipe: Recipe, seed: int) -> Work:
    """A quarter of a layer's filters; one half of the images to train on, one to measure on."""
    found = la.find_sites(network, images)[f"features.{site}"]
    (ablation,) = la.random_groups(found, 0.25, 1, seed, method="zero_weights")
    half = len(images) // 2
    train, test = (
        la.Examples(images.inputs[part], images.labels[part], images.class_names)
        for part in (slice(half), slice(half, None))
    )
    return Work(network, ablation, train, test, recipe)


# The steps of training alone


def plain_steps(work: Work, frozen: Frozen) -> float:
    network = copy.deepcopy(work.network)
    freeze(network, frozen)
    to_train_mode(network, frozen)
    return epochs(network, work.train.inputs, work)


def cached_steps(work: Work, frozen: Frozen) -> tuple[float, float, int]:
    """Seconds of the training and of the caching, and bytes cached."""
    network = copy.deepcopy(work.network)
    freeze(network, frozen)
    start = time.perf_counter()
    parts = split(network, frozen, work.train.inputs)
    values = cached(parts, work.train.inputs, work.recipe, CACHE_GB)
    once = time.perf_counter() - start
    to_train_mode(network, frozen)
    return epochs(parts.suffix, values, work), once, values.nbytes


def epochs(network: nn.Module, inputs: Tensor, work: Work) -> float:
    """Seconds per epoch."""
    training = Training(learner_of(network, work.recipe), inputs, work.train.labels, work.recipe)
    return seconds(lambda: run(training)) / work.recipe.epochs


def report_steps(work: Work, rounds: int) -> None:
    frozen = frozen_by(work.network, work.ablation.site, "upstream", True, work.train)
    plain: list[float] = []
    after: list[float] = []
    once: list[float] = []
    nbytes = 0
    for _ in range(rounds):
        plain.append(plain_steps(work, frozen))
        spent, caching, nbytes = cached_steps(work, frozen)
        after.append(spent)
        once.append(caching)
    print(row("an epoch through the whole network", plain))
    print(row("an epoch after the cached prefix", after))
    print(row(f"caching it, once: {nbytes / len(work.train) / 1e3:.0f} kB an image", once))
    print(f"  steps after the cached prefix: {ratio(plain, after)}")


# The whole recovery


def report_recoveries(work: Work, rounds: int) -> None:
    times: dict[float, list[float]] = {0: [], CACHE_GB: []}
    found: dict[float, la.Recovery] = {}
    for _ in range(rounds):
        for limit, spent in times.items():
            start = time.perf_counter()
            found[limit] = recovered(work, limit)
            spent.append(time.perf_counter() - start)
    print(row(f"la.recover, cache_gb=0, {work.recipe.epochs} epochs", times[0]))
    print(row(f"la.recover, cache_gb={CACHE_GB:g}", times[CACHE_GB]))
    print(f"  the recovery with a cache: {ratio(times[0], times[CACHE_GB])}")
    report_agreement(found[0], found[CACHE_GB])


def recovered(work: Work, cache_gb: float) -> la.Recovery:
    return la.recover(
        work.network, work.ablation, work.train, work.test, work.recipe, cache_gb=cache_gb
    )


def report_agreement(plain: la.Recovery, cached: la.Recovery) -> None:
    numbers = [r.record.select_dtypes("number").to_numpy() for r in (plain, cached)]
    one, other = (torch.from_numpy(n.astype("float64")).nan_to_num() for n in numbers)
    ranks = [r.outcomes["rank"].values for r in (plain, cached)]
    differ = f"{int((ranks[0] != ranks[1]).sum()):,} of {ranks[0].size:,}"
    furthest = float((one - other).abs().max())
    words = f"differ by {furthest:.1e}" if furthest else "equal"
    print(f"  the two records: {words}; ranks that differ: {differ}")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=256, help="to train on, and to measure on")
    parser.add_argument("--sites", type=int, nargs="+", default=[7, 33, 46])
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3, help="how often each way is timed")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="128 images, one epoch, one round")
    given = parser.parse_args()
    if given.quick:
        given.images, given.epochs, given.rounds = 128, 1, 1
    return given


def main() -> None:
    given = arguments()
    weights, network = cpu_network(given.seed)
    name, images = cpu_images(2 * given.images, given.seed)
    print(f"VGG-19 at half width, {weights}; {given.images} images of 32 x 32, {name}")
    print(f"{machine()}; {given.rounds} rounds in turn, median:", flush=True)
    for site in given.sites:
        for autocast in (False, True):
            recipe = Recipe(given.epochs, 0.001, batch_size=BATCH, autocast=autocast)
            work = the_work(network, images, site, recipe, given.seed)
            recovered(work, CACHE_GB)  # warms up
            print(f"features.{site}, {'layers in bfloat16' if autocast else 'float32'}:")
            report_steps(work, given.rounds)
            report_recoveries(work, given.rounds)


if __name__ == "__main__":
    main()
