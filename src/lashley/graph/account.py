"""The account of a network's parameters: what leads into no site's units, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import fx, nn

from lashley.graph.anatomy import Organ
from lashley.graph.layers import Layer, layer
from lashley.graph.nodes import is_fixed, is_move, op
from lashley.graph.recorded import as_recorded
from lashley.graph.vocabulary import ELEMENTWISE, MOVES, NORMALISATION, STANDARDISED

_NORMS = NORMALISATION | STANDARDISED | {"batch_norm"}
_LAYERS = ("linear", "conv1d", "conv2d", "conv3d")
_LOST = "lost from sight, by a write to a part of them or in numpy"
_UNREAD = "nothing on the way to the output reads it"
_OUTPUT = "of an output layer: its units are outputs"
_NORM = "scale or shift of a normalisation: it belongs to the units before it"
_UNREAD_IN_RUN = (
    f"{_UNREAD} in a run of three examples (in a branch that they do not take? Put one first that "
    "does)"
)
AS_IT_SHOULD_BE = frozenset({_OUTPUT, _NORM})  # no unit is overlooked there


def left_out(
    network: nn.Module,
    module: fx.GraphModule,
    organs: Mapping[str, Organ],
    outputs: Sequence[Layer],
) -> dict[str, str]:
    """By parameters that lead into no site's units, the reason.

    Args:
        network: The network that has the parameters.
        module: Its graph, or the record of a run.
        organs: Those of the graph.
        outputs: Its output layers.
    """
    names = {id(p): name for name, p in network.named_parameters()}
    own = dict(network.named_parameters(remove_duplicate=False))
    known = {id(own[p]) for organ in organs.values() for p in organ.parameters if p in own}
    reasons = _reasons(module, outputs)
    found = {name: reasons.get(i, _UNREAD) for i, name in names.items() if i not in known}
    unread = [name for name, reason in found.items() if reason == _UNREAD]
    kept = _kept_kernels(network, module) if unread else {}
    other = _UNREAD_IN_RUN if "reads" in module.meta else _UNREAD  # a record shows one branch only
    return found | {name: kept.get(name.rpartition(".")[0], other) for name in unread}


def _kept_kernels(network: nn.Module, module: fx.GraphModule) -> dict[str, str]:
    """By module, the reason for its unread parameters where one of its buffers serves as weights.

    Such a buffer may have been made from them once, as escnn does for eval mode, or be fixed.
    """
    buffers = {name for name, _ in network.named_buffers(remove_duplicate=False)}
    read = (layer(node, module) for node in module.graph.nodes)
    kernels = [str(one.held.target) for one in read if one is not None and one.held is not None]
    return {
        name.rpartition(".")[0]: f"{_UNREAD}; a buffer next to it serves as weights: {name}"
        for name in kernels if name in buffers
    }  # fmt: skip


def _reasons(module: fx.GraphModule, outputs: Sequence[Layer]) -> dict[int, str]:
    """By parameter, its role in the graph."""
    own = {name: id(p) for name, p in module.named_parameters(remove_duplicate=False)}
    found: dict[int, str] = {}
    for node in module.graph.nodes:
        if node.op == "get_attr" and str(node.target) in own:
            found.setdefault(own[str(node.target)], _of_reader(node, module))
        elif node.op == "call_module":
            held = module.get_submodule(str(node.target))
            for parameter in held.parameters():
                found.setdefault(id(parameter), _said(op(node, module), type(held).__name__))
    for one in outputs:
        for name in one.parameters:
            found[own.get(name, 0)] = _OUTPUT
    return found


def _of_reader(node: fx.Node, module: fx.GraphModule) -> str:
    """What first reads a parameter, after operations that only move or scale it."""
    waiting, seen = list(node.users), set()
    while waiting:
        user = waiting.pop(0)
        if user in seen:
            continue
        seen.add(user)
        name = op(user, module)
        alone = len(user.all_input_nodes) == 1 or is_fixed(user)
        if alone and (name in ELEMENTWISE or is_move(user, module)):
            waiting += list(user.users)
            continue
        where = str(user.meta.get("owner") or user.name)
        if name in _LAYERS and _is_lost(user, module):
            return f"read by a layer whose units are {_LOST} ({where})"
        return _said(name, where)
    return _UNREAD


def _is_lost(node: fx.Node, module: fx.GraphModule) -> bool:
    """Whether a value flows into what the record of a run cannot show: a write to a part of it."""
    waiting, seen = [node], set[fx.Node]()
    while waiting:
        for user in waiting.pop().users:
            if user.target is as_recorded:
                return True
            if user not in seen and (op(user, module) in ELEMENTWISE or is_move(user, module)):
                seen.add(user)
                waiting.append(user)
    return False


def _said(name: str, where: str) -> str:
    if name in _NORMS:
        return _NORM
    if name in ("add", "sub"):
        return "added to activations: a bias, positions or tokens"
    if name in ELEMENTWISE:
        return "scales activations"
    if name in ("index", "getitem", "index_select"):
        return "a table whose rows are looked up; none of its channels is a site"
    if name in MOVES:
        return "joined to activations, such as a token"
    if name in ("embedding", "embedding_bag"):
        return "a table whose rows are looked up; none of its channels is a site"
    if name in _LAYERS:
        return f"read by a layer whose units reach no other layer or attention ({where})"
    if name.startswith(("grouped_mm", "_grouped_mm")):
        return "experts in one product: which rows belong to which depends on the data"
    return f"read by {name or where}, which has no known units"
