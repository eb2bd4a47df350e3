"""A graph without writes: what works in place is replaced by a twin that does not."""

from __future__ import annotations

import copy
import inspect
import operator
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.multiprocessing.reductions import StorageWeakRef
from torch.nn import functional as F

from lashley.graph.running import Refused, tensors, walked
from lashley.graph.tidy import name_of


@dataclass(frozen=True)
class _Twin:
    """The same operation out of place; of a module, `target` is the module itself."""

    target: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


def without_writes(graph: fx.Graph, attributes: dict[str, Any], inputs: Sequence[Tensor]) -> None:
    """Rewrite what works in place; later readers of an overwritten value read the result instead.

    Args:
        graph: Changed in place.
        attributes: By the names of the graph; modules that work in place are replaced by copies
            which share their parameters.
        inputs: An example; the graph is run on it to see which values share memory.

    Raises:
        Refused: If a write reaches values that cannot be replaced, such as another view.
    """
    writes = [node for node in graph.nodes if _twin(node, attributes) is not None]
    if not writes:
        return
    for node in writes:
        written = _written(node)
        if written is not None and written.op == "get_attr":
            raise Refused(f"{node.name} writes to {written.target}")
    memory = _Memory(graph, _places(graph, attributes, inputs))
    for node in writes:
        memory.replace_readers(node)
    for node in writes:
        _apply(node, _twin(node, attributes), attributes)


def out_of_place(node: fx.Node) -> tuple[Any, tuple[Any, ...], dict[str, Any]] | None:
    """Target and arguments of a call that does the same without a write; None if this one does.

    Args:
        node: The call of a function or of a method.

    Raises:
        Refused: If it writes, and there is no such call.
    """
    twin = _twin(node, {})
    return None if twin is None else (twin.target, twin.args, twin.kwargs)


def _written(node: fx.Node) -> fx.Node | None:
    """The node it writes to; None if that is a plain number."""
    first = node.args[0] if node.args else node.kwargs.get("input")
    return first if isinstance(first, fx.Node) else None


@dataclass(frozen=True)
class _Place:
    """Where a value lies: the memories of its tensors; for a single one also where in its own."""

    memories: tuple[StorageWeakRef, ...]
    inside: tuple[Any, ...] | None


def _places(
    graph: fx.Graph, attributes: dict[str, Any], inputs: Sequence[Tensor]
) -> dict[fx.Node, _Place]:
    """Where the values of a run lie; the values themselves are freed as it goes on."""
    copies = [tensor.clone() for tensor in inputs]
    run = walked(graph, attributes, copies, pure=False)
    return {node: _place(values[node]) for node, values in run}


def _place(value: Any) -> _Place:
    # While this reference lives, no other memory is mistaken for this one.
    memories = tuple(StorageWeakRef(tensor.untyped_storage()) for tensor in tensors(value))
    if not isinstance(value, Tensor):
        return _Place(memories, None)
    layout = (value.storage_offset(), value.shape, value.stride(), value.dtype)
    return _Place(memories, (*layout, value.is_conj(), value.is_neg()))


class _Memory:
    """Which values of a run share memory, and who reads them when."""

    def __init__(self, graph: fx.Graph, places: dict[fx.Node, _Place]) -> None:
        self._places = places
        self._sharing = defaultdict[StorageWeakRef, list[fx.Node]](list)
        for node, place in places.items():
            for memory in place.memories:
                self._sharing[memory].append(node)
        self._order: dict[fx.Node, float] = {node: i for i, node in enumerate(graph.nodes)}

    def replace_readers(self, node: fx.Node) -> None:
        """Let later readers of what a node writes to read the result instead.

        Raises:
            Refused: If that is a view, and anything except what it is a view of is read later.
        """
        target = _written(node)
        if target is None or self._places[target].inside is None:  # `i += 1` of a number
            return
        viewed, users = self._viewed(target), list[tuple[fx.Node, int, list[fx.Node]]]()
        for other in self._sharing[self._places[target].memories[0]]:
            if self._order[other] >= self._order[node]:
                continue
            if other.op == "get_attr":
                raise Refused(f"{node.name} writes to {other.target}")
            later = [user for user in other.users if self._order[user] > self._order[node]]
            place = next((i for i, v in enumerate(viewed) if self._are_same(other, v)), None)
            if later and place is None:
                raise Refused(f"{node.name} writes to a view, and {other.name} is read later")
            if later and place is not None:
                users.append((other, place, later))
        deepest = max((place for _, place, _ in users), default=0)
        new = self._results(node, viewed[: deepest + 1])
        for other, place, later in users:
            for user in later:
                user.replace_input_with(other, new[place])

    def _viewed(self, target: fx.Node) -> list[fx.Node]:
        """A value, what it is a part of, what that is a part of, and so on."""
        found = [target]
        while found[-1].target in _INTO and isinstance(found[-1].args[0], fx.Node):
            found.append(found[-1].args[0])
        return found

    def _are_same(self, one: fx.Node, other: fx.Node) -> bool:
        if self._places[one] != self._places[other]:
            return False
        return self._cut_to(one) == self._cut_to(other)  # else it only seems so on few examples

    def _cut_to(self, node: fx.Node) -> tuple[Any, ...]:
        """To how many examples the memory of a value, and of what it is part of, is cut."""
        found, memories = (), set(self._places[node].memories)
        while node.args and isinstance(node.args[0], fx.Node):
            found += cut_to(name_of(node), node.args)
            node = node.args[0]
            if memories.isdisjoint(self._places[node].memories):
                break
        return found

    def _results(self, node: fx.Node, viewed: Sequence[fx.Node]) -> list[fx.Node]:
        """What a write makes of a value, and of those it is part of."""
        found = [node]
        for part, whole in pairwise(viewed):
            if _INTO[part.target] is None:
                found.append(found[-1])
                continue
            with node.graph.inserting_after(found[-1]):
                into = node.graph.call_function(
                    _INTO[part.target], (whole, found[-1], *part.args[1:]), part.kwargs
                )
            into.meta = dict(node.meta)
            self._places[into], self._order[into] = self._places[whole], self._order[node] + 0.5
            self._sharing[self._places[whole].memories[0]].append(into)
            found.append(into)
        return found


