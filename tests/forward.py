"""A network written in one line."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn


class Forward(nn.Module):
    """A network given by a function of it and the input, and its modules or parameters by name."""

    def __init__(
        self, function: Callable[[Forward, Tensor], Tensor], **parts: nn.Module | nn.Parameter
    ) -> None:
        super().__init__()
        self.function = function
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, x: Tensor) -> Tensor:
        return self.function(self, x)
