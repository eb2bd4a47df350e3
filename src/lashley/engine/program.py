"""The program: a network as a straight line of steps.

Serves any sequence of Linear, unit-wise activations, flatten and dropout, with a softmax at most at
the end. A step knows two layouts: rows (example, feature), as the network has it, for the shared
prefix; and stacks (ablation, feature, example), in which matrix products write and reductions
over the classes read whole vectors, for the suffixes.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, fx, nn
from torch.nn import functional as F

from lashley.sites import Site, is_unitwise, trace

_FLATTEN = {torch.flatten, "flatten"}
_SOFTMAX = {F.log_softmax: F.log_softmax, F.softmax: F.softmax,
            torch.log_softmax: F.log_softmax, torch.softmax: F.softmax,
            "log_softmax": F.log_softmax, "softmax": F.softmax}  # fmt: skip
_DROPOUT = (nn.Dropout, nn.AlphaDropout, nn.Identity)


@dataclass(frozen=True, eq=False)
class Step:
    """One operation of the network.

    Attributes:
        name: Of the node in the traced graph.
        kind: "linear", "unitwise", "flatten" or "softmax".
        run: Rows to rows, never in place; of a softmax, takes the classes' axis as well.
        module: The module called, where it is one.
        weight: (feature out, feature in), of "linear" only.
        bias: (feature out), of a "linear" that has one.
    """

    name: str
    kind: str
    run: Callable[..., Tensor]
    module: str = ""
    weight: Tensor | None = None
    bias: Tensor | None = None

    def rows(self, value: Tensor) -> Tensor:
        """(example, ...) to (example, ...)."""
        if self.weight is not None:
            return F.linear(value, self.weight, self.bias)
        return self.run(value, dim=-1) if self.kind == "softmax" else self.run(value)

    def stack(self, value: Float[Tensor, "ablation feature example"]) -> Tensor:
        """(ablation, feature, example) to (ablation, feature, example); `value` is used up."""
        if self.weight is not None:
            weight = self.weight.expand(len(value), *self.weight.shape)
            if self.bias is None:
                return torch.bmm(weight, value)
            return torch.baddbmm(self.bias[:, None], weight, value)
        if self.run is torch.relu:
            return torch.relu_(value)  # a stack is the engine's own: no copy needed
        return self.run(value, dim=1) if self.kind == "softmax" else self.run(value)


@dataclass(frozen=True, eq=False)
class Cut:
    """Where a site's units are replaced, by positions in the program.

    Attributes:
        layer: The step that computes the units.
        point: The last step that holds them one by one.
        consumer: The linear step that mixes them.
    """

    site: Site
    layer: int
    point: int
    consumer: int


@dataclass(frozen=True, eq=False)
class Program:
    """The steps of a network, in order."""

    steps: tuple[Step, ...]

    def cut(self, site: Site) -> Cut | None:
        """Where the site lies, if it has one call and a linear consumer."""
        layer = [i for i, s in enumerate(self.steps) if s.module == site.name]
        if len(layer) != 1:
            return None
        point = layer[0]
        while point + 1 < len(self.steps) and self.steps[point + 1].kind == "unitwise":
            point += 1
        if point + 1 == len(self.steps) or self.steps[point + 1].kind != "linear":
            return None
        return Cut(site, layer[0], point, point + 1)

    def to(self, device: str, dtype: torch.dtype) -> Program:
        """The same program with its numbers elsewhere or in another format."""
        return Program(tuple(_moved(step, device, dtype) for step in self.steps))

    def rest(self, value: Tensor, start: int) -> Tensor:
        """Run the stacked value through the steps from `start` to the end."""
        for step in self.steps[start:]:
            value = step.stack(value)
        return value

    def constants(self, cut: Cut, method: str) -> Float[Tensor, " unit"]:
        """What stands in place of each unit of the site at its point."""
        weight = self.steps[cut.layer].weight
        assert weight is not None
        value = torch.zeros_like(weight[None, :, 0])
        if method == "zero_weights":  # the units' sums are 0: see what the activation makes of it
            for step in self.steps[cut.layer + 1 : cut.point + 1]:
                value = step.rows(value)
        return value[0]


def straight_line(network: nn.Module) -> tuple[Program | None, str]:
    """The network's program, or None and the reason why it has none."""
    graph, reason = trace(network)
    if graph is None:
        return None, f"torch.fx cannot trace the network ({reason})"
    modules, steps = dict(network.named_modules()), []
    for previous, node in zip([None, *graph.nodes], graph.nodes, strict=False):
        if node.op == "output" and node.args[0] is previous:
            return Program(tuple(steps)), ""
        if node.op == "placeholder" and previous is None:
            continue
        if node.all_input_nodes != [previous]:
            return None, f"{node.name} does not follow {previous} alone: no straight line"
        if node.op == "call_module" and _is_hooked(modules[str(node.target)]):
            return None, f"{node.target} has forward hooks, which only a full pass obeys"
        step = _step(node, modules)
        if step is None:
            return None, f"{node.name} is neither Linear, unit-wise, flatten nor dropout"
        if step.kind != "drop":
            steps.append(step)
    return None, "the network's output is not its last value"


