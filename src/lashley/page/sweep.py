"""Outcomes by example, as the explorer takes them."""

from __future__ import annotations

import numpy as np
import xarray as xr


def sweep_arrays(name: str, outcomes: xr.Dataset) -> dict[str, np.ndarray]:
    """The predictions of an evaluation.

    They lie in the page as differences (exclusive or) from the intact network's: nearly all are 0,
    which compresses well.

    Args:
        name: Of the evaluation.
        outcomes: `prediction` (ablation, example) and `intact_prediction` (example).

    Returns:
        Arrays by the explorer's names for them.
    """
    intact = outcomes["intact_prediction"].values
    return {f"intact-{name}": intact, f"predictions-{name}": outcomes["prediction"].values ^ intact}


def measured_arrays(measured: str, number: int, outcomes: xr.Dataset) -> dict[str, np.ndarray]:
    """What another readout measured, exactly: as float32, whole numbers as float64.

    The bits of the ablated networks' values lie in the page as differences (exclusive or) from
    those of the intact network's: many are equal or begin alike.

    Args:
        measured: The name of what was measured.
        number: Its place among all that was measured: names may be anything, blocks are numbered.
        outcomes: NAME (ablation, example) and `intact_NAME` (example).

    Returns:
        Arrays by the explorer's names for them; bits as uint32, two for a float64.
    """
    values, intact = outcomes[measured].values, outcomes[f"intact_{measured}"].values
    kind = np.float64 if values.dtype.kind == "i" else np.float32
    values, intact = (np.ascontiguousarray(part, kind) for part in (values, intact))
    bits = values.view(np.uint32) ^ intact.view(np.uint32)
    return {f"measured-intact-{number}": intact, f"measured-{number}": bits}
