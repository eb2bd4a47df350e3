"""How much faster a population trains than its members one after another.

    python benchmarks/population.py [--members 20] [--epochs 1] [--alone 3] [--rounds 3]

The paper's MLP and recipe, on MNIST if its files are there (`LASHLEY_DATA`, or `shared/data` next
to the repository), else on random data of the same shape. Both ways are timed in turn, in one
process, so that other load on the machine affects both.
"""

from __future__ import annotations

import argparse

from lashley.networks import mlp
from lashley.training import Recipe, train, train_population

from measuring import digits_of, machine, ratio, row, seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--members", type=int, default=20, help="networks in the population")
    parser.add_argument("--epochs", type=int, default=1, help="epochs of each timed training")
    parser.add_argument("--alone", type=int, default=3, help="networks timed alone, per round")
    parser.add_argument("--rounds", type=int, default=3, help="rounds; medians are reported")
    given = parser.parse_args()

    name, data = digits_of("train")
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
    print(f"{machine()}; {given.rounds} rounds of {given.epochs} epochs in turn")
    print("seconds per epoch, median:")
    print(row(f"one alone x {given.members} ({len(alone)} timed)", alone))
    print(row(f"population of {given.members}", together))
    print(f"  the population is {ratio(alone, together)}")


if __name__ == "__main__":
    main()
