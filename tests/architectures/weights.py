"""Weights that matter: random ones that tell examples apart, and trained ones."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from architectures.case import Case, Inputs, fan_in, labels_of, logits_of

_ATTEMPTS = 50
_Norm = nn.modules.batchnorm._NormBase


def initialised(case: Case, seed: int, n: int = 40) -> tuple[nn.Module, tuple[Inputs, Tensor]]:
    """The case's network with random weights, in eval mode, and examples (inputs, labels).

    Layers are scaled as they first run, so that activations and logits are of order 1; some
    units are dead. Drawn again until every class is the prediction of some example.
    """
    inputs = case.inputs(n, seed)
    for attempt in range(_ATTEMPTS):
        with _seeded(1000 * seed + attempt):
            network = case.make().eval()
            randomise(network)
        logits = _scale(network, inputs)
        if len(logits.argmax(1).unique()) == case.n_classes and logits.std(0).min() > 0.2:
            inputs = case.inputs(n, seed)  # anew: a network may write into them
            return network, (inputs, labels_of(inputs, case.n_classes))
    raise RuntimeError(f"{case.name}: no lively weights in {_ATTEMPTS} attempts from seed {seed}.")


def trained(
    case: Case, seed: int, n: int = 40, steps: int = 30
) -> tuple[nn.Module, tuple[Inputs, Tensor]]:
    """The same after steps of Adam on the task of `labels_of`, and examples it has not seen.

    It learns in eval mode: a few steps are too few for running statistics to follow.
    """
    network, examples = initialised(case, seed, n)
    inputs = case.inputs(3 * n, seed + 10**6)
    labels = labels_of(inputs, case.n_classes)
    optimiser = torch.optim.Adam(network.parameters(), lr=0.01)
    for _ in range(steps):
        optimiser.zero_grad()
        F.cross_entropy(logits_of(network, inputs), labels).backward()
        optimiser.step()
    optimiser.zero_grad()
    return network, examples


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield


@torch.no_grad()
def randomise(network: nn.Module) -> None:
    """Draw every parameter and running statistic; kill the last unit of larger layers."""
    for module in network.modules():
        for name, parameter in module.named_parameters(recurse=False):
            if name == "weight" and parameter.ndim == 1:  # a norm's: of either sign
                parameter.uniform_(0.5, 1.5).mul_(torch.rand_like(parameter).sub(0.2).sign())
            else:
                nn.init.normal_(parameter, std=_spread(name, parameter))
        if isinstance(module, _Norm) and module.running_mean is not None:
            nn.init.normal_(module.running_mean, std=0.5)
            nn.init.uniform_(module.running_var, 0.5, 1.5)  # pyright: ignore
            module.weight[0], module.bias[0] = 0, -1  # silent behind a ReLU, constant elsewhere
        elif _is_layer(module) and len(module.weight) > 4:  # pyright: ignore
            module.weight[-1] = 0  # pyright: ignore
            if module.bias is not None:
                module.bias[-1] = 0  # pyright: ignore


def _spread(name: str, parameter: Tensor) -> float:
    return fan_in(parameter) ** -0.5 if "weight" in name and parameter.ndim > 1 else 0.5


def _is_layer(module: nn.Module) -> bool:
    weight = getattr(module, "weight", None)
    return weight is not None and weight.ndim > 1 and not isinstance(module, nn.Embedding)


@torch.no_grad()
def _scale(network: nn.Module, inputs: Inputs) -> Tensor:
    """Scale each layer, as it first runs, to outputs of spread 1, and the last to fair logits.

    Source: D. Mishkin, J. Matas, All you need is a good init, 2016.
    """
    called: dict[nn.Module, None] = {}

    def scale(layer: nn.Module, _: object, output: Tensor) -> Tensor:
        if layer in called:
            return output
        called[layer] = None
        spread = output.std()
        for parameter in layer.parameters(recurse=False):
            parameter.div_(spread)
        return output / spread

    handles = [m.register_forward_hook(scale) for m in network.modules() if _is_layer(m)]
    logits_of(network, inputs)
    for handle in handles:
        handle.remove()
    _even_out(list(called)[-1], logits_of(network, inputs))
    return logits_of(network, inputs)


def _even_out(output: nn.Module, logits: Tensor) -> None:
    """Mean 0 of every class, so that each is predicted, where there is a bias; spread 1."""
    spread, bias = logits.std(0).mean(), output.bias
    output.weight.div_(spread)  # pyright: ignore
    if bias is not None:
        bias.sub_(logits.mean(0)).div_(spread)  # pyright: ignore
