"""Sites: the places of a network whose units can be ablated."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.nn import functional as F

from lashley.data import as_examples
from lashley.errors import SiteError

# Modules that mix the units of one layer into the next, and the axis of their output's units.
_MIXING: dict[type[nn.Module], tuple[str, int]] = {
    nn.Linear: ("hidden", -1),
    nn.Conv1d: ("filter", -2),
    nn.Conv2d: ("filter", -3),
    nn.Conv3d: ("filter", -4),
}

# What acts on each unit alone: a silenced unit is silenced behind these.
UNITWISE_MODULES: tuple[type[nn.Module], ...] = (
    nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.PReLU, nn.ELU, nn.SELU, nn.CELU, nn.GELU, nn.SiLU, nn.Mish,
    nn.Tanh, nn.Sigmoid, nn.LogSigmoid, nn.Softplus, nn.Softsign, nn.Softshrink, nn.Hardtanh,
    nn.Hardswish, nn.Hardsigmoid, nn.Hardshrink, nn.Tanhshrink, nn.Identity, nn.Dropout,
    nn.AlphaDropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.FeatureAlphaDropout,
)  # fmt: skip
UNITWISE_FUNCTIONS: frozenset[Any] = frozenset({
    torch.relu, torch.tanh, torch.sigmoid, F.relu, F.relu6, F.leaky_relu, F.elu, F.selu, F.celu,
    F.gelu, F.silu, F.mish, F.tanh, F.sigmoid, F.logsigmoid, F.softplus, F.softsign, F.hardtanh,
    F.hardswish, F.hardsigmoid, F.dropout,
})  # fmt: skip
UNITWISE_METHODS: frozenset[str] = frozenset({"relu", "tanh", "sigmoid"})
_NORMALISATION: tuple[type[nn.Module], ...] = (
    nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.LayerNorm, nn.GroupNorm,
    nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d,
)  # fmt: skip


@dataclass(frozen=True)
class Site:
    """A place whose units can be ablated.

    Attributes:
        name: Of the module that holds the units, as in `network.named_modules()`.
        kind: "hidden" (units of a Linear) or "filter" (of a convolution).
        n_units: How many units there are.
        axis: The units' axis in the module's output, counted from the end.
        points: The nodes of the traced network, one per call of the module, whose values are the
            units' activations behind the normalisation and the nonlinearity. Empty where the
            network could not be traced; then only `zero_weights` can be used.
    """

    name: str
    kind: str
    n_units: int
    axis: int
    points: tuple[str, ...] = ()


def as_site(given: Any) -> Site:
    """`given` itself, if it is a site.

    Raises:
        SiteError: If it is anything else, such as a site's name.
    """
    if not isinstance(given, Site):
        raise SiteError(
            f"site: given {given!r}; allowed is a lashley.Site. Take it from "
            "la.find_sites(network, examples), a dict by names."
        )
    return given


def find_sites(network: nn.Module, examples: Any) -> dict[str, Site]:
    """The sites of a network, in forward order; its output layer is none.

    Args:
        network: Any module; one example is run through it, in eval mode.
        examples: `Examples` or a pair (inputs, labels); only the first input is used.

    Returns:
        Sites by name.

    Raises:
        SiteError: If the example does not fit the network.
    """
    with eval_mode(network):
        called = _calls(network, as_examples(examples).inputs[:1].clone())  # it may write to it
        graph, _ = trace(network)
    modules = dict(network.named_modules())
    sites = {}
    for name in called[:-1]:
        kind, axis = _mixing(modules[name]) or ("", 0)
        points = tuple(_behind(n, modules).name for n in _nodes_of(graph, name)) if graph else ()
        sites[name] = Site(name, kind, len(modules[name].weight), axis, points)  # pyright: ignore
    return sites


@contextmanager
def eval_mode(network: nn.Module) -> Iterator[None]:
    """Eval mode inside; afterwards every module is in its own mode again."""
    modes = {module: module.training for module in network.modules()}
    network.eval()
    try:
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode


def trace(network: nn.Module) -> tuple[fx.Graph | None, str]:
    """The network's graph by `torch.fx`, or None and the reason why it cannot be traced."""
    try:
        return fx.Tracer().trace(network), ""
    except Exception as error:  # whatever the user's forward raises on a proxy
        return None, f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"


def is_unitwise(node: fx.Node, modules: dict[str, nn.Module]) -> bool:
    """Whether a node acts on each unit alone and keeps the shape."""
    if node.op == "call_module":
        return isinstance(modules[str(node.target)], UNITWISE_MODULES)
    if node.op == "call_function":
        return node.target in UNITWISE_FUNCTIONS
    return node.op == "call_method" and node.target in UNITWISE_METHODS


def _mixing(module: nn.Module) -> tuple[str, int] | None:
    """Kind and axis of the units that a module mixes into, subclasses included."""
    return next((found for kind, found in _MIXING.items() if isinstance(module, kind)), None)


def _calls(network: nn.Module, example: Tensor) -> list[str]:
    """Names of the mixing modules in the order of their first call."""
    called: dict[str, None] = {}
    handles = []
    try:
        for name, module in network.named_modules():
            if _mixing(module) is not None:
                handles.append(
                    module.register_forward_hook(lambda *_, name=name: called.setdefault(name))
                )
        with torch.inference_mode():
            parameter = next(network.parameters(), example)
            network(example.to(parameter.device))
    except Exception as error:
        raise SiteError(
            f"examples: an input of shape {tuple(example.shape)} does not run through the network "
            f"({error}). Give inputs shaped and normalised as in training."
        ) from error
    finally:
        for handle in handles:
            handle.remove()
    return list(called)


def _nodes_of(graph: fx.Graph, name: str) -> list[fx.Node]:
    return [n for n in graph.nodes if n.op == "call_module" and n.target == name]


def _behind(node: fx.Node, modules: dict[str, nn.Module]) -> fx.Node:
    """The last node that still holds the units one by one: behind normalisation, nonlinearity."""
    while len(node.users) == 1:
        (user,) = node.users
        normalises = user.op == "call_module" and isinstance(
            modules[str(user.target)], _NORMALISATION
        )
        if not (normalises or is_unitwise(user, modules)):
            break
        node = user
    return node
