"""Rewriting of graphs, node by node."""

from __future__ import annotations

from torch import Tensor, fx


def take_place(new: fx.Node, old: fx.Node) -> None:
    """Give a node another's users, notes and name."""
    old.replace_all_uses_with(new)
    new.meta, name = dict(old.meta), old.name
    old.graph.erase_node(old)
    new.name = name


def hold(module: fx.GraphModule, owner: str, part: str, value: Tensor) -> fx.Node:
    """A get_attr node of a tensor, which the module then holds."""
    name = f"_{owner}_{part}"
    module.register_buffer(name, value.detach())
    return module.graph.get_attr(name)
