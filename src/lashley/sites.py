"""Sites: the places of a network whose units can be ablated."""

from __future__ import annotations

import difflib
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import torch
from torch import Tensor, fx, nn

from lashley.data import as_examples
from lashley.data.inputs import inputs_to, take, tensors, varied
from lashley.errors import LashleyError, NetworkError, SiteError
from lashley.graph import capture
from lashley.graph.account import AS_IT_SHOULD_BE, left_out
from lashley.graph.anatomy import Organ, anatomy, output_layers
from lashley.graph.incoming import of_layer
from lashley.graph.intact import intact
from lashley.graph.layout import STRUCTURE
from lashley.graph.mixing import mixing
from lashley.graph.nodes import op, reads
from lashley.graph.reading import Output, reading
from lashley.graph.recorded import recorded
from lashley.graph.signature import call, logits_of
from lashley.networks import as_network
from lashley.notebook import shown

_WHOLE_NUMBERS = 1 << 26  # in the inputs of a network that takes all examples or none
_OVERLOOKED = 0.05  # share of the weights in no site above which the user is warned


@dataclass(frozen=True)
class Site:
    """A place whose units can be ablated.

    Attributes:
        name: The name of the module that holds the units, as in `network.named_modules()`; or of
            the weights, where these belong to no module of their own.
        kind: "hidden" (units of a Linear), "filter" (of a convolution), "head" (of attention),
            "recurrent" (of an LSTM, GRU or RNN), "embedding" (channels of a table), "residual"
            (channels of a sum that layers add to), "router" (what chooses among experts), "expert"
            (one of those whose matrices lie in one parameter).
        n_units: How many units there are.
        axis: The units' axis where they are computed, counted from the end.
        points: The values that hold the units' activations, one per call of the module, more where
            the units part ways: the last of the normalisations and nonlinearities after it.
            `silence`, `mean` and `resample` replace the units there, for everything that reads
            them.
        readers: What reads them. If one of these is an addition, the tensor feeds a skip
            connection: then what the module adds to it is replaced, not the sum.
        weights: (unit, weight), those that lead into each unit, without the bias. They are the
            network's own, so they change when it is trained. None for units without weights of
            their own, such as heads, and where the weights are not a plain matrix.
        parameters: Names of the parameters that lead into the units.
    """

    name: str
    kind: str
    n_units: int
    axis: int
    points: tuple[str, ...] = field(default=(), compare=False)
    readers: tuple[str, ...] = field(default=(), compare=False)
    weights: Tensor | None = field(default=None, compare=False, repr=False)
    parameters: tuple[str, ...] = field(default=(), compare=False, repr=False)

    @property
    def held(self) -> str:
        """What the units are, in words."""
        return _PLURAL.get(self.kind, f"{self.kind} units")

    def _repr_html_(self) -> str:
        return shown(pd.DataFrame([_row(self)], columns=_COLUMNS))


_PLURAL = {"filter": "filters", "head": "heads", "embedding": "channels of an embedding",
           "residual": "channels of a sum", "router": "a router's units",
           "expert": "experts"}  # fmt: skip


@dataclass(frozen=True)
class LeftOut:
    """A parameter that leads into no site's units.

    Attributes:
        name: As in `network.named_parameters()`.
        shape: Of the parameter.
        weights: How many numbers it has.
        reason: Why no site has it.
    """

    @property
    def is_overlooked(self) -> bool:
        """Whether it may hold units that no site has; outputs and normalisations do not."""
        return self.reason not in AS_IT_SHOULD_BE

    name: str
    shape: tuple[int, ...]
    weights: int
    reason: str


class Account(tuple[LeftOut, ...]):
    """The parameters in no site; printed as a table."""

    def __str__(self) -> str:
        rows = [("parameter", "shape", "weights", "reason")]
        rows += [(p.name, " x ".join(map(str, p.shape)), f"{p.weights:,}", p.reason) for p in self]
        wide = [max(len(row[i]) for row in rows) for i in range(3)]
        return "\n".join(
            f"{a:<{wide[0]}}  {b:<{wide[1]}}  {c:>{wide[2]}}  {d}" for a, b, c, d in rows
        )

    __repr__ = __str__


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


_COLUMNS = ["site", "kind", "units", "held at", "read by"]


def _row(site: Site) -> tuple[Any, ...]:
    places = (", ".join(dict.fromkeys(names)) for names in (site.points, site.readers))
    return (site.name, site.kind, site.n_units, *places)


class Sites(dict[str, Site]):
    """Sites by name, in forward order; the error for an unknown name lists the nearest.

    Attributes:
        left_out: The network's parameters that lead into no site's units, and why.
        share: Of the network's weights, the share that leads into a site's units.
    """

    left_out: Account = Account()
    share: float = 1.0

    @property
    def table(self) -> pd.DataFrame:
        """A row per site: kinds in the order in which they first occur, each in forward order."""
        kinds = list(dict.fromkeys(site.kind for site in self.values()))
        rows = sorted(self.values(), key=lambda site: kinds.index(site.kind))
        return pd.DataFrame(map(_row, rows), columns=_COLUMNS)

    def _repr_html_(self) -> str:
        said = f"{len(self)} sites, into which {self.share:.0%} of the weights lead."
        if self.left_out:
            said += f" {len(self.left_out)} parameters are in no site: see left_out."
        return shown(self.table, said)

    def __missing__(self, name: Any) -> Site:
        raise SiteError(f"site: {unknown_site(name, self)}")


