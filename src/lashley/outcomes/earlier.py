"""What earlier versions wrote, under today's names.

The unit that a group of similar units is built around was called its reference.
"""

from __future__ import annotations

from typing import TypeVar

import pandas as pd
import xarray as xr

from lashley.ablations import Ablation

_NOW, _BEFORE = "anchor", "reference"
_DESIGN = "similar_groups"

Named = TypeVar("Named", xr.Dataset, pd.DataFrame)


def renamed(found: Named) -> Named:
    """Outcomes, or a table, with the columns' names of today."""
    if _BEFORE not in found or _NOW in found or "design" not in found:
        return found
    if _DESIGN not in found["design"].values.astype(str):
        return found
    if isinstance(found, xr.Dataset):
        return found.rename({_BEFORE: _NOW})
    return found.rename(columns={_BEFORE: _NOW})


def columns_before(ablation: Ablation) -> dict[str, int | float]:
    """An ablation's own columns under the names that stores have always been told by."""
    if ablation.design != _DESIGN:
        return dict(ablation.columns)
    return {_BEFORE if name == _NOW else name: value for name, value in ablation.columns.items()}
