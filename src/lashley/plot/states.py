"""What became of each example, as the maps colour it and the bars count it."""

from __future__ import annotations

from enum import IntEnum

import numpy as np
import xarray as xr

from lashley.outcomes import at
from lashley.plot import style

Array = np.ndarray


class State(IntEnum):
    """What an ablation did to an example; on a map the larger number lies on top."""

    WRONG = 0  # wrong before and after
    RIGHT = 1  # right before and after
    GAINED = 2  # wrong before, right after
    LOST = 3  # right before, wrong after
    ONLY_PAIR = 4  # right after either single ablation, wrong after both together


COLOURS = {
    State.WRONG: style.GREY,
    State.RIGHT: style.BLACK,
    State.GAINED: style.GREEN,
    State.LOST: style.RED,
    State.ONLY_PAIR: style.BLUE,
}


def changed(outcome: xr.Dataset) -> Array:
    """(example,) what one ablation did to each example.

    Source: Meyes et al. 2019, section 4.1: red are not those the intact network gets wrong.
    """
    return _changes(outcome["intact_rank"].values == 0, outcome["rank"].values == 0)


def intact_states(outcomes: xr.Dataset) -> Array:
    """(example,) RIGHT or LOST: what the intact network gets right and wrong (figure 2)."""
    return np.where(outcomes["intact_rank"].values == 0, State.RIGHT, State.LOST).astype(np.int8)


def single_states(outcomes: xr.Dataset, unit: int) -> Array:
    """(example,) what the ablation of one unit did to each example."""
    return changed(at(outcomes, unit))


def pair_states(outcomes: xr.Dataset, pair: tuple[int, int]) -> Array:
    """(example,) what the ablation of two units did to each example.

    ONLY_PAIR comes before LOST and WRONG and, as in the authors' code, does not depend on the
    intact network: the few examples that only it and the pair get wrong count.

    Source: Meyes et al. 2019, section 4.2.
    """
    after = _right(outcomes, *pair)
    states = _changes(outcomes["intact_rank"].values == 0, after)
    either = _right(outcomes, pair[0]) & _right(outcomes, pair[1])
    states[either & ~after] = State.ONLY_PAIR
    return states


def counts(states: Array) -> dict[State, int]:
    """How many examples are in each state that occurs at all."""
    found = np.bincount(states, minlength=len(State))
    return {state: int(found[state]) for state in State if found[state]}


def _right(outcomes: xr.Dataset, *units: int) -> Array:
    return at(outcomes, *units)["rank"].values == 0


def _changes(before: Array, after: Array) -> Array:
    states = np.full(len(before), State.WRONG, np.int8)
    states[before & after] = State.RIGHT
    states[~before & after] = State.GAINED
    states[before & ~after] = State.LOST
    return states
