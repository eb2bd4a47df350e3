"""A network traced symbolically by `torch.fx`, modules of torch.nn kept whole."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from operator import attrgetter
from types import FunctionType
from typing import Any

from torch import Tensor, fx, nn
from torch.backends import mha
from torch.nn.utils import parametrize, rnn

from lashley.graph.attention import attention_heads, split_heads
from lashley.graph.described import describe, shape_of
from lashley.graph.functional import without_writes
from lashley.graph.plain_forms import FORMS
from lashley.graph.running import (
    Refused,
    assembled,
    attributes_of,
    memory_of,
    names_by_memory,
    own_tensors,
    storage_of,
    walked,
)
from lashley.graph.signature import Inputs, arguments, flat, logits_of, names_of
from lashley.graph.tidy import casts_nothing, pass_by, without_idle, without_unused
from lashley.graph.unrolled import unroll

_KEPT = (rnn.pack_padded_sequence, rnn.pad_packed_sequence)  # they cannot be traced into
_OURS = ("torch", "_operator", "lashley")  # packages whose functions are operations


class _Tracer(fx.Tracer):
    """Placeholders by the names of the inputs; as many as the network needs.

    Args:
        names: Of the inputs.
        enters: Whether to trace into what `torch.fx.wrap` keeps whole: it may hold layers, and
            hides what becomes of units.
    """

    def __init__(self, names: tuple[str, ...], enters: bool) -> None:
        super().__init__(autowrap_functions=_KEPT)
        self._autowrap_search.append(rnn)  # if they are called as nn.utils.rnn.pack_...
        self.names, self._enters = names, enters
        self._inside: list[Any] = []

    def create_proxy(
        self, kind: str, target: Any, args: Any, kwargs: Any, *rest: Any, **options: Any
    ) -> Any:
        plain = not isinstance(target, FunctionType) or (
            (target.__module__ or "").partition(".")[0] in _OURS
        )
        if plain or not self._enters or target in self._inside:
            return super().create_proxy(kind, target, args, kwargs, *rest, **options)
        self._inside.append(target)  # one that comes back through the tracer is kept whole
        try:
            return target(*args, **kwargs)
        finally:
            self._inside.pop()

    def create_args_for_root(
        self, root_fn: Callable[..., Any], is_module: bool, concrete_args: Any = None
    ) -> tuple[Any, list[Any]]:
        values = [self.create_proxy("placeholder", n, (), {}) for n in self.names or ("input",)]
        return self._logits, values

    def _logits(self, *values: Any) -> Any:
        args, kwargs = arguments(self.root, values, self.names)
        return logits_of(_forward_of(self.root)(*args, **kwargs))

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        entered = isinstance(m, _CONTAINERS) or _computes_weights(m)
        return not entered and super().is_leaf_module(m, module_qualified_name)

    def call_module(self, m: nn.Module, forward: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        if type(m) in _CONTAINERS:
            forward = _forward_of(m)
        return super().call_module(m, forward, args, kwargs)


def _computes_weights(module: nn.Module) -> bool:
    """Whether something torch.nn.utils added makes a module's weights anew at each call."""
    hooks = module._forward_pre_hooks.values()
    plain = bool(hooks) and not module._forward_hooks
    ours = plain and all(type(hook).__module__.startswith("torch.nn.utils") for hook in hooks)
    recurrent = isinstance(module, nn.RNNBase | nn.RNNCellBase)
    return not recurrent and (ours or parametrize.is_parametrized(module))


def _forward_of(module: nn.Module) -> Callable[..., Any]:
    """Its forward; stacks of layers ask for sizes there, but only for their fused paths."""
    if type(module) is nn.TransformerDecoder:
        return partial(_decoder, module)
    form = FORMS.get(type(module)) if type(module) in _CONTAINERS else None
    return module.forward if form is None else form(module, mha.get_fastpath_enabled())


