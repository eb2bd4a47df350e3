"""Which part of what a network returns is its output."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any
from weakref import WeakKeyDictionary

import torch
import xxhash
from torch import Tensor, fx, nn

from lashley.errors import EngineError, LashleyError

Output = str | int | Callable[[Any], Any] | None
_read: WeakKeyDictionary[nn.Module, tuple[Output, nn.Module]] = WeakKeyDictionary()


def reading(network: nn.Module, output: Output) -> nn.Module:
    """The network with one part of what it returns as its output.

    It is the same network: all state, the modules inside and their names are shared, so whatever
    is done to either is done to both. Copies of it are independent. The same call gives the same
    object, so what is kept for it, such as an export, is found again.

    Args:
        network: It is not changed.
        output: An attribute or key of what it returns, an index, or a function of it; None: the
            network itself.

    Raises:
        EngineError: If it is none of these.
    """
    if output is None:
        return network
    if isinstance(output, bool) or not (isinstance(output, str | int) or callable(output)):
        raise EngineError(
            f"output: given {output!r}; allowed are the name of an attribute or key, such as "
            "'logits', an index, or a function of what the network returns. Leave it out if the "
            "network returns logits."
        )
    own = {"forward", "_compiled_call_impl"} & set(network.__dict__)
    if own or network._forward_hooks:
        raise EngineError(
            "output: given for a network whose own forward was replaced, compiled or hooked, so "
            "its return value cannot be chosen; allowed is the forward of its class. Undo that, or "
            "pick the output there and leave output out."
        )
    kept = _read.get(network)
    if kept is None or kept[0] != output:
        _read[network] = kept = (output, _of(network, output))
    return kept[1]


def as_given(network: nn.Module) -> nn.Module:
    """The network as it was before `reading`, which returns all."""
    kind = getattr(type(network), "_lashley_given", None)
    return network if kind is None else _sharing(network, kind)


def name_of(output: Output) -> str:
    """Its form in outcomes."""
    return output if isinstance(output, str) else getattr(output, "__name__", str(output))


def told_by(output: Output) -> str:
    """What tells it from others; for a function also its code, as all lambdas share a name."""
    code = getattr(output, "__code__", None)
    if code is None:
        return name_of(output)
    plain = [c for c in code.co_consts if not hasattr(c, "co_code")]
    text = repr((code.co_code, plain, code.co_names))
    return f"{name_of(output)} {xxhash.xxh3_64_hexdigest(text.encode())}"


def picked(returned: Any, output: Output) -> Any:
    """The part of what a network returned.

    Raises:
        EngineError: If there is no such part, or it is not a tensor.
    """
    found = _part(returned, output)
    if not isinstance(found, Tensor | fx.Proxy):
        raise EngineError(
            f"output: given {name_of(output)!r}, which is {described(found)} of what the network "
            "returns; allowed is a tensor (example, ...). Give a function that picks one: "
            "output=lambda returned: ..."
        )
    return found


def described(value: Any, depth: int = 2) -> str:
    """What a network returned, in words: "a tuple of 2: a tensor (8, 10), a tensor (8, 4)"."""
    if isinstance(value, Tensor):
        return f"a tensor {tuple(value.shape)}"
    parts = _parts(value)
    if parts is None:
        return f"a {type(value).__name__}"
    if not depth:
        return f"a {type(value).__name__} of {len(parts)}"
    named = isinstance(value, tuple | list) and not hasattr(value, "_fields")
    inside = [described(p, depth - 1) if named else f"{n}: {described(p, depth - 1)}"
              for n, p in list(parts.items())[:6]]  # fmt: skip
    return f"a {type(value).__name__} of {len(parts)} ({', '.join(inside)})"


def names_in(value: Any) -> list[Any]:
    """The keys, attributes or indices by which its parts can be picked."""
    return list(_parts(value) or {})


def _of(network: nn.Module, output: Output) -> nn.Module:
    given = type(network)

    @wraps(given.forward)
    def forward(self: nn.Module, *args: Any, **kwargs: Any) -> Any:
        return picked(given.forward(self, *args, **kwargs), output)

    def deepcopy(self: nn.Module, memo: dict[int, Any]) -> nn.Module:
        return _of(copy.deepcopy(as_given(self), memo), output)

    def reduce(self: nn.Module, protocol: Any) -> Any:
        return reading, (as_given(self), output)

    own = {"forward": forward, "__deepcopy__": deepcopy, "__reduce_ex__": reduce,
           "__module__": given.__module__, "__qualname__": given.__qualname__,
           "__doc__": given.__doc__, "_lashley_given": given}  # fmt: skip
    make: Any = type(given)  # the class of the class
    return _sharing(network, make(given.__name__, (given,), own))


def _sharing(network: nn.Module, kind: type[nn.Module]) -> nn.Module:
    """An object of another class that shares the network's state."""
    found = object.__new__(kind)
    object.__setattr__(found, "__dict__", network.__dict__)
    return found


def _part(returned: Any, output: Output) -> Any:
    if callable(output):
        return _of_function(output, returned)
    try:
        if isinstance(output, str) and not isinstance(returned, Mapping):
            return getattr(returned, output)
        if not isinstance(returned, Tensor):
            return returned[output]
    except (AttributeError, KeyError, IndexError, TypeError):
        pass
    raise EngineError(
        f"output: given {output!r}, but the network returns {described(returned)}; "
        f"{_allowed(returned)}."
    )


def _of_function(output: Callable[[Any], Any], returned: Any) -> Any:
    try:
        return output(returned)
    except LashleyError:
        raise
    except Exception as error:
        if isinstance(returned, fx.Proxy) or torch.compiler.is_exporting():
            raise  # what a tracer cannot follow is not an error
        raise EngineError(
            f"output: {name_of(output)!r} raises {type(error).__name__} ({error}) on what the "
            f"network returns, {described(returned)}; allowed is a function of that which gives a "
            "tensor (example, ...). Try it on what the network returns for a few examples."
        ) from error


def _allowed(returned: Any) -> str:
    if isinstance(returned, Tensor):
        return "allowed is to leave output out, or a function of that tensor"
    names = ", ".join(map(repr, names_in(returned)))
    return f"allowed are {names}, or a function of it" if names else "allowed is a function of it"


def _parts(value: Any) -> dict[Any, Any] | None:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return value._asdict()  # pyright: ignore[reportAttributeAccessIssue]
    if isinstance(value, tuple | list):
        return dict(enumerate(value))
    if dataclasses.is_dataclass(value):
        return {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    return dict(vars(value)) or None if hasattr(value, "__dict__") else None
