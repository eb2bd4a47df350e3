"""What has to be trained, and what it takes as inputs: behind frozen layers, their results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from torch import Tensor, nn

from lashley.engine import network_fingerprint
from lashley.recovery.prefix import cached, split
from lashley.recovery.task import RecoveryTask


def behind_prefix(
    task: RecoveryTask, networks: Sequence[nn.Module]
) -> tuple[Sequence[nn.Module], list[Tensor]]:
    """The parts to train, and the inputs of train, test and validation for them.

    They are the networks themselves and the examples' own inputs, unless the networks share a
    frozen prefix that is worth running once, and all that it makes of the examples has room.
    """
    given = (task.train, task.test, task.validation)
    inputs = [task.on_device(examples)[0] for examples in given if examples is not None]
    if task.recipe.augmentation != "none" or not task.cache_gb:
        return networks, inputs
    splits = [split(network, task.frozen, inputs[0]) for network in networks]
    first = splits[0]
    found = [s for s in splits if s is not None]
    if first is None or len(found) < len(splits):
        return networks, inputs
    prefixes = {str(network_fingerprint(s.prefix)) for s in found}
    if len(prefixes) > 1:
        return networks, inputs  # the ablated layer is frozen, and in another way in each
    (prefix,) = prefixes
    if prefix in task.kept:
        return [s.suffix for s in found], task.kept[prefix]
    exact = replace(task.recipe, autocast=False)
    kept: list[Tensor] = []
    for part, recipe in zip(inputs, (task.recipe, exact, exact), strict=False):
        values = cached(first, part, recipe, task.cache_gb)
        if values is None:
            return networks, inputs
        kept.append(values)
    task.kept.clear()  # room for one
    task.kept[prefix] = kept
    return [s.suffix for s in found], kept
