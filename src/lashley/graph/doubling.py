"""A network in float64 that stays there, whatever formats its forward writes."""

from __future__ import annotations

import gc
import re
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import is_dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from lashley.graph.calls import operation_of
from lashley.graph.copies import copied
from lashley.graph.plain_forms import in_plain_operations
from lashley.graph.running import Refused, kinds_of_tensors

_FORMATS = {kind for kind in vars(torch).values() if isinstance(kind, torch.dtype)}
_WIDER = {
    kind: torch.complex128 if kind.is_complex else torch.float64
    for kind in _FORMATS - {torch.float64, torch.complex128}
    if kind.is_floating_point or kind.is_complex
}
LOWER = frozenset(_WIDER)  # the formats that become float64 or complex128
_METHODS = {"float": "double", "half": "double", "bfloat16": "double",
            "cfloat": "cdouble", "chalf": "cdouble"}  # fmt: skip
_NARROW = re.compile(r"\b(Float|Half|BFloat16)Tensor$")
_OF_FORMATS = re.compile(r"float|double|dtype|half|scalar type", re.IGNORECASE)
_NUMPY = frozenset({"numpy", "__array__"})

Narrow = Mapping[int, "weakref.ref[Tensor]"]


def doubled(network: nn.Module, device: str | torch.device = "cpu") -> nn.Module:
    """An independent copy in float64, in eval mode: parameters, buffers and other attributes.

    Args:
        network: Not touched.
        device: The copy's device.
    """
    found = copied(network).eval()
    found._apply(lambda tensor: tensor.to(device, _WIDER.get(tensor.dtype, tensor.dtype)))
    seen: set[int] = set()
    for module in found.modules():
        _widen(module, device, seen)
    return found


def constants() -> Narrow:
    """The tensors in lower formats that exist now, for `doubling`; takes about 0.1 s."""
    kinds = kinds_of_tensors()
    there = [t for t in gc.get_objects() if type(t) in kinds and t.dtype in _WIDER]
    return {id(tensor): weakref.ref(tensor) for tensor in there}


@contextmanager
def doubling(network: nn.Module, known: Narrow | None = None) -> Iterator[None]:
    """Inside, a copy from `doubled` computes in float64 alone, given inputs in float64.

    Formats that its forward writes (`.float()`, `dtype=torch.float16`, autocast) become float64.
    Numbers such as `torch.finfo(torch.float16).min` stay what they are. If `intercepting` is used
    too, it goes inside.

    Args:
        network: The copy.
        known: `constants()`, taken before; without it, it is taken anew.

    Raises:
        Refused: If the forward has an operation without float64, looks at the bits of a number,
            writes into a tensor of another format that is not the network's, or takes numbers from
            where they cannot be followed, such as NumPy in float32.
    """
    default = torch.get_default_dtype()
    mode = _Doubling(constants() if known is None else known)
    try:
        torch.set_default_dtype(torch.float64)
        with in_plain_operations(network), mode:
            yield
    except Refused:
        raise
    except Exception as error:
        if not _OF_FORMATS.search(str(error)):
            raise
        reason = next(iter(str(error).splitlines()), "")
        raise Refused(f"no float64: {type(error).__name__}: {reason}") from error
    finally:
        torch.set_default_dtype(default)


