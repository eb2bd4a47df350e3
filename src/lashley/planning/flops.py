"""FLOPs: how much of a forward pass comes after each site."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from lashley.data import Examples
from lashley.data.inputs import map_inputs
from lashley.graph.signature import call, logits_of
from lashley.sites import eval_mode, first_inputs


@dataclass(frozen=True)
class Flops:
    """Floating-point operations of one example; matrix products and convolutions are counted.

    Attributes:
        n_outputs: Of the network.
        total: Of the whole network.
        after: Of what runs after each site, by name.
    """

    n_outputs: int
    total: int
    after: Mapping[str, int]

    def share(self, site: str) -> float:
        """The part of a forward pass that runs after a site; 1 where nothing can be counted."""
        return self.after[site] / self.total if self.total else 1.0


def flops(network: nn.Module, examples: Examples, sites: Iterable[str]) -> Flops:
    """Count them on one example.

    Counted is what runs after the module that a site is named after; or, where that is not called
    as a module (such as a projection of attention), after the beginning of the module around it.

    Args:
        network: Not changed.
        examples: The first of them is run.
        sites: Their names.
    """
    names = list(sites)
    inputs: Any = map_inputs(first_inputs(examples, network), lambda part: part[:1])
    ended: dict[str, int] = {}
    begun: dict[str, int] = {}
    counter = FlopCounterMode(display=False)
    modules = {prefix: network.get_submodule(prefix) for n in names for prefix in _around(n)
               if _is_module(network, prefix)}  # fmt: skip
    with ExitStack() as stack, torch.no_grad(), torch.random.fork_rng(devices=[]):
        stack.enter_context(eval_mode(network))
        for name, module in modules.items():
            for register, seen in (
                (module.register_forward_pre_hook, begun), (module.register_forward_hook, ended),
            ):  # fmt: skip
                handle = register(
                    lambda *_, name=name, seen=seen: _note(seen, name, counter.get_total_flops())
                )
                stack.callback(handle.remove)
        with counter:
            outputs = logits_of(call(network, inputs))
    total = counter.get_total_flops()
    return Flops(
        outputs.shape[-1], total, {name: total - _until(name, begun, ended) for name in names}
    )


def _note(seen: dict[str, int], name: str, count: int) -> None:
    seen.setdefault(name, count)  # of the first call, if there are several


def _until(site: str, begun: Mapping[str, int], ended: Mapping[str, int]) -> int:
    if site in ended:
        return ended[site]
    return next((begun[name] for name in _around(site) if name in begun), 0)


def _around(site: str) -> list[str]:
    """The site's own name, then the names of the modules around it, from the inside out."""
    parts = site.split(".")
    return [".".join(parts[:length]) for length in range(len(parts), 0, -1)]


def _is_module(network: nn.Module, name: str) -> bool:
    try:
        network.get_submodule(name)
    except AttributeError:
        return False
    return True
