"""What depth costs: sites of a 12-block transformer, ablations of a network of 200 layers.

    python -m benchmarks.depth [--rounds 3]

The time to find sites is given in forward passes of one image of 224 x 224, by torch.fx and, if
forward branches on a value, by torch.export, which is kept for a second call. The ablations are one
unit of every layer of a narrow MLP, against a plain loop: a hook and a full forward pass in float32
for each; and without `joining`, a suffix for each layer.
"""

from __future__ import annotations

import argparse
import statistics
import warnings
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

import lashley as la

from measuring import machine, ratio, row, seconds

WIDTH, HEADS, BLOCKS, PATCH = 768, 12, 12, 16
SIZES = ((200, 32, 100), (200, 64, 1000), (50, 64, 500))  # layers, units of each, examples


class Block(nn.Module):
    """A block of a transformer that norms first."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.attention = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True)
        self.up, self.down = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        """As its name says."""
        y = self.norm1(x)
        x = x + self.attention(y, y, y, need_weights=False)[0]
        return x + self.down(F.gelu(self.up(self.norm2(x))))


class Transformer(nn.Module):
    """A ViT-B/16; `branches` keeps torch.fx from tracing it."""

    def __init__(self, branches: bool) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, WIDTH, PATCH, PATCH)
        self.blocks = nn.Sequential(*[Block() for _ in range(BLOCKS)])
        self.norm, self.out, self.branches = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 10), branches

    def forward(self, x: Tensor) -> Tensor:
        """As its name says."""
        if self.branches and x.shape[1] != 3:
            raise ValueError("three colours are needed")
        tokens = self.patches(x).flatten(2).transpose(1, 2)
        return self.out(self.norm(self.blocks(tokens)).mean(1))


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description="What depth costs.")
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    warnings.simplefilter("ignore")
    print(machine())
    finding(rounds)
    for layers, width, n in SIZES:
        ablating(layers, width, n, rounds)


def finding(rounds: int) -> None:
    """Time `find_sites` against a forward pass of one image, in turn."""
    images = torch.randn(4, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    for name in ("fx", "export, first", "export, kept"):
        with la.networks.seeded(0):
            network = Transformer(branches=name != "fx").eval()
        data = (images, torch.arange(4))
        if name == "export, kept":
            la.find_sites(network, data)
        passes, found = [], []
        for _ in range(1 if name == "export, first" else rounds):
            passes.append(min(seconds(lambda net=network: plain(net, images[:1])) for _ in "two"))
            found.append(seconds(lambda net=network, data=data: la.find_sites(net, data)))
        times = statistics.median(found) / statistics.median(passes)
        print(f"  find_sites, {name:<16}{times:5.1f} forward passes of one image")


@torch.no_grad()
def plain(network: nn.Module, inputs: Tensor) -> Tensor:
    """A forward pass."""
    return network(inputs)


def ablating(layers: int, width: int, n: int, rounds: int) -> None:
    """Time one unit of every layer, each way in turn."""
    with la.networks.seeded(0):
        deep = [nn.Linear(20, width), nn.ReLU()]
        deep += [part for _ in range(layers - 2) for part in (nn.Linear(width, width), nn.ReLU())]
        network = nn.Sequential(*deep, nn.Linear(width, 10)).eval()
        for layer in network.modules():
            if isinstance(layer, nn.Linear):
                nn.init.kaiming_normal_(layer.weight)
        data = (torch.randn(n, 20), torch.arange(n) % 10)
    cuts = [la.Ablation(site, (0,)) for site in la.find_sites(network, data).values()]
    ways: dict[str, Callable[[], object]] = {
        "plain loop": lambda: loop(network, data[0], cuts),
        "la.evaluate": lambda: la.evaluate(network, data, cuts),
        "la.evaluate, joining=False": lambda: la.evaluate(
            network, data, cuts, savings=la.Savings(joining=False)),
    }  # fmt: skip
    spent: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, work in ways.items():
            spent[name].append(seconds(work))
    print(f"{layers} layers of {width} units, {n} examples, {len(cuts)} ablations")
    for name, values in spent.items():
        print(row(name, values))
    print(f"  la.evaluate is {ratio(spent['plain loop'], spent['la.evaluate'])} as the plain loop")


@torch.no_grad()
def loop(network: nn.Module, inputs: Tensor, cuts: list[la.Ablation]) -> list[Tensor]:
    """Run a hook and a full forward pass for each ablation; predictions are kept."""
    found = [network(inputs).argmax(1)]
    for cut in cuts:
        follower = network[int(cut.site.name) + 1]  # pyright: ignore[reportIndexIssue]
        hook = follower.register_forward_hook(
            lambda _module, _inputs, output, units=cut.units: output.index_fill(
                1, torch.tensor(units), 0))  # fmt: skip
        found.append(network(inputs).argmax(1))
        hook.remove()
    return found


if __name__ == "__main__":
    main()
