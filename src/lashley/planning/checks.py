"""Checks at the door of a plan, besides those of an evaluation."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np

from lashley.errors import EngineError


def check_plan(devices: Any, seconds: Any, n_examples: Any) -> None:
    """Check the arguments that only a plan has.

    Raises:
        EngineError: Naming the argument.
    """
    for name, given in (("devices", devices), ("n_examples", n_examples)):
        if not (name == "n_examples" and given is None) and not _is_count(given):
            raise EngineError(
                f"{name}: given {given!r}; allowed is a whole number of at least 1. Leave {name} "
                f"out for {'one' if name == 'devices' else 'the examples given'}."
            )
    real = isinstance(seconds, Real) and not isinstance(seconds, bool)
    if not (real and 0 < float(seconds) < float("inf")):
        raise EngineError(
            f"seconds: given {seconds!r}; allowed is a time above 0, such as 10. More time makes "
            "the plan more precise."
        )


def _is_count(given: Any) -> bool:
    whole = isinstance(given, int | np.integer) and not isinstance(given, bool)
    return whole and int(given) >= 1
