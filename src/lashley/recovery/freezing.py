"""Freezing: what a recovery leaves as it is."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import fx, nn

from lashley.errors import SiteError, TrainingError
from lashley.graph import capture
from lashley.graph.anatomy import Call, anatomy
from lashley.graph.nodes import value_of
from lashley.graph.ways import after, in_front, reached
from lashley.recovery.order import named_tensors, outside
from lashley.sites import Site, as_site, eval_mode, first_inputs, unknown_site

_WORDS = ("upstream", "downstream", "none")


@dataclass(frozen=True)
class Frozen:
    """What a training leaves as it is.

    Attributes:
        tensors: Names of the parameters and buffers that stay bit-equal; of a tensor with several
            names, all of them.
        modules: Names of the modules that run in eval mode, each for itself: one below another is
            named too.
    """

    tensors: frozenset[str] = frozenset()
    modules: frozenset[str] = frozenset()


def frozen_by(
    network: nn.Module,
    site: Site | None,
    freeze: str | Sequence[str],
    train_ablated: bool,
    examples: Any,
) -> Frozen:
    """What of a network is frozen.

    A tensor that is used in several places is frozen if it is frozen in one of them. A module runs
    in eval mode if it holds tensors, itself or further down, and all are frozen, or a buffer of its
    own is. One without any, such as dropout, does so if every call of it comes before the first
    trained module, and something frozen does too; or likewise after the last one.

    Args:
        network: In eval mode; itself left as it is.
        site: The ablated layer; None is allowed with "none" and names only.
        freeze: "upstream": what leads to the layer; "downstream": what depends on its units, after
            normalisation and nonlinearity; "none"; or names of modules, with all below them, of
            parameters and of buffers. For a layer that is called several times, it is what leads to
            every call, or depends on every one.
        train_ablated: Whether the layer itself, and the normalisation after it, is trained. If
            `freeze` names it, it is frozen all the same.
        examples: As for `find_sites`.

    Raises:
        TrainingError: If a name is unknown, nothing is left to train, or the network's graph is
            needed and cannot be captured.
        SiteError: If the network has no such site.
    """
    inputs = first_inputs(examples, network)
    fixed = _named(network, freeze)
    if freeze in _WORDS[:2] or (site is not None and not train_ablated):
        fixed |= _in_graph(network, site, freeze, train_ablated, inputs)
    tensors = frozenset(name for name, t in named_tensors(network).items() if id(t) in fixed)
    _check_left(network, tensors, freeze, train_ablated)
    return Frozen(tensors, _resting(network, tensors, inputs) if tensors else frozenset())


def freeze(network: nn.Module, frozen: Frozen) -> None:
    """Make the frozen parameters of a network require no gradient."""
    for name, parameter in network.named_parameters(remove_duplicate=False):
        if name in frozen.tensors:
            parameter.requires_grad_(False)


def trained_modules(network: nn.Module, frozen: Frozen) -> list[str]:
    """The modules with a trained parameter of their own, in the order of their names."""
    return [
        name for name, module in network.named_modules()
        if any(
            p.requires_grad and f"{name}.{own}".lstrip(".") not in frozen.tensors
            for own, p in module.named_parameters(recurse=False)
        )
    ]  # fmt: skip


def to_train_mode(network: nn.Module, frozen: Frozen) -> None:
    """Put a network into train mode, except its frozen modules.

    Batch norm adapts its statistics even without gradients.
    """
    network.train()
    for name in frozen.modules:
        network.get_submodule(name).training = False


def _ids(module: nn.Module) -> set[int]:
    return {id(tensor) for tensor in named_tensors(module).values()}


def _named(network: nn.Module, freeze: str | Sequence[str]) -> set[int]:
    """Ids of the tensors that are frozen by their names."""
    if isinstance(freeze, str):
        if freeze not in _WORDS:
            raise TrainingError(
                f"freeze: given {freeze!r}; allowed are {', '.join(map(repr, _WORDS))} or a list "
                f"of names of modules and parameters. A single name goes in a list: [{freeze!r}]."
            )
        return set()
    modules, tensors = dict(network.named_modules(remove_duplicate=False)), named_tensors(network)
    fixed: set[int] = set()
    for name in freeze:
        if name not in modules and name not in tensors:
            near = difflib.get_close_matches(str(name), [*modules, *tensors], n=3, cutoff=0.4)
            raise TrainingError(
                f"freeze: given {name!r}, which is not a module, parameter or buffer of the "
                f"network; the nearest are {', '.join(near) or 'none'}. See all with "
                "dict(network.named_modules()) and network.state_dict()."
            )
        fixed |= _ids(modules[name]) if name in modules else {id(tensors[name])}
    return fixed


def _in_graph(
    network: nn.Module, site: Site | None, freeze: Any, train_ablated: bool, inputs: Any
) -> set[int]:
    """Ids of the tensors that are frozen by their place in the graph."""
    module, calls = _calls(network, site, freeze, inputs)
    layer = {node for call in calls for node in call.nodes}
    places: set[fx.Node] = set() if train_ablated else set(layer)
    if freeze == "upstream":
        places |= set.intersection(*(in_front({call.source}) for call in calls)) - layer
    elif freeze == "downstream":
        places |= (
            set.intersection(*(after({h.node for h in call.points}) for call in calls)) - layer
        )
    fed = _fed(module.graph)
    fixed = {key for node in fed & places for key in _read(node, module, fed)}
    trained = {key for node in fed - places for key in _read(node, module, fed)} - fixed
    # What belongs to a module's frozen tensors is frozen too, such as batch norm's batch count.
    for own in (_own(m) for m in network.modules()):
        if own & fixed and not own & trained:
            fixed |= own
    return fixed


def _own(module: nn.Module) -> set[int]:
    """Ids of a module's tensors without those further down."""
    return {id(t) for t in (*module.parameters(recurse=False), *module.buffers(recurse=False))}


