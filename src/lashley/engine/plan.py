"""The plan of a sweep: what has to be computed, each thing once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx

from lashley.ablations import Ablation
from lashley.engine.drawing import normal_like
from lashley.engine.moments import Moments, constants_of, spreads_of
from lashley.engine.program import Program
from lashley.graph.anatomy import WEIGHTLESS, Call, Organ
from lashley.graph.batch import Batched
from lashley.graph.described import value_like
from lashley.graph.formats import format_in
from lashley.graph.layout import Layout, fitted
from lashley.graph.nodes import is_fixed, value_of, varying
from lashley.graph.routed import fixed
from lashley.methods import Constants, Donated, Function, Method, Replacement, Where

UnitSet = tuple[int, ...]
"""Units that are ablated together, in ascending order."""


@dataclass(frozen=True)
class Savings:
    """Exact savings, each of which can be switched off to see what it brings.

    Attributes:
        prefix: Run only what lies behind an ablation, instead of the whole network.
        stacking: Run several ablations at once.
        joining: Run those of several places in one pass, where one place has few.
        folding: Fold batch normalisation; small maps as matrix products.
        winograd: Winograd's convolution, where that is measured to be faster.
        consumers: Update the layer behind the units by W[:, S] (v_S - h_S).
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
        constants: (channel) what the units are there, if that is known already: after zeroed
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
        method: By which.
        replacement: What that puts in place of the units, if they are not constant.
        nodes: Names of the nodes whose value is replaced; of two calls they may be one.
        layouts: Where the units are in each of these.
        constants: What stands in place of the units at each node, in float64, to be broadcast over
            the value; None where that is not constant.
        spreads: The same of the spread that a function takes, if it does.
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
            known: What of the batch its value depends on.
            value: That, of any batch.
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

    After zeroed weights a unit holds a constant, as long as all acts on each unit alone. Where
    layer or group normalisation follows, zeros at the layer itself change the other units too; and
    where a value holds a unit more than once, it may hold several constants.

    Args:
        organ: The site's anatomy.
        method: It.
        exact: The program as captured, in float64.
    """
    held = organ.points
    nodes, layouts = tuple(h.node.name for h in held), tuple(fixed(h.layout) for h in held)
    if not acts_on_weights(organ, method):
        return Spots(nodes, layouts)
    if all(call.separable for call in organ.calls):
        found = [c for call in organ.calls for c in behind_zeros(call, exact)]
        constants = tuple(c for c in found if c is not None)
        if len(constants) == len(found):
            return Spots(nodes, layouts, constants)
    sources = tuple(call.source.name for call in organ.calls)
    return Spots(sources, tuple(fixed(call.at_source) for call in organ.calls))


def acts_on_weights(organ: Organ, method: Method) -> bool:
    """Whether the units' incoming weights are 0; units without any are replaced as such."""
    return method.where is Where.WEIGHTS and organ.kind not in WEIGHTLESS


def place(
    site: str, method: Method, replacement: Replacement, at: Spots,
    moments: Mapping[tuple[str, int], Moments],
) -> Place:  # fmt: skip
    """What a method puts in place of a site's units.

    Args:
        site: Its name.
        method: It.
        replacement: What it makes of the site.
        at: From `spots`.
        moments: By names of sites and which of their points, of activations over the reference.
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


def behind_zeros(call: Call, exact: Program) -> list[Tensor | None]:
    """(slot) For each point, what the units hold there when they are 0 at the layer.

    None where a unit holds several numbers: a value that two ways lead to has it twice.
    """
    device = next(exact.module.parameters(), torch.zeros(1)).device
    source, *rest = (exact.nodes[node.name] for node in call.nodes)
    interpreter = fx.Interpreter(exact.module, garbage_collect_values=False)
    varies = varying(exact.module)
    env: dict[fx.Node, Any] = {source: _zeros(source, device)}
    for node in rest:
        for given in node.all_input_nodes:
            if given not in env:
                env[given] = _given(given, exact, device, varies)
        interpreter.env = env
        env[node] = interpreter.run_node(node)
    points = [(fixed(held.layout), env[exact.nodes[held.node.name]]) for held in call.points]
    return [_constants(layout, value) for layout, value in points]


def _constants(layout: Layout, value: Tensor) -> Tensor | None:
    found = layout.first(value).nan_to_num()
    spread = fitted(layout.spread(found.cpu()), value.shape).to(value)
    there = fitted(layout.slots, value.shape).to(value.device) > 0
    return found if bool(((value == spread) | ~there | value.isnan()).all()) else None


def _given(node: fx.Node, exact: Program, device: torch.device, varies: set[fx.Node]) -> Any:
    """A value beside the units: of what depends on the inputs' numbers only the shape matters."""
    if is_fixed(node):
        return value_of(node, exact.module)
    value = value_like(node)
    if not isinstance(value, Tensor):
        return value
    if node in varies:
        return _zeros(node, device)
    interpreter = fx.Interpreter(exact.module, garbage_collect_values=False)
    interpreter.env = {n: _given(n, exact, device, varies) for n in node.all_input_nodes}
    return interpreter.run_node(node)


def _zeros(node: fx.Node, device: torch.device) -> Tensor:
    value = value_like(node)
    return torch.zeros(value.shape, dtype=format_in(value.dtype, torch.float64), device=device)


def _setting(where: Place, kept: Sequence[tuple[int, tuple[int, ...]]]) -> Setting:
    sets = sorted({(), *(units for _, units in kept)}, key=lambda units: (len(units), units))
    index = {units: i for i, units in enumerate(sets)}
    return Setting(where, tuple(sets), tuple(r for r, _ in kept), tuple(index[u] for _, u in kept))
