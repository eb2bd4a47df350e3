"""A graph run node by node: what each one holds, and whether it writes to its input."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import Any

from torch import Tensor, fx, nn
from torch.fx.node import map_arg
from torch.utils import _pytree as pytree


class Refused(Exception):
    """A network cannot be captured this way; the message is the reason."""


def tensors(value: Any) -> list[Tensor]:
    """The tensors in nested tuples, lists, dicts and slices."""
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, slice):  # pytree does not look into it
        return tensors((value.start, value.stop, value.step))
    leaves = pytree.tree_leaves(value)
    return [t for leaf in leaves if isinstance(leaf, Tensor | slice) for t in tensors(leaf)]


def own_tensors(network: nn.Module) -> dict[str, Tensor]:
    """A network's buffers and parameters, by all their names."""
    return {**dict(network.named_buffers(remove_duplicate=False)),
            **dict(network.named_parameters(remove_duplicate=False))}  # fmt: skip


def names_by_memory(own: dict[str, Tensor]) -> dict[Any, str]:
    """The first name of the tensors in each memory, by `memory_of`."""
    return {memory_of(tensor): name for name, tensor in reversed(own.items())}


def memory_of(value: Any) -> Any:
    """The same for a tensor and others of the very same numbers, such as its `.data`."""
    try:
        place = value.data_ptr()
    except (AttributeError, RuntimeError):  # not a tensor, or one without its own memory
        place = 0
    return (place, value.dtype, value.shape, value.stride()) if place else id(value)


def storage_of(value: Any) -> int:
    """The same for all tensors that share a memory; else unique."""
    try:
        return value.untyped_storage().data_ptr() or id(value)
    except (AttributeError, NotImplementedError, RuntimeError):  # a sparse tensor has none
        return id(value)


def with_parts(value: Any, parts: Sequence[Any]) -> Any:
    """A tuple or list like this one, with other parts; fields keep their names."""
    kind = type(value)
    return kind(*parts) if hasattr(kind, "_fields") else kind(parts)


def kinds_of_tensors(kind: type = Tensor) -> set[type]:
    """Tensor and everything derived from it."""
    return {kind}.union(*(kinds_of_tensors(derived) for derived in kind.__subclasses__()))


def run(
    graph: fx.Graph, attributes: Mapping[str, Any], inputs: Sequence[Tensor], pure: bool = True
) -> dict[fx.Node, Any]:
    """The value of every node; all are kept.

    Raises:
        Refused: If `pure` and a node writes to a value that it was given.
    """
    return {node: values[node] for node, values in walked(graph, attributes, inputs, pure)}


def walked(
    graph: fx.Graph, attributes: Mapping[str, Any], inputs: Sequence[Tensor], pure: bool = True
) -> Iterator[tuple[fx.Node, Mapping[fx.Node, Any]]]:
    """Node by node, with its value and those read later; all others are freed.

    Raises:
        Refused: If `pure` and a node writes to a value that it was given.
    """
    values: dict[fx.Node, Any] = {}
    given, done_with = iter(inputs), defaultdict[fx.Node, list[fx.Node]](list)
    for source, reader in last_readers(graph).items():
        done_with[reader].append(source)
    for node in graph.nodes:
        args, kwargs = map_arg((node.args, node.kwargs), values.__getitem__)
        read = tensors((args, kwargs)) if pure else []
        versions = [tensor._version for tensor in read]
        if node.op == "placeholder":
            values[node] = next(given)
        elif node.op == "output":
            values[node] = args[0]
        else:
            values[node] = called(node, attributes, args, kwargs)
        if versions != [tensor._version for tensor in read]:
            raise Refused(f"{node.name} writes to its input")
        del args, kwargs, read
        yield node, values
        for source in done_with[node]:
            del values[source]


def last_readers(graph: fx.Graph) -> dict[fx.Node, fx.Node]:
    """By nodes, the one that reads the value last; the node itself if none does."""
    found: dict[fx.Node, fx.Node] = {}
    for node in graph.nodes:
        found |= dict.fromkeys((node, *node.all_input_nodes), node)
    return found


def called(node: fx.Node, attributes: Mapping[str, Any], args: Any, kwargs: Any) -> Any:
    """What a node makes of these arguments; it is neither an input nor the output."""
    if node.op == "get_attr":
        return attributes[str(node.target)]
    if node.op == "call_method":
        return getattr(args[0], str(node.target))(*args[1:], **kwargs)
    function = attributes[str(node.target)] if node.op == "call_module" else node.target
    return function(*args, **kwargs)  # pyright: ignore[reportCallIssue]


def attributes_of(root: nn.Module, graph: fx.Graph) -> dict[str, Any]:
    """The tensors and modules that the graph names, by name."""
    named = {str(n.target) for n in graph.nodes if n.op in ("get_attr", "call_module")}
    return {name: attrgetter(name)(root) for name in sorted(named)}


def assembled(graph: fx.Graph, attributes: Mapping[str, Any]) -> fx.GraphModule:
    """The graph as a module that uses these tensors and modules themselves, not copies."""
    root = nn.Module()
    for name in sorted(attributes, key=lambda name: name.count(".")):
        *path, last = name.split(".")
        parent = _holder(root, path)
        if parent is not None:
            _put(parent, last, attributes[name])
    module = fx.GraphModule(root, graph)
    module.training = False
    return module


def _holder(root: nn.Module, path: list[str]) -> nn.Module | None:
    """The bare module at the path, made if missing; None inside one of the network's modules."""
    for item in path:
        if item not in root._modules:
            root.add_module(item, nn.Module())
        root = root.get_submodule(item)
        if type(root) is not nn.Module:
            return None
    return root


def _put(parent: nn.Module, name: str, value: Any) -> None:
    put: Callable[[str, Any], None] = (
        parent.register_buffer
        if isinstance(value, Tensor) and not isinstance(value, nn.Parameter)
        else lambda name, value: setattr(parent, name, value)
    )
    put(name, value)
