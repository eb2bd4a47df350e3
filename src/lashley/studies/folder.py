"""The run folder: one study carried out, and nothing else."""

from __future__ import annotations

import errno
import json
import os
import platform
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import yaml
from safetensors import SafetensorError

from lashley.errors import OutcomesError, RunError, TrainingError
from lashley.files import is_draft, written_whole
from lashley.studies.loading import reload
from lashley.studies.study import Study

_PACKAGES = ("lashley", "torch", "numpy", "scipy", "openTSNE", "xarray", "zarr")
_NO_RESULTS = ("study.yaml", "progress.json")
_FULL = (errno.ENOSPC, errno.EDQUOT)
_DENIED = (errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EROFS, errno.ENAMETOOLONG)


@dataclass(frozen=True)
class RunFolder:
    """Where a run keeps what it has found; every file in it is whole.

    Attributes:
        path: The folder.
    """

    path: Path

    @property
    def outcomes(self) -> Path:
        """The Zarr folder of all outcomes."""
        return self.path / "outcomes.zarr"

    def study(self) -> Any:
        """The study that the folder belongs to, of its own kind.

        Raises:
            RunError: If it is no run folder.
        """
        try:
            return reload(yaml.safe_load((self.path / "study.yaml").read_text()))
        except (OSError, ValueError, yaml.YAMLError) as error:
            raise RunError(
                f"run: {self.path} is no run folder ({error}). Give the folder that `lashley run` "
                "wrote to."
            ) from error

    def write_table(self, name: str, table: pd.DataFrame) -> None:
        """Write a tidy table as Parquet."""
        with written_whole(self.path / f"{name}.parquet") as draft:
            table.to_parquet(draft, index=False)

    def table(self, name: str) -> pd.DataFrame:
        """A tidy table of the run.

        Raises:
            RunError: If the run has not come to it yet.
        """
        file = self.path / f"{name}.parquet"
        if not file.is_file():
            self.study()
            raise RunError(
                f"run: {self.path} has no {name} yet. Finish it with the command that began it."
            )
        return pd.read_parquet(file)

    def write_array(self, name: str, array: np.ndarray) -> None:
        """Write an array as .npy."""
        with written_whole(self.path / f"{name}.npy") as draft:
            np.save(draft, array)

    def array(self, name: str) -> np.ndarray:
        """An array of the run."""
        return np.load(self.path / f"{name}.npy", allow_pickle=False)

    def write_arrays(self, name: str, arrays: Mapping[str, np.ndarray]) -> None:
        """Write arrays by name as .npz."""
        with written_whole(self.path / f"{name}.npz") as draft:
            np.savez_compressed(draft, **arrays)  # pyright: ignore[reportArgumentType]

    def arrays(self, name: str) -> dict[str, np.ndarray]:
        """Arrays of the run by name."""
        with np.load(self.path / f"{name}.npz", allow_pickle=False) as found:
            return dict(found)

    def write_json(self, name: str, content: Mapping[str, Any]) -> None:
        """Write a mapping as JSON."""
        with written_whole(self.path / f"{name}.json") as draft:
            draft.write_text(json.dumps(content, indent=2) + "\n")

    def json(self, name: str) -> dict[str, Any]:
        """A mapping of the run."""
        return json.loads((self.path / f"{name}.json").read_text())

    def has(self, *names: str) -> bool:
        """Whether these files are there; what is there is whole."""
        return all((self.path / name).is_file() for name in names)


def open_folder(path: Path, study: Study) -> RunFolder:
    """The folder for a run of the study: a new one, or the one of a run that stopped.

    Raises:
        RunError: If it cannot be written to, or belongs to something else.
    """
    folder = RunFolder(path)
    with disk_errors(path):
        if (path / "study.yaml").is_file():
            before = folder.study()  # refuses what is no study
            if not _is_bare(path):
                _check_same(path, before, study)
        elif path.exists() and not (path.is_dir() and all(map(is_draft, path.iterdir()))):
            raise RunError(
                f"--out: {path} exists and is no run folder. Give a new or an empty folder."
            )
        _clear_drafts(path)
        with written_whole(path / "study.yaml") as draft:
            draft.write_text(study.to_yaml())
    return folder


