"""An edited copy of a network: rows of weights and biases at 0."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import nn


def edited(network: nn.Module, site: str, units: Sequence[int]) -> nn.Module | None:
    """A copy in which units have no weights and no bias; None where these are computed."""
    modules = dict(network.named_modules())
    module = modules.get(site)
    if module is None or not _is_plain(module):
        return None
    twin = copy.deepcopy(network)
    changed = twin.get_submodule(site)
    with torch.no_grad():
        _zero(changed, list(units))
    return twin


def _is_plain(module: nn.Module) -> bool:
    parameters = dict(module.named_parameters(recurse=False))
    plain = (
        isinstance(module, nn.Linear | nn.modules.conv._ConvNd) or type(module).__name__ == "Conv1D"
    )
    return plain and "weight" in parameters and not hasattr(module, "parametrizations")


def _zero(module: nn.Module, units: list[int]) -> None:
    weight = module.weight
    if isinstance(module, nn.modules.conv._ConvTransposeNd):
        per = weight.shape[1]
        for unit in units:
            group, within = divmod(unit, per)
            of_group = weight.shape[0] // module.groups
            weight[group * of_group : (group + 1) * of_group, within] = 0
    elif type(module).__name__ == "Conv1D":
        weight[:, units] = 0
    else:
        weight[units] = 0
    if module.bias is not None:
        module.bias[units] = 0
