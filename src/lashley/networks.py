"""Networks: the built-in ones, any importable one, and their weights."""

from __future__ import annotations

import importlib
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import cast

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from lashley.errors import NetworkError
from lashley.files import Remote, locate, written_whole

_AUTHORS_URL = (
    "https://raw.githubusercontent.com/RichardMeyes/AblationStudies/"
    "df1ffa19a9820d52d661e35f13d486a07563d285/nets/MNIST_MLP%2820%2C%2010%29_{state}.pt"
)
_AUTHORS_SHA256 = {
    "trained": "e4fdbec2136c8354fa4a5d1fda47802919aef5d80f073ebaba111effaa926d4b",
    "untrained": "1afc2ed4768a4fbfa7cc88eea6a2c15759a2f39f00dd0a80059b64bebe32cdc5",
}


def mlp(widths: Sequence[int], *, bias: bool = True, seed: int | None = None) -> nn.Sequential:
    """A multi-layer perceptron with ReLU: layers `fc1`, `fc2`, ..., inputs flattened.

    Weights are PyTorch's default for Linear: uniform in +-1/sqrt(fan_in).

    Args:
        widths: Number of inputs, of each hidden layer's units, and of outputs.
        bias: Whether the layers have biases (the paper's have none).
        seed: Of the initial weights; None draws them from PyTorch's global generator.

    Raises:
        NetworkError: If there are fewer than two widths, or one is below 1.

    Source: Meyes et al. 2019, section 3.1.
    """
    if len(widths) < 2 or any(type(w) is not int or w < 1 for w in widths):
        raise NetworkError(
            f"widths: given {list(widths)}; allowed are two or more whole numbers of at least 1, "
            "for example [784, 20, 10, 10]."
        )
    with seeded(seed):
        modules: list[tuple[str, nn.Module]] = [("flatten", nn.Flatten())]
        for i, (inputs, outputs) in enumerate(pairwise(widths), start=1):
            modules.append((f"fc{i}", nn.Linear(inputs, outputs, bias=bias)))
            modules.append((f"relu{i}", nn.ReLU()))
        return nn.Sequential(OrderedDict(modules[:-1]))


def load(source: str, *, weights: str | Path | None = None) -> nn.Module:
    """The network that `package.module:callable` returns, with weights from a file.

    Args:
        source: For example "torchvision.models:resnet18"; called without arguments.
        weights: A `.safetensors` file, or a state dict saved by `torch.save`.

    Raises:
        NetworkError: If there is no such callable, it returns no network, or the weights do
            not fit.
    """
    package, _, name = source.partition(":")
    try:
        network = getattr(importlib.import_module(package), name)()
    except (ImportError, AttributeError, ValueError, TypeError) as error:
        raise NetworkError(
            f"network: {source!r} cannot be made ({error}); allowed is 'package.module:callable' "
            "of a callable without arguments. Check that the package is installed."
        ) from error
    if not isinstance(network, nn.Module):
        raise NetworkError(
            f"network: {source!r} returned a {type(network).__name__}; allowed is an nn.Module. "
            "Name a callable that returns the network."
        )
    return network if weights is None else with_weights(network, read_weights(weights))


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
    """`network` itself, holding the values of `state`.

    Raises:
        NetworkError: If names or shapes differ; the first differences are named.
    """
    own = network.state_dict()
    wrong = [f"{n} is missing" for n in own if n not in state]
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
    """Refuse weights that are NaN or infinite.

    Raises:
        NetworkError: Naming the parameters or buffers.
    """
    named = [*network.named_parameters(), *network.named_buffers()]
    bad = [n for n, v in named if v.is_floating_point() and not torch.isfinite(v).all()]
    if bad:
        raise NetworkError(
            f"network: {', '.join(bad[:3])} hold NaN or infinity. The training diverged or the "
            "file is damaged: use an earlier checkpoint."
        )


def authors_mlp() -> tuple[nn.Module, nn.Module]:
    """The paper's MLP as its authors published it: (trained, untrained).

    From `LASHLEY_DATA/meyes2019`, else the user's cache, else downloaded.

    Raises:
        DataError: If the files cannot be had.

    Source: github.com/RichardMeyes/AblationStudies (BSD-3), nets/.
    """
    remotes = {
        state: Remote(f"mlp_{state}.pt", sha, (_AUTHORS_URL.format(state=state),))
        for state, sha in _AUTHORS_SHA256.items()
    }
    paths = locate("meyes2019", list(remotes.values()))
    trained, untrained = (
        with_weights(mlp([784, 20, 10, 10], bias=False), read_weights(paths[remotes[s].name]))
        for s in ("trained", "untrained")
    )
    return trained, untrained


@contextmanager
def seeded(seed: int | None) -> Iterator[None]:
    """Draw from a generator of this seed inside, and leave PyTorch's own as it was."""
    if seed is None:
        yield
        return
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # torch.manual_seed would reseed GPUs too
        yield


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:160]