def _is_bare(path: Path) -> bool:
    """Whether a run has left nothing but its study, because that could not be carried out."""
    return all(p.name in _NO_RESULTS or is_draft(p) for p in path.iterdir())


def _clear_drafts(path: Path) -> None:
    """Remove what a kill left half written."""
    for draft in [p for p in path.rglob(".*") if is_draft(p)]:
        if draft.is_dir():
            shutil.rmtree(draft)
        else:
            draft.unlink(missing_ok=True)


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Say what to do where the disk is full or the folder cannot be written to.

    Raises:
        RunError: In place of the operating system's error.
    """
    try:
        yield
    except (OSError, SafetensorError, TrainingError, OutcomesError) as error:
        if _is_full(error):
            raise RunError(
                f"run: the disk of {path} is full. Free some space and give the same command "
                "again; what is finished is kept."
            ) from error
        if isinstance(error, OSError) and error.errno in _DENIED:
            raise RunError(
                f"--out: {path} cannot be written to ({error.strerror}). Give another folder."
            ) from error
        raise


def _is_full(error: Exception) -> bool:
    words = [os.strerror(number) for number in _FULL]
    words.append("requested and")  # numpy's "1000 requested and 512 written"
    return getattr(error, "errno", None) in _FULL or any(word in str(error) for word in words)


def keep_provenance(
    folder: RunFolder,
    device: str,
    seeds: Mapping[str, Any],
    fingerprints: Mapping[str, Any],
    further: Mapping[str, Any] | None = None,
) -> None:
    """Write down with what the run's numbers are made, or see that it still is the same.

    Args:
        folder: Of the run.
        device: Where networks are evaluated.
        seeds: By what they are for.
        fingerprints: Of data and networks, by their names.
        further: What else is to be written down.

    Raises:
        RunError: If data or networks changed since the run began.
    """
    if not folder.has("provenance.json"):
        content = _provenance(folder.study(), device, seeds, fingerprints)
        folder.write_json("provenance", content | dict(further or {}))
    before = folder.json("provenance")["fingerprints"]
    changed = [name for name in fingerprints if before.get(name) != fingerprints[name]]
    if changed:
        raise RunError(
            f"run: {', '.join(changed)} changed since this run began, so its parts would not fit "
            "together. Start again in a new folder."
        )


def _provenance(
    study: Study, device: str, seeds: Mapping[str, Any], fingerprints: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "study": study.name,
        "versions": {p: version(p) for p in _PACKAGES} | {"python": platform.python_version()},
        "device": device,
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "threads": torch.get_num_threads(),
        "git_commit": _git_commit(),
        "seeds": dict(seeds),
        "fingerprints": dict(fingerprints),
    }


def _git_commit() -> str | None:
    """The commit of the source this runs from, if it runs from a checkout."""
    checkout = Path(__file__).parents[3]
    if not (checkout / ".git").exists():
        return None
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],
            cwd=checkout, capture_output=True, text=True, timeout=10, check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None


def _check_same(path: Path, before: Study, study: Study) -> None:
    old, new = _flat(before.model_dump()), _flat(study.model_dump())
    differ = [key for key in {**old, **new} if old.get(key) != new.get(key)]
    if differ:
        key = differ[0]
        raise RunError(
            f"--out: {path} holds a run of another study: {', '.join(differ[:5])} differ "
            f"({key} is {old.get(key)!r} there, {new.get(key)!r} here). Give another folder."
        )


def _flat(content: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in content.items():
        flat |= (
            _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
        )
    return flat


Tell = Callable[[str, int, int], None]
"""Told of each stage: its name, what is done of it, and the whole."""
