"""One eager run of a network as a graph, for networks that no tracer captures.

Their control flow depends on values, so the graph shows what they do with this sample: numbers that
were read from tensors are baked in. It is looked at, never run for outcomes.
"""

from __future__ import annotations

import gc
import operator
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, fx, nn

from lashley.errors import EngineError
from lashley.graph.calls import CallKey, Calls, Scope, operation_of, scopes
from lashley.graph.functional import cut_to
from lashley.graph.intact import intact
from lashley.graph.plain_forms import FUNCTIONS, in_plain_operations
from lashley.graph.running import Refused, kinds_of_tensors, memory_of, storage_of, tensors
from lashley.graph.signature import Inputs, arguments, flat, logits_of, names_of
from lashley.graph.symbolic import finished
from lashley.graph.tidy import without_idle
from lashley.graph.written import written_down

_ALIASES = frozenset({"data", "detach", "alias"})  # another name of the same numbers
_READ = frozenset({"__bool__", "__float__", "item"})  # Python decides by the number
_COMPARED = frozenset({"gt", "lt", "ge", "le", "greater", "less", "greater_equal", "less_equal",
                       "__gt__", "__lt__", "__ge__", "__le__"})  # fmt: skip
_LEAVE = frozenset({"numpy", "__array__", "tolist", "__dlpack__"})  # their numbers may come back
_RETURN = frozenset({"from_numpy", "tensor", "as_tensor", "asarray", "from_dlpack"})


def recorded(network: nn.Module, example: Inputs) -> fx.GraphModule:
    """What a network does with an example, in the vocabulary of `torch.fx`.

    Every node's `meta["owner"]` is the dotted name of the innermost module at work, and
    `meta["key"]` a `CallKey`, by which `intercepting` finds the call in another run. A node without
    a key cannot be intercepted. If an operation writes to memory that other tensors share, these
    are read afterwards through `as_recorded`, which anatomy does not know.

    Args:
        network: In eval mode; restored afterwards.
        example: As the network takes it.

    Raises:
        Refused: If an attention or what is returned is of an unknown kind.
        EngineError: If the record does not run.
        Exception: Whatever the network's forward raises.
    """
    graph = fx.Graph()
    with intact(network), in_plain_operations(network), scopes(network) as stack:
        recorder = _Recorder(network, graph, stack)
        values = [tensor.clone() for tensor in flat(example)]
        for name, value in zip(names_of(example) or ("input",), values, strict=True):
            recorder.hold(value, graph.placeholder(name))
        args, kwargs = arguments(network, values, names_of(example))
        with recorder:
            output = logits_of(network(*args, **kwargs))
        if not isinstance(output, Tensor):
            raise Refused(f"the network returns a {type(output).__name__}, not a tensor")
        graph.output(recorder.node_of(output))
        reads = recorder.reads_of_inputs()
    attributes = recorder.attributes
    for node in graph.nodes:
        node.meta.setdefault("owner", str(node.target).rpartition(".")[0])
    without_idle(graph, attributes)
    try:
        module, _ = finished(graph, attributes, flat(example))
    except RuntimeError as error:
        raise EngineError(
            "network: neither torch.fx nor torch.export captures it, and a run of it cannot be "
            f"written down ({str(error).splitlines()[0]}), as when forward calls torch.vmap or "
            "torch.func. Write these steps with plain operations."
        ) from error
    module.meta["reads"] = reads
    return module


def decides_by_batch(network: nn.Module, example: Inputs, known: fx.GraphModule) -> bool:
    """Whether forward decides by one number of a whole batch, such as `h.mean() > 0`.

    It reads such a number equally often for any number of examples.

    Args:
        network: In eval mode.
        example: The one that `known` is of.
        known: From `recorded`.
    """
    reads = known.meta["reads"]
    if not reads:
        return False
    names = names_of(example)
    fewer = [part[:-1] for part in flat(example)]
    again = recorded(network, dict(zip(names, fewer, strict=True)) if names else fewer[0])
    return any(again.meta["reads"][place] == count for place, count in reads.items())


