"""The plan of a sweep: what has to be computed, each thing once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import torch
from torch import Tensor

from lashley.ablations import Ablation
from lashley.engine.numbers import Moments, constants_of, normal_like, spreads_of
from lashley.engine.program import Program
from lashley.graph.anatomy import WEIGHTLESS, Organ
from lashley.graph.batch import Batched
from lashley.graph.layout import Layout, fitted
from lashley.graph.routed import fixed
from lashley.graph.zeroed import constants_after_zeros
from lashley.methods import Constants, Donated, Function, Method, Replacement, Where

UnitSet = tuple[int, ...]
"""Units that are ablated together, in ascending order."""


@dataclass(frozen=True)
class Savings:
    """Exact savings, each of which can be switched off to see what it brings.

    Attributes:
        prefix: Run only what comes after an ablation, instead of the whole network.
        stacking: Run several ablations at once.
        joining: Run those of several places in one pass, if each has few.
        folding: Fold batch normalisation; small maps as matrix products.
        winograd: Winograd's convolution, if it is measured to be faster.
        consumers: Update the layer after the units by W[:, S] (v_S - h_S).
        untouched: Skip examples on which an ablation changes nothing.
        equal: Run equal ablations once.
    """

    prefix: bool = True
    stacking: bool = True
    joining: bool = True
    folding: bool = True
    winograd: bool = True
    consumers: bool = True
    untouched: bool = True
    equal: bool = True


@dataclass(frozen=True, eq=False)
class Spots:
    """Where a method acts.

    Attributes:
        nodes: Names of the nodes whose value is changed.
        layouts: Where the units are in each of these.
        constants: (channel) what the units are there, if that is already known: after zeroed
            weights; else None.
    """

    nodes: tuple[str, ...]
    layouts: tuple[Layout, ...]
    constants: tuple[Tensor, ...] | None = None


@dataclass(frozen=True, eq=False)
class Place:
    """Where units are replaced, and by what.

    Attributes:
        site: The site's name.
        method: What replaces the units.
        replacement: What it puts in place of the units, if that is not constant.
        nodes: Names of the nodes whose value is replaced; two calls may share one.
        layouts: Where the units are in each of these.
        constants: What stands in place of the units at each node, in float64, to be broadcast over
            the value; None if that is not constant.
        spreads: The same for the spread, if a function takes one.
    """

    site: str
    method: Method
    replacement: Donated | Function | None
    nodes: tuple[str, ...]
    layouts: tuple[Layout, ...]
    constants: tuple[Tensor, ...] | None
    spreads: tuple[Tensor, ...] | None

    @property
    def identity(self) -> tuple:
        """Equal for places where the same happens."""
        values = self.method if self.constants is None else tuple(
            value.numpy(force=True).tobytes() for value in self.constants)  # fmt: skip
        return self.site, self.nodes, values

    @property
    def takes_donors(self) -> bool:
        """Whether the activations of other examples are put in place."""
        return isinstance(self.replacement, Donated)

    def normal(self, i: int, known: Any, value: Tensor, numbers: Tensor) -> Tensor | None:
        """The normal numbers for node i that a function takes, if it does.

        Args:
            i: Which node.
            known: How its value depends on the batch.
            value: That value, of any batch.
            numbers: (example,) the places of the batch's examples among all.
        """
        if not isinstance(self.replacement, Function) or self.replacement.seed is None:
            return None
        key = (self.replacement.seed, self.site, i)
        if isinstance(known, Batched):
            found = normal_like(known.shape, known.axis, self.layouts[i], numbers, key)
        else:
            whole = normal_like(value.shape, 0, self.layouts[i], torch.zeros(1).long(), key)
            found = whole.view(value.shape)
        return found.to(value.device)

    def new(self, i: int, value: Tensor, given: Tensor | None) -> Tensor:
        """What is put in place of a value at node i.

        Args:
            i: Which node.
            value: As it is.
            given: The constants, donors' activations or normal numbers for it.
        """
        if isinstance(self.replacement, Function):
            spread = None if self.spreads is None else fitted(self.spreads[i], value.shape)
            return self.replacement(value, spread, given)
        assert given is not None
        return given


@dataclass(frozen=True, eq=False)
class Setting:
    """The ablations of one place.

    Attributes:
        place: Where and by what their units are replaced.
        unit_sets: The empty set, then the different sets of units, smaller ones first.
        rows: The ablations' rows in the outcomes; row 0 is the intact network.
        sets: For each of these rows the index of its set.
    """

    place: Place
    unit_sets: tuple[tuple[int, ...], ...]
    rows: tuple[int, ...]
    sets: tuple[int, ...]

    def among(self, rows: set[int]) -> Setting | None:
        """The same for some of the rows; None if it has none of them."""
        kept = [(row, self.unit_sets[s]) for row, s in zip(self.rows, self.sets, strict=True)
                if row in rows]  # fmt: skip
        return _setting(self.place, kept) if kept else None


def plan(
    places: Mapping[tuple[str, Method], Place], ablations: Sequence[Ablation], *, equal: bool = True
) -> tuple[Setting, ...]:
    """Ablations by place: equal ones, by whatever method, become one.

    Args:
        places: By names of sites and methods.
        ablations: Their rows in the outcomes are 1, 2, ... in this order.
        equal: Whether equal ablations are run once.
    """
    found: dict[tuple, tuple[Place, list[tuple[int, tuple[int, ...]]]]] = {}
    times: Counter[Ablation] = Counter()
    for row, ablation in enumerate(ablations, start=1):
        key = (ablation.site.name, ablation.method)
        times[ablation] += 1
        same = places[key].identity if equal else (*key, times[ablation])
        found.setdefault(same, (places[key], []))[1].append((row, ablation.units))
    return tuple(_setting(where, kept) for where, kept in found.values())


def spots(organ: Organ, method: Method, exact: Program) -> Spots:
    """Where a method acts on a site, and what its units are there after zeroed weights.

    After zeroed weights a unit holds a constant, as long as all that follows acts on each unit
    alone. If layer or group normalisation follows, zeros at the layer itself change the other units
    too; and if a value holds a unit more than once, it may hold several constants.

    Args:
        organ: The site's anatomy.
        method: Which one.
        exact: The program as captured, in float64.
    """
    held = organ.points
    nodes, layouts = tuple(h.node.name for h in held), tuple(fixed(h.layout) for h in held)
    if not acts_on_weights(organ, method):
        return Spots(nodes, layouts)
    if all(call.separable for call in organ.calls):
        constants = [constants_after_zeros(call, exact.module, exact.dtype) for call in organ.calls]
        known = tuple(chain(*constants))
        if not any(bool(own.isnan().any()) for own in known):
            return Spots(nodes, layouts, known)
    sources = tuple(call.source.name for call in organ.calls)
    return Spots(sources, tuple(fixed(call.at_source) for call in organ.calls))


def acts_on_weights(organ: Organ, method: Method) -> bool:
    """Whether the units' incoming weights become 0; units without any are replaced themselves."""
    return method.where is Where.WEIGHTS and organ.kind not in WEIGHTLESS


def place(
    site: str, method: Method, replacement: Replacement, at: Spots,
    moments: Mapping[tuple[str, int], Moments],
) -> Place:  # fmt: skip
    """What a method puts in place of a site's units.

    Args:
        site: Its name.
        method: Which one.
        replacement: Its replacement there.
        at: From `spots`.
        moments: Of activations over the reference, by names of sites and numbers of their points.
    """
    own = [moments.get((site, i)) for i in range(len(at.nodes))]
    if at.constants is None:
        constants = constants_of(replacement, at.layouts, own)
    else:
        constants = tuple(lay.spread(v.cpu())
                          for lay, v in zip(at.layouts, at.constants, strict=True))  # fmt: skip
    varied = None if isinstance(replacement, Constants) else replacement
    spreads = spreads_of(replacement, at.layouts, own)
    return Place(site, method, varied, at.nodes, at.layouts, constants, spreads)


def _setting(where: Place, kept: Sequence[tuple[int, tuple[int, ...]]]) -> Setting:
    sets = sorted({(), *(units for _, units in kept)}, key=lambda units: (len(units), units))
    index = {units: i for i, units in enumerate(sets)}
    return Setting(where, tuple(sets), tuple(r for r, _ in kept), tuple(index[u] for _, u in kept))
