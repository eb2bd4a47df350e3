"""Where a network's graph can be cut so that what comes before depends on nothing trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn

from lashley.graph.batch import Batched, Count, batch_dependence
from lashley.graph.running import Refused, attributes_of
from lashley.graph.ways import in_front
from lashley.recovery.freezing import Frozen
from lashley.recovery.order import named_tensors
from lashley.recovery.packing import Packed, as_trained, has_channels_last

# Without tensors, yet random: the first two in train mode.
_RANDOM = (nn.modules.dropout._DropoutNd, nn.RReLU, nn.FractionalMaxPool2d, nn.FractionalMaxPool3d)


@dataclass(frozen=True, eq=False)
class Cut:
    """A place to cut a graph.

    Attributes:
        parts: What the suffix needs of the prefix: nodes, and how their values are packed.
        early: All that the prefix computes.
        sizes: Whole numbers and shapes that it needs too, as functions of the number n of examples:
            pairs (base, slope) for base + slope n, in a tuple for a shape.
        after: All that the suffix computes.
    """

    parts: dict[fx.Node, Packed]
    early: set[fx.Node]
    sizes: dict[fx.Node, Any]
    after: set[fx.Node]

    @property
    def is_single(self) -> bool:
        """Whether the suffix needs one value, with a row for each example as it is."""
        return len(self.parts) == 1 and all(part.is_plain for part in self.parts.values())


def cut(network: nn.Module, graph: fx.Graph, frozen: Frozen, inputs: Tensor) -> Cut:
    """The cut that leaves the least to the suffix.

    Args:
        network: In eval mode.
        graph: Its trace, in which modules of torch.nn stay as they are.
        frozen: What is not trained.
        inputs: Three examples or more.

    Raises:
        Refused: If nothing frozen comes before it, or its values cannot be packed.
        NotBatched: If an example depends on the others of its batch.
    """
    module = fx.GraphModule(network, graph)
    known = batch_dependence(module, (inputs.clone(),))
    values = _values(module, inputs, autocast=False)
    still = _still(network, graph, frozen)
    given, sizes, later = [], {}, set()
    unread = [node for node in graph.nodes if not node.users]  # the output, and writes in place
    waiting = [node for node in unread if node not in still]
    while waiting:
        node = waiting.pop()
        later.add(node)
        for source in node.all_input_nodes:
            if source in given or source in sizes or source in later:
                continue
            if source in still and isinstance(values[source], int | torch.Size):
                sizes[source] = _size(values[source], known[source])
            elif source in still and isinstance(known[source], Batched):
                given.append(source)
            else:
                waiting.append(source)
    given.sort()
    ends = {*given, *(node for node in unread if node in still)}
    early = ends | in_front(ends)
    _check_saving(early, network)
    in_autocast = _values(module, inputs, autocast=True)
    parts = {
        node: Packed(known[node].axis, known[node].per, known[node].shape, values[node].dtype,
                   in_autocast[node].dtype, has_channels_last(in_autocast[node]))
        for node in given
    }  # fmt: skip
    if len(parts) > 1 and not all(part.is_real for part in parts.values()):
        raise Refused("indices do not fit in one tensor with real numbers")
    return Cut(parts, early, sizes, later)


def _values(module: fx.GraphModule, inputs: Tensor, autocast: bool) -> dict[fx.Node, Any]:
    running = fx.Interpreter(module, garbage_collect_values=False)
    with torch.autocast(inputs.device.type, torch.bfloat16, enabled=autocast):
        running.run(as_trained(inputs, autocast))
    return running.env


def _still(network: nn.Module, graph: fx.Graph, frozen: Frozen) -> set[fx.Node]:
    """The nodes that hold the same for the same inputs throughout the training."""
    attributes = attributes_of(network, graph)
    named = named_tensors(network)
    trained = {id(tensor) for name, tensor in named.items() if name not in frozen.tensors}
    still: set[fx.Node] = set()
    for node in graph.nodes:
        value = attributes.get(str(node.target)) if node.op in ("get_attr", "call_module") else None
        rests = not isinstance(value, nn.Module) or _rests(value, str(node.target), frozen, trained)
        if rests and id(value) not in trained and still.issuperset(node.all_input_nodes):
            still.add(node)
    return still


def _rests(module: nn.Module, name: str, frozen: Frozen, trained: set[int]) -> bool:
    """Whether a module computes the same in each step."""
    tensors = named_tensors(module)
    if not tensors and not any(isinstance(m, _RANDOM) for m in module.modules()):
        return True
    below = [f"{name}.{own}".rstrip(".") for own, _ in module.named_modules()]
    return frozen.modules.issuperset(below) and trained.isdisjoint(map(id, tensors.values()))


def _size(value: Any, known: Any) -> Any:
    if isinstance(value, torch.Size):
        parts = known if isinstance(known, tuple) else (None,) * len(value)
        return tuple(_size(v, k) for v, k in zip(value, parts, strict=True))
    return (known.base, known.slope) if isinstance(known, Count) else (value, 0)


def _check_saving(early: set[fx.Node], network: nn.Module) -> None:
    """Refuse a prefix in which nothing frozen is at work."""
    called = [node for node in early if node.op == "call_module"]
    at_work = [named_tensors(network.get_submodule(str(node.target))) for node in called]
    if not any(at_work) and not any(node.op == "get_attr" for node in early):
        raise Refused("nothing frozen comes before what is trained")
