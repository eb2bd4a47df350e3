"""Untrained weights with which every unit counts: a seeded draw, and statistics to match.

Fresh networks hide mistakes. Their biases are 0, their norms do nothing, their layer scales are
1e-6 and whole branches 0, so a wrong ablation gives the right logits.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

_NORMS = nn.modules.batchnorm._BatchNorm
_SMALL = 0.05  # below it a constant parameter closes a branch


def enliven(network: nn.Module, inputs: Any, seed: int = 0) -> nn.Module:
    """Draw all weights anew, and let batch norm see the inputs; the network itself, in eval mode.

    Args:
        network: With floating-point parameters.
        inputs: A tensor, or tensors by name: a batch that it takes.
        seed: Of the draw.
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for _, module in sorted(network.named_modules(), key=lambda item: item[0]):
            for name, parameter in module.named_parameters(recurse=False):
                if parameter.is_floating_point() and parameter.numel():
                    _draw(module, name, parameter, generator)
        _take_statistics(network, inputs)
        for module in network.modules():
            if isinstance(module, _NORMS) and module.running_var is not None:
                module.running_var *= 0.5 + 0.5 * _near_one(module.running_var, generator)
                module.running_mean += 0.1 * module.running_var.sqrt() * torch.randn(
                    module.running_mean.shape, generator=generator)  # fmt: skip
    return network.eval()


def pictures(n: int, channels: int, size: int, seed: int = 1) -> Tensor:
    """(n, channels, size, size) patches of colour under noise.

    From noise alone a deep network makes nearly the same for all, and norms blow up the rounding.
    """
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.randn(n, channels, 4, 4, generator=generator)
    patches = nn.functional.interpolate(coarse, (size, size), mode="bilinear")
    tint = torch.randn(n, channels, 1, 1, generator=generator)
    return patches + tint + 0.4 * torch.randn(n, channels, size, size, generator=generator)


def _draw(module: nn.Module, name: str, parameter: Tensor, generator: torch.Generator) -> None:
    """A matrix keeps the size of what it reads; one number per unit varies about its value."""
    normal = torch.randn(parameter.shape, generator=generator)
    spread = float(parameter.std()) if parameter.numel() > 1 else 0.0
    level = float(parameter.mean())
    weights = isinstance(module, nn.Linear | nn.modules.conv._ConvNd) and name == "weight"
    if weights:
        transposed = "Transpose" in type(module).__name__
        fan = parameter.numel() / parameter.shape[1 if transposed else 0]
        parameter.copy_(normal * 1.2 / fan**0.5)
    elif isinstance(module, nn.Embedding):
        parameter.copy_(normal)
    elif spread < 1e-6 and level == 0:
        parameter.copy_(0.3 * normal)
    elif spread < 1e-6:  # a gain or a layer scale
        level = level if abs(level) > _SMALL else 0.5
        parameter.copy_(level * _near_one(parameter, generator))
    elif (
        parameter.ndim > 1 and spread < _SMALL and name != "weight"
    ):  # positions, tokens, tables, kernels of its own
        parameter.mul_(min(0.3 / spread, 10.0))


def _near_one(like: Tensor, generator: torch.Generator) -> Tensor:
    return 0.6 + 0.8 * torch.rand(like.shape, generator=generator)


def _take_statistics(network: nn.Module, inputs: Any) -> None:
    """One pass in which batch norm alone is in training mode, and keeps what it sees."""
    norms = [m for m in network.modules() if isinstance(m, _NORMS) and m.running_var is not None]
    network.eval()
    kept = [(m, m.momentum) for m in norms]
    for norm in norms:
        norm.momentum = 1.0
        norm.train()
    copies = (
        {k: v.clone() for k, v in inputs.items()} if isinstance(inputs, dict) else inputs.clone()
    )
    network(**copies) if isinstance(copies, dict) else network(copies)
    for norm, momentum in kept:
        norm.momentum = momentum
        norm.eval()
        # a channel that hardly varies, or a map of one pixel, must not be blown up
        norm.running_var.clamp_(min=max(1e-3, 0.1 * float(norm.running_var.mean())))
