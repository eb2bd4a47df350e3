"""Weights: read from untrusted files, checked, and written."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import cast

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from lashley.errors import NetworkError
from lashley.files import written_whole
from lashley.graph.formats import numbers_of

_COUNTER = "num_batches_tracked"


def read_weights(path: str | Path) -> dict[str, Tensor]:
    """The tensors of a weights file; nothing in it is ever executed.

    Args:
        path: A `.safetensors` file, or a state dict saved by `torch.save`.

    Raises:
        NetworkError: If there is no such file, or it holds anything but tensors.
    """
    path = Path(path)
    if not path.is_file():
        raise NetworkError(f"weights: there is no file {path}. Check the path.")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # damaged files make torch.load raise nearly anything
        raise NetworkError(
            f"weights: {path} cannot be read as plain tensors ({_first_line(error)}). Lashley runs "
            "no pickled code: save the state dict with safetensors and give that file."
        ) from error
    if not isinstance(state, Mapping) or not all(isinstance(v, Tensor) for v in state.values()):
        raise NetworkError(
            f"weights: {path} holds no state dict (names to tensors). Save network.state_dict()."
        )
    return {str(name): value for name, value in state.items()}


def save_weights(network: nn.Module, path: Path) -> None:
    """Write a network's state dict as safetensors, whole or not at all."""
    write_weights(network.state_dict(), path)


def write_weights(state: Mapping[str, Tensor], path: Path) -> None:
    """Write tensors by name as safetensors, whole or not at all."""
    with written_whole(path) as draft:
        save_file({k: v.detach().contiguous() for k, v in state.items()}, draft)


def with_weights(network: nn.Module, state: Mapping[str, Tensor]) -> nn.Module:
    """`network` itself, holding the values of `state`, in the network's number format.

    Files from before PyTorch 0.4.1 lack batch norm's `num_batches_tracked`; it is left unchanged.

    Raises:
        NetworkError: If names or shapes differ; the first differences are named.
    """
    own = network.state_dict()
    wrong = [f"{n} is missing" for n in own if n not in state and not n.endswith(_COUNTER)]
    wrong += [f"{n} is not in the network" for n in state if n not in own]
    wrong += [
        f"{n} is {tuple(state[n].shape)}, must be {tuple(own[n].shape)}"
        for n in own
        if n in state and state[n].shape != own[n].shape
    ]
    if wrong:
        more = f", and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        raise NetworkError(
            f"weights: they do not fit the network: {'; '.join(wrong[:3])}{more}. "
            "Give weights of the same architecture, or change the architecture."
        )
    network.load_state_dict(cast(dict, state))
    return network


def check_finite(network: nn.Module) -> None:
    """Refuse parameters that are NaN or infinite, and buffers that are NaN.

    An infinity in a buffer may mean "no limit" or "not to be seen".

    Raises:
        NetworkError: Naming the parameters or buffers.
    """
    own = [(n, v, torch.isfinite) for n, v in network.named_parameters()]
    own += [(n, v, lambda value: ~torch.isnan(value)) for n, v in network.named_buffers()]
    bad = [n for n, v, fine in own if v.is_floating_point() and not fine(numbers_of(v)).all()]
    if bad:
        raise NetworkError(
            f"network: {', '.join(bad[:3])} hold NaN or infinity. The training diverged or the "
            "file is damaged: use an earlier checkpoint."
        )


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:160]
