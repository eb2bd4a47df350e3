"""A user's own network, as a command gets it: from code, and examples from a file."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import traceback
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from operator import attrgetter
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import numpy as np
import torch
import typer
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from lashley.errors import DataError, NetworkError
from lashley.networks import as_network

_FORM = "allowed is package.module:callable or file.py:callable, which returns the network"
_NOT_OWN = (__file__, importlib.__file__, "<frozen importlib")


class Given(NamedTuple):
    """What a callable returns: a network, and examples or None."""

    network: nn.Module
    examples: Any


def is_code(given: str) -> bool:
    """Whether a word names a callable, not a study."""
    return ":" in given or given.endswith(".py")


def network_of(given: str) -> Given:
    """What a callable returns, which a word such as `model.py:make` names.

    Raises:
        NetworkError: If there is no such file, module or callable, or it does not return a network.
        typer.Exit: If the user's own code raises; its traceback is printed.
    """
    where, _, name = given.rpartition(":")
    if not where or not name:
        raise NetworkError(
            f"network: given {given!r}; {_FORM}. Add the callable, as in {_advice(given)}."
        )
    is_file = where.endswith(".py")
    with _importable(Path(where).resolve().parent if is_file else Path.cwd()):
        module = _file(Path(where)) if is_file else _module(where)
        found = _attribute(module, name, where)
        made: Any = found if isinstance(found, nn.Module) else _carried_out(found)
    pair = isinstance(made, tuple) and len(made) == 2
    network, examples = made if pair else (made, None)
    return Given(as_network(network, f"network: {given} returned something else: it"), examples)


def _advice(given: str) -> str:
    return f"{given.strip(':') or 'model.py'}:make"


@contextmanager
def _importable(folder: Path) -> Iterator[None]:
    """The folder's own modules can be imported inside, as Python does for a script there."""
    before = list(sys.path)
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path[:] = before


def _file(path: Path) -> Any:
    if not path.is_file():
        raise NetworkError(f"network: there is no file {str(path)!r}; {_FORM}. Look at the path.")
    spec = importlib.util.spec_from_file_location(f"_given_{path.stem}", path)
    assert spec is not None
    loader = spec.loader
    assert loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # classes look for their module there
    _carried_out(lambda: loader.exec_module(module))
    return module


def _module(name: str) -> Any:
    def found() -> Any:
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name is None or not f"{name}.".startswith(f"{error.name}."):
                raise  # something that the user's code imports
            raise NetworkError(
                f"network: there is no module {name!r} here or among the installed ones; {_FORM}. "
                "Run the command in the folder that holds it, or give the file."
            ) from error

    return _carried_out(found)


def _attribute(module: Any, name: str, where: str) -> Any:
    try:
        found = attrgetter(name)(module)
    except AttributeError as error:
        own = [n for n, v in vars(module).items() if callable(v) and not n.startswith("_")
               and getattr(v, "__module__", "") == module.__name__]  # fmt: skip
        has = f"it has {', '.join(own)}" if own else "it defines none"
        raise NetworkError(
            f"network: {where} has no {name!r}; {_FORM}; {has}. Name one."
        ) from error
    if not callable(found):
        raise NetworkError(
            f"network: {where}:{name} is a {type(found).__name__} and cannot be called; {_FORM}. "
            "Write a function without arguments that returns it."
        )
    return found


def _carried_out(function: Any) -> Any:
    """What the user's code returns; if it raises, its own traceback is shown."""
    try:
        return function()
    except NetworkError:
        raise
    except Exception as error:
        traceback.print_exception(type(error), error, _own_frames(error.__traceback__))
        raise typer.Exit(1) from error


def _own_frames(frames: TracebackType | None) -> TracebackType | None:
    """Without the frames of this file and of importing, which come first."""
    while frames is not None and frames.tb_frame.f_code.co_filename.startswith(_NOT_OWN):
        frames = frames.tb_next
    return frames


def examples_of(path: Path) -> tuple[Any, Any]:
    """Inputs and labels from a .npz or .safetensors file; nothing in it is unpickled.

    The array "labels" has the labels, and may be missing; "inputs" is the input. If it is missing,
    the other arrays are the inputs by name.

    Raises:
        DataError: If there is no such file, it cannot be read, or has no inputs.
    """
    if not path.is_file():
        raise DataError(f"--data: there is no file {str(path)!r}. Look at the path.")
    if path.suffix not in (".npz", ".safetensors"):
        raise DataError(
            f"--data: given {path.name!r}; allowed are .npz and .safetensors. Write one with "
            "numpy.savez(file, inputs=..., labels=...)."
        )
    arrays = _npz(path) if path.suffix == ".npz" else _safetensors(path)
    labels = arrays.pop("labels", None)
    if not arrays:
        raise DataError(
            f"--data: {path.name} has no inputs; allowed are an array 'inputs', or arrays by the "
            "names of the network's inputs. Write them next to 'labels'."
        )
    inputs = arrays["inputs"] if set(arrays) == {"inputs"} else arrays
    if labels is None:  # sites do not depend on labels
        labels = torch.zeros(len(next(iter(arrays.values()))), dtype=torch.int64)
    return inputs, labels


def _npz(path: Path) -> dict[str, Any]:
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (ValueError, OSError, EOFError, AttributeError, zipfile.BadZipFile) as error:
        raise DataError(
            f"--data: {path.name} cannot be read without running code in it ({error}); allowed are "
            "arrays of numbers, not of objects. Write it with numpy.savez(file, inputs=..., "
            "labels=...), each an array of one dtype."
        ) from error
    return {name: torch.from_numpy(array) for name, array in arrays.items()}


def _safetensors(path: Path) -> dict[str, Any]:
    try:
        return dict(load_file(path))
    except (SafetensorError, OSError) as error:
        raise DataError(
            f"--data: {path.name} is not a readable safetensors file ({error}). Write it with "
            "safetensors.torch.save_file({'inputs': ..., 'labels': ...}, file)."
        ) from error
