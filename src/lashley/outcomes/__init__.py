"""Outcomes: what each ablated network does to each example, as an `xarray.Dataset`.

    dimension   ablation, example, class
    NAME                (ablation, example)  what the readout measured, by its names
    intact_NAME         (example)            the same for the intact network
    label               (example)            the true class, where the labels are classes
    site, units, method, design (ablation)   coordinates; units as text, "3,15"
    NAME                (ablation)           coordinates: the designs' own numbers, such as
                                             proportion, anchor, seed, draw; -1 or, among real
                                             numbers, NaN where an ablation has none
    n_examples          (ablation)           coordinate, of a run to a wanted precision: how many
                                             examples the ablation needed
    position            (example)            coordinate, of such a run: when its turn came
    class               (class)              coordinate: the names of the classes

The classification readout measures

    rank                (ablation, example)  classes with a larger logit than the true one
    prediction          (ablation, example)  the class of rank 0

Ranks, predictions and labels have the smallest unsigned type that holds the number of classes; for
other readouts real numbers are float32, whole numbers int64, truth values uint8. The type's largest
value, or NaN, stands for an outcome that was not needed.
"""

from lashley.outcomes.earlier import renamed
from lashley.outcomes.layout import open_store
from lashley.outcomes.saved import is_saved, open_saved, save
from lashley.outcomes.schema import (
    COORDINATES,
    assemble,
    at,
    check,
    check_complete,
    dtype_for,
    in_turn,
    is_classification,
    is_missing,
    kinds_of,
    measured_names,
    own_columns,
    tiles,
    units_of,
)
from lashley.outcomes.sink import Frame, Memory, Sink, size_of
from lashley.outcomes.store import Store

__all__ = [
    "COORDINATES",
    "Frame",
    "Memory",
    "Sink",
    "Store",
    "assemble",
    "at",
    "check",
    "check_complete",
    "dtype_for",
    "in_turn",
    "is_classification",
    "is_missing",
    "is_saved",
    "kinds_of",
    "measured_names",
    "open_saved",
    "open_store",
    "own_columns",
    "renamed",
    "save",
    "size_of",
    "tiles",
    "units_of",
]
