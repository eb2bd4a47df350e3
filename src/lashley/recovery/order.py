"""The tensors of a network, and the order in which it calls the modules that hold them."""

from __future__ import annotations

from contextlib import ExitStack

from torch import Tensor, nn

from lashley.data.inputs import Inputs, map_inputs
from lashley.graph.intact import intact
from lashley.graph.signature import call
from lashley.sites import eval_mode

_Span = tuple[int, int]  # when a module was called, and when it was done


def named_tensors(module: nn.Module) -> dict[str, Tensor]:
    """Parameters and buffers by all their names."""
    parameters = module.named_parameters(remove_duplicate=False)
    return dict([*parameters, *module.named_buffers(remove_duplicate=False)])


def outside(network: nn.Module, frozen: frozenset[str], inputs: Inputs) -> set[str]:
    """The modules called only before all that is trained, or only after it.

    Such a side counts only if there is something frozen in it.

    Args:
        network: Itself left as it is.
        frozen: Names of parameters and buffers; the others are trained.
        inputs: Of a few examples, for one forward pass in eval mode.
    """
    spans = _spans(network, inputs)
    trained = {_holder(name) for name in named_tensors(network) if name not in frozen}
    at_work = [span for name in trained for span in spans[_called(name, spans)]]
    if not at_work:  # as in a network whose only trained tensors are not used
        return set(spans)
    first, last = min(start for start, _ in at_work), max(end for _, end in at_work)
    at_rest = [span for name in set(map(_holder, frozen)) - trained for span in spans.get(name, ())]
    front = any(end < first for _, end in at_rest)
    back = any(start > last for start, _ in at_rest)
    return {
        name for name, calls in spans.items()
        if all((front and end < first) or (back and start > last) for start, end in calls)
    }  # fmt: skip


def _holder(name: str) -> str:
    """The module that holds a parameter or a buffer."""
    return name.rpartition(".")[0]


def _called(name: str, spans: dict[str, list[_Span]]) -> str:
    """The module, or the next one above it that is called: some only lend their weights."""
    while name not in spans:
        name = _holder(name)
    return name


def _spans(network: nn.Module, inputs: Inputs) -> dict[str, list[_Span]]:
    """The calls of each module that is called, by all its names."""
    clock = iter(range(2**62))
    begun: dict[nn.Module, list[int]] = {}
    done: dict[nn.Module, list[_Span]] = {}

    def begin(module: nn.Module, _: object) -> None:
        begun.setdefault(module, []).append(next(clock))

    def end(module: nn.Module, *_: object) -> None:
        done.setdefault(module, []).append((begun[module].pop(), next(clock)))

    with intact(network), eval_mode(network), ExitStack() as hooks:
        for module in network.modules():
            hooks.enter_context(module.register_forward_pre_hook(begin))
            hooks.enter_context(module.register_forward_hook(end))
        call(network, map_inputs(inputs, lambda tensor: tensor.clone()))
    named = network.named_modules(remove_duplicate=False)
    return {name: done[module] for name, module in named if module in done}