def _calls(
    network: nn.Module, site: Site | None, freeze: Any, inputs: Any
) -> tuple[fx.GraphModule, tuple[Call, ...]]:
    if site is None:
        raise TrainingError(
            f"freeze: given {freeze!r} without a site; allowed are 'none' or a list of names "
            "there. Give the site."
        )
    with eval_mode(network):
        captured, why = capture(network, inputs)
    if captured is None:
        asked = f"freeze={freeze!r}" if freeze in _WORDS[:2] else "train_ablated=False"
        raise TrainingError(
            f"freeze: {asked} needs the network's graph, which cannot be captured ({why}); an "
            "ablation that is held needs it too. Remove from forward what prevents it, or, with "
            "start='intact', give freeze=[names]."
        )
    organs = anatomy(captured.module)
    if as_site(site).name not in organs:
        raise SiteError(f"site: {unknown_site(site.name, organs)}")
    return captured.module, organs[site.name].calls


def _fed(graph: fx.Graph) -> set[fx.Node]:
    """The nodes that depend on an input; the others make something of parameters alone."""
    return after({node for node in graph.nodes if node.op == "placeholder"})


def _read(node: fx.Node, module: fx.GraphModule, fed: set[fx.Node]) -> set[int]:
    """Ids of the tensors that a node reads, also by way of nodes that no input leads to."""
    alone = lambda n: [i for i in n.all_input_nodes if i not in fed]  # noqa: E731
    found: set[int] = set()
    for source in {node, *reached({node}, alone)}:
        if source.op == "get_attr":
            found.add(id(value_of(source, module)))
        elif source.op == "call_module":
            found |= _ids(module.get_submodule(str(source.target)))
    return found


def _resting(network: nn.Module, frozen: frozenset[str], inputs: Any) -> frozenset[str]:
    """The modules that run in eval mode."""
    bare = outside(network, frozen, inputs)
    resting = set()
    for name, module in network.named_modules():
        below = {f"{name}.{held}".lstrip(".") for held in named_tensors(module)}
        own = {f"{name}.{held}".lstrip(".") for held, _ in module.named_buffers(recurse=False)}
        if (below <= frozen or own & frozen) if below else name in bare:
            resting.add(name)
    return frozenset(resting)


def _check_left(
    network: nn.Module, frozen: frozenset[str], freeze: Any, train_ablated: bool
) -> None:
    named = dict(network.named_parameters(remove_duplicate=False))
    if any(p.requires_grad for name, p in named.items() if name not in frozen):
        return
    kept = sum(not p.requires_grad for p in named.values())
    also = f", {kept} require no gradient" if kept else ""
    out = "Freeze fewer, or call network.requires_grad_() first." if kept else "Freeze fewer."
    raise TrainingError(
        f"freeze: nothing is left to train: freeze={freeze!r} with train_ablated={train_ablated} "
        f"freezes {len(frozen & set(named))} of {len(named)} parameters{also}; at least one must "
        f"be trained. {out}"
    )
