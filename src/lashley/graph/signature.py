"""How a network is called, and where its logits are in what it returns."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, fx, nn

from lashley.errors import EngineError
from lashley.graph.reading import described, names_in

Inputs = Tensor | dict[str, Tensor]


def arguments(
    network: nn.Module, values: Sequence[Any], names: tuple[str, ...]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments of the network's call: by name if the inputs have names; no cache."""
    options = {"use_cache": False} if _has_cache(network) else {}
    if names:
        return (), {**dict(zip(names, values, strict=True)), **options}
    return tuple(values), options


def _has_cache(network: nn.Module) -> bool:
    """Whether it is a model of the transformers library that keeps keys and values."""
    if not getattr(getattr(network, "config", None), "use_cache", False):
        return False
    taken = inspect.signature(network.forward).parameters
    return "use_cache" in taken or any(p.kind is p.VAR_KEYWORD for p in taken.values())


def names_of(inputs: Inputs) -> tuple[str, ...]:
    """The names of inputs; () for a plain tensor."""
    return tuple(inputs) if isinstance(inputs, dict) else ()


def flat(inputs: Inputs) -> list[Tensor]:
    """The inputs' tensors, in order."""
    return list(inputs.values()) if isinstance(inputs, dict) else [inputs]


def logits_of(output: Any) -> Any:
    """The tensor, the `.logits` or the ["logits"] of what a network returns.

    Raises:
        EngineError: If it is anything else.
    """
    if isinstance(output, Tensor) and (output.ndim == 0 or output.layout is not torch.strided):
        what = "one number" if output.ndim == 0 else "a sparse tensor"
        raise EngineError(
            f"outputs: the network returns {what}; allowed is a plain tensor (example, ...), with "
            "one part for each example. Pick or make one with output=, a function of what it "
            "returns."
        )
    if isinstance(output, Tensor) and not (output.is_floating_point() or output.is_complex()):
        raise EngineError(
            f"outputs: the network returns {output.dtype}, decisions or counts; allowed are real "
            "numbers, such as logits. Give the network without its last comparison or argmax."
        )
    if isinstance(output, Tensor | fx.Proxy):
        return output
    named = isinstance(output, Mapping) and "logits" in output
    logits = output["logits"] if named else getattr(output, "logits", None)
    if isinstance(logits, Tensor | fx.Proxy):
        return logits
    first = next(iter(names_in(output)), None)
    which = "" if first is None else f"output={first!r}, or "
    raise EngineError(
        f"outputs: the network returns {described(output)}; allowed is a tensor (example, ...), or "
        f"an object with such .logits. Say which part is meant: {which}output=a function of it."
    )


def call(network: nn.Module, inputs: Any) -> Any:
    """The network's output; tensors by name are given as keyword arguments."""
    return network(**inputs) if isinstance(inputs, dict) else network(inputs)