def unknown_site(name: Any, known: Mapping[str, Any]) -> str:
    """What to say about an unknown name of a site: the nearest names, and how to see all."""
    near = difflib.get_close_matches(str(name), list(known), n=3, cutoff=0.4) or list(known)[:3]
    allowed = f"the nearest are {', '.join(near)}" if near else "the network has no site"
    return (
        f"given {name!r}, which is not one of the network's {len(known)} sites (the output layer "
        f"is not a site); {allowed}. See all with list(la.find_sites(network, examples))."
    )


def find_sites(network: nn.Module, examples: Any, *, output: Output = None) -> Sites:
    """The sites of a network, in forward order; the output layer is not one of them.

    Args:
        network: Any module. Three examples are run through it, in eval mode; all of them if it
            takes only that number, such as the nodes of a fixed graph.
        examples: As for `evaluate`; only the first inputs are used.
        output: As for `evaluate`.

    Returns:
        Sites by name.

    Raises:
        SiteError: If the examples do not fit the network.
        NetworkError: If it is not a network, or cannot be looked into.
        EngineError: If it returns no tensor and `output` does not say which part is meant.
    """
    network = reading(as_network(network), output)
    with intact(network), eval_mode(network):
        inputs = few = first_inputs(examples, network)
        captured, _ = capture(network, few)
        if captured is None:
            inputs = _running_inputs(few, examples, network)
        if inputs is not few:
            captured, _ = capture(network, inputs)
        module = recorded(network, inputs) if captured is None else captured.module
        known = mixing(module)
        organs = anatomy(module, known)
        sites = Sites((o.name, _site(o, module)) for o in organs.values())
        own = dict(network.named_parameters())
        reasons = left_out(network, module, organs, output_layers(module, known))
    sites.left_out = Account(
        LeftOut(n, tuple(own[n].shape), own[n].numel(), why) for n, why in reasons.items()
    )
    total = sum(p.numel() for p in own.values())
    sites.share = 1 - sum(p.weights for p in sites.left_out) / total if total else 1.0
    overlooked = sum(p.weights for p in sites.left_out if p.is_overlooked)
    if overlooked > _OVERLOOKED * total:
        warnings.warn(
            f"lashley: {overlooked / total:.0%} of the network's weights are in no site. See which "
            "and why: print(la.find_sites(network, examples).left_out).",
            stacklevel=2,
        )
    return sites


def first_inputs(examples: Any, network: nn.Module) -> Any:
    """The first inputs, where the network is and in its number format, to see its structure.

    Args:
        examples: `Examples` or a pair (inputs, labels); repeated if there are fewer than three.
        network: The network they are for.
    """
    inputs = as_examples(examples, STRUCTURE).inputs
    found = varied(inputs, STRUCTURE)
    return _for_network(inputs, found[torch.arange(STRUCTURE) % len(found)], network)


def _running_inputs(few: Any, examples: Any, network: nn.Module) -> Any:
    """The first inputs; all, if the network takes only that number: the nodes of a fixed graph."""
    try:
        _check_runs(network, few)
    except SiteError:
        inputs = as_examples(examples).inputs
        shape = tensors(inputs)[0].shape
        if not STRUCTURE < shape[0] <= _WHOLE_NUMBERS // max(1, shape[1:].numel()):
            raise
        every = _for_network(inputs, torch.arange(shape[0]), network)
        with suppress(SiteError):
            _check_runs(network, every)
            return every
        raise
    return few


def _for_network(inputs: Any, which: Tensor, network: nn.Module) -> Any:
    """Some of the inputs, where the network is; a copy: it may be written to."""
    parameter = next((p for p in network.parameters() if p.is_floating_point()), None)
    if parameter is None:
        return take(inputs, which)
    return inputs_to(take(inputs, which), parameter.device, parameter.dtype)


@contextmanager
def eval_mode(network: nn.Module) -> Iterator[None]:
    """Eval mode inside; afterwards every module is in its own mode again."""
    modes = {module: module.training for module in network.modules()}
    try:
        network.eval()
    except NotImplementedError as error:
        raise NetworkError(
            f"network: it cannot be put in eval mode ({error}); allowed are plain torch.nn modules."
            " Give the network as it was before torch.export."
        ) from error
    try:
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode


def _site(organ: Organ, module: fx.GraphModule) -> Site:
    held = organ.points
    points = tuple(_describe(h.node, module) for h in held)
    readers = dict.fromkeys(
        _describe(r, module) for h in held for r in sorted(h.node.users)
        if reads(r, h.node, module)
    )  # fmt: skip
    layer = organ.calls[0].layer
    weights = None if layer is None else of_layer(layer, module)
    return Site(organ.name, organ.kind, organ.n_units, organ.axis, points, tuple(readers),
                weights, organ.parameters)  # fmt: skip


def _describe(node: fx.Node, module: fx.GraphModule) -> str:
    """A module's name; of a function "relu in features.3"."""
    if node.op == "call_module":
        return str(node.target)
    owner = node.meta.get("owner", "")
    return f"{op(node, module) or node.op}" + (f" in {owner}" if owner else "")


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
