"""What a network holds besides its parameters' numbers, and what has changed since."""

from __future__ import annotations

import operator
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, is_dataclass
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

_HOLDERS = frozenset({dict, OrderedDict, defaultdict, Counter, list, deque, set})
_SCALARS = (bool, int, float, complex, str, bytes, type(None))


@dataclass(frozen=True, eq=False)
class _Kept:
    """A tensor as it was.

    Attributes:
        name: The attribute that holds it.
        tensor: The tensor itself.
        memory: The same memory under another name, whatever becomes of the tensor.
        version: How often it had been written to.
        value: Its numbers; None for a parameter, which may be large and is not restored.
    """

    name: str
    tensor: Tensor
    memory: Tensor
    version: int
    value: Tensor | None

    @property
    def moved(self) -> bool:
        """Whether the tensor has been given other memory, or another shape."""
        return _place(self.tensor) != _place(self.memory)

    @property
    def written(self) -> bool:
        """Whether its numbers have been written to, even under another name."""
        if self.value is not None:
            with suppress(NotImplementedError, RuntimeError):  # kinds that cannot be compared
                return not _equal(self.memory, self.value)
        return _version(self.tensor) != self.version

    def restore(self) -> None:
        """Restore memory, shape and numbers."""
        written = self.written
        if self.moved:
            self.tensor.data = self.memory
        if written and self.value is not None:
            with torch.inference_mode(self.tensor.is_inference()):
                self.tensor.copy_(self.value)


@dataclass(frozen=True, eq=False)
class Snapshot:
    """What a network holds besides its parameters' numbers.

    Attributes:
        holders: Dicts, lists and sets among its attributes, the attributes themselves first: the
            name, the holder, and what was in it.
        tensors: Its parameters, buffers, and tensors among its attributes.
        generators: Random generators among its attributes, and their states.
    """

    holders: list[tuple[str, Any, tuple[Any, ...]]] = field(default_factory=list)
    tensors: list[_Kept] = field(default_factory=list)
    generators: list[tuple[str, torch.Generator, Tensor]] = field(default_factory=list)

    def changes(self) -> list[str]:
        """What has changed, by the names of attributes, such as "lif1.mem"."""
        found = [kept.name for kept in self.tensors if kept.moved or kept.written]
        found += [name for name, it, state in self.generators if not it.get_state().equal(state)]
        for name, holder, before in self.holders:
            found += _different(name, holder, before)
        return sorted(set(found))

    def restore(self) -> None:
        """Make it as it was."""
        for _, holder, before in self.holders:
            if not _is_same(_contents(holder), before):
                _refill(holder, before)
        with torch.no_grad():
            for kept in self.tensors:
                kept.restore()
        for _, generator, state in self.generators:
            generator.set_state(state)


def snapshot(network: nn.Module) -> Snapshot:
    """What to compare a network with later, and to restore it from.

    Attributes are followed into lists, tuples, dicts, sets, dataclasses and modules, but not into
    other objects. Buffers and other tensors are copied, parameters are not.

    Args:
        network: Any.
    """
    taken, seen = Snapshot(), set()
    for name, module in network.named_modules():
        if isinstance(module, torch.jit.ScriptModule):  # its attributes are not Python's
            for own, buffer in module.named_buffers(name, recurse=False):
                _take(taken, seen, own, buffer)
        else:
            _take(taken, seen, name, module)
    return taken


def _take(taken: Snapshot, seen: set[int], name: str, value: Any) -> None:
    kind = _kind_of(type(value))
    if not kind or id(value) in seen:
        return
    seen.add(id(value))
    if kind == "holder":
        _take_all(taken, seen, name, value)
    elif kind == "tensor":
        taken.tensors.append(_kept(name, value))
    elif kind == "object":
        _take_all(taken, seen, name, getattr(value, "__dict__", {}))
    elif kind == "tuple":
        for part in value:
            _take(taken, seen, name, part)
    else:
        taken.generators.append((name, value, value.get_state()))


