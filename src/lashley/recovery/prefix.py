"""The frozen part of a network before all that is trained: computed once and kept."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import torch
from jaxtyping import Shaped
from torch import Tensor, fx, nn

from lashley.engine import network_fingerprint
from lashley.graph.intact import intact
from lashley.graph.running import Refused
from lashley.graph.symbolic import traced
from lashley.recovery.cut import Cut, cut
from lashley.recovery.freezing import Frozen, to_train_mode
from lashley.recovery.packing import as_trained, has_channels_last, own, pack, sized, unpack
from lashley.sites import eval_mode
from lashley.training.recipe import Recipe

_ROUNDING = 1000  # epsilons, of the largest logit
_SAMPLE = 8  # examples that are run to see that the parts are right


@dataclass(frozen=True, eq=False)
class Split:
    """A network cut in two: suffix(prefix(inputs)) is what it computes.

    Both hold the network's own modules and tensors under their names there. So training the suffix
    trains the network, and modes set in the network apply to both.

    Attributes:
        prefix: Depends on frozen tensors alone, and is never random. Its output has a row for each
            example: the one value that the suffix needs, or several side by side as numbers.
        suffix: The rest. It does not write to what it is given.
    """

    prefix: fx.GraphModule
    suffix: fx.GraphModule


@dataclass(eq=False)
class PrefixCache:
    """What a frozen prefix made of the examples; there is room for one prefix.

    Attributes:
        limit_gb: The largest result of some examples that is kept, in GB (1e9 bytes).
    """

    limit_gb: float
    _kept: tuple[str, list[Tensor]] | None = field(default=None, init=False)

    def of(self, split: Split, inputs: Sequence[Tensor], recipe: Recipe) -> list[Tensor] | None:
        """Its outputs for the inputs of train, test and validation; None if they are larger."""
        name = str(network_fingerprint(split.prefix))
        if self._kept is None or self._kept[0] != name:
            exact = replace(recipe, autocast=False)
            found: list[Tensor] = []
            for part, own in zip(inputs, (recipe, exact, exact), strict=False):
                values = cached(split, part, own, self.limit_gb)
                if values is None:
                    return None
                found.append(values)
            self._kept = name, found
        return self._kept[1]


def after_prefix(
    networks: Sequence[nn.Module], inputs: list[Tensor], frozen: Frozen, recipe: Recipe,
    cache: PrefixCache,
) -> tuple[Sequence[nn.Module], list[Tensor]]:  # fmt: skip
    """The parts to train, and what they take as inputs.

    They are the networks themselves and the examples' own inputs, unless the networks share a
    frozen prefix that is worth running once, and there is room for all that it makes of the
    examples.

    Args:
        networks: Left as they are.
        inputs: Of train, test and, if there is one, validation.
        frozen: What is not trained.
        recipe: How the rest is trained.
        cache: Of the results.
    """
    if recipe.augmentation != "none" or not cache.limit_gb:
        return networks, inputs
    splits = [split(network, frozen, inputs[0]) for network in networks]
    found = [s for s in splits if s is not None]
    if len(found) < len(splits) or len({str(network_fingerprint(s.prefix)) for s in found}) > 1:
        return networks, inputs  # the ablated layer may be frozen, differently in each
    values = cache.of(found[0], inputs, recipe)
    return (networks, inputs) if values is None else ([s.suffix for s in found], values)


def split(
    network: nn.Module, frozen: Frozen, inputs: Shaped[Tensor, "example ..."]
) -> Split | None:
    """Cut a network after the last of what is frozen and depends on nothing trained.

    Args:
        network: Left as it is.
        frozen: What of it is not trained.
        inputs: The first few are run: suffix(prefix(inputs)) has to agree with the network.

    Returns:
        None if nothing is saved, or it cannot be done: the network cannot be traced by `torch.fx`,
        does more in train mode than its modules do (dropout as a function), or an example depends
        on the others of its batch even in eval mode.
    """
    sample = inputs[torch.arange(_SAMPLE, device=inputs.device) % len(inputs)]
    with intact(network):
        try:
            return _split(network, frozen, sample)
        except Exception:  # whatever the user's forward raises while it is traced
            return None


@torch.no_grad()
def cached(
    split: Split, inputs: Shaped[Tensor, "example ..."], recipe: Recipe, limit_gb: float
) -> Shaped[Tensor, "example ..."] | None:
    """What the prefix makes of all examples, in the training's batches.

    Args:
        split: Its prefix runs in eval mode; the modes are left as they are.
        inputs: Where the network is.
        recipe: Its batches, and their number format: the output keeps the one it has there.
        limit_gb: The largest result, in GB (1e9 bytes).

    Returns:
        The prefix's outputs in the order of the inputs, or None if they are larger.
    """
    kept: Tensor | None = None
    with eval_mode(split.prefix):
        for start in range(0, len(inputs), recipe.batch_size):
            rows = _outputs(split.prefix, inputs[start : start + recipe.batch_size], recipe)
            if kept is None:
                if rows[0].nbytes * len(inputs) > limit_gb * 1e9:
                    return None
                kept = _room(rows, len(inputs))
            kept[start : start + len(rows)] = rows
    return kept


def _outputs(prefix: nn.Module, batch: Tensor, recipe: Recipe) -> Tensor:
    """As in `training.forward.outputs_of`, but in the format that the layers give."""
    batch = as_trained(batch, recipe.autocast)
    with torch.autocast(batch.device.type, torch.bfloat16, enabled=recipe.autocast):
        return prefix(batch)


def _room(rows: Tensor, n: int) -> Tensor:
    """Room for n rows, laid out in memory as these are."""
    form = torch.channels_last if has_channels_last(rows) else torch.contiguous_format
    return torch.empty((n, *rows.shape[1:]), dtype=rows.dtype, device=rows.device,
                       memory_format=form)  # fmt: skip


def _split(network: nn.Module, frozen: Frozen, inputs: Tensor) -> Split:
    to_train_mode(network, frozen)
    in_training = traced(network)
    network.eval()
    graph = traced(network)
    if str(in_training) != str(graph):
        raise Refused("the network does more in train mode than its modules do")
    place = cut(network, graph, frozen, inputs)
    found = Split(_prefix(network, graph, place), _suffix(network, graph, place))
    if not _close(found.suffix(found.prefix(inputs.clone())), network(inputs.clone())):
        raise Refused("the parts do not compute what the network does")
    return found


def _prefix(network: nn.Module, graph: fx.Graph, place: Cut) -> fx.GraphModule:
    short, copies = fx.Graph(), {}
    for node in graph.nodes:
        if node in place.early:
            copies[node] = short.node_copy(node, copies.__getitem__)
    outputs, parts = [copies[node] for node in place.parts], tuple(place.parts.values())
    whole = outputs[0] if place.is_single else short.call_function(pack, (outputs, parts))
    short.output(whole)
    return fx.GraphModule(network, short, "Prefix")


def _suffix(network: nn.Module, graph: fx.Graph, place: Cut) -> fx.GraphModule:
    short, parts = fx.Graph(), tuple(place.parts.values())
    given = short.placeholder("prefix")
    if place.is_single:
        values = [short.call_function(own, (given, parts[0]))]
    else:
        unpacked = short.call_function(unpack, (given, parts))
        values = [short.call_function(operator.getitem, (unpacked, i)) for i in range(len(parts))]
    copies = dict(zip(place.parts, values, strict=True))
    for node, size in place.sizes.items():
        copies[node] = short.call_function(sized, (given, size))
    for node in graph.nodes:
        if node in place.after:
            copies[node] = short.node_copy(node, copies.__getitem__)
    return fx.GraphModule(network, short, "Suffix")


def _close(found: Tensor, wanted: Tensor) -> bool:
    """Whether both are the same to rounding, which may differ with the order in memory."""
    scale = float(wanted.abs().amax())
    return torch.allclose(
        found, wanted, rtol=0.0, atol=_ROUNDING * torch.finfo(wanted.dtype).eps * scale
    )
