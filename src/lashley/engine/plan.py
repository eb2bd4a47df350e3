"""The plan of a sweep: what has to be computed, each thing once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from lashley.ablations import Ablation
from lashley.engine.program import Cut, Program


@dataclass(frozen=True, eq=False)
class Setting:
    """Ablations at one site whose units take the same constants; each set of units once.

    Attributes:
        cut: Where the units are replaced.
        constants: (unit) what replaces them, in float64.
        unit_sets: The empty set, then the different sets of units, smaller ones first.
        rows: The ablations' rows in the outcomes.
        sets: For each of these rows the index of its set.
    """

    cut: Cut
    constants: Float[Tensor, " unit"]
    unit_sets: tuple[tuple[int, ...], ...]
    rows: tuple[int, ...]
    sets: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Sweep:
    """What has to be computed, and with what.

    Attributes:
        program: In float32, on the device.
        exact: The same in float64.
        settings: From `plan`.
        margin: The rounding of a logit, as a share of the largest logit.
        largest: The largest logit of the intact network on a sample.
        n_rows: Of the outcomes: the intact network's (row 0) and one per ablation.
        kind: Type of ranks and predictions.
    """

    program: Program
    exact: Program
    settings: tuple[Setting, ...]
    margin: float
    largest: float
    n_rows: int
    kind: torch.dtype

    @property
    def unknown(self) -> int:
        """Stands for a rank that is not known yet: above any rank, and exact in float32 too."""
        return min(torch.iinfo(self.kind).max, 2**24 - 1)


def plan(
    exact: Program, cuts: dict[str, Cut], ablations: Sequence[Ablation]
) -> tuple[Setting, ...]:
    """Ablations by site and constants: equal ones, by whatever method, become one.

    Args:
        exact: The program in float64.
        cuts: By the names of the sites.
        ablations: Their rows in the outcomes are 1, 2, ... in this order.
    """
    constants: dict[tuple[str, str], Tensor] = {}
    wanted: dict[tuple[str, bytes], list[tuple[int, Ablation]]] = {}
    for row, ablation in enumerate(ablations, start=1):
        key = (ablation.site.name, ablation.method)
        if key not in constants:
            constants[key] = exact.constants(cuts[key[0]], ablation.method)
        same = (key[0], constants[key].cpu().numpy().tobytes())
        wanted.setdefault(same, []).append((row, ablation))
    return tuple(_setting(found, cuts, constants) for found in wanted.values())


def _setting(
    found: Sequence[tuple[int, Ablation]],
    cuts: dict[str, Cut],
    constants: dict[tuple[str, str], Tensor],
) -> Setting:
    site, method = found[0][1].site.name, found[0][1].method
    sets = sorted({(), *(a.units for _, a in found)}, key=lambda units: (len(units), units))
    index = {units: i for i, units in enumerate(sets)}
    return Setting(
        cut=cuts[site],
        constants=constants[site, method],
        unit_sets=tuple(sets),
        rows=tuple(row for row, _ in found),
        sets=tuple(index[a.units] for _, a in found),
    )
