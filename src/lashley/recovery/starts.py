"""New initial weights: for the ablated units, or for all that is trained."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from typing import Any

import torch
from torch import Tensor, nn

from lashley.ablations import Ablation
from lashley.errors import TrainingError
from lashley.graph.copies import copied as copy_of
from lashley.networks.seeding import seeded
from lashley.recovery.holding import Hold, put
from lashley.recovery.order import named_tensors
from lashley.recovery.place import place_of

_INITIAL = {"weight": 1.0, "bias": 0.0, "running_mean": 0.0, "running_var": 1.0}  # of batch norm


@torch.no_grad()
def redrawn(network: nn.Module, ablation: Ablation, examples: Any, seed: int) -> nn.Module:
    """A copy in which the ablated units have new initial weights and biases.

    They are those that a new layer of this kind draws for them, and the batch norms between the
    layer and the units' activations start anew for them.

    Args:
        network: Itself left as it is.
        ablation: Whose units are meant.
        examples: As for `find_sites`.
        seed: For the new weights.

    Returns:
        The copy, in eval mode.

    Raises:
        AblationError: If the ablation cannot be held.
        SiteError: If the site's units have no weights that are theirs alone.
        TrainingError: If the layer's module cannot draw initial weights.
    """
    place = place_of(network, ablation, examples)
    owners = dict.fromkeys(name.rpartition(".")[0] for name in place.incoming)
    fresh = _fresh(place.network, owners, seed)
    tensors = named_tensors(place.network)
    for name, mask in place.incoming.items():
        tensors[name][mask] = fresh[name].to(mask.device)[mask]
    for norm in place.norms:
        for kind, name in norm.names.items():
            tensors[name][place.of_unit] = _INITIAL[kind]
    return place.network


@torch.no_grad()
def anew(
    network: nn.Module, trained: Iterable[str], held: Mapping[str, Hold], seed: int,
    kept: Set[str] = frozenset(),
) -> nn.Module:  # fmt: skip
    """A copy in which some modules begin with new initial weights.

    Args:
        network: Itself left as it is; from `ablated`.
        trained: Names of these modules, each without the modules in it. Their parameters that do
            not require a gradient stay.
        held: What stays too, by names of parameters.
        seed: For the new weights.
        kept: Names of parameters and buffers that stay as well.

    Returns:
        The copy, in eval mode.

    Raises:
        TrainingError: If a module has weights, but cannot draw initial ones.
    """
    copied = copy_of(network).eval()
    tensors = named_tensors(copied)
    for name, value in _fresh(copied, trained, seed).items():
        stays = isinstance(tensors[name], nn.Parameter) and not tensors[name].requires_grad
        if not stays and name not in kept:
            tensors[name].copy_(value)
    put(copied, held)
    return copied


def _fresh(network: nn.Module, names: Iterable[str], seed: int) -> dict[str, Tensor]:
    """New values of the modules' own tensors, by names in the network."""
    wanted, found = set(names), {}
    with seeded(seed):
        for name, module in network.named_modules():
            if name in wanted:
                found |= {f"{name}.{n}".lstrip("."): t for n, t in _reset(name, module).items()}
    return found


def _reset(name: str, module: nn.Module) -> dict[str, Tensor]:
    """The module's own tensors, as it draws them when it is made; drawn on the CPU."""
    if not _own(module):
        return {}
    new = copy_of(module).cpu()
    reset = getattr(new, "reset_parameters", None) or getattr(new, "_reset_parameters", None)
    if reset is not None:
        reset()
        return _own(new)
    if not dict(module.named_parameters(recurse=False)):
        return {}
    raise TrainingError(
        f"start: {name or 'the network'} ({type(module).__name__}) has parameters of its own, but "
        "no reset_parameters() that would draw initial ones; allowed are modules with one, like "
        "those of torch.nn. Write that method, or freeze the module."
    )


def _own(module: nn.Module) -> dict[str, Tensor]:
    return dict([*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)])
