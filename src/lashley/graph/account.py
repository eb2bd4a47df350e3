"""The account of a network's parameters: what leads into no site's units, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import fx, nn

from lashley.graph.anatomy import Organ
from lashley.graph.nodes import Layer, attribute, is_move, op
from lashley.graph.vocabulary import ELEMENTWISE, MOVES, NORMALISATION, STANDARDISED

_NORMS = NORMALISATION | STANDARDISED | {"batch_norm"}
_UNREAD = "forward does not read it"
_OUTPUT = "of an output layer: its units are outputs"
_NORM = "scale or shift of a normalisation: it goes with the units before it"
AS_IT_SHOULD_BE = frozenset({_OUTPUT, _NORM})  # no unit is overlooked there


def left_out(
    network: nn.Module,
    module: fx.GraphModule,
    organs: Mapping[str, Organ],
    outputs: Sequence[Layer],
) -> dict[str, str]:
    """Why a parameter leads into no site's units, by the names of those of which that is so.

    Args:
        network: Whose parameters they are.
        module: Its graph, or the record of a run.
        organs: Of the graph.
        outputs: Its output layers.
    """
    names = {id(p): name for name, p in network.named_parameters()}
    own = dict(network.named_parameters(remove_duplicate=False))
    known = {id(own[p]) for organ in organs.values() for p in organ.parameters if p in own}
    reasons = _reasons(module, outputs)
    return {
        name: reasons.get(i) or _unread(name, module) for i, name in names.items() if i not in known
    }


def _unread(name: str, module: fx.GraphModule) -> str:
    """Why; a module of escnn, say, reads in eval mode what it made of its parameters before."""
    owner = name.rpartition(".")[0]
    parameters = dict(module.named_parameters(remove_duplicate=False))
    read = [str(node.target) for node in module.graph.nodes if node.op == "get_attr"]
    beside = [own for own in read if own.rpartition(".")[0] == owner and own not in parameters]
    made = [own for own in beside if attribute(module, own).is_floating_point()]
    if not made:
        return _UNREAD
    return f"{_UNREAD}, but buffers of its module, which may hold what it comes to: {made[0]}"


def _reasons(module: fx.GraphModule, outputs: Sequence[Layer]) -> dict[int, str]:
    """By parameters, what they are to the graph."""
    own = {name: id(p) for name, p in module.named_parameters(remove_duplicate=False)}
    found: dict[int, str] = {}
    for node in module.graph.nodes:
        if node.op == "get_attr" and str(node.target) in own:
            found.setdefault(own[str(node.target)], _of_reader(node, module))
        elif node.op == "call_module":
            held = module.get_submodule(str(node.target))
            for parameter in held.parameters():
                found.setdefault(id(parameter), _said(op(node, module), type(held).__name__))
    for layer in outputs:
        for name in layer.parameters:
            found[own.get(name, 0)] = _OUTPUT
    return found


def _of_reader(node: fx.Node, module: fx.GraphModule) -> str:
    """What first reads a parameter, after what moves or scales it alone."""
    waiting, seen = list(node.users), set()
    while waiting:
        user = waiting.pop(0)
        if user in seen:
            continue
        seen.add(user)
        name = op(user, module)
        alone = len(user.all_input_nodes) == 1
        if alone and (name in ELEMENTWISE or is_move(user, module)):
            waiting += list(user.users)
            continue
        return _said(name, str(user.meta.get("owner") or user.name))
    return _UNREAD


def _said(name: str, where: str) -> str:
    if name in _NORMS:
        return _NORM
    if name in ("add", "sub"):
        return "added to activations: a bias, positions or tokens"
    if name in ELEMENTWISE:
        return "scales activations"
    if name in MOVES:
        return "put beside activations, such as a token"
    if name in ("embedding", "embedding_bag"):
        return "a table whose rows are looked up, and of which no channel is a site"
    if name in ("linear", "conv1d", "conv2d", "conv3d"):
        return f"read by a layer whose units reach no other layer or attention ({where})"
    if name.startswith(("grouped_mm", "_grouped_mm")):
        return "experts in one product: which rows are whose depends on the data"
    return f"read by {name or where}, in which no units are known"
