"""A site's units as the network's graph holds them: their activations and incoming weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from jaxtyping import Float
from torch import Tensor, fx, nn

from lashley.data.inputs import Inputs, tensors
from lashley.errors import SiteError
from lashley.graph import capture
from lashley.graph.anatomy import Call, anatomy
from lashley.graph.batch import Batched, NotBatched, batch_dependence
from lashley.graph.nodes import Layer, attribute
from lashley.sites import Site, first_inputs, unknown_site


@dataclass(frozen=True, eq=False)
class Units:
    """The units of a module that is called once.

    Attributes:
        site: Theirs.
        layer: Which holds their incoming weights; None for heads, which have none of their own.
        upto: The graph from the inputs to the point that holds the activations.
        rows: How that point holds its examples.
    """

    site: Site
    layer: Layer | None
    upto: fx.GraphModule
    rows: Batched

    def activation(self, inputs: Inputs) -> Float[Tensor, "example unit position"]:
        """The units' activations, behind normalisation and nonlinearity.

        Args:
            inputs: As of `Examples`, where the network is and in its number format.
        """
        held = self.upto(*tensors(inputs))
        by_row = held.movedim((self.rows.axis, held.ndim + self.site.axis), (0, 1))
        return by_row.unflatten(0, (-1, self.rows.per)).movedim(1, 2).flatten(2)

    def incoming(self, network: nn.Module) -> Float[Tensor, "unit weight"]:
        """The incoming weights in a network of this architecture, without the bias.

        Raises:
            SiteError: If units are heads, or the network does not have them.
        """
        if self.layer is None:
            raise SiteError(
                f"site: {self.site.name} holds heads, which have no incoming weights of their own; "
                "allowed are hidden units and filters. Take the projection's site, or ablate."
            )
        try:
            weight = attribute(network, self.layer.weight)
        except AttributeError as error:
            raise SiteError(
                f"site: the network has no weights {self.layer.weight!r}. Take the site from "
                "la.find_sites(network, examples) of this very network."
            ) from error
        found = _by_unit(weight.detach(), self.layer)
        _check_number(self.site, len(found))
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
    inputs = first_inputs(examples, network)
    captured, why = capture(network, inputs)
    if captured is None:
        raise _no_single_tensor(site, f"cannot be captured ({why})")
    organs = anatomy(captured.module)
    if site.name not in organs:
        raise SiteError(f"site: {unknown_site(site.name, organs)}")
    organ = organs[site.name]
    _check_number(site, organ.n_units)
    if len(organ.calls) != 1:
        raise _no_single_tensor(site, f"calls it {len(organ.calls)} times")
    (called,) = organ.calls
    rows = _rows(captured.module, called, tensors(inputs))
    if rows is None:
        raise _no_single_tensor(site, "does not hold its examples one after another")
    return Units(site, called.layer, _upto(captured.module, called.point), rows)


def _rows(module: fx.GraphModule, called: Call, inputs: list[Tensor]) -> Batched | None:
    try:
        found = batch_dependence(module, tuple(inputs))[called.point]
    except NotBatched:
        return None
    return found if isinstance(found, Batched) else None


def _upto(module: fx.GraphModule, last: fx.Node) -> fx.GraphModule:
    short, copies = fx.Graph(), {}
    for node in module.graph.nodes:
        copies[node] = short.node_copy(node, copies.__getitem__)
        if node is last:
            break
    short.output(copies[last])
    return fx.GraphModule(module, short)


def _by_unit(weight: Tensor, layer: Layer) -> Float[Tensor, "unit weight"]:
    if layer.op == "conv_transpose":  # (input, unit of the group, ...)
        weight = weight.unflatten(0, (layer.groups, -1)).transpose(1, 2).flatten(0, 1)
        return weight.flatten(1)
    return weight.movedim(layer.unit_axis, 0).flatten(1)


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
        "Use another site, or write the forward without control flow that depends on the data."
    )
