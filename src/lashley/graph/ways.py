"""Ways through a graph: what comes after nodes, and what before."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from torch import fx


def after(starts: set[fx.Node]) -> set[fx.Node]:
    """All nodes that depend on one of the given ones."""
    return reached(starts, lambda node: node.users)


def in_front(ends: set[fx.Node]) -> set[fx.Node]:
    """All nodes that one of the given ones depends on."""
    return reached(ends, lambda node: node.all_input_nodes)


def reached(starts: set[fx.Node], nexts: Callable[[fx.Node], Iterable[fx.Node]]) -> set[fx.Node]:
    """All nodes that steps to the next ones lead to."""
    seen: set[fx.Node] = set()
    waiting = list(starts)
    while waiting:
        new = [node for node in nexts(waiting.pop()) if node not in seen]
        seen.update(new)
        waiting.extend(new)
    return seen
