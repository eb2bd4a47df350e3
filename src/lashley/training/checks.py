"""What is checked before a training and at the end of each epoch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from torch import Tensor, nn

from lashley.data import Examples
from lashley.data.examples import require_classes, require_tensor
from lashley.errors import DivergenceError, LashleyError, TrainingError
from lashley.graph.copies import copied
from lashley.networks import as_network, check_finite
from lashley.training.recipe import Recipe

ALONE = "Give inputs shaped as the network takes them."
TOGETHER = (
    "Give inputs shaped as the network takes them; if `train` runs with these, the network cannot "
    "be vectorised: train each member alone."
)


def copies(networks: Sequence[nn.Module]) -> list[nn.Module]:
    """Copies of networks that can be trained together."""
    if isinstance(networks, nn.Module) or len(networks) == 0:
        given = "one network" if isinstance(networks, nn.Module) else "none"
        raise TrainingError(
            f"networks: given {given}; allowed is a list of at least one. Give [network]."
        )
    for i, network in enumerate(networks):
        check_finite(as_network(network))
        if _architecture(network) != _architecture(networks[0]):
            raise TrainingError(
                f"networks: member {i} ({_brief(network)}) has another architecture than member 0 "
                f"({_brief(networks[0])}); allowed are networks that differ in the values of their "
                "weights only. Train each architecture in a call of its own."
            )
    if not any(p.requires_grad for p in networks[0].parameters()):
        raise TrainingError(
            "networks: no parameter requires a gradient; at least one must. Call "
            "network.requires_grad_() first."
        )
    return [copied(network) for network in networks]


def _architecture(network: nn.Module) -> tuple[Any, ...]:
    tensors = [*network.named_parameters(), *network.named_buffers()]
    held = [(n, tuple(v.shape), v.dtype, v.device, v.requires_grad) for n, v in tensors]
    return type(network), repr(network), held


def _brief(network: nn.Module) -> str:
    shapes = ", ".join(f"{n} {tuple(p.shape)}" for n, p in network.named_parameters())
    return f"{type(network).__name__}: {shapes}"


def on_device(examples: Examples, network: nn.Module) -> tuple[Tensor, Tensor]:
    """Inputs and classes, on the network's device and in its number format.

    Raises:
        DataError: If the inputs are several tensors, or the labels are not classes.
    """
    inputs = as_taken(require_tensor(examples), network)
    return inputs, require_classes(examples).labels.to(inputs.device)


def as_taken(inputs: Tensor, network: nn.Module) -> Tensor:
    """Inputs on the network's device, real numbers in its format."""
    parameters = list(network.parameters())
    like = next((p for p in parameters if p.is_floating_point()), parameters[0])
    return inputs.to(like.device, like.dtype if inputs.is_floating_point() else None)


def check_outputs(
    outputs_of: Callable[[Tensor], Tensor], inputs: Tensor, labels: Tensor,
    way_out: str = ALONE,
) -> None:  # fmt: skip
    """Refuse examples that do not fit; outputs are (member, example, class).

    Args:
        outputs_of: The networks.
        inputs: Those of all examples; the first is run.
        labels: Those of all examples.
        way_out: What to advise if that does not run.
    """
    try:
        outputs = outputs_of(inputs[:1].clone())
    except LashleyError:  # it runs, and returns what cannot be used
        raise
    except Exception as error:  # whatever the user's forward raises
        raise TrainingError(
            f"network: an example of shape {tuple(inputs[:1].shape)} and {inputs.dtype} does not "
            f"run through it ({error}). {way_out}"
        ) from error
    if not isinstance(outputs, Tensor) or outputs.ndim != 3:
        is_tensor = isinstance(outputs, Tensor)
        given = f"shape {tuple(outputs.shape[1:])}" if is_tensor else type(outputs).__name__
        raise TrainingError(
            f"network: the output for one example is of {given}; allowed is one tensor of shape "
            "(example, class). Give a network that classifies."
        )
    classes = outputs.shape[-1]
    if int(labels.max()) >= classes:
        raise TrainingError(
            f"labels: given values up to {int(labels.max())}; the network has {classes} outputs, "
            f"so 0 to {classes - 1} are allowed. Number the classes as its outputs do, or give a "
            "network with more outputs."
        )


def check_converging(losses: Tensor, weights: Iterable[Tensor], recipe: Recipe, epoch: int) -> None:
    """Refuse to continue when a member's loss (member,) or weights (member, ...) are not finite.

    Raises:
        DivergenceError: If one is not.
    """
    finite = losses.isfinite()
    for w in weights:
        finite &= w.isfinite().reshape(len(w), -1).all(1).to(finite.device)
    lost = (~finite).nonzero()[:, 0].tolist()
    if lost:
        names = ", ".join(map(str, lost[:5])) + (", ..." if len(lost) > 5 else "")
        raise DivergenceError(
            f"training: diverged in epoch {epoch + 1} of {recipe.epochs}: loss or weights are not "
            f"finite in {len(lost)} of {len(losses)} networks (number {names}, from 0). Lower lr "
            f"(it is {recipe.lr}) or momentum ({recipe.momentum})."
        )
