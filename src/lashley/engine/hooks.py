"""Interception: for networks that cannot be captured, full passes in which calls are changed.

Several ablations run in one pass, stacked along the batch, where the examples of a batch do not
depend on one another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from torch import Tensor, fx, nn
from torch.utils._python_dispatch import TorchDispatchMode

from lashley.engine.numbers import Moments, constants_of, normal_like, spreads_of
from lashley.engine.plan import acts_on_weights
from lashley.engine.positions import Along
from lashley.errors import EngineError
from lashley.graph.anatomy import Organ
from lashley.graph.calls import CallKey
from lashley.graph.doubling import in_its_format
from lashley.graph.intercepting import Change, Look, intercepting, values_at
from lashley.graph.layout import Layout, fitted
from lashley.graph.routed import Routed
from lashley.graph.running import tensors
from lashley.graph.signature import arguments, logits_of
from lashley.methods import Constants, Function, Method, Replacement

Donors = Mapping[CallKey, Tensor]


@dataclass(frozen=True, eq=False)
class HookPlace:
    """Where a method replaces units, and by what.

    Attributes:
        site: The site's name.
        replacement: What the method puts in place of the units.
        keys: Of the calls whose results are changed.
        layouts: Where the units are in each of these.
        sources: The calls that compute the units, which have to come before.
        constants: What stands in their place in each, in float64, as the layout spreads it; None
            if that is not constant.
        spreads: The same for the spread, if a function takes one.
        along: By keys, along which axis the values hold examples, if a function takes numbers for
            each.
        known: By keys without a number, how many calls there may be at these places.
    """

    site: str
    replacement: Replacement
    keys: tuple[CallKey, ...]
    layouts: tuple[Layout | Routed, ...]
    sources: tuple[CallKey, ...]
    constants: tuple[Tensor, ...] | None
    spreads: tuple[Tensor, ...] | None
    along: Mapping[Any, Along]
    known: Mapping[CallKey, int]

    @property
    def after(self) -> dict[CallKey, tuple[CallKey, ...]]:
        """By keys, what has to come before."""
        found: dict[CallKey, tuple[CallKey, ...]] = {}
        for key, source in zip(self.keys, self.sources, strict=True):
            own = () if key in self.sources else (source,)
            found[key] = (*found.get(key, ()), *own)
        return found


@dataclass(frozen=True, eq=False)
class HookSpots:
    """Where a method acts on a recorded site; as in `HookPlace`."""

    keys: tuple[CallKey, ...]
    layouts: tuple[Layout | Routed, ...]
    sources: tuple[CallKey, ...]


def hook_spots(organ: Organ, method: Method) -> HookSpots:
    """Where a method acts on a recorded site.

    Args:
        organ: Of a network's record.
        method: Which one.

    Raises:
        EngineError: If the units cannot be reached.
    """
    found: list[tuple[Any, Layout | Routed, Any]] = []
    for call in organ.calls:
        source = key_of(call.source, call.at_source)
        if acts_on_weights(organ, method):
            found.append((source, call.at_source, source))
        else:
            found += [(key_of(h.node, h.layout), h.layout, source) for h in call.points]
    keys, layouts, sources = (tuple(part) for part in zip(*found, strict=True))
    if None in keys or None in sources:
        raise EngineError(
            f"engine: the units of {organ.name} are held where no call can be intercepted, in a "
            "network that neither torch.fx nor torch.export captures. Choose another site, or "
            "write the forward without control flow that depends on the data."
        )
    return HookSpots(keys, layouts, sources)


def hook_place(
    site: str, method: Method, replacement: Replacement, at: HookSpots,
    moments: Mapping[tuple[str, int], Moments], along: Mapping[Any, Along],
    known: Mapping[CallKey, int],
) -> HookPlace:  # fmt: skip
    """What a method puts in place of the units of a recorded site.

    Args:
        site: Its name.
        method: Which one.
        replacement: Its replacement there.
        at: From `hook_spots`.
        moments: Of activations over the reference, by names of sites and numbers of their points.
        along: By keys, along which axis values hold examples.
        known: How many calls the record has at its places, by keys without a number.

    Raises:
        EngineError: If that cannot be put there.
    """
    routed = any(isinstance(layout, Routed) for layout in at.layouts)
    if routed and not isinstance(replacement, Constants):
        raise EngineError(
            f"method: given '{method}' for {site}; which rows come to an expert depends on the "
            "data, so only constants can be put there. Use 'mean' or 'silence'."
        )
    own = [moments.get((site, i)) for i in range(len(at.keys))]
    constants = constants_of(replacement, at.layouts, own)
    spreads = spreads_of(replacement, at.layouts, own)
    return HookPlace(
        site, replacement, at.keys, at.layouts, at.sources, constants, spreads, along, known
    )


def key_of(node: fx.Node, layout: Layout | Routed) -> CallKey | None:
    """Of the call that a node is; if its rows belong to experts, of all calls at its place."""
    key = node.meta.get("key")
    return key.every if key is not None and isinstance(layout, Routed) else key


def calls_of(
    network: nn.Module, keys: Sequence[CallKey], inputs: Sequence[Tensor], names: tuple[str, ...]
) -> dict[CallKey, int]:
    """How many calls a run of the network has at the places of some keys."""
    found = {key.every.whole: 0 for key in keys if key.nth is not None}

    def count(place: CallKey) -> Look:
        def look(args: Any, kwargs: Any) -> None:
            found[place] += 1

        return look

    looks = {place: count(place) for place in found}
    with in_its_format(network), intercepting(network, {}, looks=looks):
        forward(network, inputs, names)
    return found


def forward(network: nn.Module, inputs: Sequence[Tensor], names: tuple[str, ...]) -> Tensor:
    """The network's logits; it may write to its inputs, so it is given copies."""
    args, kwargs = arguments(network, [part.clone() for part in inputs], names)
    with in_its_format(network):
        return logits_of(network(*args, **kwargs))


