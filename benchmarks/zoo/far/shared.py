"""What several of the far networks are made from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from benchmarks.zoo.lively import pictures


class Forward(nn.Module):
    """A network given by a function of it and its input, and its modules by name."""

    def __init__(self, function: Callable[[Any, Tensor], Tensor], **parts: nn.Module) -> None:
        super().__init__()
        self.function = function
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, x: Tensor) -> Tensor:
        """What the function gives."""
        return self.function(self, x)


def images(n: int = 14, c: int = 3, s: int = 32) -> Tensor:
    """(n, c, s, s) pictures."""
    return pictures(n, c, s)
