"""The reference: slow and obviously right. One ablation, one full forward pass, in float64.

Every fast path is tested against this one. In float64 hardly any two logits are closer than
rounding, so outcomes depend neither on the size of a batch nor on threads or machine.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor, fx, nn

from lashley.ablations import Ablation
from lashley.errors import EngineError
from lashley.sites import Site, trace

Forward = Callable[[Tensor], Tensor]


def in_float64(network: nn.Module, device: str = "cpu") -> nn.Module:
    """A copy of the network that computes in float64; the given one is not touched."""
    return copy.deepcopy(network).to(device).double().eval()


def as_float64(inputs: Tensor, device: str = "cpu") -> Tensor:
    """A copy of the inputs, in float64 unless they are whole numbers (tokens)."""
    moved = inputs.to(device, copy=True)
    return moved.double() if moved.is_floating_point() else moved


def ablated(network: nn.Module, site: Site, units: tuple[int, ...], method: str) -> Forward:
    """The forward pass of the network without the units."""
    if method == "zero_weights":
        return _with_zero_weights(network, site, units)
    return _Silenced(network, site, units).run


def outputs(
    network: nn.Module, ablation: Ablation | None, inputs: Tensor, size: int, device: str
) -> Iterator[Tensor]:
    """Outputs (example, ...) of the network under the ablation, `size` examples at a time.

    Args:
        network: From `in_float64`.
        ablation: None leaves the network intact.
        inputs: (example, ...), anywhere; they are copied.
        size: Examples in one pass.
        device: Where the network is.
    """
    forward: Forward = network
    if ablation is not None:
        forward = ablated(network, ablation.site, ablation.units, ablation.method)
    for part in inputs.split(size):
        yield forward(as_float64(part, device))


def check_empty(
    network: nn.Module, ablations: Sequence[Ablation], inputs: Tensor, intact: Tensor, device: str
) -> None:
    """Refuse a network on which taking out no units has an effect.

    Args:
        network: From `in_float64`.
        ablations: Those to be measured.
        inputs: (example, ...) a sample.
        intact: (example, class) what the network says of it.
        device: Where the network is.

    Raises:
        EngineError: If it has; the network is random, or does not compute what its graph says.
    """
    for site, method in {(a.site, a.method) for a in ablations}:
        found = ablated(network, site, (), method)(as_float64(inputs, device))
        if not torch.allclose(found, intact, rtol=1e-6, atol=1e-9):
            raise EngineError(
                f"engine: an ablation of no units of {site.name} by {method} has an effect. The "
                "network gives another output each time (dropout that is always on?), or a hook "
                "on it changes what its graph computes. Make it deterministic in eval mode."
            )


def _with_zero_weights(network: nn.Module, site: Site, units: tuple[int, ...]) -> Forward:
    zeroed = {}
    for name, value in network.get_submodule(site.name).named_parameters(recurse=False):
        damaged = value.detach().clone()
        damaged[list(units)] = 0  # rows are units in weights and biases alike
        zeroed[f"{site.name}.{name}"] = damaged
    if f"{site.name}.weight" not in zeroed:
        raise EngineError(
            f"method: the weight of {site.name} is no plain parameter (weight_norm or another "
            "parametrisation), so its rows cannot be set to 0. Use method='silence'."
        )
    return lambda inputs: torch.func.functional_call(network, zeroed, (inputs,), tie_weights=False)


class _Silenced(fx.Interpreter):
    """Runs the network's graph, and puts 0 in place of the units at the site's points."""

    def __init__(self, network: nn.Module, site: Site, units: tuple[int, ...]):
        graph, reason = trace(network)
        assert graph is not None, reason  # the site has points, so it was traced before
        super().__init__(fx.GraphModule(network, graph), garbage_collect_values=False)
        self.site, self.units = site, torch.tensor(units, dtype=torch.int64)

    def run_node(self, n: fx.Node) -> Tensor:
        value = super().run_node(n)
        if n.name in self.site.points:
            return value.index_fill(self.site.axis, self.units.to(value.device), 0)
        return value