def as_recorded(*read: Any) -> Any:
    """A value of the recorded run, the last; how it depends on those before it is not shown."""
    return read[-1]


@dataclass(eq=False)
class _Held:
    """A tensor that the run has seen.

    Attributes:
        tensor: Kept, so that no other gets its identity.
        node: What it is in the graph.
        version: When it was that node.
        writers: What has since written to its memory, under other names.
        cut_to: If it is a part of another, how many examples that has at most; both if it is a part
            of a part.
    """

    tensor: Tensor
    node: fx.Node
    version: int
    writers: list[fx.Node] = field(default_factory=list)
    cut_to: tuple[Any, ...] = ()


class _Recorder(Calls):
    """Writes down each operation that is called."""

    def __init__(self, network: nn.Module, graph: fx.Graph, stack: list[Scope]) -> None:
        super().__init__(stack)
        self.attributes: dict[str, Any] = {}
        self._graph = graph
        self._held: dict[int, _Held] = {}
        self._storages: dict[int, list[_Held]] = {}
        own = [*network.named_parameters(), *network.named_buffers()]
        self._own = {memory_of(tensor): (name, tensor) for name, tensor in reversed(own)}
        kinds = kinds_of_tensors()
        self._before = {id(t): t for t in gc.get_objects() if type(t) in kinds}
        self._compared: set[int] = set()  # results of comparing one number with another
        self._reads: list[tuple[fx.Node, CallKey | None]] = []
        self._left: list[fx.Node] = []  # tensors whose numbers left the visible operations

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func in FUNCTIONS:
            with self:
                return FUNCTIONS[func](*args, **kwargs)
        operation, given = operation_of(func), tensors((args, kwargs))
        key = self.key_of(operation)
        nodes = [self.node_of(tensor) for tensor in given]
        versions = [tensor._version for tensor in given]
        returned = func(*args, **kwargs)
        written = [t for t, v in zip(given, versions, strict=True) if t._version != v]
        if operation in _LEAVE:
            self._left.extend(nodes)
        self._look_at_number(operation, given, nodes, returned, key)
        fresh = [t for t in tensors(returned) if not any(t is g for g in given)]
        if operation in _ALIASES and fresh and not written:
            self.hold(fresh[0], nodes[0])
        elif not nodes and not (operation in _RETURN and self._left):
            self._before.update({id(t): t for t in fresh})
        elif written or fresh:
            node = self._node(func, args, kwargs) or self._opaque(nodes, returned)
            node.meta = {"owner": self.stack[-1].owner}
            self._note(node, returned, written, nodes)
            self._parts(node, returned, {id(t) for t in (*fresh, *written)}, key)
            if given:
                cuts = (*self._held[id(given[0])].cut_to, *cut_to(operation, args))
                for tensor in fresh:
                    self._held[id(tensor)].cut_to = cuts
        return returned

    def _look_at_number(
        self, operation: str, given: list[Tensor], nodes: list[fx.Node], returned: Any,
        key: CallKey | None,
    ) -> None:  # fmt: skip
        """Note decisions by a real number, if all given ones are such."""
        if not given or any(tensor.numel() != 1 for tensor in given):
            return
        real = given[0].is_floating_point()
        if operation in _COMPARED and real:
            self._compared.add(id(returned))
        elif operation in _READ and (real or id(given[0]) in self._compared):
            self._reads.append((nodes[0], key))

    def reads_of_inputs(self) -> Counter[CallKey]:
        """How often a number that depends on the inputs was read, by place in the code."""
        varies: set[fx.Node] = set()
        for node in self._graph.nodes:
            if node.op == "placeholder" or any(n in varies for n in node.all_input_nodes):
                varies.add(node)
        return Counter(key.every for node, key in self._reads if node in varies and key is not None)

    def hold(self, tensor: Tensor, node: fx.Node) -> None:
        """From now on, the tensor is this node."""
        held = self._held.get(id(tensor))
        if held is None:
            held = self._held[id(tensor)] = _Held(tensor, node, 0)
            self._storages.setdefault(storage_of(tensor), []).append(held)
        held.node, held.version, held.writers = node, tensor._version, []

    def node_of(self, tensor: Tensor) -> fx.Node:
        """The node for a tensor as it is now."""
        held = self._held.get(id(tensor))
        if held is None:
            node = self._unseen(tensor)
        elif held.version != tensor._version or held.writers:
            node = self._opaque([held.node, *(held.writers or self._unread())], tensor)
        else:
            return held.node
        self.hold(tensor, node)
        return node

    def _unseen(self, tensor: Tensor) -> fx.Node:
        """A parameter, a constant, or something made outside the visible operations."""
        if memory_of(tensor) in self._own:
            return self._attribute(*self._own[memory_of(tensor)])
        if id(tensor) in self._before:
            return self._constant(tensor)
        return self._opaque(self._left or self._unread(), tensor)

    def _unread(self) -> list[fx.Node]:
        return [node for node in self._graph.nodes if not node.users]

    def _attribute(self, name: str, value: Any) -> fx.Node:
        self.attributes[name] = value
        return self._graph.get_attr(name)

    def _constant(self, value: Any) -> fx.Node:
        kept = value.detach().clone() if isinstance(value, Tensor) else value
        return self._attribute(f"_constant_{len(self.attributes)}", kept)

    def _opaque(self, read: list[fx.Node], value: Any) -> fx.Node:
        node = self._graph.call_function(as_recorded, (*read, self._constant(value)))
        node.meta = {"owner": self.stack[-1].owner}
        return node

    def _node(self, func: Any, args: Any, kwargs: Any) -> fx.Node | None:
        """The call as a node that writes to nothing; None if there is no such node."""
        by_node = {id(tensor): self._held[id(tensor)].node for tensor in tensors((args, kwargs))}
        try:
            return written_down(self._graph, func, args, kwargs, by_node)
        except Refused:
            return None

    def _note(
        self, node: fx.Node, returned: Any, written: list[Tensor], read: list[fx.Node]
    ) -> None:
        """Note what the tensors that a call has written to are now."""
        for tensor in written:
            whole = tensor is returned and node.target is not as_recorded
            new = node if tensor is returned else self._opaque([*read, node], tensor)
            for other in self._storages.get(storage_of(tensor), []):
                alike = other.cut_to == self._held[id(tensor)].cut_to
                if other.tensor is tensor or (whole and alike and _same(other.tensor, tensor)):
                    other.node, other.version, other.writers = new, other.tensor._version, []
                else:
                    other.writers.append(new)

    def _parts(self, node: fx.Node, value: Any, new: set[int], key: CallKey | None) -> None:
        """Note what a call has returned, part by part."""
        if isinstance(value, Tensor):
            if id(value) in new:
                node.meta |= {"key": key} if key is not None else {}
                self.hold(value, node)
        elif isinstance(value, tuple | list):
            for place, part in enumerate(value):
                if any(id(tensor) in new for tensor in tensors(part)):
                    got = self._graph.call_function(operator.getitem, (node, place))
                    got.meta = {"owner": node.meta["owner"]}
                    inner = key._replace(part=place) if key and key.part is None else None
                    self._parts(got, part, new, inner)


def _same(one: Tensor, other: Tensor) -> bool:
    if one.dtype != other.dtype or one.shape != other.shape or one.is_sparse:
        return False
    signs = (one.is_conj(), one.is_neg()) == (other.is_conj(), other.is_neg())
    return signs and (one.data_ptr(), one.stride()) == (other.data_ptr(), other.stride())