class _Largest(TorchDispatchMode):
    """Sees how many numbers the largest computed value has."""

    numbers = 1

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        returned = func(*args, **(kwargs or {}))
        for value in tensors(returned):
            held = value.untyped_storage().nbytes() // value.element_size()
            self.numbers = max(self.numbers, held)
        return returned


def largest(network: nn.Module, inputs: Sequence[Tensor], names: tuple[str, ...]) -> int:
    """How many numbers the largest value of a full pass has for each example, about."""
    with _Largest() as seen:
        forward(network, inputs, names)
    return max(1, seen.numbers // len(inputs[0]))


def activations(
    network: nn.Module, keys: Sequence[CallKey], inputs: Sequence[Tensor], names: tuple[str, ...]
) -> Donors:
    """What calls return in a run of the network."""
    taken = dict(zip(names, inputs, strict=True)) if names else inputs[0]
    with in_its_format(network):
        return values_at(network, keys, taken)


@contextmanager
def replaced(
    network: nn.Module, place: HookPlace, unit_sets: Sequence[tuple[int, ...]],
    donors: Donors | None, numbers: Tensor,
) -> Iterator[None]:  # fmt: skip
    """Inside, the units of a stack are replaced whenever the network runs.

    Args:
        network: A copy.
        place: Where and by what.
        unit_sets: One per ablation in the stack, stacked along axis 0 of the values.
        donors: Activations, of as many examples as one ablation has; or None.
        numbers: (example,) their indices among all evaluated examples.
    """
    changes: dict[CallKey, Change] = {}
    told, looks = Told(), {}
    for number, (key, layout) in enumerate(zip(place.keys, place.layouts, strict=True)):
        if isinstance(layout, Routed):
            looks[layout.key] = told.look(layout)
            change = _change_of_rows(place, number, unit_sets, told)
        else:
            donor = None if donors is None else donors.get(key)
            change = _change(place, number, unit_sets, donor, numbers)
        changes[key] = _both(changes[key], change) if key in changes else change
    with in_its_format(network), intercepting(network, changes, place.after, looks, place.known):
        yield


class Told(dict[CallKey, Tensor]):
    """By keys, which experts the calls of the current run named last."""

    def look(self, layout: Routed) -> Callable[[Any, Any], None]:
        """Keeps what such a call names."""

        def look(args: Any, kwargs: Any) -> None:
            self[layout.key] = layout.of(args, kwargs)

        return look


def _both(one: Change, other: Change) -> Change:
    """The units of two calls in one value."""
    return lambda value: other(one(value))


def _change_of_rows(
    place: HookPlace, number: int, unit_sets: Sequence[tuple[int, ...]], told: Told
) -> Callable[[Tensor], Tensor]:
    layout, constants = place.layouts[number], place.constants
    assert isinstance(layout, Routed)
    assert constants is not None
    (units,) = unit_sets  # rows are not told apart by ablations

    def change(value: Tensor) -> Tensor:
        new = value.clone()
        layout.put(new, units, constants[number].to(value.device), told[layout.key])
        return new

    return change


def _change(
    place: HookPlace, number: int, unit_sets: Sequence[tuple[int, ...]], donor: Tensor | None,
    numbers: Tensor,
) -> Callable[[Tensor], Tensor]:  # fmt: skip
    layout = place.layouts[number]
    assert isinstance(layout, Layout)

    def change(value: Tensor) -> Tensor:
        new = value.clone()
        parts = new.chunk(len(unit_sets)) if len(unit_sets) > 1 else (new,)
        for units, part in zip(unit_sets, parts, strict=True):
            layout.put(part, units, _new(place, number, part, donor, numbers))
        return new

    return change


def _new(
    place: HookPlace, number: int, part: Tensor, donor: Tensor | None, numbers: Tensor
) -> Tensor:
    if place.constants is not None:
        return place.constants[number].to(part.device)
    if isinstance(place.replacement, Function):
        normal = _normal(place, number, part, place.replacement.seed, numbers)
        spread = None if place.spreads is None else fitted(place.spreads[number], part.shape)
        return place.replacement(part, spread, normal)
    if donor is None or donor.shape != part.shape:
        raise no_donor(place.site, part, donor)
    return donor


def no_donor(site: str, value: Tensor, donor: Tensor | None) -> EngineError:
    """The error that other examples have no activations to put in place of a value."""
    given = "none" if donor is None else f"{tuple(donor.shape)}"
    return EngineError(
        f"method: 'resample' needs activations of one shape, but {site} holds "
        f"{tuple(value.shape)} and, for other examples, {given}, depending on the data. Use "
        "'mean' or 'silence'."
    )


def _normal(
    place: HookPlace, number: int, part: Tensor, seed: int | None, numbers: Tensor
) -> Tensor | None:
    layout, along = place.layouts[number], place.along.get(place.keys[number])
    if seed is None:
        return None
    assert isinstance(layout, Layout)
    if along is None:
        raise no_examples(place.site, part)
    shape = [along.per if i == along.axis else n for i, n in enumerate(part.shape)]
    return normal_like(shape, along.axis, layout, numbers, (seed, place.site, number))


def no_examples(site: str, value: Tensor) -> EngineError:
    """The error that a value holds no examples one by one to draw noise for."""
    return EngineError(
        f"method: {site} holds {tuple(value.shape)}, which has no axis of examples, so noise "
        "cannot be drawn for each; allowed are values with one. Take another site or method."
    )
