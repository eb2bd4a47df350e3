"""Small networks of every architecture that the engine is checked on.

Each is a `Case`: how to make it, the inputs it takes, and what should be found in it. Units are
few, so that every single unit and some groups can be swept. `initialised` and `trained` give a
network with weights that matter; `removed` one from which units were taken out by hand.
"""

from architectures import (
    attention,
    blocks,
    convolutions,
    language,
    library,
    mlps,
    mobile,
    oddities,
    residual,
    sharing,
)
from architectures.case import CLASSES, Case, Inputs, labels_of, logits_of
from architectures.removal import REMOVABLE, removed
from architectures.weights import initialised, trained

__all__ = [
    "CLASSES", "REMOVABLE", "Case", "Inputs", "cases", "families", "initialised", "labels_of",
    "logits_of", "removed", "trained",
]  # fmt: skip

_FAMILIES = (
    mlps, convolutions, residual, blocks, mobile, attention, language, sharing, oddities, library,
)  # fmt: skip


def cases() -> dict[str, Case]:
    """Every case by its name; those of the `transformers` library are skipped where it is not."""
    return {case.name: case for family in _FAMILIES for case in family.CASES}


def families() -> dict[str, str]:
    """Of every case, by its name, the module that it is from."""
    return {case.name: family.__name__ for family in _FAMILIES for case in family.CASES}
