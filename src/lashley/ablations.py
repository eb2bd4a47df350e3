"""Ablations: which units are taken out, and what stands in their place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Integral, Real
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pandas as pd

from lashley.errors import AblationError
from lashley.methods import SILENCE, Method, Replacement, as_method
from lashley.names import may_be_column
from lashley.notebook import shown
from lashley.sites import Site, as_site


@dataclass(frozen=True)
class Ablation:
    """Units of a site, taken out by a method.

    Attributes:
        site: The units' site, from `find_sites`.
        units: Their indices, counted from 0; kept sorted.
        method: What stands in place of the units, from `lashley.methods`; or its text form, such
            as "silence" or "scale(0.5)". Where the activation feeds a skip connection, what the
            layer adds to it is replaced, not the sum (`Site.readers`). A module that is called
            twice is ablated in each call.
        design: The design that the ablation belongs to; ignored when ablations are compared.
        columns: The design's own numbers by name, such as {"proportion": 0.1, "anchor": 3}:
            coordinates of the outcomes. Ignored when ablations are compared.

    Raises:
        AblationError: If no unit is named, or one is out of range or named twice; if the method
            does not exist or does not fit the site; or if a column is not a number, or its name is
            one that outcomes use.
    """

    site: Site
    units: tuple[int, ...]
    method: Method = SILENCE
    design: str = field(default="", compare=False)
    columns: Mapping[str, int | float] = field(default_factory=dict, compare=False)

    if TYPE_CHECKING:

        def __init__(
            self, site: Site, units: Iterable[int], method: Method | str = ..., design: str = ...,
            columns: Mapping[str, int | float] = ...,
        ) -> None: ...  # fmt: skip

    def __post_init__(self) -> None:
        object.__setattr__(self, "units", _checked_units(as_site(self.site), self.units))
        object.__setattr__(self, "method", as_method(self.method))
        _ = self.replacement  # which may not fit the site
        object.__setattr__(self, "columns", MappingProxyType(_checked_columns(self.columns)))

    def __reduce__(self) -> Any:  # a mapping proxy can be neither pickled nor copied
        return type(self), (self.site, self.units, self.method, self.design, dict(self.columns))

    @property
    def replacement(self) -> Replacement:
        """What the method puts in place of the units."""
        return self.method.at(self.site)

    @property
    def label(self) -> str:
        """The units as they are written in outcomes and tables: "3,15"."""
        return ",".join(map(str, self.units))

    def _repr_html_(self) -> str:
        row = {"site": self.site.name, "kind": self.site.kind, "units": self.label,
               "method": str(self.method), "design": self.design, **self.columns}  # fmt: skip
        return shown(pd.DataFrame([row]))


def replacements(ablations: Iterable[Ablation]) -> dict[tuple[str, Method], Replacement]:
    """What is put in place, by names of sites and the methods that occur there, in their order."""
    found = {(a.site.name, a.method): a for a in ablations}
    ordered = sorted(found, key=lambda key: (key[0], str(key[1])))
    return {key: found[key].replacement for key in ordered}


def _checked_units(site: Site, units: Sequence[int]) -> tuple[int, ...]:
    allowed = f"{site.name} has the units 0 to {site.n_units - 1}"
    try:
        given = list(units)
    except TypeError:
        given = []
    if not given:
        raise AblationError(
            f"units: given {units!r}; allowed is one index or more in a tuple, such as (3,). "
            f"{allowed}."
        )
    try:
        indices = tuple(sorted(int(u) for u in given if int(u) == u and not _is_bool(u)))
    except (TypeError, ValueError, OverflowError):
        indices = ()
    if len(indices) != len(given):
        raise AblationError(
            f"units: given {units!r}; allowed are whole numbers, not a mask. {allowed}."
        )
    wrong = [u for u in indices if not 0 <= u < site.n_units]
    if wrong:
        raise AblationError(
            f"units: given {wrong[0]}, which is out of range. {allowed}, counted from 0."
        )
    if len(set(indices)) < len(indices):
        twice = next(u for u in indices if indices.count(u) > 1)
        raise AblationError(f"units: {twice} is given twice. Name each unit once.")
    return indices


def _checked_columns(columns: Any) -> dict[str, int | float]:
    if not isinstance(columns, Mapping):
        raise AblationError(
            f"columns: given {columns!r}; allowed are numbers by name. Give a dict, such as "
            "{'proportion': 0.1}."
        )
    return {_checked_name(n): _plain_number(n, value) for n, value in columns.items()}


def _checked_name(name: Any) -> str:
    if not may_be_column(name):
        raise AblationError(
            f"columns: given the name {name!r}; allowed are letters, digits and underscores in a "
            "name that outcomes and effects do not use themselves (such as units, intact_...). "
            "Choose another name."
        )
    return name


def _plain_number(name: str, value: Any) -> int | float:
    if isinstance(value, Integral) and not _is_bool(value) and -(2**63) <= int(value) < 2**63:
        return int(value)
    if isinstance(value, Real) and not isinstance(value, Integral):
        return float(value)
    raise AblationError(
        f"columns: given {value!r} as {name!r}; allowed are real numbers, and whole numbers of 64 "
        "bits. Use numbers in place of anything else."
    )


def _is_bool(unit: Any) -> bool:
    return str(getattr(unit, "dtype", type(unit).__name__)) in ("bool", "torch.bool")
