"""PyTorch's own generators while a training draws from them, for dropout."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor

_CPU, _GPU = "generator.cpu", "generator.gpu"


@contextmanager
def drawing(seed: int, device: torch.device) -> Iterator[None]:
    """Generators of the CPU and the device with this seed inside; afterwards as before."""
    gpus = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=gpus):
        torch.default_generator.manual_seed(seed)  # torch.manual_seed would reseed all GPUs
        for gpu in gpus:
            with torch.cuda.device(gpu):
                torch.cuda.manual_seed(seed)
        yield


def generators(device: torch.device) -> dict[str, Tensor]:
    """The states of the generators."""
    states = {_CPU: torch.get_rng_state()}
    return states | ({_GPU: torch.cuda.get_rng_state(device)} if device.type == "cuda" else {})


def set_generators(states: Mapping[str, Tensor], device: torch.device) -> None:
    """Put the generators back into these states."""
    torch.set_rng_state(states[_CPU])
    if device.type == "cuda":
        torch.cuda.set_rng_state(states[_GPU], device)
