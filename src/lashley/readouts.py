"""Readouts: what is kept of a network's output, example by example."""

from __future__ import annotations

import torch
from torch import Tensor


def classification(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """The rank of the true class and the predicted class.

    Args:
        logits: (..., example, class) outputs; any monotone function of them serves as well.
        labels: (example,) indices of the true classes.

    Returns:
        rank (..., example): how many classes have a larger logit than the true one, where of two
        equal logits the one of the lower index counts as larger; prediction (..., example): the
        class of rank 0.
    """
    true = labels[:, None]
    at_true = logits.gather(-1, true.expand(*logits.shape[:-1], 1))
    classes = torch.arange(logits.shape[-1], device=logits.device)
    above = (logits > at_true) | ((logits == at_true) & (classes < true))
    return above.sum(-1), logits.argmax(-1)
