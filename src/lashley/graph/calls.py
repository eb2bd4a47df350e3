"""The calls of a network's operations, each under a name that is found again in another run."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache, partial
from itertools import islice
from types import CodeType
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

_MODULES = nn.modules.module.__file__  # frames of this file call forward and hooks


class CallKey(NamedTuple):
    """Which call of an operation, in any run of the same network or of a copy of it.

    Attributes:
        owner: Dotted name of the innermost module at work; "" for the network itself.
        operation: Its plain name, such as "linear" or "relu_".
        place: Where it is in the network's code, from the network's forward inwards.
        nth: How many calls of the same owner, operation and place came before in this run; None for
            all of these calls.
        part: Which part, if the result is a tuple; None for the result itself.
    """

    owner: str
    operation: str
    place: str
    nth: int | None
    part: int | None = None

    @property
    def every(self) -> CallKey:
        """The key of all calls at this place."""
        return self._replace(nth=None)

    @property
    def whole(self) -> CallKey:
        """The key of the whole result."""
        return self._replace(part=None)


class Scope(NamedTuple):
    """A module at work.

    Attributes:
        owner: Its dotted name.
        place: Where it was called.
    """

    owner: str
    place: str


@contextmanager
def scopes(network: nn.Module) -> Iterator[list[Scope]]:
    """The modules at work, outermost first, kept up to date while the network runs inside.

    The first stands for the run, and is new in each run.
    """
    stack, handles = [Scope("", "")], []

    def enter(name: str, *_: Any) -> None:
        if len(stack) > 1:
            stack.append(Scope(name, place_of(stack[-1].place)))
        else:  # a run begins, whoever asked for it
            stack[:] = [Scope("", ""), Scope(name, "")]

    def leave(*_: Any) -> None:
        stack.pop()

    try:
        for name, module in network.named_modules():
            handles.append(module.register_forward_pre_hook(partial(enter, name), prepend=True))
            handles.append(module.register_forward_hook(leave, always_call=True))
        yield stack
    finally:
        for handle in handles:
            handle.remove()


def place_of(outer: str) -> str:
    """Where the code of the module at work is calling now, after the place of the module itself.

    Args:
        outer: The module's place.
    """
    frame = sys._getframe(2)
    codes = []
    while frame is not None and frame.f_code.co_filename == _MODULES:  # that called a hook
        frame = frame.f_back
    while frame is not None and frame.f_code.co_filename != _MODULES:
        if frame.f_code.co_name != "__torch_function__":  # a watcher's
            codes.append((frame.f_code, frame.f_lasti))
        frame = frame.f_back
    for code, instruction in reversed(codes):
        outer = _inner(outer, code, instruction)
    return outer


@lru_cache(maxsize=1 << 16)
def _inner(outer: str, code: CodeType, instruction: int) -> str:
    """The place of an instruction in the source: compiled, one call may be two instructions."""
    found = next(islice(code.co_positions(), instruction // 2, None), (None,))
    where = instruction if None in found else "-".join(map(str, found))
    return f"{outer}/{code.co_qualname}@{where}"


@lru_cache(maxsize=1 << 14)
def operation_of(function: Any) -> str:
    """The plain name of what a torch function mode is given: "linear", "add", "shape"."""
    if isinstance(function, torch._ops.OpOverload):
        return function._schema.name.rpartition("::")[2]
    name = getattr(function, "__name__", "")
    if name == "__get__":
        return str(getattr(function.__self__, "__name__", ""))
    return name


class Calls(TorchFunctionMode):
    """Counts the calls of operations; knows the key of the current one."""

    def __init__(self, stack: list[Scope]) -> None:
        super().__init__()
        self.stack = stack
        self._counts: dict[tuple[str, str, str], int] = {}
        self._run = stack[0]

    def new_run(self) -> None:
        """The network is called once more."""

    def key_of(self, operation: str) -> CallKey:
        """The key of a call of this operation now; each call of this method counts as one."""
        if self.stack[0] is not self._run:
            self._run = self.stack[0]
            self._counts.clear()
            self.new_run()
        owner, outer = self.stack[-1]
        known = (owner, operation, place_of(outer))
        count = self._counts.get(known, 0)
        self._counts[known] = count + 1
        return CallKey(*known, count)
