"""A network with rows of weights and biases at 0, for the time that it runs this way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor, nn

from benchmarks.zoo.twin.copied import kernel_of
from benchmarks.zoo.twin.sources import Target


@contextmanager
def edited(network: nn.Module, held: Mapping[str, Tensor], target: Target) -> Iterator[bool]:
    """Inside, units have no weights and no bias; yields whether so, or whether these are computed.

    Args:
        network: Any.
        held: Its parameters by name.
        target: The site, and which of its units.
    """
    rows = _rows(network, held, target)
    before = [row.clone() for row in rows]
    with torch.no_grad():
        for row in rows:
            row.zero_()
        yield bool(rows)
        for row, numbers in zip(rows, before, strict=True):
            row.copy_(numbers)


def _rows(network: nn.Module, held: Mapping[str, Tensor], target: Target) -> list[Tensor]:
    """Views of all numbers that lead into units."""
    modules = dict(network.named_modules())
    kernel, module = kernel_of(target.site, held), modules.get(target.site)
    if kernel is not None:
        one = partial(_of_kernel, held, kernel, target.n_units)
    elif module is not None and _is_plain(module):
        one = partial(_of_unit, module)
    else:
        return []
    return [row for unit in target.units for row in one(unit)]


def _of_kernel(held: Mapping[str, Tensor], kernel: str, n_units: int, unit: int) -> list[Tensor]:
    """For a layer of Keras: units lie on the last axis; channel by channel on the last two."""
    owner, _, last = kernel.rpartition("/")
    weight, bias = held[kernel], held.get(f"{owner}/bias")
    found = [(weight if weight.shape[-1] == n_units else weight.flatten(-2))[..., unit]]
    if bias is not None and bias.ndim == 2:  # for what a GRU reads, and for its state
        bias = bias[int(last == "recurrent_kernel")]
    elif last in ("recurrent_kernel", "depthwise_kernel"):
        return found
    return found if bias is None else [*found, bias[..., unit]]


def _is_plain(module: nn.Module) -> bool:
    parameters = dict(module.named_parameters(recurse=False))
    plain = (
        isinstance(module, nn.Linear | nn.modules.conv._ConvNd) or type(module).__name__ == "Conv1D"
    )
    return plain and "weight" in parameters and not hasattr(module, "parametrizations")


def _of_unit(module: nn.Module, unit: int) -> list[Tensor]:
    weight = module.weight
    if isinstance(module, nn.modules.conv._ConvTransposeNd):
        group, within = divmod(unit, weight.shape[1])
        of_group = weight.shape[0] // module.groups
        row = weight[group * of_group : (group + 1) * of_group, within]
    else:
        row = weight[:, unit] if type(module).__name__ == "Conv1D" else weight[unit]
    return [row] if module.bias is None else [row, module.bias[unit]]
