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
    if is_kernel(site):
        return _of_kernel(network, site, list(units))
    if module is None or not _is_plain(module):
        return None
    twin = copy.deepcopy(network)
    changed = twin.get_submodule(site)
    with torch.no_grad():
        _zero(changed, list(units))
    return twin


def is_kernel(site: str) -> bool:
    """Whether a site is named after a parameter of a layer of Keras."""
    return site.endswith("/kernel")


def _of_kernel(network: nn.Module, site: str, units: list[int]) -> nn.Module:
    """Of a layer of Keras, known by its parameter's name: the units lie on the last axis."""
    twin = copy.deepcopy(network)
    own = dict(twin.named_parameters(remove_duplicate=False))
    with torch.no_grad():
        own[site][..., units] = 0
        bias = own.get(site.removesuffix("kernel") + "bias")
        if bias is not None:
            bias[units] = 0
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
