"""What a network does to examples, and how far training has moved it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from lashley.readouts import classification, loss

_BATCH = 250  # examples that are measured together


@dataclass(frozen=True, eq=False)
class NetworkOutcomes:
    """What a network does to examples.

    Attributes:
        rank: (example,) of the true class.
        prediction: (example,) the class of rank 0.
        loss: Mean cross entropy, in nats.
        outputs: How many classes the network distinguishes.
    """

    rank: Int[Tensor, " example"]
    prediction: Int[Tensor, " example"]
    loss: float
    outputs: int


@torch.no_grad()
def measured(
    network: Callable[[Tensor], Tensor], inputs: Tensor, labels: Int[Tensor, " example"]
) -> NetworkOutcomes:
    """Run examples through a network in eval mode, in its own number format."""
    ranks, predictions, losses, outputs = [], [], [], 0
    for part, of in zip(inputs.split(_BATCH), labels.split(_BATCH), strict=True):
        logits = network(part.clone())  # it may write to its input
        rank, prediction = classification(logits, of)
        ranks.append(rank)
        predictions.append(prediction)
        losses.append(loss(logits, of).double())
        outputs = logits.shape[-1]
    mean = float(torch.cat(losses).mean())
    return NetworkOutcomes(torch.cat(ranks), torch.cat(predictions), mean, outputs)


def percent_right(rank: Int[Tensor, "*member example"], top: int) -> Float[Tensor, "*member"]:
    """Accuracy in %."""
    return 100 * (rank < top).double().mean(-1)


def changes_of(before: nn.Module, after: nn.Module) -> dict[str, tuple[int, float]]:
    """By module with parameters of its own: how many, and their relative change.

    The change is the norm of the difference over the norm before; NaN for a change from 0.
    """
    found = {}
    for name, module in after.named_modules():
        own = dict(module.named_parameters(recurse=False))
        if own:
            old = dict(before.get_submodule(name).named_parameters(recurse=False))
            change, size = (
                torch.stack([p.detach().double().norm() for p in of]).norm()
                for of in ([own[n] - old[n] for n in own], list(old.values()))
            )
            share = float(change / size) if size else (torch.nan if change else 0.0)
            found[name] = (sum(p.numel() for p in own.values()), share)
    return found
