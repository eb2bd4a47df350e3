"""Text forms of methods: "silence", "scale(0.5)", "package.module:Class(1)"."""

from __future__ import annotations

import ast
import importlib
import re
from dataclasses import fields, make_dataclass
from functools import cache
from inspect import signature
from typing import Any

from lashley.errors import AblationError
from lashley.methods.constant import Constant
from lashley.methods.mean import Mean
from lashley.methods.method import Method
from lashley.methods.noise import Noise
from lashley.methods.resample import Resample
from lashley.methods.scale import Scale
from lashley.methods.silence import Silence
from lashley.methods.zero_weights import ZeroWeights

_BUILT_IN = (Silence, ZeroWeights, Mean, Resample, Constant, Scale, Noise)
_BY_ALIAS: dict[str, type[Method]] = {kind.alias: kind for kind in _BUILT_IN}
_FORM = re.compile(r"(?:([\w.]+):)?(\w+)(\(.*\))?", re.DOTALL)
_ALLOWED = "silence, zero_weights, mean, resample, constant(0.5), scale(0.5), noise(0.5)"


def as_method(given: Any) -> Method:
    """A method, or the one with this text form.

    Raises:
        AblationError: If there is no such method.
    """
    if isinstance(given, Method):
        return _value(given)
    found = _FORM.fullmatch(given.strip()) if isinstance(given, str) else None
    if found is None:
        raise _unknown(given)
    module, name, arguments = found.groups()
    kind = _imported(given, module, name) if module else _BY_ALIAS.get(name)
    if kind is None:
        raise _unknown(given)
    try:
        args, kwargs = _arguments(arguments or "()")
        return _value(kind(*args, **kwargs))
    except AblationError:
        raise
    except Exception as error:  # whatever a user's class raises
        said = "they are not plain values" if "malformed node" in str(error) else error
        ours = f"la.methods.{kind.__name__}(...)" if kind.alias else f"{kind.__name__}(...) itself"
        raise AblationError(
            f"method: given {given!r}, whose arguments do not fit ({said}); allowed are "
            f"{_ALLOWED}, and package.module:Class of your own with numbers, texts and tuples. "
            f"Give {ours}."
        ) from error


def _value(given: Method) -> Method:
    """The method itself, if it can be compared: equal ablations are run once."""
    kind = type(given)
    try:
        hash(given)
    except TypeError as error:
        raise AblationError(
            f"method: given {given!r}, which cannot be compared with others ({error}); allowed are "
            "hashable fields. Give numbers or tuples in place of lists and tensors."
        ) from error
    _check_class(kind)
    return given


@cache
def _check_class(kind: type[Method]) -> None:
    """Refuse a class whose values cannot be told apart; once each: every ablation has a method."""
    hidden = [f.name for f in fields(kind) if not (f.compare and f.init)]
    if hidden:
        raise AblationError(
            f"method: given a {kind.__name__} whose fields {', '.join(hidden)} are not part of its "
            "comparison or text (compare=False, init=False); allowed are fields that are. Leave "
            "these out."
        )
    made = vars(kind).get("__dataclass_params__")
    if made is None:
        raise AblationError(
            f"method: given a {kind.__name__}, which is not itself a dataclass, so two of them "
            "cannot be told apart. Decorate the class: @dataclasses.dataclass(frozen=True)."
        )
    if kind not in _BUILT_IN and vars(kind).get("alias"):
        raise AblationError(
            f"method: given a {kind.__name__} with the alias {kind.alias!r}; only Lashley's own "
            "methods have one, because a text such as 'silence' stands for them. Leave it out."
        )
    if not (made.eq and made.init and _is_of_its_fields(kind)):
        raise AblationError(
            f"method: given a {kind.__name__} that is not made of its fields, or not compared by "
            "them (eq=False, init=False, InitVar, an __eq__ or __hash__ of its own), so two of "
            "them cannot be told apart. Take @dataclasses.dataclass(frozen=True) and plain fields."
        )


def _is_of_its_fields(kind: type[Method]) -> bool:
    """Whether a dataclass is made of all its fields and of nothing else, and compared by them."""
    plain = make_dataclass("Plain", [], frozen=True)
    generated = {getattr(plain, n).__code__.co_filename for n in ("__eq__", "__hash__")}
    own = [vars(kind).get(name) for name in ("__eq__", "__hash__")]
    compared = all(getattr(each, "__code__", None) and each.__code__.co_filename in generated
                   for each in own if each is not None)  # fmt: skip
    return compared and set(signature(kind).parameters) == {field.name for field in fields(kind)}


def _imported(given: str, module: str, name: str) -> type[Method]:
    try:
        kind = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        raise AblationError(
            f"method: given {given!r}, which cannot be imported ({error}); allowed are "
            f"{_ALLOWED}, and package.module:Class of your own. Check that the module is on "
            "Python's path."
        ) from error
    if not (isinstance(kind, type) and issubclass(kind, Method)):
        raise AblationError(
            f"method: given {given!r}, which is not a method; allowed is a class derived from "
            "la.methods.Method. Derive it, and write its replacement()."
        )
    return kind


def _arguments(text: str) -> tuple[list[Any], dict[str, Any]]:
    """Of "(0.5, seed=1)", as plain values."""
    call = ast.parse(f"method{text}", mode="eval").body
    named = [k.arg for k in getattr(call, "keywords", ())]
    if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name)):
        raise ValueError("not one pair of brackets with arguments")
    if len(set(named)) < len(named):
        raise ValueError("an argument is given twice")
    by_name = {str(k.arg): ast.literal_eval(k.value) for k in call.keywords}
    return [ast.literal_eval(a) for a in call.args], by_name


def _unknown(given: Any) -> AblationError:
    return AblationError(
        f"method: given {given!r}; allowed are {_ALLOWED}, and a class of your own derived from "
        "la.methods.Method. Take 'silence', for example."
    )
