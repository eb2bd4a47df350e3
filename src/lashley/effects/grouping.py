"""Groups of examples that a user names, in place of the classes."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from torch import Tensor

from lashley.errors import OutcomesError


def grouped(outcomes: xr.Dataset, groups: Any) -> xr.Dataset:
    """Outcomes whose effects are counted by group, not by class.

    Args:
        outcomes: Of any readout.
        groups: (example,) whole numbers or texts, in the order of the examples. None: the classes.

    Returns:
        The same with the groups as `label` and `class`, sorted by name; numbers by value.

    Raises:
        OutcomesError: If groups have another form.
    """
    if groups is None:
        return outcomes
    names, codes = np.unique(as_groups(groups, outcomes.sizes["example"]), return_inverse=True)
    bare = outcomes.drop_vars(["label", "class"], errors="ignore")
    bare = bare.assign(label=("example", codes.astype(np.int64)))
    return bare.assign_coords({"class": names.astype(str)})


def as_groups(groups: Any, n: int) -> np.ndarray:
    """(example,) groups as an array of whole numbers or texts.

    Raises:
        OutcomesError: If they have another form, or are not `n`.
    """
    array = np.asarray(groups.detach().cpu() if isinstance(groups, Tensor) else groups)
    texts = array.dtype.kind == "O" and all(isinstance(name, str) for name in array.flat)
    if array.shape != (n,) or not (texts or array.dtype.kind in "biuU"):
        raise OutcomesError(
            f"groups: given {array.dtype} of shape {array.shape}; allowed is a whole number or a "
            f"text for each of the {n} examples. Bin other numbers, such as with np.digitize."
        )
    return array.astype(str) if texts else array
