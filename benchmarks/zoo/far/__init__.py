"""Networks of libraries far from timm and transformers, each with 14 examples."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor

from benchmarks.zoo.far import (
    adapters,
    dense,
    graphs,
    keras_nets,
    medical,
    recurrent,
    sequences,
    spiking,
    torchvision_nets,
    vision,
)
from benchmarks.zoo.lively import enliven
from benchmarks.zoo.networks import Entry, Made

_MODULES = (
    keras_nets,
    graphs,
    medical,
    spiking,
    adapters,
    recurrent,
    sequences,
    dense,
    vision,
    torchvision_nets,
)


def entries() -> Iterator[Entry]:
    for module in _MODULES:
        for name, (library, make) in module.NETWORKS.items():
            yield Entry(name, library, module.__name__.rpartition(".")[2], partial(_build, make))


def _build(make: Any) -> Made:
    torch.manual_seed(0)
    network, inputs = make()
    network.eval()
    enliven(network, inputs)
    several = isinstance(inputs, dict)
    first = {k: v[:12].clone() for k, v in inputs.items()} if several else inputs[:12].clone()
    last = {k: v[12:].clone() for k, v in inputs.items()} if several else inputs[12:].clone()
    with torch.no_grad():
        returned = (
            network(**{k: v.clone() for k, v in first.items()})
            if several
            else network(first.clone())
        )
    output = (
        None
        if isinstance(returned, Tensor) or "logits" in dir(returned)
        else next(iter(_keys(returned)))
    )
    return Made(network, first, last, output, partial(_part, output))


def _keys(returned: Any) -> Any:
    return returned.keys() if hasattr(returned, "keys") else range(len(returned))


def _part(output: Any, returned: Any) -> Tensor:
    if output is not None:
        return returned[output]
    return returned if isinstance(returned, Tensor) else returned.logits
