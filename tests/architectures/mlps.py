"""Networks of fully connected layers."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from torch import Tensor, nn

from architectures.case import CLASSES, Case, vectors


def mlp(behind: tuple[nn.Module, ...], bias: bool = True) -> nn.Module:
    """Two hidden layers; what is behind the first is given, behind the second is a ReLU."""
    return nn.Sequential(
        nn.Linear(12, 6, bias), *behind, nn.Linear(6, 5, bias), nn.ReLU(),
        nn.Linear(5, CLASSES, bias),
    )  # fmt: skip


def dropout() -> nn.Module:
    """Dropout at every place; in eval mode it does nothing."""
    return nn.Sequential(
        nn.Dropout(0.5), nn.Linear(12, 6), nn.Dropout(0.5, inplace=True), nn.GELU(),
        nn.AlphaDropout(0.5), nn.Linear(6, 5), nn.LeakyReLU(0.2), nn.Dropout(0.5),
        nn.Linear(5, CLASSES), nn.Dropout(0.5),
    )  # fmt: skip


def writing() -> nn.Module:
    """The first activation changes the inputs themselves."""
    return nn.Sequential(
        nn.ReLU(inplace=True), nn.Linear(12, 6), nn.ReLU(inplace=True), nn.Linear(6, 5),
        nn.SiLU(inplace=True), nn.Linear(5, CLASSES),
    )  # fmt: skip


class Gated(nn.Module):
    """A gated linear unit: half of the units scale the other half."""

    def __init__(self) -> None:
        super().__init__()
        self.both, self.head = nn.Linear(12, 10), nn.Linear(5, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        value, gate = self.both(x).chunk(2, dim=-1)
        return self.head(value * gate.sigmoid())


def _mlp(name: str, *behind: Callable[[], nn.Module], bias: bool = True) -> Case:
    made = lambda: mlp(tuple(make() for make in behind), bias)  # noqa: E731
    return Case(name, made, vectors, ("0", str(1 + len(behind))))


_layer_norm, _batch_norm = partial(nn.LayerNorm, 6), partial(nn.BatchNorm1d, 6)

CASES = (
    _mlp("mlp", nn.ReLU),
    _mlp("mlp without biases", nn.ReLU, bias=False),
    _mlp("mlp silu", nn.SiLU),
    _mlp("mlp gelu", nn.GELU),
    _mlp("mlp hardswish", nn.Hardswish),
    _mlp("mlp relu6", nn.ReLU6),
    _mlp("mlp softplus", nn.Softplus),
    _mlp("mlp batch norm", _batch_norm, nn.ReLU),
    _mlp("mlp norm behind the relu", nn.ReLU, _batch_norm),
    _mlp("mlp layer norm", _layer_norm, nn.ReLU),
    Case("mlp dropout", dropout, vectors, ("1", "5")),
    Case("mlp in place", writing, vectors, ("1", "3"), notes="it writes into its inputs"),
    Case("mlp gated", Gated, vectors, ("both",), notes="a value and its gate are both units"),
)
