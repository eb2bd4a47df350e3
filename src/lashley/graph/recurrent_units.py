"""The units of recurrent layers: their nodes in a graph, and the weights that lead into them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool
from torch import Tensor, fx

from lashley.graph.recurrent import GATES, Recurrence, Steps, Way, lstm_step
from lashley.graph.recurrent_calls import RecurrentCall


@dataclass(frozen=True)
class Recurrent:
    """What a node of hidden states, (example, unit), belongs to: `node.meta["recurrent"]`.

    The units are the hidden state that is passed on to the next step and the next layer. With
    `proj_size` that is the projected one; what is projected, `hidden_size` units, is then a site of
    its own, named "... .cells". An LSTM's cell state is not part of the units: what reads the last
    one, such as a decoder, reads it unchanged.

    Attributes:
        name: The module's name; with several layers or directions "rnn.l0", "rnn.l1_reverse" ...
        n_units: How many there are.
        parameters: Names of the parameters whose rows lead into the units: weights of the input and
            of the hidden state, and biases, or only the projection. () if one of them is computed.
        gates: How many rows a unit has in each of them: unit u of n has rows u, u + n, u + 2 n ...
        only_zero: Whether zero rows do nothing but hold the hidden state at 0. They do more if
            units start at other values, or if others read an LSTM's last cell state.
    """

    name: str
    n_units: int
    parameters: tuple[str, ...]
    gates: int
    only_zero: bool


def into_recurrent_units(
    parameter: Tensor, units: Sequence[int], gates: int
) -> Bool[Tensor, "*shape"]:
    """Which entries of a parameter lead into these units: their rows of all gates.

    Args:
        parameter: (gate * unit, input) or (gate * unit), one of `Recurrent.parameters`.
        units: Indices from 0.
        gates: How many; 1 for a projection.
    """
    found = torch.zeros(parameter.shape, dtype=torch.bool, device=parameter.device)
    which = torch.tensor(units, dtype=torch.int64, device=parameter.device)
    found.unflatten(0, (gates, -1))[:, which] = True
    return found


@dataclass(frozen=True, eq=False)
class Unrolled:
    """One layer in one direction, as nodes.

    Attributes:
        call: The call of its module.
        name: The site's name.
        way: Its parameters.
        asked: What the call computes.
        steps: Its hidden states.
        began: Whether it began at 0.
    """

    call: RecurrentCall
    name: str
    way: Way
    asked: Recurrence
    steps: Steps
    began: bool


def mark(unrolled: Sequence[Unrolled]) -> None:
    """Name the sites that nodes of hidden states belong to, in their `meta["recurrent"]`."""
    only_zero: dict[str, bool] = {}
    for one in unrolled:
        only_zero[one.name] = only_zero.get(one.name, True) and _only_zero(one)
    for one in unrolled:
        _mark(one, only_zero[one.name])


def _mark(one: Unrolled, only_zero: bool) -> None:
    way, sizes, name, gates = one.way, one.asked.sizes, one.name, GATES[one.asked.kind]
    rows = _paths(one.call, way.weight_ih, way.weight_hh, way.bias_ih, way.bias_hh)
    site = Recurrent(name, sizes[0], rows, gates, only_zero)
    if one.steps.cells:
        site = Recurrent(name, sizes[0], _paths(one.call, way.weight_hr), 1, True)
        cells = Recurrent(f"{name}.cells", sizes[1], rows, gates, only_zero)
        for node in one.steps.cells:
            node.meta["recurrent"] = cells
    for node in one.steps.hidden:
        node.meta["recurrent"] = site


def _only_zero(one: Unrolled) -> bool:
    """As in `Recurrent`: without gates, zeroed rows give 0 at once."""
    if GATES[one.asked.kind] == 1:
        return True
    return one.began and all(_goes_on(user, one) for user in _readers(one))


def _readers(one: Unrolled) -> list[fx.Node]:
    """The readers of the last cell state."""
    return [user for node in one.steps.last[1:] for user in node.users]


def _goes_on(user: fx.Node, one: Unrolled) -> bool:
    """Whether a node is a further step of the same site."""
    same = user.target is lstm_step and user.meta["owner"] == one.call.name
    return same and user.args[2].target == one.way.weight_hh.target  # pyright: ignore


def _paths(call: RecurrentCall, *parameters: fx.Node | None) -> tuple[str, ...]:
    """Names of parameters, the module's own where several share one; () if one is computed."""
    held = [node for node in parameters if node is not None]
    if any(node.op != "get_attr" for node in held):
        return ()
    return tuple(_own(str(node.target), call.name) for node in held)


def _own(path: str, module: str) -> str:
    inside = not module or path.startswith(f"{module}.")
    return path if inside else f"{module}.{path.rpartition('.')[2]}"
