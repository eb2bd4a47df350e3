"""A network runs as it is, and results of its calls are read or changed on the way."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn

from lashley.errors import EngineError
from lashley.graph.calls import CallKey, Calls, Scope, operation_of, scopes
from lashley.graph.plain_forms import FUNCTIONS, in_plain_operations
from lashley.graph.running import tensors
from lashley.graph.signature import Inputs, arguments, flat, names_of

Change = Callable[[Tensor], Tensor]
Look = Callable[[Any, Any], None]


@contextmanager
def intercepting(
    network: nn.Module,
    changes: Mapping[CallKey, Change],
    after: Mapping[CallKey, Collection[CallKey]] = MappingProxyType({}),
    looks: Mapping[CallKey, Look] = MappingProxyType({}),
    known: Mapping[CallKey, int] = MappingProxyType({}),
) -> Iterator[set[CallKey]]:
    """Pass the results of some calls through functions, in each run of the network inside.

    If a call writes to what it was given, the result is written there, for all later readers. Any
    other call hands on the new tensor, and readers of its inputs do not see it. A call that the run
    does not reach is not changed.

    Args:
        network: A copy, or the one that was recorded.
        changes: By keys of `recorded`: each gives a new tensor of the same shape and format.
        after: For some of these keys, calls that must come before in the run: else the result is
            left unchanged. If two layers share a point, and each run calls one or the other, it
            holds a layer's units only after that layer.
        looks: By keys, a function that gets the arguments of these calls before they are made.
        known: By keys without a number, how many calls there may be at these places.

    A key without a number means all calls at its place.

    Yields:
        The keys of both, without parts, that the current or last run has reached.

    Raises:
        EngineError: If the run makes more calls there than is known.
    """
    with in_plain_operations(network), scopes(network) as stack:
        changing = _Changing(stack, changes, after, looks, known)
        with changing:
            yield changing.reached


def values_at(
    network: nn.Module, keys: Collection[CallKey], inputs: Inputs
) -> dict[CallKey, Tensor]:
    """The results of some calls in a run of the network, without those that it does not reach.

    Args:
        network: In eval mode.
        keys: Of `recorded`.
        inputs: As the network takes them; not written to.
    """
    seen: dict[CallKey, Tensor] = {}

    def keep(key: CallKey) -> Change:
        def change(value: Tensor) -> Tensor:
            seen[key] = value.clone()
            return value

        return change

    args, kwargs = arguments(network, [t.clone() for t in flat(inputs)], names_of(inputs))
    with torch.no_grad(), intercepting(network, {key: keep(key) for key in keys}):
        network(*args, **kwargs)
    return seen


class _Changing(Calls):
    """Changes results by the keys of their calls."""

    def __init__(
        self, stack: list[Scope], changes: Mapping[CallKey, Change],
        after: Mapping[CallKey, Collection[CallKey]], looks: Mapping[CallKey, Look],
        known: Mapping[CallKey, int],
    ) -> None:  # fmt: skip
        super().__init__(stack)
        self.reached: set[CallKey] = set()
        self._changes: dict[CallKey, dict[int | None, Change]] = {}
        for key, change in changes.items():
            self._changes.setdefault(key.whole, {})[key.part] = change
        self._after = {k: frozenset(one.whole for one in before) for k, before in after.items()}
        self._looks, self._known = looks, known
        self._watched = frozenset().union(self._changes, looks, *self._after.values())
        self._wanted = {(key.owner, key.operation) for key in self._watched}

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func in FUNCTIONS:
            with self:
                return FUNCTIONS[func](*args, **kwargs)
        operation = operation_of(func)
        if (self.stack[-1].owner, operation) not in self._wanted:
            return func(*args, **kwargs)
        key = self.key_of(operation)
        self._check(key)
        for look in (self._looks.get(key), self._looks.get(key.every)):
            if look is not None:
                look(args, kwargs)
        change = {**self._change_of(key), **self._change_of(key.every)}
        if not change:
            return func(*args, **kwargs)
        given = tensors((args, kwargs))
        versions = [tensor._version for tensor in given]
        returned = func(*args, **kwargs)
        written = [t for t, v in zip(given, versions, strict=True) if t._version != v]
        return _changed(returned, change, written)

    def new_run(self) -> None:
        """Nothing is reached yet."""
        self.reached.clear()

    def _check(self, key: CallKey) -> None:
        known = self._known.get(key.every)
        if known is not None and key.nth is not None and key.nth >= known:
            where = f"{key.operation} in {key.owner}" if key.owner else key.operation
            raise EngineError(
                f"examples: the network calls {where} more than {known} times for some of them, "
                "unlike for the first few, by which its units are known. Evaluate examples with "
                "equally many calls separately."
            )

    def _change_of(self, key: CallKey) -> dict[int | None, Change]:
        if key not in self._watched:
            return {}
        self.reached.add(key)
        return {
            part: change for part, change in self._changes.get(key, {}).items()
            if self._after.get(key._replace(part=part), frozenset()) <= self.reached
        }  # fmt: skip


def _changed(returned: Any, change: dict[int | None, Change], written: list[Tensor]) -> Any:
    if isinstance(returned, Tensor):
        new = change[None](returned)
        if not any(returned is tensor for tensor in written):
            return new
        return returned if new is returned else returned.copy_(new)
    parts = list(returned)
    for part, function in change.items():
        if part is not None:
            parts[part] = function(parts[part])
    kind = type(returned)
    return kind(*parts) if hasattr(returned, "_fields") else kind(parts)
