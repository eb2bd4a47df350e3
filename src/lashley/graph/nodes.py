"""What a node of a captured graph does, in one vocabulary for `torch.fx` and `torch.export`."""

from __future__ import annotations

import re
from typing import Any

from torch import Tensor, fx, nn
from torch.nn import functional as F

from lashley.graph.vocabulary import (
    ABOUT,
    ABOUT_ATTRIBUTES,
    ELEMENTWISE,
    LIKE_ANOTHER,
    MOVED_BY_ATTRIBUTE,
    MOVES,
    NORMALISATION,
)

# Functions whose own name does not say what they are.
_NAMED: dict[Any, str] = {
    F.max_pool1d: "max_pool1d", F.max_pool2d: "max_pool2d", F.max_pool3d: "max_pool3d",
    F.adaptive_max_pool1d: "adaptive_max_pool1d", F.adaptive_max_pool2d: "adaptive_max_pool2d",
    F.adaptive_max_pool3d: "adaptive_max_pool3d", F.logsigmoid: "logsigmoid",
}  # fmt: skip
_POOLS = frozenset(
    f"{kind}_pool{n}d" for kind in ("max", "avg", "adaptive_avg", "adaptive_max") for n in (1, 2, 3)
)
_SPELLED = {
    "PReLU": "prelu", "ReLU": "relu", "ReLU6": "relu6", "LeakyReLU": "leaky_relu",
    "RReLU": "rrelu", "ELU": "elu", "SELU": "selu", "CELU": "celu", "GELU": "gelu",
    "SiLU": "silu", "LogSigmoid": "logsigmoid", "RMSNorm": "rms_norm",
}  # fmt: skip


def op(node: fx.Node, module: nn.Module) -> str:
    """The operation's name, such as "conv2d", "relu" or "add"; "" if it has no such name.

    "add_", "__add__" and "__radd__" are "add".

    Args:
        node: One of a captured graph.
        module: Which holds the modules that the graph calls.
    """
    if node.op == "call_module":
        return module_op(module.get_submodule(str(node.target)))
    if node.op == "call_method":
        return _plain(str(node.target))
    if node.op != "call_function":
        return ""
    target: Any = node.target
    if target in _NAMED:
        return _NAMED[target]
    if hasattr(target, "_schema"):  # an operator of ATen
        return _plain(str(target._schema.name).rpartition("::")[2])
    origin = getattr(target, "__module__", None) or ""
    own = origin.startswith(("torch", "_operator")) or isinstance(target, type(len))
    return _plain(getattr(target, "__name__", "")) if own else ""


_FLIPPED = {"radd": "add", "rmul": "mul", "rtruediv": "div", "rpow": "pow", "iadd": "add",
            "isub": "sub", "imul": "mul", "itruediv": "div", "ipow": "pow", "rmod": "mod",
            "imod": "mod", "rfloordiv": "floordiv", "ifloordiv": "floordiv"}  # fmt: skip


def _plain(name: str) -> str:
    """A name without what says how it is called: "add_", "__radd__", "special_expit"."""
    bare = name.strip("_") if name.startswith("__") else name.rstrip("_")
    return _FLIPPED.get(bare, bare.removeprefix("special_"))


def module_op(held: nn.Module) -> str:
    """The operation of a module of torch.nn: "Conv2d" is conv2d, "LayerNorm" layer_norm."""
    if not type(held).__module__.startswith("torch.nn."):
        return ""  # a subclass may do anything
    name = type(held).__name__
    if name in _SPELLED:
        return _SPELLED[name]
    name = re.sub(r"(BatchNorm|InstanceNorm)\dd", r"\1", name)
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def is_move(node: fx.Node, module: nn.Module) -> bool:
    """Whether a node moves numbers to other places and changes none."""
    name = op(node, module)
    by_attribute = name == "getattr" and node.args[1] in MOVED_BY_ATTRIBUTE
    permutes = name == "einsum" and _permutes(node.args)
    return name in MOVES or by_attribute or name in MOVED_BY_ATTRIBUTE or permutes


def _permutes(args: tuple[Any, ...]) -> bool:
    """Whether an einsum with these arguments gives its one operand in another order of axes."""
    if len(args) != 2 or not isinstance(args[0], str) or args[0].count("->") != 1:
        return False
    given, made = args[0].replace(" ", "").replace("...", ".").split("->")
    return len(set(given)) == len(given) and sorted(given) == sorted(made)