_ATEN = torch.ops.aten
_INTO: dict[Any, Any] = {_ATEN.slice.Tensor: _ATEN.slice_scatter.default,
                         _ATEN.select.int: _ATEN.select_scatter.default,
                         _ATEN.alias.default: None}  # the same under another name  # fmt: skip


def cut_to(operation: str, args: Sequence[Any]) -> tuple[Any, ...]:
    """The number of examples that a call cuts a value to, which a small sample may not reach.

    For `x[:5]` that is (5,): with three examples the part looks like the whole. Else ().
    """
    if operation in ("getitem", "__getitem__"):
        first = args[1][0] if isinstance(args[1], tuple) and args[1] else args[1]
        end = first.stop if isinstance(first, slice) else None
    elif operation in _CUTS:
        axis, place = _CUTS[operation]
        along = args[axis] if axis < len(args) else 0
        end = args[place] if place < len(args) and along == 0 else None
    else:
        return ()
    return () if end is None or (isinstance(end, int) and end >= _NO_END) else (end,)


_CUTS = {"narrow": (1, 3), "slice": (1, 3), "split": (2, 1), "split_with_sizes": (2, 1)}
_NO_END = 1 << 62


def _apply(node: fx.Node, twin: _Twin | None, attributes: dict[str, Any]) -> None:
    if twin is None:  # a module called twice has its twin already
        return
    if node.op == "call_module":
        attributes[str(node.target)] = twin.target
    else:
        node.target, node.args, node.kwargs = twin.target, twin.args, twin.kwargs


def _twin(node: fx.Node, attributes: dict[str, Any]) -> _Twin | None:
    """None if the node already works out of place."""
    if node.op == "call_module":
        module = attributes[str(node.target)]
        return _Twin(_module_twin(module), (), {}) if getattr(module, "inplace", False) else None
    if node.op not in ("call_function", "call_method"):
        return None
    if node.kwargs.get("out") is not None:
        raise Refused(f"{node.name} writes to its argument out")
    target = _target_twin(node)
    if target is not None:
        return _Twin(target, node.args, dict(node.kwargs))
    return _option_twin(node)


def _module_twin(module: nn.Module) -> nn.Module:
    twin = copy.copy(module)
    twin.__dict__["inplace"] = False
    return twin


def _target_twin(node: fx.Node) -> Any:
    """For relu_, add_, operator.iadd ...; None for what has no such name."""
    name, target = name_of(node), node.target
    if isinstance(target, torch._ops.OpOverload):
        if not target._schema.is_mutable:
            return None
        space = getattr(torch.ops, target.namespace)
        twin = getattr(getattr(space, name.removesuffix("_"), None), target._overloadname, None)
    elif name in ("setitem", "__setitem__"):
        twin = None
    elif getattr(target, "__module__", "") == "_operator":
        if name not in _IN_PLACE_OPERATORS:
            return None
        twin = getattr(operator, name[1:], None) or getattr(operator, name[1:] + "_", None)
    elif not name.endswith("_") or name.endswith("__"):
        return None
    elif node.op == "call_method":
        twin = name[:-1] if hasattr(Tensor, name[:-1]) else None
    else:
        twin = getattr(F, name[:-1], None) or getattr(torch, name[:-1], None)
    if twin is None:
        raise Refused(f"{node.name} writes to its input, and {name} has no twin that does not")
    return twin


_IN_PLACE_OPERATORS = frozenset({
    "iadd", "iand", "iconcat", "ifloordiv", "ilshift", "imatmul", "imod", "imul", "ior", "ipow",
    "irshift", "isub", "itruediv", "ixor",
})  # fmt: skip


def _option_twin(node: fx.Node) -> _Twin | None:
    """For F.relu(x, inplace=True) and the like."""
    if node.kwargs.get("inplace") is True:
        kwargs = {name: value for name, value in node.kwargs.items() if name != "inplace"}
        return _Twin(node.target, node.args, kwargs)
    if not any(value is True for value in node.args) or node.op != "call_function":
        return None
    target: Any = node.target
    try:
        place = list(inspect.signature(target).parameters).index("inplace")
    except (TypeError, ValueError):  # built in, or without such an option
        return None
    if place >= len(node.args) or node.args[place] is not True:
        return None
    return _Twin(target, (*node.args[:place], False, *node.args[place + 1 :]), dict(node.kwargs))
