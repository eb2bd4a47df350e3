"""Checkpoints, from which a training continues bit for bit."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from lashley.data import Examples, fingerprint
from lashley.errors import TrainingError
from lashley.files import written_whole
from lashley.training.recipe import Recipe

_CHEAP = 0.25  # seconds; a file that takes longer to write is written less often in proportion


def identity_of(
    kind: type, network: nn.Module, tensors: Mapping[str, Tensor], examples: Examples,
    recipe: Recipe,
) -> str:  # fmt: skip
    """What a training's result depends on; call it before the first step.

    Args:
        kind: The learner's: alone and in a population, networks differ in rounding.
        network: Its modules; their values are ignored.
        tensors: Everything that the training changes.
        examples: What it learns from.
        recipe: How.
    """
    parts = {
        "kind": kind.__name__,
        "recipe": asdict(recipe),
        "network": repr(network),
        "tensors": {name: fingerprint(tensor) for name, tensor in tensors.items()},
        "examples": examples.current_fingerprint(),
    }
    return json.dumps(parts, sort_keys=True)


class Checkpoint:
    """A file that a training is written to every few seconds, and continues from."""

    def __init__(self, path: Path, identity: str, seconds: float) -> None:
        self._path, self._identity, self._seconds = path, identity, seconds
        self._due = time.monotonic() + seconds

    def is_due(self) -> bool:
        """Whether it is time to save."""
        return time.monotonic() >= self._due

    def save(self, tensors: Mapping[str, Tensor], steps: int) -> None:
        """Write the tensors as they are after this many steps, whole or not at all.

        Raises:
            TrainingError: If the file cannot be written.
        """
        started = time.monotonic()
        metadata = {"training": self._identity, "steps": str(steps)}
        try:
            with written_whole(self._path) as draft:
                save_file({n: v.contiguous() for n, v in tensors.items()}, draft, metadata)
        except (OSError, SafetensorError) as error:
            raise TrainingError(
                f"checkpoint: {self._path} cannot be written ({error}). Give a path in a folder "
                "with free space that you may write to, or none."
            ) from error
        now = time.monotonic()
        self._due = now + self._seconds * max(1.0, (now - started) / _CHEAP)

    def discard(self) -> None:
        """Delete the file."""
        self._path.unlink(missing_ok=True)

    def restore(self, tensors: Mapping[str, Tensor]) -> int:
        """Fill the tensors from the file; the steps done, 0 if it is another training's."""
        if not self._path.is_file():
            return 0
        try:
            with safe_open(self._path, "pt") as file:
                metadata = file.metadata() or {}
                if metadata.get("training") != self._identity:
                    return 0
                saved = {name: file.get_tensor(name) for name in tensors}
        except (OSError, SafetensorError):
            return 0
        for name, tensor in tensors.items():
            tensor.copy_(saved[name])
        return int(metadata["steps"])
