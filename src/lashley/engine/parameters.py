"""Zeroed weights in the network itself: as other parameters, if nothing else changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, fx, nn

from lashley.engine.hooks import forward
from lashley.graph.anatomy import Organ
from lashley.graph.doubling import in_its_format
from lashley.graph.incoming import into_units
from lashley.graph.nodes import is_fixed
from lashley.graph.recurrent_units import into_recurrent_units
from lashley.graph.signature import arguments, logits_of
from lashley.graph.ways import reached


def in_parameters(
    network: nn.Module, site: str, graph: fx.GraphModule, organs: Mapping[str, Organ],
    inputs: Sequence[Tensor], names: tuple[str, ...],
) -> bool:  # fmt: skip
    """Whether parameters set to 0 remove what leads into a site's units, and nothing else.

    Args:
        network: The one that holds them.
        site: Its name.
        graph: As captured.
        organs: Of the graph.
        inputs: A few, for the network.
        names: Of these inputs.
    """
    organ = organs[site]
    alone = not (_is_shared(organ, organs, network) or _is_read_elsewhere(organ, graph))
    return is_plain(network, organ) and alone and is_read_by_name(network, organ, inputs, names)


def _is_shared(organ: Organ, organs: Mapping[str, Organ], network: nn.Module) -> bool:
    """Whether another site shares parameters with this one: then only its own reader is zeroed."""
    ids = {name: id(p) for name, p in network.named_parameters(remove_duplicate=False)}

    def held(one: Organ) -> set[Any]:
        return {ids.get(name, name) for name in one.parameters}

    return any(held(organ) & held(other) for other in organs.values() if other is not organ)


def _is_read_elsewhere(organ: Organ, graph: fx.GraphModule) -> bool:
    """Whether forward uses parameters of this site for anything else: there they stay."""
    sources = {call.source.name for call in organ.calls}
    own = {n for n in graph.graph.nodes
           if n.op == "get_attr" and str(n.target) in organ.parameters}  # fmt: skip
    made = own | reached(own, lambda n: [u for u in n.users if is_fixed(u)])
    readers = {user for node in made for user in node.users if not is_fixed(user)}
    return any(user.name not in sources for user in readers)


def is_plain(network: nn.Module, organ: Organ) -> bool:
    """Whether the weights and biases into a site's units are parameters as they are."""
    held = dict(network.named_parameters(remove_duplicate=False))
    if organ.kind == "recurrent":
        return bool(organ.parameters) and held.keys() >= set(organ.parameters)
    layers = [call.layer for call in organ.calls]
    return all(
        one is not None and one.is_plain and one.weight in held and (one.bias or one.weight) in held
        for one in layers
    )


def zero_weights(network: nn.Module, organ: Organ, units: tuple[int, ...]) -> dict[str, Tensor]:
    """The parameters of a site's layers, the units' weights and biases set to 0.

    Args:
        network: The one that holds them.
        organ: One that `is_plain`.
        units: Which of its units.
    """
    held = dict(network.named_parameters(remove_duplicate=False))
    zeroed: dict[str, Tensor] = {}
    for call in organ.calls:
        if call.recurrent is not None:
            for name in call.recurrent.parameters:
                rows = into_recurrent_units(held[name], units, call.recurrent.gates)
                zeroed[name] = held[name].detach().masked_fill(rows, 0)
            continue
        layer = call.layer
        assert layer is not None
        weight = held[layer.weight].detach().clone()
        weight.masked_fill_(into_units(weight, units, layer.unit_axis, layer.groups), 0)
        zeroed[layer.weight] = weight
        if layer.bias:
            bias = held[layer.bias].detach().clone()
            bias[list(units)] = 0
            zeroed[layer.bias] = bias
    return zeroed


def with_parameters(
    network: nn.Module, given: dict[str, Tensor], inputs: Sequence[Tensor], names: tuple[str, ...]
) -> Tensor:
    """A network's logits with other parameters, by one of their names."""
    own = dict(network.named_parameters(remove_duplicate=False))
    new = {id(own[name]): value for name, value in given.items()}
    given = {  # wherever a module holds them, once each
        f"{path}.{name}".lstrip("."): new[id(parameter)]
        for path, module in network.named_modules()
        for name, parameter in module._parameters.items() if id(parameter) in new
    }  # fmt: skip
    args, kwargs = arguments(network, [part.clone() for part in inputs], names)
    with in_its_format(network):
        return logits_of(
            torch.func.functional_call(network, given, args, kwargs, tie_weights=False)
        )


def is_read_by_name(
    network: nn.Module, organ: Organ, inputs: Sequence[Tensor], names: tuple[str, ...]
) -> bool:
    """Whether forward reads a site's weights from its modules, and holds them nowhere else.

    Args:
        network: The one that holds them.
        organ: One that `is_plain`.
        inputs: A few, for the network.
        names: Of these inputs.
    """
    others = {n: torch.full_like(p, torch.nan) for n, p in zero_weights(network, organ, ()).items()}
    found = with_parameters(network, others, inputs, names)
    return not torch.equal(found, forward(network, inputs, names))
