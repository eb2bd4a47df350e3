"""Code of the user's own, by its name: "package.module:callable" or "file.py:callable".

It is imported and called as it is: whoever names it trusts it.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from operator import attrgetter
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any, TypeVar

from lashley.errors import CodeError

Made = TypeVar("Made")

_FORM = "allowed is package.module:callable or file.py:callable"
_PREFIX = "_given_"  # of the names of modules that are made of files
_NOT_OWN = (__file__, importlib.__file__, "<frozen importlib")


def is_code(given: str) -> bool:
    """Whether a text names code, and not a study or data."""
    return ":" in given or given.endswith(".py")


def named_code(given: str, what: str, home: Path | None = None) -> Any:
    """The object that a text such as `model.py:make` names.

    Args:
        given: The text.
        what: The argument it is given for, in errors.
        home: The folder that paths and modules are looked up in; None: the current one.

    Raises:
        CodeError: If there is no such file, module or name, or importing it raises.
    """
    where, _, name = given.rpartition(":")
    if not where or not name:
        advice = f"{given.strip(':') or 'model.py'}:make"
        raise CodeError(f"{what}: given {given!r}; {_FORM}. Add the callable, as in {advice}.")
    home = Path.cwd() if home is None else home
    is_file = where.endswith(".py")
    with _importable((home / where).resolve().parent if is_file else home.resolve()):
        module = _file(home / where, what) if is_file else _module(where, what)
        return _attribute(module, name, where, what)


def called(
    function: Callable[..., Made], given: str, what: str,
    arguments: Mapping[str, Any] | None = None, home: Path | None = None,
) -> Made:  # fmt: skip
    """What a callable of the user's own returns.

    Args:
        function: It.
        given: The text that names it.
        what: The argument it is given for, in errors.
        arguments: By name.
        home: The folder that modules are looked up in; None: the current one.

    Raises:
        CodeError: If it raises; with the user's own traceback.
    """
    if not callable(function):
        raise CodeError(
            f"{what}: {given} is a {type(function).__name__} and cannot be called; {_FORM}. Write "
            "a function that returns it."
        )
    where = given.rpartition(":")[0]
    home = Path.cwd() if home is None else home
    with _importable((home / where).parent if where.endswith(".py") else home):
        return _own(lambda: function(**(arguments or {})), given, what)


def modules_of_files() -> list[ModuleType]:
    """The modules that were made of files: another process cannot import them by their name."""
    return [module for name, module in sys.modules.items() if name.startswith(_PREFIX)]


@contextmanager
def _importable(folder: Path) -> Iterator[None]:
    """The folder's own modules can be imported inside, as Python does for a script there."""
    before = list(sys.path)
    sys.path.insert(0, str(folder.resolve()))
    try:
        yield
    finally:
        sys.path[:] = before


def _file(path: Path, what: str) -> ModuleType:
    if not path.is_file():
        raise CodeError(f"{what}: there is no file {str(path)!r}; {_FORM}. Look at the path.")
    spec = importlib.util.spec_from_file_location(f"{_PREFIX}{path.stem}", path)
    assert spec is not None
    loader = spec.loader
    assert loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # classes look for their module there
    _own(lambda: loader.exec_module(module), str(path), what)
    return module


def _module(name: str, what: str) -> ModuleType:
    def found() -> ModuleType:
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name is None or not f"{name}.".startswith(f"{error.name}."):
                raise  # something that the user's code imports
            raise CodeError(
                f"{what}: there is no module {name!r} here or among the installed ones; {_FORM}. "
                "Run the command in the folder that holds it, or give the file."
            ) from error

    return _own(found, name, what)


def _attribute(module: ModuleType, name: str, where: str, what: str) -> Any:
    try:
        return attrgetter(name)(module)
    except AttributeError as error:
        own = [n for n, v in vars(module).items() if callable(v) and not n.startswith("_")
               and getattr(v, "__module__", "") == module.__name__]  # fmt: skip
        has = f"it has {', '.join(own)}" if own else "it defines none"
        raise CodeError(f"{what}: {where} has no {name!r}; {_FORM}; {has}. Name one.") from error


def _own(function: Callable[[], Made], given: str, what: str) -> Made:
    """What the user's code returns; if it raises, the error holds its own traceback."""
    try:
        return function()
    except CodeError:
        raise
    except Exception as error:
        own = traceback.format_exception(type(error), error, _own_frames(error.__traceback__))
        raise CodeError(
            f"{what}: {given} raised {type(error).__name__} ({error}). Mend it; the traceback is "
            "its own.", "".join(own),
        ) from error  # fmt: skip


def _own_frames(frames: TracebackType | None) -> TracebackType | None:
    """Without the frames of this file and of importing, which come first."""
    while frames is not None and frames.tb_frame.f_code.co_filename.startswith(_NOT_OWN):
        frames = frames.tb_next
    return frames
