"""What a layer's units hold after weights and biases of 0, as far as that is a constant.

Where all that follows acts on each unit alone, it is one: after batch norm and a nonlinearity no 0
but relu(beta - gamma mean / sqrt(var + eps)).
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Inexact
from torch import Tensor, fx

from lashley.graph.anatomy import Call
from lashley.graph.described import value_like
from lashley.graph.formats import format_in
from lashley.graph.layout import Layout, fitted
from lashley.graph.nodes import is_fixed, value_of, varying
from lashley.graph.routed import fixed


def constants_after_zeros(
    call: Call, module: fx.GraphModule, dtype: torch.dtype
) -> list[Inexact[Tensor, " slot"]]:
    """For each point of a call what its slots hold; see `values_after_zeros`.

    NaN where a slot holds several numbers: a value that two ways lead to has it twice. 0 where the
    value does not hold it.
    """
    values = values_after_zeros(call, module, dtype)
    return [_constants(fixed(held.layout), values[held.node.name]) for held in call.points]


def values_after_zeros(call: Call, module: fx.GraphModule, dtype: torch.dtype) -> dict[str, Any]:
    """The values of a call's nodes, by their names, where its source gives 0 for each unit.

    Of what stands beside them and depends on the inputs' numbers, only the shape matters.

    Args:
        call: From the anatomy of a graph.
        module: That graph, or a copy of it with the same names.
        dtype: Of its real numbers.
    """
    given = _Given(module, dtype)
    nodes = {node.name: node for node in module.graph.nodes}
    source, *rest = (nodes[node.name] for node in call.nodes)
    env: dict[fx.Node, Any] = {source: given.zeros(source)}
    for node in rest:
        env |= {n: given.value(n) for n in node.all_input_nodes if n not in env}
        env[node] = _run(node, module, env)
    return {node.name: env[nodes[node.name]] for node in call.nodes}


class _Given:
    """What stands beside the units: zeros in place of what the inputs' numbers lead to."""

    def __init__(self, module: fx.GraphModule, dtype: torch.dtype):
        self._module, self._dtype, self._varies = module, dtype, varying(module)
        self._device = next(module.parameters(), torch.zeros(1)).device

    def value(self, node: fx.Node) -> Any:
        if is_fixed(node):
            return value_of(node, self._module)
        value = value_like(node)
        if not isinstance(value, Tensor):
            return value
        if node in self._varies:
            return self.zeros(node)
        return _run(node, self._module, {n: self.value(n) for n in node.all_input_nodes})

    def zeros(self, node: fx.Node) -> Tensor:
        like = value_like(node)
        return torch.zeros(
            like.shape, dtype=format_in(like.dtype, self._dtype), device=self._device
        )


def _run(node: fx.Node, module: fx.GraphModule, env: dict[fx.Node, Any]) -> Any:
    interpreter = fx.Interpreter(module, garbage_collect_values=False)
    interpreter.env = env
    return interpreter.run_node(node)


def _constants(layout: Layout, value: Tensor) -> Inexact[Tensor, " slot"]:
    found = layout.first(value).nan_to_num()
    slots = fitted(layout.slots, value.shape).to(value.device).expand(value.shape)
    padded = torch.cat([found.new_zeros(1), found])
    several = slots[(value != padded[slots]) & (slots > 0) & ~value.isnan()]
    found[several - 1] = torch.nan
    return found
