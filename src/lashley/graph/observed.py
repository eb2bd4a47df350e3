"""What a network that cannot be captured shows to hooks: its layers, and what acts behind them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

from lashley.graph.nodes import ELEMENTWISE, MODULE_LAYERS, NORMALISATION, module_op


@dataclass(frozen=True)
class Observed:
    """A layer that hooks have seen.

    Attributes:
        name: Of the module.
        kind: "hidden" or "filter".
        n_units: How many units it has.
        axis: Of the units in its output, counted from the end.
        point: The last module behind it that holds the units one by one. A nonlinearity that the
            network calls as a function is no module: the point then lies before it.
    """

    name: str
    kind: str
    n_units: int
    axis: int
    point: str


@dataclass(frozen=True, eq=False)
class _Seen:
    """A module without parts that was called, or a function outside of such modules."""

    name: str
    module: nn.Module | None
    given: list[Tensor]
    returned: Any


def observe(network: nn.Module, inputs: Any) -> dict[str, Observed]:
    """The layers by name in the order of their first call, without the last, the output layer.

    Args:
        network: In eval mode.
        inputs: What it takes: a tensor, or tensors by name.
    """
    seen = _run(network, inputs)
    layers: dict[str, Observed] = {}
    for event in seen:
        axis = next((v for k, v in MODULE_LAYERS.items() if isinstance(event.module, k)), None)
        if axis is None or event.name in layers:
            continue
        kind = "hidden" if isinstance(event.module, nn.Linear) else "filter"
        n_units = event.returned.shape[axis]
        layers[event.name] = Observed(event.name, kind, n_units, axis, _point(seen, event.name))
    return dict(list(layers.items())[:-1])


def call(network: nn.Module, inputs: Any) -> Any:
    """The network's output; tensors by name are given as keyword arguments."""
    return network(**inputs) if isinstance(inputs, dict) else network(inputs)


class _Functions(TorchFunctionMode):
    """Notes every function of tensors that is called outside of the modules without parts."""

    def __init__(self, seen: list[_Seen], inside: list[str]):
        super().__init__()
        self._seen, self._inside = seen, inside

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        returned = func(*args, **(kwargs or {}))
        if not self._inside and isinstance(returned, Tensor | tuple | list):
            given = [t for t in tree_leaves((args, kwargs)) if isinstance(t, Tensor)]
            self._seen.append(_Seen("", None, given, returned))
        return returned


def _run(network: nn.Module, inputs: Any) -> list[_Seen]:
    seen: list[_Seen] = []
    inside: list[str] = []
    handles = []

    def note(name: str, module: nn.Module, given: Any, returned: Any) -> None:
        inside.pop()
        tensors = [t for t in tree_leaves(given) if isinstance(t, Tensor)]
        seen.append(_Seen(name, module, tensors, returned))

    try:
        for name, module in network.named_modules():
            if next(module.children(), None) is None:
                handles += [
                    module.register_forward_pre_hook(lambda *_, name=name: inside.append(name)),
                    module.register_forward_hook(partial(note, name)),
                ]
        with torch.no_grad(), _Functions(seen, inside):
            call(network, inputs)
    finally:
        for handle in handles:
            handle.remove()
    return seen


def _point(seen: list[_Seen], name: str) -> str:
    """Follow the very tensors from module to module, as long as each acts on its units alone."""
    while True:
        calls = [i for i, s in enumerate(seen) if s.name == name]
        readers = [_reader(seen, i) for i in calls]
        found = {seen[i].name for i in readers if i is not None}
        if None in readers or len(found) > 1 or len(set(readers)) != len(calls):
            return name
        (reader,) = found
        if sum(s.name == reader for s in seen) != len(calls):
            return name  # others call it too
        name = reader


def _reader(seen: list[_Seen], position: int) -> int | None:
    """The module call that alone reads what a call returns, if it acts on the units alone."""
    value = seen[position].returned
    readers = [i for i, s in enumerate(seen) if i > position and any(t is value for t in s.given)]
    if not readers:
        return None
    reader = seen[readers[0]]
    alone = len(readers) == 1 or reader.returned is value  # in place: later ones read it then
    if not alone or reader.module is None:
        return None
    return readers[0] if module_op(reader.module) in ELEMENTWISE | NORMALISATION else None