def reads(user: fx.Node, node: fx.Node, module: nn.Module) -> bool:
    """Whether a node reads the numbers of another one, not only its shape or type."""
    name = op(user, module)
    if name in ABOUT or (name == "getattr" and user.args[1] in ABOUT_ATTRIBUTES):
        return False
    return name not in LIKE_ANOTHER or node in user.args[:1] or node is user.kwargs.get("input")


def varying(module: fx.GraphModule) -> set[fx.Node]:
    """The nodes whose numbers depend on the inputs' numbers."""
    found: set[fx.Node] = set()
    for node in module.graph.nodes:
        if node.op == "placeholder" or any(
            source in found and reads(node, source, module) for source in node.all_input_nodes
        ):
            found.add(node)
    return found


def is_elementwise(
    node: fx.Node, module: nn.Module, region: set[fx.Node], n_units: int | None = None
) -> bool:
    """Whether a node acts on each number of the region alone, and keeps the shape.

    Args:
        node: One of a captured graph.
        module: Which holds what the graph calls.
        region: Nodes whose numbers are meant.
        n_units: How many units they hold, if known; a parameter may have one number for each.
    """
    if op(node, module) not in ELEMENTWISE:
        return False
    others = [n for n in node.all_input_nodes if n not in region]
    if op(node, module) in ("batch_norm", "prelu"):
        return node.args[0] in region and all(n.op == "get_attr" for n in others)
    return all(_is_per_unit(n, module, n_units) for n in others)


def is_normalisation(node: fx.Node, module: nn.Module) -> bool:
    """Whether a node normalises over several units (batch normalisation does not, in eval mode)."""
    return op(node, module) in NORMALISATION


def is_pool(node: fx.Node, module: nn.Module) -> bool:
    """Whether a node pools each channel alone."""
    return op(node, module) in _POOLS


def is_attention(node: fx.Node) -> bool:
    """Whether a node computes attention heads, (example, head, token, channel)."""
    return "heads" in node.meta


def is_fixed(node: fx.Node) -> bool:
    """Whether no input leads to a node, not by its shape either."""
    waiting, seen = [node], {node}
    while waiting:
        current = waiting.pop()
        if current.op == "placeholder":
            return False
        new = [n for n in current.all_input_nodes if n not in seen]
        seen.update(new)
        waiting.extend(new)
    return True


def value_of(node: fx.Node, module: nn.Module) -> Any:
    """What a node that no input leads to holds: a parameter, or what is made of some."""
    if node.op == "get_attr":
        return attribute(module, str(node.target))
    interpreter = fx.Interpreter(module, garbage_collect_values=False)
    env: dict[fx.Node, Any] = {}
    for source in sorted(_with_sources(node)):
        interpreter.env = env
        env[source] = interpreter.run_node(source)
    return env[node]


def held_by(node: fx.Node, module: nn.Module) -> tuple[str, ...]:
    """Names of the tensors that a node is made of, which no input leads to."""
    found: dict[str, None] = {}
    for source in sorted(_with_sources(node)):
        if source.op == "get_attr":
            found[str(source.target)] = None
        elif source.op == "call_module":  # a parametrisation
            held = module.get_submodule(str(source.target))
            found |= {f"{source.target}.{name}": None for name, _ in held.named_parameters()}
    return tuple(found)


def _with_sources(node: fx.Node) -> set[fx.Node]:
    found, waiting = {node}, [node]
    while waiting:
        new = [n for n in waiting.pop().all_input_nodes if n not in found]
        found.update(new)
        waiting.extend(new)
    return found


def attribute(module: nn.Module, path: str) -> Any:
    """What a dotted name means in a module."""
    found: Any = module
    for part in path.split("."):
        found = getattr(found, part)
    return found


def _is_per_unit(node: fx.Node, module: nn.Module, n_units: int | None) -> bool:
    """Whether a node is a parameter of one number per unit at most, such as a layer's scale."""
    value = value_of(node, module) if node.op == "get_attr" else None
    if not isinstance(value, Tensor):
        return False
    lengths = [length for length in value.shape if length != 1]
    return not lengths or (len(lengths) == 1 and n_units in (None, lengths[0]))
