"""How long ablating groups of filters of VGG-19 takes: the engine, a hook loop, Captum, the ideal.

    python -m benchmarks.engine [--images 500] [--share 0.1] [--rounds 1] [--device cuda] [--quick]

Every convolution of VGG-19 with batch norm; around every filter the tenth of its layer most like it
(la.similar_groups); method zero_weights. A stratified share of these ablations is timed, each way
in turn, in one process, and every way's ranks are compared. On a CPU: half width, trained, on
CIFAR-10 test images of 32 x 32 (seeded random numbers if the files are not there). With --device
cuda: full width, seeded random weights and images of 224 x 224, by CUDA events, TF32 off for all
ways.

The hook loop has one hook, which zeroes the group's channels of the convolution's output, and one
full forward pass per ablation, in the batch size and memory format that are fastest for it. The
ideal is the time that the engine would need if it ran, for each ablation, only the layers after the
ablated one, at the rate (FLOP/s) of the network's fastest forward pass.
"""

from __future__ import annotations

import argparse
import copy
import os
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import floor
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

import lashley as la
from lashley.readouts import classification

from measuring import BESIDE, machine, ratio, row, seconds

WAYS = ("loop", "engine", "bf16", "captum")
NAMES = {"loop": "hook loop", "engine": "la.evaluate", "bf16": "la.evaluate, bfloat16",
         "captum": "Captum's LayerFeatureAblation"}  # fmt: skip
BATCHES = (125, 250, 500)
FORMATS = {"NCHW": torch.contiguous_format, "NHWC": torch.channels_last}
CAPTUM_SHARE = 0.1  # of the ablations: its time is scaled, as all ablations cost it the same


@dataclass(frozen=True)
class Pass:
    """How a full forward pass is run: examples at a time, and the order of axes in memory."""

    batch: int
    form: str


@dataclass(frozen=True)
class Work:
    """What every way gets."""

    network: nn.Module
    examples: la.Examples
    cuts: list[la.Ablation]
    device: str


# What is ablated


def cpu_network(seed: int) -> tuple[str, nn.Module]:
    root = Path(os.environ.get("LASHLEY_DATA") or BESIDE)
    path = root / "networks" / "vgg19_bn_half_cifar10.safetensors"
    network = la.networks.vgg19_bn(10, 0.5, 32, seed=seed).eval()
    if not path.is_file():
        return "random weights (the trained ones are not here)", network
    return "trained", la.networks.with_weights(network, la.networks.read_weights(path))


def cpu_images(count: int, seed: int) -> tuple[str, la.Examples]:
    root = Path(os.environ.get("LASHLEY_DATA") or BESIDE)
    if not (root / "cifar-10-batches-bin").is_dir():
        return "random numbers (no CIFAR-10 here)", random_images(count, 32, 10, seed)
    os.environ["LASHLEY_DATA"] = str(root)
    test = la.data.cifar10("test")
    return "CIFAR-10", la.Examples(test.inputs[:count], test.labels[:count], test.class_names)


def random_images(count: int, size: int, classes: int, seed: int) -> la.Examples:
    """Seeded normal numbers; every class has a label if there are enough images."""
    inputs = torch.randn(count, 3, size, size, generator=torch.Generator().manual_seed(seed))
    labels = torch.arange(count) % classes
    return la.Examples(inputs, labels, tuple(map(str, range(classes))))


def the_work(given: argparse.Namespace) -> tuple[str, Work]:
    if given.device == "cpu":
        weights, network = cpu_network(given.seed)
        images, examples = cpu_images(given.images, given.seed)
        what = f"VGG-19 at half width, {weights}; {len(examples)} images of 32 x 32, {images}"
    else:
        classes = min(1000, given.images)
        network = la.networks.vgg19_bn(classes, seed=given.seed).eval()
        examples = random_images(given.images, 224, classes, given.seed)
        what = f"VGG-19, random weights; {len(examples)} random images of 224 x 224"
    sites = la.find_sites(network, examples).values()
    filters = [site for site in sites if site.kind == "filter"]
    groups = [la.similar_groups(site, 0.1, "zero_weights") for site in filters]
    cuts = stratified(groups, given.share, given.seed)
    total = sum(map(len, groups))
    return f"{what}; {len(cuts)} of {total:,} ablations", Work(
        network.to(given.device), examples, cuts, given.device
    )


