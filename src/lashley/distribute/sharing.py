"""Sharing: how networks and examples get to the workers, and the check that they did."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn

from lashley.data import Examples
from lashley.engine import network_fingerprint
from lashley.errors import ClusterError
from lashley.files import written_whole

_SINGLE = "inputs"  # the name of a plain tensor


class Refused(ClusterError):
    """A worker has other data or another network than the process that hands out the work."""


@dataclass(frozen=True)
class Shared:
    """A value that workers can get.

    Attributes:
        name: What it is.
        get: Gets it, on a worker.
        fingerprint: That it must have then; None where it has none.
    """

    name: str
    get: Callable[[], Any]
    fingerprint: Mapping[str, str] | None

    def arrived(self) -> Any:
        """The value, checked.

        Raises:
            Refused: If it is not what was shared.
        """
        value = self.get()
        found = fingerprint_of(value)
        if found != self.fingerprint:
            raise Refused(
                f"worker: its {self.name} differ from those of the process that hands out the work "
                f"({_difference(self.fingerprint, found)}). Give all nodes the same files and "
                "versions, or leave --share out: then data travel through Ray."
            )
        return value


def fingerprint_of(value: Any) -> dict[str, str] | None:
    """Of a network or of examples, by the names of their parts; None of anything else."""
    if isinstance(value, nn.Module):
        return network_fingerprint(value)
    return value.current_fingerprint() if isinstance(value, Examples) else None


def packed(examples: Examples) -> dict[str, Any]:
    """Examples as arrays by name, which processes of one machine can share."""
    inputs = examples.inputs
    plain = isinstance(inputs, torch.Tensor)
    parts: dict[str, Any] = {_SINGLE: inputs} if plain else dict(inputs)
    return {
        "inputs": {name: part.detach().cpu().numpy() for name, part in parts.items()},
        "plain": plain,
        "labels": examples.labels.cpu().numpy(),
        "class_names": examples.class_names,
    }


def unpacked(content: Mapping[str, Any]) -> Examples:
    """The reverse, without a copy; nothing may write to what comes out."""
    inputs = {k: torch.from_numpy(v) for k, v in content["inputs"].items()}
    labels = torch.from_numpy(content["labels"])
    return Examples(inputs[_SINGLE] if content["plain"] else inputs, labels, content["class_names"])


def write_to(folder: str, examples: Examples) -> str:
    """Write examples to a folder that all workers see, once; returns the file's address.

    Args:
        folder: A path, or a URL that fsspec knows.
        examples: What to write.

    Raises:
        ClusterError: If it cannot be written to.
    """
    name = "-".join(examples.fingerprint.values())[:80] + ".safetensors"
    try:
        fs, path = _opened(folder)
        target = f"{path.rstrip('/')}/{name}"
        if not fs.exists(target):
            with tempfile.TemporaryDirectory() as home:
                _save(examples, Path(home) / name)
                fs.makedirs(path, exist_ok=True)
                fs.put_file(str(Path(home) / name), f"{target}.partial")
                fs.mv(f"{target}.partial", target)
    except (OSError, ImportError, ValueError) as error:
        raise ClusterError(
            f"--share: {folder} cannot be written to ({error}). Give a folder, or a URL that "
            "fsspec knows, that this process and all workers reach; or leave --share out."
        ) from error
    return fs.unstrip_protocol(target)


def read_from(address: str) -> Examples:
    """Examples that were written by `write_to`; mapped from the disk, not read into memory.

    Raises:
        Refused: If the worker cannot read them.
    """
    try:
        fs, path = _opened(address)
        file = Path(path) if _is_local(fs) else _kept(fs, path)
        with safe_open(file, "pt") as found:
            about = json.loads(found.metadata()["lashley"])
            tensors = {key: found.get_tensor(key) for key in found.keys()}  # noqa: SIM118
    except (OSError, ImportError, ValueError, KeyError) as error:
        raise Refused(
            f"worker: it cannot read {address} ({error}). Give --share a folder or URL that all "
            "workers reach, or leave it out: then data travel through Ray."
        ) from error
    labels = tensors.pop("labels")
    inputs = tensors["inputs." + _SINGLE] if about["plain"] else {
        name: tensors[f"inputs.{name}"] for name in about["names"]
    }  # fmt: skip
    return Examples(inputs, labels, tuple(about["class_names"]))


def _save(examples: Examples, file: Path) -> None:
    content = packed(examples)
    about = {"plain": content["plain"], "names": list(content["inputs"]),
             "class_names": list(examples.class_names)}  # fmt: skip
    tensors = {f"inputs.{k}": torch.from_numpy(v) for k, v in content["inputs"].items()}
    tensors["labels"] = torch.from_numpy(content["labels"])
    save_file({k: v.contiguous() for k, v in tensors.items()}, file, {"lashley": json.dumps(about)})


def _opened(address: str) -> tuple[Any, str]:
    import fsspec

    return fsspec.core.url_to_fs(address)


def _is_local(fs: Any) -> bool:
    return "file" in ((fs.protocol,) if isinstance(fs.protocol, str) else fs.protocol)


def _kept(fs: Any, path: str) -> Path:
    """A copy on this machine, made once for all of its workers."""
    home = Path(tempfile.gettempdir()) / f"lashley-{os.getuid()}"
    home.mkdir(mode=0o700, exist_ok=True)
    file = home / Path(path).name
    if not file.is_file():
        with written_whole(file) as draft:
            fs.get_file(path, str(draft))
    return file


def _difference(wanted: Mapping[str, str] | None, found: Mapping[str, str] | None) -> str:
    wanted, found = wanted or {}, found or {}
    return ", ".join(k for k in {**wanted, **found} if wanted.get(k) != found.get(k)) or "all"
