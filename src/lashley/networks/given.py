"""Whether what is given is a network that can be looked into; no library is imported."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from lashley.errors import NetworkError

# By the beginning of a class's module: what it is called, and where its network is.
_HOLDERS = {
    "skorch": ("a skorch net", "net.module_, which exists after net.initialize() or net.fit(...)"),
    "fastai": ("a fastai Learner", "learn.model"),
    "transformers.pipelines": ("a transformers pipeline", "pipeline.model"),
    "transformers.trainer": ("a transformers Trainer", "trainer.model"),
    "lightning": ("a Lightning Trainer", "trainer.lightning_module, or the module itself"),
    "pytorch_lightning": ("a Lightning Trainer", "trainer.lightning_module, or the module itself"),
    "keras": ("a Keras model of another backend", "the model with KERAS_BACKEND=torch set before "
              "Keras is imported"),
    "tf_keras": ("a TensorFlow model", "its weights in a PyTorch network of this architecture"),
    "tensorflow": ("a TensorFlow model", "its weights in a PyTorch network of this architecture"),
    "flax": ("a Flax module", "its weights in a PyTorch network of this architecture"),
    "onnxruntime": ("an ONNX session", "the PyTorch network that it was exported from"),
    "torch.export": ("an exported program", "the network that it was exported from"),
}  # fmt: skip
_LIKELY = ("module_", "model", "module", "network", "net", "_orig_mod")  # where wrappers hold it
# The same for modules and weights that cannot be looked into or computed in float64.
_QUANTISED = ("torchao", "torch.ao.nn.quantized", "torch.ao.nn.intrinsic.quantized", "bitsandbytes",
              "optimum.quanto", "hqq", "gptqmodel", "auto_gptq", "awq")  # fmt: skip


def as_network(given: Any, name: str = "network") -> nn.Module:
    """`given` itself, if it is a network whose modules and weights are open.

    Args:
        given: Whatever a user gives as one.
        name: The argument's name.

    Raises:
        NetworkError: If it is something that holds a network, TorchScript, quantised, or not a
            network at all; the message says where the network is.
    """
    if not isinstance(given, nn.Module):
        raise NetworkError(f"{name}: given {_described(given)}")
    for path, module in given.named_modules():
        _check_open(f"{name}: {f'its {path}' if path else 'it'}", module)
    return given


def _check_open(which: str, module: nn.Module) -> None:
    if isinstance(module, torch.jit.ScriptModule):
        raise NetworkError(
            f"{which} is TorchScript ({type(module).__name__}), whose operations cannot "
            "be looked into or replaced; allowed are plain torch.nn modules. Give the module as "
            "it was before torch.jit.script or torch.jit.trace."
        )
    held = (*module._parameters.values(), *module._buffers.values())
    empty = [t for t in held if t is not None and (is_lazy(t) or t.is_meta)]
    if empty:
        kind = "not initialised" if is_lazy(empty[0]) else "on the device 'meta'"
        raise NetworkError(
            f"{which} has weights that are {kind}, and so have no numbers; allowed are networks "
            "with weights. First run it once on an example, or load its weights."
        )
    kinds = [type(module), *(type(part) for t in held if t is not None for part in (t, t.data))]
    quantised = [k for k in kinds if _is_of(k, _QUANTISED)]
    if quantised:
        raise NetworkError(
            f"{which} is quantised ({quantised[0].__module__}.{quantised[0].__name__}), "
            "so its weights are not numbers that can be set to 0 or computed with in float64; "
            "allowed are weights in float32, float64, bfloat16 or float16. Give the network as it "
            "was before it was quantised."
        )


def _is_of(kind: type, libraries: tuple[str, ...]) -> bool:
    """Whether a type comes from one of these modules or packages."""
    home = kind.__module__
    return any(home == name or home.startswith(f"{name}.") for name in libraries)


def _described(given: Any) -> str:
    """What was given, what is allowed, and the way out."""
    if isinstance(given, type):
        return f"the class {given.__name__}; allowed is a network. Make one: {given.__name__}(...)."
    kind = type(given)
    what, allowed = f"a {kind.__name__}", "allowed is a torch.nn.Module"
    for library, (called, way_out) in _HOLDERS.items():
        if any(_is_of(base, (library,)) for base in kind.__mro__):
            called = called if called.endswith(kind.__name__) else f"{called} ({kind.__name__})"
            return f"{called}; {allowed}. Give {way_out}."
    if isinstance(given, Mapping) and any(isinstance(v, Tensor) for v in given.values()):
        return f"a state dict; {allowed}. Load it: network.load_state_dict(...)."
    if isinstance(given, str):
        return f"the text {given!r}; {allowed}. Load the network first."
    held = [n for n in _LIKELY if isinstance(getattr(given, n, None), nn.Module)]
    if held:
        return f"{what}, which holds a network; {allowed}. Give its .{held[0]}."
    return f"{what}; {allowed}. Wrap what does the computing in one."
