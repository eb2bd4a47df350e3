"""A network captured as a graph of pure operations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, fx, nn

from lashley.graph.banks import is_known_by_run
from lashley.graph.exported import exported
from lashley.graph.intact import intact
from lashley.graph.running import Refused
from lashley.graph.signature import Inputs, arguments, flat, logits_of, names_of
from lashley.graph.symbolic import symbolic


@dataclass(frozen=True, eq=False)
class Captured:
    """A network as a graph in which no operation writes to its inputs.

    Attributes:
        module: The graph. Its parameters are the network's own. Every node's `meta["owner"]` is the
            dotted name of the innermost module that made it, "" for the network itself; the node
            of attention heads, (example, head, token, channel), has their number in
            `meta["heads"]`.
        tracer: "fx" or "export".
        reason: Why not "fx"; "" if it is.
        inputs: Names of the inputs in the order of the graph's; () for a plain tensor.
    """

    module: fx.GraphModule
    tracer: str
    reason: str
    inputs: tuple[str, ...]


_Trace = Callable[[nn.Module, Inputs], fx.GraphModule]
_exports: WeakKeyDictionary[nn.Module, tuple[Any, fx.GraphModule]] = WeakKeyDictionary()


def capture(
    network: nn.Module, example: Inputs, tracer: str = "auto"
) -> tuple[Captured | None, str]:
    """Capture a network in eval mode as a graph, by `torch.fx` or else by `torch.export`.

    The network is not changed. An export takes seconds and is kept as long as the network's
    modules, parameters and hooks stay the same.

    Args:
        network: In eval mode.
        example: Two examples or more, on the network's device.
        tracer: "fx" or "export" to try one only.

    Returns:
        The graph and "", or None and why neither works.
    """
    reasons: list[str] = []
    with intact(network):
        for name, trace in _tracers(tracer).items():
            try:
                module = _verified(trace, network, example)
            except Exception as error:  # whatever the user's forward raises while it is traced
                reasons.append(f"torch.{name}: {_first_line(error)}")
            else:
                return Captured(module, name, "; ".join(reasons), names_of(example)), ""
    return None, "; ".join(reasons)


def _tracers(tracer: str) -> dict[str, _Trace]:
    tracers: dict[str, _Trace] = {"fx": _by_fx, "export": _by_export}
    return tracers if tracer == "auto" else {tracer: tracers[tracer]}


def _verified(trace: _Trace, network: nn.Module, example: Inputs) -> fx.GraphModule:
    """The graph, checked against the network, which writes to nothing of its own."""
    held = {**dict(network.named_parameters()), **dict(network.named_buffers())}
    versions = {name: tensor._version for name, tensor in held.items()}
    module = trace(network, example)
    if is_known_by_run(module):
        raise Refused("which rows come to which expert depends on the data")
    written = [name for name, tensor in held.items() if tensor._version != versions[name]]
    if written:
        raise Refused(f"the network writes to its own {', '.join(written)}")
    return module


def _by_fx(network: nn.Module, example: Inputs) -> fx.GraphModule:
    module, found = symbolic(network, example)
    if not _same(found, _output(network, example)):
        raise Refused("the graph computes something else than the network")
    return module


def _by_export(network: nn.Module, example: Inputs) -> fx.GraphModule:
    """A new one, or the one that was kept; compared with the network on one more example.

    An export may have the number of examples built in.
    """
    key, more = _identity(network, example), _with_one_more(example)
    kept = _exports.get(network)
    if kept is not None and kept[0] == key and _agrees(kept[1], network, more):
        return kept[1]
    module = exported(network, example)
    if not _agrees(module, network, more):
        same = _agrees(module, network, example)
        what = "for another number of examples" if same else "than the network"
        raise Refused(f"the graph computes something else {what}")
    _exports[network] = (key, module)
    return module


def _agrees(module: fx.GraphModule, network: nn.Module, example: Inputs) -> bool:
    return _same(module(*(t.clone() for t in flat(example))), _output(network, example))


def _output(network: nn.Module, example: Inputs) -> Any:
    args, kwargs = arguments(network, [t.clone() for t in flat(example)], names_of(example))
    return logits_of(network(*args, **kwargs))


def _same(found: Any, wanted: Any) -> bool:
    """Whether both outputs are the same, to rounding."""
    if not isinstance(found, Tensor) or (found.shape, found.dtype) != (wanted.shape, wanted.dtype):
        return False
    if not wanted.is_floating_point():
        return torch.equal(found, wanted)
    share = min(1000 * torch.finfo(wanted.dtype).eps, 0.1)
    scale = float(wanted.nan_to_num(0.0, 0.0, 0.0).abs().amax()) if wanted.numel() else 0.0
    return torch.allclose(found, wanted, rtol=0.0, atol=share * scale, equal_nan=True)


def _with_one_more(example: Inputs) -> Inputs:
    if isinstance(example, dict):
        return {name: torch.cat([tensor, tensor[:1]]) for name, tensor in example.items()}
    return torch.cat([example, example[:1]])


def _identity(network: nn.Module, example: Inputs) -> Any:
    """What an export depends on, as far as it can be seen from outside."""
    modules = [
        (name, id(m), type(m), *map(id, (*m._forward_hooks.values(),
                                         *m._forward_pre_hooks.values())))
        for name, m in network.named_modules()
    ]  # fmt: skip
    held = [(n, id(t), t.device, t.dtype) for n, t in network.named_parameters()]
    held += [(n, id(t), t.device, t.dtype) for n, t in network.named_buffers()]
    inputs = [(t.shape[1:], t.dtype, t.device) for t in flat(example)]
    return modules, held, names_of(example), inputs


def _first_line(error: Exception) -> str:
    """The first line only: torch.export writes pages."""
    line = next((part.strip() for part in str(error).splitlines() if part.strip()), "")
    line = line if len(line) <= 200 else f"{line[:197]}..."
    return line if isinstance(error, Refused) else f"{type(error).__name__}: {line}"