def stratified(layers: Sequence[list[la.Ablation]], share: float, seed: int) -> list[la.Ablation]:
    """A seeded random share of each layer's ablations, at least one, in their order."""
    draw = torch.Generator().manual_seed(seed)
    chosen = []
    for cuts in layers:
        picked = torch.randperm(len(cuts), generator=draw)[: rounded(share * len(cuts))]
        chosen += [cuts[i] for i in sorted(picked.tolist())]
    return chosen


def rounded(number: float) -> int:
    return max(1, floor(number + 0.5))


# The ways; each returns ranks (ablation, example)


def hook_loop(work: Work, how: Pass) -> Tensor:
    """One hook and a full forward pass per ablation; ranks and predictions are kept."""
    network, batches = prepared(work, how)
    ranks = torch.empty(len(work.cuts), len(work.examples), dtype=torch.int32)
    predictions = torch.empty_like(ranks)
    with torch.inference_mode():
        for i, cut in enumerate(work.cuts):
            units = torch.tensor(cut.units, device=work.device)
            layer = network.get_submodule(cut.site.name)
            hook = layer.register_forward_hook(
                lambda _module, _inputs, output, units=units: output.index_fill_(1, units, 0)
            )
            found = [classification(network(inputs), labels) for inputs, labels in batches]
            hook.remove()
            ranks[i], predictions[i] = (torch.cat(part) for part in zip(*found, strict=True))
    return ranks


def engine(work: Work, **how: object) -> Tensor:
    found = la.evaluate(work.network, work.examples, work.cuts, device=work.device, **how)
    return torch.from_numpy(found["rank"].values.astype("int32"))


def captum(work: Work, how: Pass) -> Tensor:
    """One group at a time (the groups of a layer overlap), each a feature of the layer's mask.

    Captum has the layer's other filters as a second feature, and runs the network twice before
    the first one: four passes. What the network returned last is the group's.
    """
    from captum.attr import LayerFeatureAblation  # only this way needs it

    network, batches = prepared(work, how)
    ranks = torch.empty(len(work.cuts), len(work.examples), dtype=torch.int32)
    last = {}

    def remembered(inputs: Tensor) -> Tensor:
        last["logits"] = network(inputs)
        return last["logits"]

    with torch.inference_mode():
        for i, cut in enumerate(work.cuts):
            mask = torch.zeros(1, cut.site.n_units, 1, 1, dtype=torch.int64, device=work.device)
            mask[:, list(cut.units)] = 1
            ablator = LayerFeatureAblation(remembered, network.get_submodule(cut.site.name))
            found = []
            for inputs, labels in batches:
                ablator.attribute(inputs, layer_baselines=0, target=labels, layer_mask=mask)
                found.append(classification(last["logits"], labels)[0])
            ranks[i] = torch.cat(found)
    return ranks


def prepared(work: Work, how: Pass) -> tuple[nn.Module, list[tuple[Tensor, Tensor]]]:
    """The network and the examples, in batches, where and as they are run."""
    form = FORMATS[how.form]
    inputs = work.examples.inputs.to(work.device, memory_format=form)
    labels = work.examples.labels.to(work.device)
    batches = zip(inputs.split(how.batch), labels.split(how.batch), strict=True)
    return copy.deepcopy(work.network).to(memory_format=form), list(batches)


# The clock and the ideal


def timed(work: Callable[[], object], device: str) -> float:
    """Seconds of one call; on a GPU between two events."""
    if device == "cpu":
        return seconds(work)
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    start.record()
    work()
    end.record()
    torch.cuda.synchronize()
    return start.elapsed_time(end) / 1000


def forward_seconds(work: Work, rounds: int = 3) -> dict[Pass, float]:
    """The fastest intact pass over all examples, of some rounds in turn, by how it is run."""
    sizes = sorted({min(batch, len(work.examples)) for batch in BATCHES})
    passes = [Pass(batch, form) for batch in sizes for form in FORMATS]
    times: dict[Pass, list[float]] = {how: [] for how in passes}
    for _ in range(rounds + 1):
        for how in passes:
            network, batches = prepared(work, how)
            times[how].append(timed(lambda n=network, b=batches: forward(n, b), work.device))
    return {how: min(values[1:]) for how, values in times.items()}  # the first round warms up


