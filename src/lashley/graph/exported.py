"""A network traced by `torch.export`, every operation one of ATen's."""

from __future__ import annotations

import io
import logging
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from operator import attrgetter
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.fx.node import map_arg

from lashley.graph.functional import without_writes
from lashley.graph.plain_forms import in_plain_operations
from lashley.graph.running import Refused, memory_of, names_by_memory, own_tensors
from lashley.graph.signature import Inputs, arguments, flat, logits_of, names_of
from lashley.graph.symbolic import finished
from lashley.graph.tidy import with_plain_norms, without_idle, without_unused
from lashley.graph.unrolled import unroll

_PREFIX = "network"
_IN_FORM = ".forward.args[0]"  # what Dynamo calls a module whose forward is a plain form of it
# What Dynamo calls a module found by its owner's own `__getattr__`, as in diffusers.
_LOOKED_UP = re.compile(r"\.__dict__\['_modules'\]\['([^']+)'\]")


class _Wrapper(nn.Module):
    """Plain tensors in, logits out."""

    def __init__(self, network: nn.Module, names: tuple[str, ...]) -> None:
        super().__init__()
        self.network, self.names = network, names

    def forward(self, *values: Tensor) -> Tensor:
        args, kwargs = arguments(self.network, values, self.names)
        return logits_of(self.network(*args, **kwargs))


def exported(network: nn.Module, example: Inputs) -> fx.GraphModule:
    """The network as a pure graph for any number of examples.

    Writes are removed here where that is simple, and by `run_decompositions` where it is not.

    Raises:
        Refused: If the result still writes, or has graphs inside.
        Exception: Whatever torch.export raises.
    """
    names = names_of(example)
    with _quiet(), in_plain_operations(network):
        program = _program(network, names, flat(example))
        try:
            return _pure(program, network, example)
        except Refused:
            return _pure(program.run_decompositions({}), network, example)


@contextmanager
def _quiet() -> Iterator[None]:
    """A failed export is not the user's fault, and its reason is passed on in one line."""
    disabled = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        with warnings.catch_warnings(), redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)


def _program(network: nn.Module, names: tuple[str, ...], inputs: list[Tensor]) -> Any:
    """By plain calls; if these bake in the number of examples, as `len(x)` does, by Dynamo."""
    try:
        return _export(network, names, inputs, strict=False)
    except Exception as error:
        if "Constraints violated" not in str(error):
            raise
        return _export(network, names, inputs, strict=True)


def _export(network: nn.Module, names: tuple[str, ...], inputs: list[Tensor], strict: bool) -> Any:
    wrapper = _Wrapper(network, names)
    wrapper.training = False
    shapes = {"values": tuple({0: torch.export.Dim.DYNAMIC} for _ in inputs)}
    return torch.export.export(wrapper, tuple(inputs), dynamic_shapes=shapes, strict=strict)


def _pure(program: Any, network: nn.Module, example: Inputs) -> fx.GraphModule:
    names = names_of(example) or ("input",)
    graph, attributes = _rebuilt(program.module(check_guards=False), network, names)
    without_idle(graph, attributes)
    _erase_checks(graph)
    without_writes(graph, attributes, flat(example))  # while unread writes are there
    without_unused(graph)
    with_plain_norms(graph)
    unroll(graph, attributes, flat(example))
    module, _ = finished(graph, attributes, flat(example))
    return module


def _rebuilt(
    source: fx.GraphModule, network: nn.Module, names: tuple[str, ...]
) -> tuple[fx.Graph, dict[str, Any]]:
    """The graph and what it names, by the network's own names; by the first of several."""
    graph, attributes, new = fx.Graph(), {}, {}
    own = own_tensors(network)
    first = names_by_memory(own)
    modules = dict(network.named_modules(remove_duplicate=False))
    named = {id(module): name for name, module in reversed(modules.items())}
    placeholders = iter(names)
    for node in source.graph.nodes:
        if node.op == "placeholder":
            new[node] = graph.placeholder(next(placeholders))
        elif node.op == "output":
            new[node] = graph.output(map_arg(_only(node.args[0]), new.__getitem__))
        elif node.op == "get_attr":
            name = _stripped(str(node.target))
            value = own[name] if name in own else attrgetter(node.target)(source)
            name = first.get(memory_of(value), name)  # also if it was read as x.data
            attributes[name] = _no_graph(own.get(name, value))
            new[node] = graph.get_attr(name)
        elif node.op == "call_module":  # its guards
            continue
        else:
            new[node] = graph.node_copy(node, new.__getitem__)
        owner = _owner(node, new[node])
        new[node].meta = {"owner": named.get(id(modules.get(owner)), owner)}
    return graph, attributes


def _only(output: Any) -> Any:
    return output[0] if isinstance(output, tuple | list) else output


def _no_graph(value: Any) -> Any:
    if isinstance(value, nn.Module):
        raise Refused("the exported graph has graphs inside, such as those of torch.cond")
    return value


def _stripped(name: str) -> str:
    name = _LOOKED_UP.sub(r".\1", name.replace(_IN_FORM, ""))
    return "" if name == _PREFIX else name.removeprefix(f"{_PREFIX}.")


def _owner(node: fx.Node, new: fx.Node) -> str:
    if new.op == "get_attr":
        return str(new.target).rpartition(".")[0]
    stack = [name for name, _ in (node.meta.get("nn_module_stack") or {}).values()]
    inside = [name for name in stack if name.partition(".")[0] == _PREFIX]
    return _stripped(inside[-1].partition("@")[0]) if inside else ""


def _erase_checks(graph: fx.Graph) -> None:
    """Assertions hold for the example's number of examples, and are not part of the values."""
    for node in reversed(list(graph.nodes)):
        name = str(node.target)
        if not node.users and ("_assert" in name or "sym_constrain" in name):
            graph.erase_node(node)
