"""Sums: the channels of a stream that layers add to."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import torch
from torch import fx

from lashley.graph.described import shape_of
from lashley.graph.labels import Labels
from lashley.graph.nodes import op
from lashley.graph.source import Source


@dataclass(frozen=True, eq=False)
class Sums:
    """The sums of a graph, as they are met.

    Attributes:
        module: The graph.
        varies: Its nodes that depend on the inputs' numbers.
        streams: Labels of the values that hold the units of earlier layers and sums.
        numbers: How many sums a module made so far.
    """

    module: fx.GraphModule
    varies: set[fx.Node]
    streams: dict[fx.Node, Labels]
    numbers: Counter[str]

    def source(self, node: fx.Node) -> Source | None:
        """A sum of two activations, one of which a layer gives: the channels of a stream."""
        shape = shape_of(node)
        parts = [n for n in node.all_input_nodes if n in self.varies]
        if op(node, self.module) != "add" or len(parts) != 2 or node in self.streams:
            return None
        given = (self.streams.get(n) for n in sorted(parts))  # the stream comes before the branch
        labels = next((found for found in given if _is_whole(found, shape)), None)
        if labels is None or any(shape_of(n) != shape for n in parts):
            return None
        labels = _from_one(labels)
        slots, owner = labels.slots, str(node.meta.get("owner", ""))
        axes = [i for i, length in enumerate(slots.shape) if length > 1]
        axis = axes[0] - slots.ndim if len(axes) == 1 else -1
        adapted = self._adapted(owner)
        name, kind = (owner, "hidden") if adapted else (self._name(owner), "residual")
        return Source(node, name, kind, int(slots.max()), 1, axis, labels, None, adapted)

    def _adapted(self, owner: str) -> tuple[str, ...]:
        """The parameters of a layer with an adapter, if a module is that (peft)."""
        try:
            own = self.module.get_submodule(owner)
        except AttributeError:  # it holds nothing that the graph names
            return ()
        names = [n for n, _ in own.named_parameters(owner)]
        parts = (f"{owner}.base_layer.", f"{owner}.lora_")
        whole = owner and all(any(n.startswith(part) for n in names) for part in parts)
        return tuple(n for n in names if n.startswith(parts)) if whole else ()

    def _name(self, owner: str) -> str:
        number = self.numbers[owner]
        self.numbers[owner] += 1
        return f"{owner}.residual".lstrip(".") + (f"_{number}" if number else "")


def _from_one(labels: Labels) -> Labels:
    """Labels in the same order without gaps: those of one half of a layer are 1, 2, ..., too."""
    found = labels.slots.unique()
    if len(found) == int(found[-1]):
        return labels
    place = torch.searchsorted(found, labels.slots) + 1
    return Labels(place.to(labels.tensor.dtype).expand(labels.tensor.shape))


def _is_whole(labels: Labels | None, shape: tuple[int, ...] | None) -> bool:
    """Whether every number of a value of this shape is a unit's."""
    return labels is not None and labels.tensor.shape == shape and bool((labels.slots > 0).all())
