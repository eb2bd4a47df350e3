"""Sharing: how networks and examples reach the workers, and the check that they did."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import torch
import xxhash
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from lashley.data import Examples
from lashley.data.targets import Targets, labels_by_name
from lashley.engine import network_fingerprint
from lashley.errors import ClusterError
from lashley.files import written_whole

_PLAIN = ""  # the name of inputs that have none


class NotShared(ClusterError):
    """A worker has other data or another network than the process that hands out the work."""


@dataclass(frozen=True)
class Shared:
    """A value that workers can get.

    Attributes:
        name: What it is.
        get: Gets it, on a worker.
        fingerprint: The one it must have then; None if it has none.
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
            raise NotShared(
                f"worker: its {self.name} differ from those of the process that hands out the work "
                f"({_difference(self.fingerprint, found)}). Give all nodes the same files and "
                "versions, or leave --share out: then data travel through Ray."
            )
        return value


def fingerprint_of(value: Any) -> dict[str, str] | None:
    """That of a network or of examples, by the names of their parts; None for anything else."""
    if isinstance(value, nn.Module):
        return network_fingerprint(value)
    return value.current_fingerprint() if isinstance(value, Examples) else None


def packed(examples: Examples) -> dict[str, Any]:
    """Examples as bytes by name, which processes of one machine can share."""
    return {name: (_bytes(part), part.dtype, part.shape)
            for name, part in _parts(examples).items()} | {"about": _about(examples)}  # fmt: skip


def unpacked(content: Mapping[str, Any]) -> Examples:
    """The reverse, without a copy; nothing may write to the result."""
    parts = {name: torch.from_numpy(part[0]).view(part[1]).reshape(part[2])
             for name, part in content.items() if name != "about"}  # fmt: skip
    return _whole(parts, content["about"])


def check_folder(folder: str) -> None:
    """Refuse a folder that examples cannot be written to, before any long work.

    Raises:
        ClusterError: Saying why.
    """
    try:
        fs, path = _opened(folder)
        fs.makedirs(path, exist_ok=True)
    except (OSError, ImportError, ValueError) as error:
        raise _unwritable(folder, error) from error


def write_to(folder: str, examples: Examples) -> str:
    """Write examples to a folder that all workers see, once; returns the file's address.

    Args:
        folder: A path, or a URL that fsspec knows.
        examples: What to write.

    Raises:
        ClusterError: If it cannot be written to.
    """
    same = json.dumps([examples.fingerprint, examples.class_names]).encode()
    name = f"{xxhash.xxh3_128_hexdigest(same)}.safetensors"
    try:
        fs, path = _opened(folder)
        target = f"{path.rstrip('/')}/{name}"
        if not fs.exists(target):
            with tempfile.TemporaryDirectory() as home:
                _save(examples, Path(home) / name)
                fs.makedirs(path, exist_ok=True)
                draft = f"{target}.{uuid4().hex}.partial"  # others may write the same
                fs.put_file(str(Path(home) / name), draft)
                fs.mv(draft, target)
    except (OSError, ImportError, ValueError, SafetensorError) as error:
        raise _unwritable(folder, error) from error
    return fs.unstrip_protocol(target)


def read_from(address: str) -> Examples:
    """Examples that `write_to` wrote; mapped from the disk, not read into memory.

    Raises:
        Refused: If the worker cannot read them.
    """
    try:
        fs, path = _opened(address)
        file = Path(path) if _is_local(fs) else _kept(fs, path)
        with safe_open(file, "pt") as found:
            about = json.loads(found.metadata()["lashley"])
            tensors = {key: found.get_tensor(key) for key in found.keys()}  # noqa: SIM118
    except (OSError, ImportError, ValueError, KeyError, SafetensorError) as error:
        raise NotShared(
            f"worker: it cannot read {address} ({error}). Give --share a folder or URL that all "
            "workers reach, or leave it out: then data travel through Ray."
        ) from error
    return _whole(tensors, about)


def _unwritable(folder: str, error: BaseException) -> ClusterError:
    return ClusterError(
        f"--share: {folder} cannot be written to ({error}). Give a folder, or a URL that fsspec "
        "knows, that this process and all workers reach; or leave --share out."
    )


def _parts(examples: Examples) -> dict[str, Tensor]:
    """All tensors by name, the labels last."""
    inputs = examples.inputs
    named = {_PLAIN: inputs} if isinstance(inputs, Tensor) else inputs
    parts = {f"inputs.{name}": part for name, part in named.items()}
    parts |= labels_by_name(examples.labels)
    return {name: part.detach().cpu() for name, part in parts.items()}


def _about(examples: Examples) -> dict[str, Any]:
    parts = examples.labels.parts if isinstance(examples.labels, Targets) else None
    kind = "one" if parts is None else "tuple" if isinstance(parts, tuple) else "by name"
    return {"plain": isinstance(examples.inputs, Tensor), "names": list(_parts(examples)),
            "labels": kind, "class_names": list(examples.class_names)}  # fmt: skip


def _whole(parts: Mapping[str, Tensor], about: Mapping[str, Any]) -> Examples:
    """Examples from their parts, in their original order."""
    named = _part("inputs.", parts, about)
    inputs = named[_PLAIN] if about["plain"] else named
    several = _part("labels.", parts, about)
    labels = parts["labels"] if about["labels"] == "one" else several
    if about["labels"] == "tuple":
        labels = Targets(tuple(several.values()))
    return Examples(inputs, labels, tuple(about["class_names"]))


def _part(prefix: str, parts: Mapping[str, Tensor], about: Mapping[str, Any]) -> dict[str, Tensor]:
    names = [name for name in about["names"] if name.startswith(prefix)]
    return {name.removeprefix(prefix): parts[name] for name in names}


def _bytes(part: Tensor) -> Any:
    return part.contiguous().view(torch.uint8).numpy()


def _save(examples: Examples, file: Path) -> None:
    parts = {name: part.contiguous() for name, part in _parts(examples).items()}
    tied = len({part.data_ptr() for part in parts.values()}) < len(parts)
    parts = {name: part.clone() for name, part in parts.items()} if tied else parts
    save_file(parts, file, {"lashley": json.dumps(_about(examples))})


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
    if not file.is_file() or file.stat().st_size != fs.size(path):
        with written_whole(file) as draft:
            fs.get_file(path, str(draft))
    return file


def _difference(wanted: Mapping[str, str] | None, found: Mapping[str, str] | None) -> str:
    wanted, found = wanted or {}, found or {}
    return ", ".join(k for k in {**wanted, **found} if wanted.get(k) != found.get(k)) or "all"
