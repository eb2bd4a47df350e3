"""Where an ablation's units are: their incoming weights, and the batch norms after them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Bool
from torch import Tensor, fx, nn
from torch.nn import functional as F

from lashley.ablations import Ablation
from lashley.data.inputs import Inputs, tensors
from lashley.errors import AblationError, SiteError
from lashley.graph.copies import copied as copy_of
from lashley.graph.incoming import into_units
from lashley.graph.layers import Layer
from lashley.graph.nodes import attribute, op, value_of
from lashley.methods import Constants, Where
from lashley.sites import first_inputs
from lashley.units import Units, units_of, upto

_TENSORS = ("weight", "bias", "running_mean", "running_var")  # of a batch norm


@dataclass(frozen=True, eq=False)
class BatchNorm:
    """A call of batch normalisation.

    Attributes:
        node: The call.
        names: Of its tensors in the network, by "weight", "bias", "running_mean", "running_var";
            without those that it does not have.
    """

    node: fx.Node
    names: Mapping[str, str]


@dataclass(frozen=True, eq=False)
class AblatedPlace:
    """The units of an ablation, in the network that they are taken out of.

    Attributes:
        network: A copy, in eval mode.
        ablation: Which one.
        units: All units of its site.
        layer: The one that holds their incoming weights.
        norms: The batch norms between the layer and the units' activations, in order.
    """

    network: nn.Module
    ablation: Ablation
    units: Units
    layer: Layer
    norms: tuple[BatchNorm, ...]

    @property
    def of_unit(self) -> Bool[Tensor, " unit"]:
        """Which of the layer's units are ablated."""
        weight = self.network.get_parameter(self.layer.weight)
        return into_units(weight.new_empty(self.units.site.n_units), self.ablation.units, 0)

    @property
    def replacement(self) -> Constants:
        """What the method puts in place of the units."""
        found = self.ablation.replacement
        assert isinstance(found, Constants)
        return found

    @property
    def acts_on_weights(self) -> bool:
        """Whether all that the method does is zeros in the weights."""
        return self.ablation.method.where is Where.WEIGHTS

    @property
    def incoming(self) -> dict[str, Bool[Tensor, "*shape"]]:
        """Which numbers lead into the ablated units: masks by names of weight and bias."""
        known, cut = self.layer, self.ablation.units
        weight = self.network.get_parameter(known.weight)
        masks = {known.weight: into_units(weight, cut, known.unit_axis, known.groups)}
        return masks if known.bias is None else masks | {known.bias: self.of_unit}


def place_of(network: nn.Module, ablation: Ablation, examples: Any) -> AblatedPlace:
    """Where an ablation's units are, in a copy of the network.

    Args:
        network: Itself left as it is.
        ablation: Of one of its sites.
        examples: As for `find_sites`.

    Raises:
        AblationError: If nothing of the layer would be left, or the units do not become constants.
        SiteError: If the units have no weights that are theirs alone, or no single activation.
    """
    _check_ablation(ablation)
    copied = copy_of(network).eval()
    with torch.no_grad():
        units = units_of(copied, ablation.site, examples)
    if units.layer is None:
        raise SiteError(
            f"site: {ablation.site.name} holds {ablation.site.held}, which have no weights of "
            "their own to be held; allowed are hidden units and filters. Take the site of a "
            "projection or layer."
        )
    own = {id(t): n for n, t in (*copied.named_buffers(), *copied.named_parameters())}
    place = AblatedPlace(
        copied, ablation, units, _named(units.layer, own, copied), _norms(units, own)
    )  # fmt: skip
    _check_unshared(place)
    _check_axes(place, first_inputs(examples, copied))
    return place


def _check_ablation(ablation: Ablation) -> None:
    site = ablation.site
    if ablation.replacement.not_held:
        raise AblationError(
            f"method: given '{ablation.method}', which {ablation.replacement.not_held}, so no "
            "weights can hold them; allowed are methods that put constants in place, such as "
            "silence, zero_weights and mean. Take 'mean'."
        )
    if len(ablation.units) == site.n_units:
        raise AblationError(
            f"units: given all {site.n_units} of {site.name}, so nothing would come through the "
            "layer and nothing could be learnt; allowed are fewer. Leave at least one unit."
        )


def _named(known: Layer, own: Mapping[int, str], network: nn.Module) -> Layer:
    """The layer, its tensors named as in `named_parameters`."""
    plain = dict(network.named_parameters())
    given = [name for name in (known.weight, known.bias) if name]
    names = [own.get(id(attribute(network, name)), "") for name in given]
    if not known.is_plain or not plain.keys() >= set(names):
        raise SiteError(
            f"site: the weight or bias of {known.name} is not a plain parameter (weight_norm or "
            "another parametrisation), so it cannot be held at 0; allowed are plain ones. "
            "Remove the parametrisation first: torch.nn.utils.parametrize."
        )
    return replace(known, weight=names[0], bias=names[1] if known.bias else None)


def _norms(units: Units, own: Mapping[int, str]) -> tuple[BatchNorm, ...]:
    calls = [node for node in units.call.nodes[1:] if op(node, units.graph) == "batch_norm"]
    return tuple(
        BatchNorm(n, {k: own[id(t)] for k, t in _tensors(n, units.graph).items() if id(t) in own})
        for n in calls
    )


def _tensors(node: fx.Node, graph: fx.GraphModule) -> dict[str, Any]:
    """What a call of batch normalisation reads besides its input."""
    if node.op == "call_module":
        module = graph.get_submodule(str(node.target))
        return {name: getattr(module, name, None) for name in _TENSORS}
    order = (*_TENSORS[2:], *_TENSORS[:2]) if node.target is F.batch_norm else _TENSORS
    given = {**dict(zip(order, node.args[1:], strict=False)), **node.kwargs}
    held = {n: v for n, v in given.items() if isinstance(v, fx.Node) and v.op == "get_attr"}
    return {name: value_of(node, graph) for name, node in held.items()}


def _check_unshared(place: AblatedPlace) -> None:
    """Refuse tensors that more than one node of the graph reads."""
    norms = [norm.names.get(kind) for norm in place.norms for kind in ("weight", "bias")]
    for name in (place.layer.weight, place.layer.bias, *norms):
        readers = _readers(place.network.get_parameter(name), place.units.graph) if name else []
        if len(readers) > 1:
            raise SiteError(
                f"site: {name} also serves another layer ({', '.join(readers)} read it), so "
                f"holding the units of {place.ablation.site.name} would ablate that one too; "
                "allowed are layers with weights and norms of their own. Take another site."
            )


@torch.no_grad()
def _check_axes(place: AblatedPlace, inputs: Inputs) -> None:
    """Refuse batch norms over an axis other than the units'."""
    site, graph = place.units.site, place.units.graph
    for norm in place.norms:
        if upto(graph, norm.node)(*tensors(inputs)).ndim + site.axis != 1:
            raise SiteError(
                f"site: the batch norm after {site.name} normalises an axis other than that of "
                "the units, so it mixes them; allowed is one over the units. Take another site, "
                "or measure without retraining, by la.evaluate."
            )


def _readers(tensor: Tensor, graph: fx.GraphModule) -> list[str]:
    found: list[str] = []
    for node in graph.graph.nodes:
        if node.op == "get_attr" and value_of(node, graph) is tensor:
            found += [user.name for user in node.users]
        elif node.op == "call_module":
            module = graph.get_submodule(str(node.target))
            found += [str(node.target)] * any(p is tensor for p in module.parameters())
    return found