def forward(network: nn.Module, batches: Sequence[tuple[Tensor, Tensor]]) -> None:
    with torch.inference_mode():
        for inputs, _ in batches:
            network(inputs)


def flops(work: Work) -> tuple[int, dict[str, int]]:
    """FLOPs of one image: of the whole network, and of the layers after each site."""
    done: dict[str, int] = {}
    counter = FlopCounterMode(display=False)
    hooks = [
        work.network.get_submodule(name).register_forward_hook(
            lambda *_, name=name: done.update({name: counter.get_total_flops()})
        )
        for name in {cut.site.name for cut in work.cuts}
    ]
    with torch.no_grad(), counter:
        work.network(work.examples.inputs[:1].to(work.device))
    for hook in hooks:
        hook.remove()
    total = counter.get_total_flops()
    return total, {name: total - until for name, until in done.items()}


def ideal_seconds(work: Work, best_forward: float) -> float:
    total, after = flops(work)
    return best_forward * sum(after[cut.site.name] for cut in work.cuts) / total


# The report


def ways_of(work: Work, part: Work, how: Pass) -> dict[str, Callable[[], Tensor]]:
    return {
        "loop": lambda: hook_loop(work, how),
        "engine": lambda: engine(work),
        "bf16": lambda: engine(work, dtype=torch.bfloat16),
        "captum": lambda: captum(part, how),
    }


def report_passes(work: Work, spent: dict[Pass, float]) -> None:
    total, _ = flops(work)
    print("intact forward pass, GFLOP/s (best of 3, in turn):")
    for how, time in spent.items():
        rate = total * len(work.examples) / time / 1e9
        print(f"  batch {how.batch:>3}, {how.form}{rate:33.0f}")


def report_ways(times: dict[str, list[float]], scale: float, ideal: float) -> None:
    for way, values in times.items():
        words = f", {1 / scale:.2f} of them, scaled" if way == "captum" and scale != 1 else ""
        print(row(NAMES[way] + words, values))
    print(row("ideal: suffixes at the forward rate", [ideal]))
    for way in ("engine", "bf16"):
        for slow in ("loop", "captum"):
            if way in times and slow in times:
                print(f"  {NAMES[way]} against {NAMES[slow]}: {ratio(times[slow], times[way])}")
        if way in times:
            share = ideal / statistics.median(times[way])
            print(f"  ideal / {NAMES[way]}: {share:.2f}")


def report_agreement(ranks: dict[str, Tensor], part: slice) -> None:
    """Against the engine, which decides as float64 does; without it against the loop."""
    base = next(way for way in ("engine", *WAYS) if way in ranks)
    for way, found in ranks.items():
        expected = ranks[base][part] if way == "captum" else ranks[base]
        if way != base:
            differ = f"{int((found != expected).sum()):,} of {found.numel():,}"
            print(f"  ranks of {NAMES[way]} that differ from {NAMES[base]}: {differ}")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=500)
    parser.add_argument("--share", type=float, default=0.1, help="of each layer's ablations")
    parser.add_argument("--rounds", type=int, default=1, help="how often each way is timed")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--quick", action="store_true", help="100 images, one ablation per layer")
    given = parser.parse_args()
    if given.quick:
        given.images, given.share = 100, 0.0
    return given


def main() -> None:
    given = arguments()
    torch.backends.cudnn.allow_tf32 = False
    what, work = the_work(given)
    print(f"{what}\n{machine()}; {given.rounds} rounds in turn, median:", flush=True)
    spent = forward_seconds(work)
    report_passes(work, spent)
    how = min(spent, key=spent.__getitem__)
    part = slice(None, None, rounded(1 / CAPTUM_SHARE) if len(work.cuts) > 50 else 1)
    ways = ways_of(work, Work(work.network, work.examples, work.cuts[part], work.device), how)
    times: dict[str, list[float]] = {way: [] for way in given.ways}
    ranks: dict[str, Tensor] = {}
    scale = len(work.cuts) / len(work.cuts[part])
    for _ in range(given.rounds):
        for way in given.ways:
            time = timed(lambda way=way: ranks.update({way: ways[way]()}), work.device)
            times[way].append(time * (scale if way == "captum" else 1))
    report_ways(times, scale, ideal_seconds(work, spent[how]))
    report_agreement(ranks, part)


if __name__ == "__main__":
    main()
