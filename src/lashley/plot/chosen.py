"""The part of outcomes or effects that belongs to one ablation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Integral
from typing import Any

import numpy as np
import xarray as xr

from lashley.ablations import Ablation
from lashley.errors import PlotError
from lashley.outcomes.schema import coordinates
from lashley.plot.words import coordinate, listed

Which = Ablation | int | Sequence[int]
"""An ablation, or its units where they say enough."""

_PARTS = ("site", "units", "method")


def one(measured: xr.Dataset, ablation: Which | None) -> xr.Dataset:
    """The part that belongs to one ablation, without the axis of ablations.

    Args:
        measured: Outcomes or effects.
        ablation: Which; its units alone where only one ablation is of them. None where there is
            only one.

    Raises:
        PlotError: If it is not there, or several could be meant.
    """
    wanted = {} if ablation is None else _wanted(ablation)
    known = {name: np.array(coordinate(measured, name)) for name in _PARTS}
    fits = np.ones(len(known["units"]), bool)
    for name, text in wanted.items():
        fits &= known[name] == text
    found = np.flatnonzero(fits)
    different = {tuple(str(known[name][i]) for name in _PARTS) for i in found}
    if not different:
        raise _absent(wanted, known)
    if len(different) > 1:
        raise _several(wanted, sorted(different))
    return measured.isel(ablation=int(found[0])) if "ablation" in measured.sizes else measured


def _wanted(ablation: Any) -> dict[str, str]:
    """The coordinates that it has, as text."""
    if isinstance(ablation, Ablation):
        found = coordinates([ablation], ())
        return {name: str(found[name][1][0]) for name in _PARTS}
    units = [ablation] if isinstance(ablation, Integral) else ablation
    if isinstance(units, str) or not isinstance(units, Sequence | np.ndarray) or not all(
        isinstance(u, Integral) and not isinstance(u, bool) for u in units
    ):  # fmt: skip
        raise PlotError(
            f"ablation: given {ablation!r}; allowed is a la.Ablation, or units as whole numbers, "
            "such as 3 or (3, 15). Give one of those that were evaluated."
        )
    return {"units": ",".join(map(str, sorted(int(u) for u in units)))}  # pyright: ignore


def _absent(wanted: Mapping[str, str], known: Mapping[str, np.ndarray]) -> PlotError:
    given = ", ".join(f"{name} {text}" for name, text in wanted.items()) or "no ablation"
    there = [f"{u} of {s}" for s, u in zip(known["site"], known["units"], strict=True)]
    return PlotError(
        f"ablation: given {given}; none of the {len(there)} ablations is that one; allowed are "
        f"{listed(there, 4)}. Choose one that was evaluated, with units counted from 0."
    )


def _several(wanted: Mapping[str, str], found: Sequence[tuple[str, ...]]) -> PlotError:
    given = f"given units {wanted['units']}" if wanted else "left out"
    each = [f"{units} of {site} by {method}" for site, units, method in found]
    return PlotError(
        f"ablation: {given}; {len(found)} ablations are meant, {listed(each, 4)}; allowed is one. "
        "Give the la.Ablation itself."
    )
