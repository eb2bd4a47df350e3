"""A network with an ablation in its weights, and the numbers that have to stay for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from lashley.ablations import Ablation
from lashley.data.inputs import Inputs
from lashley.errors import AblationError, SiteError
from lashley.graph.nodes import is_normalisation, op
from lashley.recovery.constants import (
    asked_mean,
    at_carrier,
    carriers,
    columns,
    wanted_constants,
    zeros,
)
from lashley.recovery.holding import Hold, put
from lashley.recovery.place import AblatedPlace, place_of
from lashley.sites import first_inputs

_SPREAD = 0.5  # of factors on the other weights, to check that no constant depends on these
_HOLDABLE = (
    "allowed are constants that pass through that unchanged. Take another method, or measure "
    "without retraining, by la.evaluate."
)
_NAIVE = "allowed without a hold is 'zero_weights'. Take that, or hold the ablation: hold=True."


@torch.no_grad()
def ablated(
    network: nn.Module, ablation: Ablation, examples: Any
) -> tuple[nn.Module, dict[str, Hold]]:
    """A copy in which the ablated units are constants, whatever the rest learns.

    The weights and biases into the units are 0. The last batch norm before the nonlinearity has the
    gain 0 for them and its shift carries the constant, in train mode as in eval mode; without one
    the bias carries it. The constant is what the method puts in place; with zeroed weights, what
    the batch norm made of the zeroed channel with the statistics that it had.

    Args:
        network: Itself left as it is.
        ablation: Of one of its sites, by a method that puts constants in place.
        examples: `Examples` or a pair (inputs, labels); for a mean, all training examples.

    Returns:
        The copy, in eval mode; and what must be held in it, by names of parameters.

    Raises:
        AblationError: If the units cannot be constants by this method.
        SiteError: If the site's units have no weights that are theirs alone.
    """
    place = place_of(network, ablation, examples)
    _check_separable(place)
    mean = asked_mean(place, examples)
    held = zeros(place)
    put(place.network, held)
    inputs = first_inputs(examples, place.network)
    wanted = wanted_constants(place, mean)
    held |= carriers(place, at_carrier(place, wanted))
    put(place.network, held)
    with _others_changed(place, held):
        _check_holds(place, wanted, inputs, _HOLDABLE)
    return place.network, held


@torch.no_grad()
def naively(
    network: nn.Module, ablation: Ablation, examples: Any
) -> tuple[nn.Module, dict[str, Hold]]:
    """A copy in which only the weights and biases into the ablated units are set to 0.

    Args:
        network: Itself left as it is.
        ablation: Of one of its sites; zeroed weights, or a method that comes to the same there.
        examples: As for `ablated`.

    Returns:
        The copy, in eval mode; and what a training would have to hold, by names of parameters.

    Raises:
        AblationError: If zeros are not what the method wants.
        SiteError: If the site's units have no weights that are theirs alone.
    """
    place = place_of(network, ablation, examples)
    mean = asked_mean(place, examples)
    held = zeros(place)
    put(place.network, held)
    if not place.acts_on_weights:
        inputs = first_inputs(examples, place.network)
        _check_holds(place, wanted_constants(place, mean), inputs, _NAIVE)
    return place.network, held


def _check_separable(place: AblatedPlace) -> None:
    call, graph = place.units.call, place.units.graph
    if not call.separable:
        mixing = [op(n, graph) for n in call.nodes[1:] if is_normalisation(n, graph)]
        raise SiteError(
            f"site: {place.ablation.site.name} is followed by "
            f"{mixing[0] if mixing else 'a normalisation'}, which mixes its units, so no weights "
            "can make them constant; allowed are batch norm or no normalisation. Take another "
            "site, or measure without retraining, by la.evaluate."
        )


@contextmanager
def _others_changed(place: AblatedPlace, held: Mapping[str, Hold]) -> Iterator[None]:
    """Inside, the other weights up to the units are changed as if trained; then put back."""
    parameters = list(place.units.upto.parameters())
    before = [p.clone() for p in parameters]
    generator = torch.Generator().manual_seed(0)
    for p in parameters:
        factor = 1 + _SPREAD * (2 * torch.rand(p.shape, generator=generator) - 1)
        p.mul_(factor.to(p))
    put(place.network, held)
    try:
        yield
    finally:
        for p, value in zip(parameters, before, strict=True):
            p.copy_(value)


def _check_holds(
    place: AblatedPlace, wanted: Float[Tensor, " unit"], inputs: Inputs, way_out: str
) -> None:
    """Check the ablated units: each must be its constant."""
    found = columns(place, inputs)
    rounding = 100 * torch.finfo(found.dtype).eps
    near = torch.isclose(found, wanted[:, None], rtol=rounding, atol=rounding).all(1)
    wrong = (~near & place.of_unit).nonzero()[:, 0].tolist()
    if not wrong:
        return
    unit, call, graph = wrong[0], place.units.call, place.units.graph
    least, most = (f"{float(value):.4g}" for value in found[unit].aminmax())
    after = [op(n, graph) for n in call.nodes[1:]]
    raise AblationError(
        f"method: '{place.ablation.method}' makes unit {unit} of {place.ablation.site.name} the "
        f"constant {float(wanted[unit]):.4g}, but its weights can only make it "
        f"{least if least == most else f'{least} to {most}'} after "
        f"{', '.join(after) or 'its layer'}; {way_out}"
    )