def _decoder(
    stack: Any,
    tgt: Any,
    memory: Any,
    *masks: Any,
    tgt_is_causal: bool | None = None,
    memory_is_causal: bool = False,
    **named_masks: Any,
) -> Any:
    for layer in stack.layers:
        tgt = layer(tgt, memory, *masks, **named_masks)
    return tgt if stack.norm is None else stack.norm(tgt)


_CONTAINERS = (nn.TransformerEncoder, nn.TransformerEncoderLayer, nn.TransformerDecoder,
               nn.TransformerDecoderLayer)  # fmt: skip


def traced(network: nn.Module, names: tuple[str, ...] = (), enters: bool = False) -> fx.Graph:
    """What a network does as it is: in its current mode, modules of torch.nn kept whole.

    Args:
        network: Any.
        names: Those of its inputs; () for a plain tensor.
        enters: Whether to trace into what `torch.fx.wrap` keeps whole too.

    Raises:
        Exception: Whatever the network's forward raises on a symbolic value.
    """
    return _Tracer(names, enters).trace(network)


def symbolic(network: nn.Module, example: Inputs) -> tuple[fx.GraphModule, Any]:
    """The network as a pure graph, and what that makes of the example.

    Raises:
        Refused: If it has hooks, or writes that cannot be removed.
        Exception: Whatever the network's forward raises on a symbolic value.
    """
    inputs = flat(example)
    graph = traced(network, names_of(example), enters=True)
    _name_own(graph, network)
    attributes = attributes_of(network, graph)
    _refuse_hooks(network, attributes)
    _name_owners(graph)
    without_idle(graph, attributes)
    split_heads(graph, attributes)
    without_writes(graph, attributes, inputs)
    unroll(graph, attributes, inputs)
    return finished(graph, attributes, inputs)


def finished(
    graph: fx.Graph, attributes: dict[str, Any], inputs: list[Tensor]
) -> tuple[fx.GraphModule, Any]:
    """The graph as a module, after a check that it is pure, and what it makes of the inputs.

    Raises:
        Refused: If a node writes to its input.
    """
    without_unused(graph)
    idle, output = [], None
    for node, values in walked(graph, attributes, [tensor.clone() for tensor in inputs]):
        output = values[node]
        describe(node, output)
        if casts_nothing(node, values):
            idle.append(node)
    for node in idle:
        pass_by(graph, node)
    without_unused(graph)
    for node in graph.nodes:
        attends = "scaled_dot_product_attention" in str(node.target)
        shape = shape_of(node) if attends or node.target is attention_heads else None
        if shape is not None and len(shape) > 2:
            node.meta["heads"] = shape[-3]
    used = {str(n.target) for n in graph.nodes if n.op in ("get_attr", "call_module")}
    return assembled(graph, {name: attributes[name] for name in used}), output


def _refuse_hooks(network: nn.Module, attributes: dict[str, Any]) -> None:
    leaves = [(n, m) for n, m in attributes.items() if isinstance(m, nn.Module)]
    for name, module in [("the network", network), *leaves]:
        if module._forward_hooks or module._forward_pre_hooks:
            raise Refused(f"{name} has forward hooks")


def _name_own(graph: fx.Graph, network: nn.Module) -> None:
    """Give names to the network's own tensors that forward reads without them.

    Raises:
        Refused: If it makes a view of one where the tracer does not see it.
    """
    own = own_tensors(network)
    first = names_by_memory(own)
    stored = {storage_of(parameter) for parameter in network.parameters()}
    for node in graph.nodes:
        if node.op == "get_attr" and str(node.target) not in own:
            held = attrgetter(str(node.target))(network)
            node.target = first.get(memory_of(held), node.target)
            if str(node.target) not in own and storage_of(held) in stored:
                raise Refused("forward makes views of its weights without their names")


def _name_owners(graph: fx.Graph) -> None:
    for node in graph.nodes:
        stack = list(node.meta.get("nn_module_stack", {}).values())
        node.meta = {"owner": stack[-1][0] if stack else ""}
        if node.op == "get_attr":
            node.meta["owner"] = str(node.target).rpartition(".")[0]
