"""Training one network: the plain loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from lashley.data import as_examples
from lashley.networks import seeded
from lashley.training.checks import check_converging, check_outputs, copies, on_device
from lashley.training.recipe import PAPER, Recipe, batches, epoch_seed


def train(
    network: nn.Module,
    examples: Any,
    recipe: Recipe = PAPER,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> nn.Module:
    """A trained copy of one network: the plain loop that `train_population` has to agree with.

    Args:
        network: Trained from the weights it holds, all modules in train mode; itself left as it
            is. Parameters that do not require a gradient stay frozen.
        examples: `Examples` or a pair (inputs, labels).
        recipe: How to train.
        progress: Called with (epochs done, epochs in all) after each epoch.

    Returns:
        The trained network, in eval mode.

    Raises:
        DataError: If the inputs are several tensors, or the labels are no classes.
        TrainingError: If the examples do not fit the network, or the training diverges.
        NetworkError: If a weight is not finite.
    """
    examples = as_examples(examples)
    (member,) = copies([network])
    trained = [p for p in member.parameters() if p.requires_grad]
    inputs, labels = on_device(examples, member)
    check_outputs(lambda x: member.eval()(x)[None], inputs, labels)
    member.train()
    optimiser = torch.optim.SGD(trained, lr=recipe.lr, momentum=recipe.momentum)
    for epoch in range(recipe.epochs):
        total = torch.zeros(1, device=inputs.device)
        with seeded(epoch_seed(recipe, epoch)):
            for batch in batches(len(labels), recipe, epoch):
                loss = F.cross_entropy(member(inputs[batch]), labels[batch])
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                total += loss.detach()
        check_converging(total, [p[None] for p in trained], recipe, epoch)
        if progress:
            progress(epoch + 1, recipe.epochs)
    optimiser.zero_grad()
    return member.eval()