@lru_cache(maxsize=1 << 12)
def _kind_of(kind: type) -> str:
    """What is done with values of a type; "" if nothing is."""
    if kind in _HOLDERS:
        return "holder"
    if issubclass(kind, Tensor):
        return "tensor"
    if issubclass(kind, torch.jit.ScriptModule):
        return ""
    if issubclass(kind, nn.Module | SimpleNamespace) or is_dataclass(kind):
        return "object"
    if issubclass(kind, tuple):
        return "tuple"
    return "generator" if issubclass(kind, torch.Generator) else ""


def _take_all(taken: Snapshot, seen: set[int], name: str, holder: Any) -> None:
    if not holder:  # like most of a module's tables
        taken.holders.append((name, holder, ()))
        return
    taken.holders.append((name, holder, _contents(holder)))
    named = isinstance(holder, dict)
    for key, value in list(holder.items()) if named else enumerate(list(holder)):
        _take(taken, seen, _joined(name, key) if named else name, value)


_TABLES = ("_parameters", "_buffers", "_modules")


def _joined(name: str, key: Any) -> str:
    """The name of what a dict holds; tables of modules and of hooks do not show in it."""
    if key in _TABLES or not isinstance(key, str):
        return name
    return f"{name}.{key}" if name else key


def _contents(holder: Any) -> tuple[Any, ...]:
    """For a dict the keys, then the values."""
    return (*holder, *holder.values()) if isinstance(holder, dict) else tuple(holder)


def _items(contents: tuple[Any, ...]) -> Iterator[tuple[Any, Any]]:
    half = len(contents) // 2
    return zip(contents[:half], contents[half:], strict=True)


def _refill(holder: Any, before: tuple[Any, ...]) -> None:
    holder.clear()
    if isinstance(holder, dict):
        for key, value in _items(before):
            holder[key] = value
    elif isinstance(holder, set):
        holder.update(before)
    else:
        holder.extend(before)


def _is_same(now: tuple[Any, ...], before: tuple[Any, ...]) -> bool:
    """Whether the very same objects are there."""
    return len(now) == len(before) and all(map(operator.is_, now, before))


def _different(name: str, holder: Any, before: tuple[Any, ...]) -> list[str]:
    now = _contents(holder)
    if _is_same(now, before):
        return []
    if not isinstance(holder, dict):
        return [] if _is_like(now, before) else [name]
    was, missing = dict(_items(before)), object()
    return [
        _joined(name, key)
        for key in {**was, **holder}
        if not _is_like(holder.get(key, missing), was.get(key, missing))
    ]


def _is_like(now: Any, before: Any) -> bool:
    """Whether they are the same, or are equal numbers, texts or tuples of them."""
    if now is before:
        return True
    if type(now) is not type(before):
        return False
    if isinstance(now, tuple):
        return len(now) == len(before) and all(map(_is_like, now, before))
    return type(now) in _SCALARS and now == before


def _kept(name: str, tensor: Tensor) -> _Kept:
    value = None
    with torch.no_grad(), suppress(NotImplementedError, RuntimeError):  # for some kinds of tensors
        value = None if isinstance(tensor, nn.Parameter) else tensor.detach().clone()
    return _Kept(name, tensor, tensor.data, _version(tensor), value)


def _version(tensor: Tensor) -> int:
    return 0 if tensor.is_inference() else tensor._version


def _place(tensor: Tensor) -> Any:
    try:
        memory = tensor.data_ptr()
    except RuntimeError:  # sparse ones and wrappers have none
        memory = 0
    return memory, tensor.shape, tensor.dtype, tensor.device


def _equal(tensor: Tensor, value: Tensor) -> bool:
    """Whether all numbers are equal; NaN is equal to NaN."""
    if tensor.shape != value.shape:
        return False
    if torch.equal(tensor, value):
        return True
    same = tensor == value
    return bool((same | (tensor != tensor) & (value != value)).all())
