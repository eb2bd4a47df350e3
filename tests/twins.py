"""Networks that only one tracer takes: by `torch.fx`, by `torch.export`, by none."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from lashley.graph import capture

TRACERS = ("fx", "export", "neither")


def twin(network: nn.Module, tracer: str) -> nn.Module:
    """The network itself, which now asks about the shape ("export") or the values ("neither")."""
    if tracer == "fx":
        return network
    kind: Any = type(network)

    class Asking(kind):
        def forward(self, x: Tensor) -> Any:
            if x.ndim > 0 if tracer == "export" else bool((x == x).all()):
                return super().forward(x)
            return super().forward(x - x)

    network.__class__ = Asking
    return network


def tracer_of(network: nn.Module, inputs: Tensor) -> str:
    """Which tracer takes a network first."""
    captured, _ = capture(network, inputs)
    return "neither" if captured is None else captured.tracer