class _Doubling(TorchFunctionMode):
    """Widens what operations are given and what they return."""

    def __init__(self, known: Narrow) -> None:
        super().__init__()
        self._known = known
        self._left = False  # whether numbers went to NumPy

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs, name = kwargs or {}, operation_of(func)
        if getattr(func, "__name__", "") == "__get__":
            found = func(*args)
            return self._given(found) if isinstance(found, Tensor) else found
        self._check(name, args, kwargs)
        if name == "type":
            args, kwargs = tuple(map(_type, args)), {k: _type(v) for k, v in kwargs.items()}
        if name in _METHODS and args and isinstance(args[0], Tensor):
            func = getattr(Tensor, _METHODS[name])
        args = tuple(self._given(value) for value in args)
        kwargs = {key: self._given(value) for key, value in kwargs.items()}
        func = _grouped if name == "_grouped_mm" else func  # which has no kernel for float64
        return _wider(func(*args, **kwargs))

    def _check(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self._left = self._left or name in _NUMPY
        if name == "view" and isinstance([*args, *kwargs.values()][-1], torch.dtype):
            raise Refused("no float64: view(dtype) looks at the bits of numbers")
        if self._left and any(isinstance(a, np.ndarray) and a.dtype.kind == "f"
                              and a.dtype.itemsize < 8 for a in args):  # fmt: skip
            raise Refused(f"no float64: {name} takes numbers that NumPy has in a lower format")
        writes = name == "__setitem__" or (name.endswith("_") and not name.endswith("__"))
        targets = [args[0] if writes and args else None, kwargs.get("out")]
        if any(isinstance(t, Tensor) and t.dtype in _WIDER for t in targets):
            raise Refused(f"no float64: {name} writes into a tensor in a lower format")

    def _given(self, value: Any) -> Any:
        """A tensor or format, also nested, as it must be."""
        if isinstance(value, Tensor):
            if value.dtype not in _WIDER:
                return value
            if self._known.get(id(value), _nothing)() is not value:
                raise Refused(f"no float64: a tensor in {value.dtype} comes from where its numbers "
                              "cannot be followed, such as NumPy or compiled code")  # fmt: skip
            return value.to(_WIDER[value.dtype])
        if isinstance(value, torch.dtype):
            return _WIDER.get(value, value)
        if type(value) in (list, tuple):
            return type(value)(self._given(part) for part in value)
        return value


def _grouped(
    rows: Tensor, weights: Tensor, offs: Tensor | None = None, bias: None = None,
    out_dtype: torch.dtype | None = None,
) -> Tensor:  # fmt: skip
    """torch._grouped_mm: the rows of each expert by its own weights."""
    if bias is not None or rows.dim() + weights.dim() != 5 + (offs is None):
        raise Refused("no float64: grouped_mm of other forms than rows by experts")
    if offs is None:
        return rows @ weights
    ends = offs.tolist()
    parts = [rows[s:e] @ w for s, e, w in zip([0, *ends], ends, weights, strict=False)]
    return torch.cat([*parts, rows.new_zeros(len(rows) - ends[-1], weights.shape[-1])])


def _nothing() -> None:
    return None


def _type(value: Any) -> Any:
    """What `Tensor.type` is given: torch.FloatTensor, its name, or a format."""
    if isinstance(value, str):
        return _NARROW.sub("DoubleTensor", value)
    return value.dtype if isinstance(value, type(torch.FloatTensor)) else value


def _wider(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.to(_WIDER[value.dtype]) if value.dtype in _WIDER else value
    if type(value) in (list, tuple) and any(isinstance(part, Tensor) for part in value):
        return type(value)(_wider(part) for part in value)
    return value


def _widen(value: Any, device: Any, seen: set[int]) -> Any:
    """The value with all its tensors in float64; what can be changed is changed in place."""
    if isinstance(value, Tensor):
        return value if isinstance(value, nn.Parameter) else _wider(value).to(device)
    if type(value) is tuple:
        return tuple(_widen(part, device, seen) for part in value)
    if id(value) in seen:
        return value
    seen.add(id(value))
    if isinstance(value, nn.Module) and not isinstance(value, torch.jit.ScriptModule):
        value._apply(lambda tensor: _wider(tensor).to(device))
        _widen(vars(value), device, seen)
    elif isinstance(value, SimpleNamespace) or (is_dataclass(value) and hasattr(value, "__dict__")):
        _widen(vars(value), device, seen)
    elif isinstance(value, dict):
        for key, part in value.items():
            value[key] = _widen(part, device, seen)
    elif isinstance(value, list):
        value[:] = [_widen(part, device, seen) for part in value]
    return value


_KNOWN = "_lashley_constants"  # on our own copy: what `doubling` needs to run it


def mark(network: nn.Module, known: Narrow) -> nn.Module:
    """The copy itself, to run under `doubling` whenever `in_its_format` is used.

    Args:
        network: From `doubled`.
        known: `constants()`.
    """
    network.__dict__[_KNOWN] = known
    return network


def runs_doubled(network: nn.Module) -> bool:
    """Whether a copy was marked."""
    return _KNOWN in network.__dict__


@contextmanager
def in_its_format(network: nn.Module) -> Iterator[None]:
    """Inside, a marked copy computes in float64 alone, and any other network as it does."""
    known = network.__dict__.pop(_KNOWN, None)
    if known is None:
        yield
        return
    try:
        with doubling(network, known):
            yield
    finally:
        network.__dict__[_KNOWN] = known
