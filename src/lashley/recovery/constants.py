"""The constants that ablated units hold, and the numbers that make them hold these."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from lashley.data import as_examples
from lashley.data.inputs import Inputs, inputs_to, take, tensors
from lashley.errors import AblationError
from lashley.graph.zeroed import values_after_zeros
from lashley.recovery.holding import Hold
from lashley.recovery.place import AblatedPlace

_BATCH = 250  # examples at once


def zeros(place: AblatedPlace) -> dict[str, Hold]:
    """Weights and biases of 0 into the ablated units, by names of parameters."""
    return {name: Hold(mask, _number(0.0, mask)) for name, mask in place.incoming.items()}


def mean_activation(place: AblatedPlace, examples: Any) -> Float[Tensor, " unit"]:
    """The units' mean activations over all examples and positions, in float64."""
    given: Inputs = as_examples(examples).inputs
    weight = place.network.get_parameter(place.layer.weight)
    total, count = torch.zeros(place.units.site.n_units, dtype=torch.float64), 0
    for start in range(0, len(tensors(given)[0]), _BATCH):
        part = inputs_to(take(given, slice(start, start + _BATCH)), weight.device, weight.dtype)
        held = columns(place, part)
        total, count = total + held.double().sum(1).cpu(), count + held.shape[1]
    return (total / count).to(weight.device)


def columns(place: AblatedPlace, inputs: Inputs) -> Float[Tensor, "unit number"]:
    """All activations of each unit."""
    return place.units.activation(inputs).movedim(1, 0).flatten(1)


def asked_mean(place: AblatedPlace, examples: Any) -> Float[Tensor, " unit"] | None:
    """The mean activation, if the method asks for it; before the weights are 0."""
    return mean_activation(place, examples) if place.replacement.needs_mean else None


def wanted_constants(place: AblatedPlace, mean: Tensor | None) -> Float[Tensor, " unit"]:
    """What the method puts in place of the units."""
    if place.acts_on_weights:
        return place.units.after_zeroed_weights()
    found = place.replacement.numbers(place.units.site.n_units, 1, mean)
    return found.to(place.network.get_parameter(place.layer.weight))


def at_carrier(place: AblatedPlace, wanted: Tensor) -> Float[Tensor, " unit"]:
    """What the carrier has to output so that the nonlinearity after it outputs `wanted`."""
    if not place.acts_on_weights:
        return wanted
    if not place.norms:
        return torch.zeros_like(wanted)
    units, norm = place.units, place.norms[-1].node
    held = values_after_zeros(units.call, units.graph, wanted.dtype)[norm.name]
    return held.movedim(units.site.axis, 0).flatten(1)[:, 0]


def carriers(place: AblatedPlace, constants: Float[Tensor, " unit"]) -> dict[str, Hold]:
    """The numbers that make the units these constants, by names of parameters.

    Raises:
        AblationError: If there are none.
    """
    site, mask = place.ablation.site.name, place.of_unit
    if place.norms:
        names = place.norms[-1].names
        if not {"weight", "bias"} <= set(names):
            raise AblationError(
                f"ablation: the batch norm after {site} has no gain and shift of its own "
                "(affine=False), so nothing can hold its units against its moving statistics; "
                "allowed are batch norms with both. Take another site."
            )
        return {names["weight"]: Hold(mask, _number(0.0, mask)),
                names["bias"]: Hold(mask, constants)}  # fmt: skip
    if place.layer.bias:
        return {place.layer.bias: Hold(mask, constants)}
    if constants[mask].any():
        raise AblationError(
            f"method: given '{place.ablation.method}' for {site}, which has neither a bias nor a "
            "batch norm after it that could carry a constant other than 0; allowed are 'silence' "
            "and 'zero_weights'."
        )
    return {}


def _number(value: float, like: Tensor) -> Tensor:
    return torch.tensor(value, device=like.device)
