"""Sites: the places of a network whose units can be ablated."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, fx, nn

from lashley.data import as_examples
from lashley.data.inputs import inputs_to, take, tensors
from lashley.errors import LashleyError, SiteError
from lashley.graph import capture
from lashley.graph.anatomy import Call, Organ, anatomy
from lashley.graph.incoming import of_layer, of_module
from lashley.graph.nodes import op
from lashley.graph.observed import Observed, call, observe
from lashley.graph.reading import Output, reading
from lashley.graph.signature import logits_of
from lashley.networks import as_network

_SAMPLE = 3  # examples that are run to see the network's structure


@dataclass(frozen=True)
class Site:
    """A place whose units can be ablated.

    Attributes:
        name: Of the module that holds the units, as in `network.named_modules()`; of the weights,
            where they belong to no module of their own.
        kind: "hidden" (units of a Linear), "filter" (of a convolution) or "head" (of attention).
        n_units: How many units there are.
        axis: The units' axis where they are held, counted from the end.
        points: What holds the units' activations, once per call of the module: the last of the
            normalisations and nonlinearities behind it. `silence`, `mean` and `resample` replace
            the units there, for all that reads them.
        readers: What reads them. Where an addition is among these, the tensor feeds a skip
            connection: then what the module adds to it is replaced, and not the sum.
        weights: (unit, weight) those that lead into each unit, without the bias: the network's own,
            so they change when it is trained; None of heads, which have none of their own.
    """

    name: str
    kind: str
    n_units: int
    axis: int
    points: tuple[str, ...] = field(default=(), compare=False)
    readers: tuple[str, ...] = field(default=(), compare=False)
    weights: Tensor | None = field(default=None, compare=False, repr=False)


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


class Sites(dict[str, Site]):
    """Sites by name, in forward order; a name that is not there is answered with the nearest."""

    def __missing__(self, name: Any) -> Site:
        raise SiteError(f"site: {unknown_site(name, self)}")


def unknown_site(name: Any, known: Mapping[str, Any]) -> str:
    """What to say of a name that is no site's: the nearest names, and how to see all."""
    near = difflib.get_close_matches(str(name), list(known), n=3, cutoff=0.4) or list(known)[:3]
    allowed = f"the nearest are {', '.join(near)}" if near else "the network has no site"
    return (
        f"given {name!r}, which is none of the network's {len(known)} sites (the output layer is "
        f"no site); {allowed}. See all with list(la.find_sites(network, examples))."
    )


def find_sites(network: nn.Module, examples: Any, *, output: Output = None) -> Sites:
    """The sites of a network, in forward order; its output layer is none.

    Args:
        network: Any module; three examples are run through it, in eval mode.
        examples: As of `evaluate`; only the first inputs are used.
        output: As of `evaluate`.

    Returns:
        Sites by name.

    Raises:
        SiteError: If the examples do not fit the network.
        NetworkError: If it is no network, or one that cannot be looked into.
        EngineError: If it returns no tensor and `output` does not say which part is meant.
    """
    network = reading(as_network(network), output)
    inputs = first_inputs(examples, network)
    with eval_mode(network), torch.random.fork_rng(devices=[]):
        _check_runs(network, inputs)
        captured, _ = capture(network, inputs)
        if captured is None:
            seen = observe(network, inputs).values()
            return Sites((o.name, _observed_site(o, network)) for o in seen)
    module = captured.module
    return Sites((o.name, _site(o, module)) for o in anatomy(module).values())


def first_inputs(examples: Any, network: nn.Module) -> Any:
    """The first inputs, where the network is and in its number format, to see its structure.

    Args:
        examples: `Examples` or a pair (inputs, labels); repeated if there are less than three.
        network: Which they are for.
    """
    inputs = as_examples(examples, _SAMPLE).inputs
    which = torch.arange(_SAMPLE) % len(tensors(inputs)[0])  # a copy: it may be written to
    parameter = next((p for p in network.parameters() if p.is_floating_point()), None)
    if parameter is None:
        return take(inputs, which)
    return inputs_to(take(inputs, which), parameter.device, parameter.dtype)


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


def _site(organ: Organ, module: fx.GraphModule) -> Site:
    points = tuple(_describe(c.point, module) for c in organ.calls)
    readers = dict.fromkeys(_describe(r, module) for c in organ.calls for r in _readers(c))
    layer = organ.calls[0].layer
    weights = None if layer is None else of_layer(layer, module)
    return Site(organ.name, organ.kind, organ.n_units, organ.axis, points, tuple(readers), weights)


def _readers(called: Call) -> list[fx.Node]:
    return sorted(called.point.users)


def _describe(node: fx.Node, module: fx.GraphModule) -> str:
    """A module's name; of a function "relu in features.3"."""
    if node.op == "call_module":
        return str(node.target)
    owner = node.meta.get("owner", "")
    return f"{op(node, module) or node.op}" + (f" in {owner}" if owner else "")


def _observed_site(seen: Observed, network: nn.Module) -> Site:
    weights = of_module(network.get_submodule(seen.name))
    return Site(seen.name, seen.kind, seen.n_units, seen.axis, (seen.point,), (), weights)


def _check_runs(network: nn.Module, inputs: Any) -> None:
    shapes = {k: tuple(v.shape[1:]) for k, v in inputs.items()} if isinstance(inputs, dict) else (
        1, *inputs.shape[1:])  # fmt: skip
    try:
        with torch.no_grad():
            logits_of(call(network, inputs))
    except LashleyError:  # it runs, and returns what cannot be used
        raise
    except Exception as error:
        raise SiteError(
            f"examples: an input of shape {shapes} does not run through the network "
            f"({error}). Give inputs shaped and normalised as in training."
        ) from error
