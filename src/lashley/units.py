"""A site's units as the network's graph holds them: their activations and incoming weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, fx, nn

from lashley.data.inputs import Inputs, tensors
from lashley.errors import SiteError
from lashley.graph import capture
from lashley.graph.anatomy import Call, Organ, anatomy
from lashley.graph.batch import Batched, NotBatched, batch_dependence
from lashley.graph.copies import copied as copy_of
from lashley.graph.incoming import by_unit
from lashley.graph.layers import Layer, weights
from lashley.graph.layout import Layout, fitted
from lashley.graph.nodes import attribute
from lashley.graph.zeroed import constants_after_zeros
from lashley.sites import Site, first_inputs, unknown_site


@dataclass(frozen=True, eq=False)
class Units:
    """The units of a module that is called once.

    Attributes:
        site: Their site.
        layer: The layer that holds their incoming weights; None for heads, which have none.
        call: Where the network's graph computes and holds them, at one point.
        graph: The whole graph; its parameters are the network's own.
        upto: The graph from the inputs to the point that holds the activations.
        rows: How that point holds its examples.
        layout: Where that point holds its units.
    """

    site: Site
    layer: Layer | None
    call: Call
    graph: fx.GraphModule
    upto: fx.GraphModule
    rows: Batched
    layout: Layout

    def activation(self, inputs: Inputs) -> Float[Tensor, "example unit position"]:
        """The units' activations, after normalisation and nonlinearity.

        Args:
            inputs: As for `Examples`, where the network is and in its number format.
        """
        held = self.upto(*tensors(inputs))
        by_example = held.unflatten(self.rows.axis, (-1, self.rows.per)).movedim(self.rows.axis, 0)
        owner = fitted(self.layout.owner, held.shape).expand(held.shape)
        owner = owner.unflatten(self.rows.axis, (-1, self.rows.per)).movedim(self.rows.axis, 0)[0]
        owner = owner.flatten().to(held.device)
        order = owner.argsort(stable=True)[int((owner < 0).sum()) :]
        return by_example.flatten(1)[:, order].unflatten(1, (self.site.n_units, -1))

    def incoming(self, network: nn.Module) -> Float[Tensor, "unit weight"]:
        """The incoming weights in a network of this architecture, without the bias.

        Raises:
            SiteError: If units are heads, or the network does not have them.
        """
        if self.layer is None:
            raise SiteError(
                f"site: {self.site.name} holds {self.site.held}, which have no incoming weights of "
                "their own; allowed are hidden units and filters. Take the projection's site, or "
                "ablate."
            )
        if not self.layer.weight:
            return by_unit(weights(self.layer, self.graph), self.layer.unit_axis, self.layer.groups)
        try:
            weight = attribute(network, self.layer.weight)
        except AttributeError as error:
            raise SiteError(
                f"site: the network has no weights {self.layer.weight!r}. Take the site from "
                "la.find_sites(network, examples) of this very network."
            ) from error
        found = by_unit(weight, self.layer.unit_axis, self.layer.groups)
        _check_number(self.site, len(found))
        return found

    @torch.no_grad()
    def after_zeroed_weights(self) -> Float[Tensor, " unit"]:
        """What the units hold if their weights and biases are 0; NaN where that is not constant.

        Raises:
            SiteError: If they have no weights of their own.
        """
        weight = self.incoming(self.graph)
        (found,) = constants_after_zeros(self.call, self.graph, weight.dtype)
        return found


def units_of(network: nn.Module, site: Site, examples: Any) -> Units:
    """A site's units in a network.

    Args:
        network: In eval mode.
        site: Of a module that is called once.
        examples: As for `find_sites`.

    Raises:
        SiteError: If the network has no such site, cannot be captured, or calls the module several
            times.
    """
    return units_of_each(network, [site], examples)[0]


def units_of_each(network: nn.Module, sites: Sequence[Site], examples: Any) -> list[Units]:
    """The units of several sites; the network is captured once. See `units_of`."""
    inputs = first_inputs(examples, network)
    captured, why = capture(network, inputs)
    if captured is None:
        raise _no_single_tensor(sites[0], f"cannot be captured ({why})")
    organs = anatomy(captured.module)
    calls = [_only_call(site, organs) for site in sites]
    try:
        known = batch_dependence(captured.module, tuple(tensors(inputs)))
    except NotBatched:
        known = {}
    whole = captured.module
    return [
        Units(site, call.layer, call, whole, upto(whole, call.points[0].node),
              _rows(site, call, known), call.points[0].layout)
        for site, call in zip(sites, calls, strict=True)
    ]  # fmt: skip


def constants_after_zeroing(
    network: nn.Module, sites: Sequence[Site], examples: Any
) -> dict[str, Float[Tensor, " unit"]]:
    """What units hold once their incoming weights and biases are 0, as `zero_weights` sets them.

    After batch norm that is not 0 but relu(beta - gamma mean / sqrt(var + eps)).

    Args:
        network: Any; it is not changed.
        sites: Of modules that are called once.
        examples: As for `find_sites`.

    Returns:
        By site: (unit,) the constants; NaN where a unit holds no constant.

    Raises:
        SiteError: If units have no incoming weights, or no activation in one tensor.
    """
    found = units_of_each(copy_of(network).eval(), sites, examples)
    return {units.site.name: units.after_zeroed_weights() for units in found}


def _only_call(site: Site, organs: Mapping[str, Organ]) -> Call:
    if site.name not in organs:
        raise SiteError(f"site: {unknown_site(site.name, organs)}")
    organ = organs[site.name]
    _check_number(site, organ.n_units)
    if len(organ.calls) != 1:
        raise _no_single_tensor(site, f"calls it {len(organ.calls)} times")
    if len(organ.calls[0].points) != 1:
        raise _no_single_tensor(site, "takes its units apart")
    return organ.calls[0]


def _rows(site: Site, call: Call, known: Mapping[fx.Node, Any]) -> Batched:
    found = known.get(call.points[0].node)
    if not isinstance(found, Batched):
        raise _no_single_tensor(site, "does not hold its examples one after another")
    return found


def upto(module: fx.GraphModule, last: fx.Node) -> fx.GraphModule:
    """The graph from the inputs to a node, over the same parameters."""
    short, copies = fx.Graph(), {}
    for node in module.graph.nodes:
        copies[node] = short.node_copy(node, copies.__getitem__)
        if node is last:
            break
    short.output(copies[last])
    return fx.GraphModule(module, short)


def _check_number(site: Site, n_units: int) -> None:
    if n_units != site.n_units:
        raise SiteError(
            f"site: {site.name} of this network has {n_units} units, not {site.n_units}. Take the "
            "site from la.find_sites(network, examples) of this very network."
        )


def _no_single_tensor(site: Site, reason: str) -> SiteError:
    return SiteError(
        f"site: the activation of {site.name} is not one tensor, because the network {reason}; "
        "allowed is a module called once in a network that torch.fx or torch.export can trace. "
        "Use another site, or remove from forward what prevents that: control flow that depends "
        "on the data, writes to its own buffers."
    )
