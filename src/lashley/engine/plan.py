"""The plan of a sweep: what has to be computed, each thing once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lashley.ablations import Ablation
from lashley.engine.program import Program, run_along
from lashley.graph.anatomy import Call, Organ


@dataclass(frozen=True)
class Savings:
    """Exact savings, each of which can be switched off to see what it brings.

    Attributes:
        prefix: Run only what lies behind an ablation, instead of the whole network.
        stacking: Run several ablations at once.
        folding: Fold batch normalisation; small maps as matrix products.
        winograd: Winograd's convolution, where that is measured to be faster.
        consumers: Update the layer behind the units by W[:, S] (v_S - h_S).
        untouched: Skip examples on which an ablation changes nothing.
        equal: Run equal ablations once.
    """

    prefix: bool = True
    stacking: bool = True
    folding: bool = True
    winograd: bool = True
    consumers: bool = True
    untouched: bool = True
    equal: bool = True


@dataclass(frozen=True, eq=False)
class Place:
    """Where units are replaced, and by what.

    Attributes:
        site: The site's name.
        nodes: Names of the nodes whose value is replaced, one per call of the site's module.
        axis: Of the units there, counted from the end.
        constants: What stands in place of the units at each node, in float64, to be broadcast over
            the value; None where it is the activation of another example.
    """

    site: str
    nodes: tuple[str, ...]
    axis: int
    constants: tuple[Tensor, ...] | None

    @property
    def identity(self) -> tuple:
        """Equal for places where the same happens."""
        values = None if self.constants is None else tuple(
            (tuple(c.shape), c.cpu().numpy().tobytes()) for c in self.constants
        )  # fmt: skip
        return self.nodes, values


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
    places: Mapping[tuple[str, str], Place], ablations: Sequence[Ablation], *, equal: bool = True
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


def place(organ: Organ, method: str, exact: Program, means: Mapping[str, Tensor]) -> Place:
    """Where a method replaces the units of a site, and by what.

    Behind zeroed weights a unit holds a constant, as long as all acts on each unit alone. Where
    layer or group normalisation follows, zeros at the layer itself change the other units too.

    Args:
        organ: The site's anatomy.
        method: One of `ablations.METHODS`.
        exact: The program as captured, in float64.
        means: (unit) By names of nodes, the units' mean activation; for the method "mean".
    """
    points = tuple(call.point.name for call in organ.calls)
    if method == "resample":
        return Place(organ.name, points, organ.axis, None)
    if method == "mean":
        return Place(organ.name, points, organ.axis, _shaped(points, organ, exact, means))
    weights = method == "zero_weights" and organ.kind != "head"  # a head's values would be 0
    if weights and all(call.separable for call in organ.calls):
        constants = tuple(_behind_zeros(call, organ.axis, exact) for call in organ.calls)
        return Place(organ.name, points, organ.axis, constants)
    nodes = tuple(call.source.name for call in organ.calls) if weights else points
    zeros = dict.fromkeys(nodes, torch.zeros(organ.n_units, dtype=torch.float64))
    return Place(organ.name, nodes, organ.axis, _shaped(nodes, organ, exact, zeros))


def _shaped(
    nodes: Sequence[str], organ: Organ, exact: Program, values: Mapping[str, Tensor]
) -> tuple[Tensor, ...]:
    """One number per unit, as a value of the nodes of which all other axes have length 1."""
    return tuple(
        values[n].view([-1 if i == organ.axis % rank else 1 for i in range(rank)])
        for n in nodes for rank in [len(exact.batch[n].shape)]
    )  # fmt: skip


def _behind_zeros(call: Call, axis: int, exact: Program) -> Tensor:
    """What the units hold at the point when they are 0 at the layer."""
    source, point = exact.nodes[call.source.name], exact.nodes[call.point.name]
    like = next(exact.module.parameters(), torch.zeros(1))
    zeros = torch.zeros(exact.batch[source.name].shape, dtype=torch.float64, device=like.device)
    path = [exact.nodes[n.name] for n in call.between]
    value = run_along([*path, *([] if point is source else [point])], source, zeros, exact)
    for d in (d for d in range(value.ndim) if d != axis % value.ndim):
        first = value.narrow(d, 0, 1)
        value = first if bool((value == first).all()) else value
    return value


def _setting(where: Place, kept: Sequence[tuple[int, tuple[int, ...]]]) -> Setting:
    sets = sorted({(), *(units for _, units in kept)}, key=lambda units: (len(units), units))
    index = {units: i for i, units in enumerate(sets)}
    return Setting(where, tuple(sets), tuple(r for r, _ in kept), tuple(index[u] for _, u in kept))
