"""The weights that lead into each unit of a layer."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Inexact
from torch import Tensor, fx, nn

from lashley.graph.layers import Layer, weights


def by_unit(weight: Tensor, unit_axis: int, groups: int = 1) -> Inexact[Tensor, "unit weight"]:
    """A layer's weights unit by unit; a view where the order in memory allows it.

    Args:
        weight: As the layer holds it; no gradients flow back.
        unit_axis: The units' axis in it: 0, or 1 in transposed convolutions and matrix products.
        groups: Those of a transposed convolution, whose axis 0 then holds the inputs of all groups.
    """
    weight = weight.detach()
    if unit_axis == 1:  # (input, unit of the group, ...)
        weight = weight.unflatten(0, (groups, -1)).transpose(1, 2).flatten(0, 1)
    return weight.flatten(1)


def into_units(
    weight: Tensor, units: Sequence[int], unit_axis: int, groups: int = 1
) -> Bool[Tensor, "*shape"]:
    """Which of a layer's weights lead into these units; shaped as the weights.

    Args:
        weight: As the layer holds it.
        units: Indices from 0.
        unit_axis: As in `by_unit`.
        groups: As in `by_unit`.
    """
    found = torch.zeros(weight.shape, dtype=torch.bool, device=weight.device)
    which = torch.tensor(units, dtype=torch.int64, device=weight.device)
    if unit_axis == 1:  # (input, unit of the group, ...)
        by_group, size = found.unflatten(0, (groups, -1)), weight.shape[1]
        by_group[which // size, :, which % size] = True
    else:
        found[which] = True
    return found


def of_layer(known: Layer, module: fx.GraphModule) -> Inexact[Tensor, "unit weight"]:
    """The incoming weights of a layer of the module's graph."""
    return by_unit(weights(known, module), known.unit_axis, known.groups)


def of_module(held: nn.Module) -> Inexact[Tensor, "unit weight"] | None:
    """The incoming weights of a Linear or a convolution; None if it holds them otherwise."""
    weight = getattr(held, "weight", None)
    if not isinstance(weight, Tensor):
        return None
    transposed = getattr(held, "transposed", False)
    return by_unit(weight, 1 if transposed else 0, getattr(held, "groups", 1))
