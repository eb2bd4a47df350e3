"""What a run was made with: versions, machine, seeds, and fingerprints of data and networks."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from lashley.errors import RunError
from lashley.studies.stages import Job

_PACKAGES = ("lashley", "torch", "numpy", "scipy", "openTSNE", "xarray", "zarr")


def keep_provenance(
    job: Job, seeds: Mapping[str, Any], fingerprints: Mapping[str, Any],
    further: Mapping[str, Any] | None = None,
) -> None:  # fmt: skip
    """Write down what the run's numbers are made with, or check that this is still the same.

    Args:
        job: The run.
        seeds: By what they serve.
        fingerprints: Of data and networks, by their names.
        further: More to write down.

    Raises:
        RunError: If data or networks changed since the run began.
    """
    folder = job.folder
    if not folder.has("provenance.json"):
        content = _provenance(job, seeds, fingerprints)
        folder.write_json("provenance", content | dict(further or {}))
    before = folder.json("provenance")["fingerprints"]
    changed = [name for name in fingerprints if before.get(name) != fingerprints[name]]
    if changed:
        raise RunError(
            f"run: {', '.join(changed)} changed since this run began, so its parts would not fit "
            "together. Start again in a new folder."
        )


def _provenance(
    job: Job, seeds: Mapping[str, Any], fingerprints: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "study": job.study.name,
        "versions": {p: version(p) for p in _PACKAGES} | {"python": platform.python_version()},
        "device": job.where.device,
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "threads": torch.get_num_threads(),
        "git_commit": _git_commit(),
        "seeds": dict(seeds),
        "fingerprints": dict(fingerprints),
    }


def _git_commit() -> str | None:
    """The commit of the source that runs, if it is a checkout."""
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
