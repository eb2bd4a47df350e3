"""Checkpoints, from which a population's training goes on bit for bit."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from lashley.data import Examples, fingerprint
from lashley.errors import TrainingError
from lashley.files import written_whole
from lashley.training.recipe import Recipe
from lashley.training.stack import Stack


def identity_of(stack: Stack, examples: Examples, recipe: Recipe) -> str:
    """What a training's result depends on; to be taken before its first step."""
    parts = {
        "recipe": asdict(recipe),
        "network": repr(stack.skeleton),
        "weights": {n: [fingerprint(v), v.requires_grad] for n, v in stack.state.items()},
        "examples": examples.current_fingerprint(),
    }
    return json.dumps(parts, sort_keys=True)


def save(path: Path, identity: str, stack: Stack, done: int) -> None:
    """Write the stack after `done` epochs, whole or not at all."""
    metadata = {"training": identity, "epoch": str(done)}
    try:
        with written_whole(path) as draft:
            save_file({n: v.contiguous() for n, v in stack.tensors().items()}, draft, metadata)
    except (OSError, SafetensorError) as error:
        raise TrainingError(
            f"checkpoint: {path} cannot be written ({error}). Give a path in a folder with free "
            "space that you may write to, or none."
        ) from error


def restore(path: Path, identity: str, stack: Stack) -> int:
    """Fill the stack from a checkpoint of the same training; the number of epochs done."""
    if not path.is_file():
        return 0
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            if metadata.get("training") != identity:
                return 0
            saved = {name: file.get_tensor(name) for name in stack.tensors()}
    except (OSError, SafetensorError):
        return 0
    for name, tensor in stack.tensors().items():
        tensor.copy_(saved[name])
    return int(metadata["epoch"])
