"""What nn.LSTM, nn.GRU, nn.RNN and their cells compute, as plain operations, step by step."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

GATES = {"lstm": 4, "gru": 3, "rnn_tanh": 1, "rnn_relu": 1}
At = tuple[int, int] | None  # axis of the steps, and the step; None for a cell, which has one step


@dataclass(frozen=True)
class Way:
    """One layer in one direction: its parameters, tensors or nodes; None for missing ones."""

    weight_ih: Any
    weight_hh: Any
    bias_ih: Any = None
    bias_hh: Any = None
    weight_hr: Any = None


@dataclass(frozen=True)
class Recurrence:
    """What is computed.

    Attributes:
        kind: "lstm", "gru", "rnn_tanh" or "rnn_relu".
        directions: 1 or 2.
        time: Axis of the steps in the inputs; None for a cell.
        steps: How many.
        sizes: That of the hidden state that is passed on, and that of an LSTM's cell state.
    """

    kind: str
    directions: int
    time: int | None
    steps: int
    sizes: tuple[int, ...]


@dataclass(frozen=True)
class Steps:
    """One layer in one direction, carried out.

    Attributes:
        hidden: The hidden states that are passed on, in the order of computation.
        cells: The same before the projection; () without one.
        last: The last state: hidden, and for an LSTM also cell.
    """

    hidden: tuple[Any, ...]
    cells: tuple[Any, ...]
    last: tuple[Any, ...]


Apply = Callable[..., Any]  # a function and its arguments: its value, or a node that computes it


def carried_out(
    apply: Apply,
    asked: Recurrence,
    inputs: Any,
    states: Sequence[tuple[Any, ...] | None],
    ways: Sequence[Way],
) -> tuple[Any, list[Steps]]:
    """All layers over all steps: the outputs of the last layer, and what each one did.

    Args:
        apply: Carries out each operation.
        asked: What to compute.
        inputs: (example, step, feature) or (step, example, feature), or without examples.
        states: The first states, by ways; None begins at 0.
        ways: Layer by layer, forwards and then backwards.
    """
    done: list[Steps] = []
    for first in range(0, len(ways), asked.directions):
        outputs = []
        for place in range(first, first + asked.directions):
            back = place > first
            done.append(_one_way(apply, asked, inputs, states[place], ways[place], back))
            hidden = done[-1].hidden[::-1] if back else done[-1].hidden
            one = asked.time is None
            outputs.append(hidden[0] if one else apply(torch.stack, hidden, asked.time))
        inputs = outputs[0] if len(outputs) == 1 else apply(torch.cat, tuple(outputs), -1)
    return inputs, done


def _one_way(
    apply: Apply,
    asked: Recurrence,
    inputs: Any,
    state: tuple[Any, ...] | None,
    way: Way,
    back: bool,
) -> Steps:
    """The inputs of all steps are weighted at once; a step is then one operation."""
    weighted = apply(weigh, inputs, way.weight_ih, way.bias_ih)
    if state is None:
        state = tuple(apply(zeros, weighted, size, asked.time) for size in asked.sizes)
    hidden, cells = [], []
    for t in reversed(range(asked.steps)) if back else range(asked.steps):
        at = None if asked.time is None else (asked.time, t)
        made = apply(_STEPS[asked.kind], weighted, state, way.weight_hh, way.bias_hh, at)
        state = (made,)
        if asked.kind == "lstm":
            state = apply(operator.getitem, made, 0), apply(operator.getitem, made, 1)
        if way.weight_hr is not None:
            cells.append(state[0])
            state = apply(weigh, state[0], way.weight_hr, None), *state[1:]
        hidden.append(state[0])
    return Steps(tuple(hidden), tuple(cells), state)


def weigh(inputs: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """A Linear by another name: its outputs are gates, not units of their own."""
    return F.linear(inputs, weight, bias)


def zeros(weighted: Tensor, size: int, time: int | None) -> Tensor:
    """The first state, (example, size)."""
    sizes = [n for axis, n in enumerate(weighted.shape[:-1]) if axis != time]
    return weighted.new_zeros([*sizes, size])


def lstm_step(
    weighted: Tensor, state: tuple[Tensor, Tensor], weight: Tensor, bias: Tensor | None, at: At
) -> tuple[Tensor, Tensor]:
    """The next hidden state, before any projection, and the next cell state.

    Args:
        weighted: The inputs times their weights: (example, step, gate * unit), or with steps first.
        state: Hidden and cell, (example, unit) each.
        weight: That of the hidden state.
        bias: That of the hidden state.
        at: Which step of the inputs.
    """
    i, f, g, o = _added(weighted, state[0], weight, bias, at).chunk(4, -1)
    cell = torch.addcmul(f.sigmoid() * state[1], i.sigmoid(), g.tanh())
    return o.sigmoid() * cell.tanh(), cell


def gru_step(
    weighted: Tensor, state: tuple[Tensor], weight: Tensor, bias: Tensor | None, at: At
) -> Tensor:
    """The next hidden state; arguments as in `lstm_step`."""
    reset, update, new = _at(weighted, at).chunk(3, -1)
    own_reset, own_update, own_new = F.linear(state[0], weight, bias).chunk(3, -1)
    new = (new + (reset + own_reset).sigmoid() * own_new).tanh()
    return new + (update + own_update).sigmoid() * (state[0] - new)


def tanh_step(
    weighted: Tensor, state: tuple[Tensor], weight: Tensor, bias: Tensor | None, at: At
) -> Tensor:
    """The next hidden state; arguments as in `lstm_step`."""
    return _added(weighted, state[0], weight, bias, at).tanh()


def relu_step(
    weighted: Tensor, state: tuple[Tensor], weight: Tensor, bias: Tensor | None, at: At
) -> Tensor:
    """The next hidden state; arguments as in `lstm_step`."""
    return _added(weighted, state[0], weight, bias, at).relu()


_STEPS = {"lstm": lstm_step, "gru": gru_step, "rnn_tanh": tanh_step, "rnn_relu": relu_step}


def _added(weighted: Tensor, hidden: Tensor, weight: Tensor, bias: Tensor | None, at: At) -> Tensor:
    """A step's inputs and hidden state, both weighted; in place, as the sum is large."""
    return F.linear(hidden, weight, bias).add_(_at(weighted, at))


def _at(weighted: Tensor, at: At) -> Tensor:
    return weighted if at is None else weighted.select(*at)
