"""The suffix: what has to be run again after a replaced value, as a graph of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor, fx

from lashley.engine.consumers import Consumer
from lashley.engine.lowering import relu_in_place
from lashley.engine.program import Program
from lashley.graph.batch import Positional
from lashley.graph.ways import after


@dataclass(frozen=True, eq=False)
class Suffix:
    """What depends on the replaced units.

    Attributes:
        module: Its arguments are, in this order, `starts`, `updated`, `shared`, and for each of
            `again` a function that replaces units.
        starts: Points whose replaced value is read by more than the updated consumers.
        updated: Consumers whose output is known without running them.
        shared: Values of the intact network that the suffix reads.
        again: Points that lie after another one: the module is called again.
    """

    module: fx.GraphModule
    starts: tuple[fx.Node, ...]
    updated: tuple[Consumer, ...]
    shared: tuple[fx.Node, ...]
    again: tuple[fx.Node, ...]


def suffix(program: Program, points: tuple[fx.Node, ...], updated: tuple[Consumer, ...]) -> Suffix:
    """Cut the suffix of some points out of a program.

    Args:
        program: Not changed.
        points: Where units are replaced.
        updated: Consumers of the one point whose output is known without running them.
    """
    affected = after(set(points))
    again = tuple(p for p in points if p in affected)
    known = {consumer.node for consumer in updated}
    positional = {
        n for n in program.nodes.values() if isinstance(program.batch.get(n.name), Positional)
    }
    needed = _needed(program.output, (affected - known) | positional)
    read = {n for node in needed for n in node.all_input_nodes} | {program.output}
    starts = tuple(p for p in points if p in read and p not in affected)
    shared = tuple(
        n for n in program.nodes.values()
        if n in read and n not in needed and n not in affected and n not in points
        and n.op != "get_attr"
    )  # fmt: skip
    graph = fx.Graph()
    used = tuple(c for c in updated if c.node in read)
    copies = {n: graph.placeholder(n.name) for n in (*starts, *(c.node for c in used), *shared)}
    functions = {p: graph.placeholder(f"replace_{p.name}") for p in again}
    for node in program.nodes.values():
        if node in copies:
            continue
        if node.op == "get_attr" and node in read:
            copies[node] = graph.node_copy(node)
        elif node in needed:
            copies[node] = graph.node_copy(node, lambda n: copies[n])
            if node in functions:
                copies[node] = graph.call_function(_apply, (functions[node], copies[node]))
    graph.output(copies[program.output])
    module = fx.GraphModule(program.module, graph)
    relu_in_place(module, {copies[n] for n in (*starts, *(c.node for c in used))})
    module.recompile()
    return Suffix(module, starts, used, shared, again)


def _needed(output: fx.Node, affected: set[fx.Node]) -> set[fx.Node]:
    """The affected nodes on which the output depends through affected nodes alone."""
    needed, waiting = set(), [output]
    while waiting:
        node = waiting.pop()
        if node in affected and node not in needed:
            needed.add(node)
            waiting.extend(node.all_input_nodes)
    return needed


def _apply(function: Any, value: Tensor) -> Tensor:
    return function(value)
