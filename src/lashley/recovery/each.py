"""Several instances of a recovery, side by side."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Unpack

from torch import nn

from lashley.ablations import Ablation
from lashley.errors import DivergenceError, OnProgress, TrainingError, check_progress
from lashley.recovery.result import Recovery
from lashley.recovery.single import PAPER, carry_out
from lashley.recovery.task import RecoveryOptions, task_of
from lashley.training.recipe import Recipe

_CONVOLUTIONS = (nn.modules.conv._ConvNd,)  # quicker one after another


def recover_each(
    network: nn.Module,
    ablations: Sequence[Ablation],
    train: Any,
    test: Any,
    recipe: Recipe = PAPER,
    *,
    together: bool | None = None,
    checkpoint: Path | None = None,
    progress: OnProgress | None = None,
    **options: Unpack[RecoveryOptions],
) -> list[Recovery]:
    """Recover from several ablations of one site: instances of the same experiment.

    Each instance sees the same batches. Trained together, as one stack of networks, they agree with
    those trained one after another to float rounding over the first epoch, and beyond that as far
    as rounding does not grow.

    Args:
        network: Itself left as it is.
        ablations: One for each instance.
        train: As in `recover`.
        test: As in `recover`.
        recipe: As in `recover`.
        together: Whether to train all of them as one stack, which is quicker for small networks
            of Linear layers; None does so if no layer convolves and there is no stop rule.
        checkpoint: A folder to write to and to continue from.
        progress: Called with (epochs done, epochs in all) over all instances.
        options: Further arguments of `recover`.

    Returns:
        One recovery per ablation, in their order.

    Raises:
        LashleyError: As `recover` does.
        TrainingError: If instances are to be trained together with a stop rule or by another
            optimiser than SGD.
    """
    check_progress(progress, TrainingError)
    task = task_of(network, ablations, train, test, recipe, **options)
    one_by_one = task.stop is not None or recipe.optimiser != "sgd"
    if together and one_by_one:
        raise TrainingError(
            "together: given True with a stop rule, or another optimiser than SGD; instances would "
            "end at different epochs. Leave it out."
        )
    convolves = any(isinstance(module, _CONVOLUTIONS) for module in network.modules())
    if together or (together is None and not one_by_one and not convolves):
        file = checkpoint and Path(checkpoint) / "together.safetensors"
        try:
            return carry_out(task, ablations, file, progress and _times(progress, len(ablations)))
        except DivergenceError as error:
            warnings.warn(
                f"recovery: an instance diverged; each is trained alone now. {error}", stacklevel=2
            )
        except TrainingError:  # such as a network that vmap cannot map
            if together:
                raise
    found = []
    for i, ablation in enumerate(ablations):
        part = progress and _part(progress, i, len(ablations))
        file = checkpoint and Path(checkpoint) / f"{i}.safetensors"
        found += carry_out(task, [ablation], file, part)
    return found


def _times(progress: OnProgress, parts: int) -> OnProgress:
    return lambda done, of: progress(parts * done, parts * of)


def _part(progress: OnProgress, number: int, parts: int) -> OnProgress:
    return lambda done, of: progress(number * of + done, parts * of)