def _step(node: fx.Node, modules: dict[str, nn.Module]) -> Step | None:
    module = modules[str(node.target)] if node.op == "call_module" else None
    if type(module) is nn.Linear:
        return Step(node.name, "linear", module, str(node.target), module.weight.detach(),
                    None if module.bias is None else module.bias.detach())  # fmt: skip
    if isinstance(module, _DROPOUT) or node.target is F.dropout:
        return Step(node.name, "drop", torch.clone)  # evaluated in eval mode: it does nothing
    if is_unitwise(node, modules):
        return Step(node.name, "unitwise", _out_of_place(node, module))
    return _shape_or_softmax(node, module)


def _is_hooked(module: nn.Module) -> bool:
    return bool(module._forward_hooks or module._forward_pre_hooks)


def _shape_or_softmax(node: fx.Node, module: nn.Module | None) -> Step | None:
    options = dict(node.kwargs)
    if isinstance(module, nn.Flatten) and (module.start_dim, module.end_dim) == (1, -1):
        return Step(node.name, "flatten", module)
    if node.target in _FLATTEN and (node.args[1:], options) in [((1,), {}), ((), {"start_dim": 1})]:
        return Step(node.name, "flatten", lambda value: value.flatten(1))
    if isinstance(module, nn.Softmax | nn.LogSoftmax) and module.dim in (1, -1):
        run = F.softmax if isinstance(module, nn.Softmax) else F.log_softmax
        return Step(node.name, "softmax", run)
    dim = options.pop("dim", node.args[1] if len(node.args) == 2 else None)
    if node.target in _SOFTMAX and dim in (1, -1):
        return Step(node.name, "softmax", _SOFTMAX[node.target])
    return None


def _out_of_place(node: fx.Node, module: nn.Module | None) -> Callable[[Tensor], Tensor]:
    if type(module) is nn.ReLU or node.target in (F.relu, torch.relu, "relu"):
        return torch.relu
    if module is not None:
        if not getattr(module, "inplace", False):
            return module
        twin = copy.copy(module)  # shares its parameters; the user's module stays as it is
        twin.__dict__["inplace"] = False
        return twin
    options: dict[str, Any] = {
        k: v for k, v in node.kwargs.items() if k not in ("inplace", "input")
    }
    function: Any = node.target
    if node.op == "call_method":
        function = getattr(Tensor, str(node.target))
    extra = tuple(a for a in node.args[1:] if not isinstance(a, bool))
    return lambda value: function(value, *extra, **options)


def _moved(step: Step, device: str, dtype: torch.dtype) -> Step:
    if step.weight is not None:
        bias = None if step.bias is None else step.bias.to(device, dtype)
        return replace(step, weight=step.weight.to(device, dtype), bias=bias)
    if isinstance(step.run, nn.Module) and any(True for _ in step.run.parameters()):
        return replace(step, run=copy.deepcopy(step.run).to(device, dtype))
    return step
