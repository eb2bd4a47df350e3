"""Whatever is done to a network inside leaves no trace on it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

_TABLES = ("_parameters", "_buffers", "_modules", "_forward_hooks", "_forward_pre_hooks")


@contextmanager
def intact(network: nn.Module) -> Iterator[None]:
    """Attributes, tables, buffers' values and random state are afterwards as before."""
    modules = [(module, _state(module)) for module in network.modules()]
    buffers = [(buffer, buffer._version, buffer.clone()) for buffer in network.buffers()]
    cuda = {t.device for t in network.parameters() if t.device.type == "cuda"}
    try:
        with torch.random.fork_rng(cuda), torch.inference_mode(False), torch.no_grad():
            yield
    finally:
        for module, state in modules:
            _restore(module, *state)
        with torch.no_grad():
            for buffer, version, value in buffers:
                if buffer._version != version:
                    buffer.copy_(value)


def _state(module: nn.Module) -> tuple[dict[str, Any], dict[str, dict[Any, Any]]]:
    return dict(module.__dict__), {name: dict(module.__dict__[name]) for name in _TABLES}


def _restore(
    module: nn.Module, attributes: dict[str, Any], tables: dict[str, dict[Any, Any]]
) -> None:
    for now, before in [
        (module.__dict__, attributes),
        *((attributes[name], table) for name, table in tables.items()),
    ]:
        if [(k, id(v)) for k, v in now.items()] != [(k, id(v)) for k, v in before.items()]:
            now.clear()
            now.update(before)
