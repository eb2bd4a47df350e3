"""What a node of a captured graph does, in one vocabulary for `torch.fx` and `torch.export`."""

from __future__ import annotations

import operator
import re
from dataclasses import dataclass
from typing import Any

from torch import Tensor, fx, nn
from torch.nn import functional as F

# Functions whose own name does not say what they are.
_NAMED: dict[Any, str] = {
    F.max_pool1d: "max_pool1d", F.max_pool2d: "max_pool2d", F.max_pool3d: "max_pool3d",
    F.adaptive_max_pool1d: "adaptive_max_pool1d", F.adaptive_max_pool2d: "adaptive_max_pool2d",
    F.adaptive_max_pool3d: "adaptive_max_pool3d", F.logsigmoid: "logsigmoid",
}  # fmt: skip
ELEMENTWISE = frozenset({
    "relu", "relu6", "leaky_relu", "prelu", "elu", "selu", "celu", "gelu", "silu", "mish", "tanh",
    "sigmoid", "logsigmoid", "log_sigmoid", "softplus", "softsign", "softshrink", "hardtanh",
    "hardswish", "hardsigmoid", "hardshrink", "tanhshrink", "threshold", "identity",
    "exp", "erf", "abs", "neg", "square", "sqrt", "pow", "clamp", "clamp_min", "clamp_max", "add",
    "sub", "rsub", "mul", "div", "truediv", "true_divide", "contiguous", "clone", "to", "_to_copy",
    "dropout", "alpha_dropout", "dropout1d", "dropout2d", "dropout3d", "feature_dropout",
    "feature_alpha_dropout", "detach", "float", "rrelu", "batch_norm",
})  # fmt: skip
NORMALISATION = frozenset({"layer_norm", "group_norm", "instance_norm", "rms_norm"})
_POOLS = frozenset(
    f"{kind}_pool{n}d" for kind in ("max", "avg", "adaptive_avg", "adaptive_max") for n in (1, 2, 3)
)
_CONVOLUTIONS = {"conv1d": 1, "conv2d": 2, "conv3d": 3}
_TRANSPOSED = {"conv_transpose1d": 1, "conv_transpose2d": 2, "conv_transpose3d": 3}
_SPELLED = {
    "PReLU": "prelu", "ReLU": "relu", "ReLU6": "relu6", "LeakyReLU": "leaky_relu",
    "RReLU": "rrelu", "ELU": "elu", "SELU": "selu", "CELU": "celu", "GELU": "gelu",
    "SiLU": "silu", "LogSigmoid": "logsigmoid", "RMSNorm": "rms_norm",
}  # fmt: skip
# Modules that mix units, and the axis of their output's units.
MODULE_LAYERS: dict[type[nn.Module], int] = {
    nn.Linear: -1, nn.Conv1d: -2, nn.Conv2d: -3, nn.Conv3d: -4,
    nn.ConvTranspose1d: -2, nn.ConvTranspose2d: -3, nn.ConvTranspose3d: -4,
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Layer:
    """A node that mixes the units of one layer into the next by weights.

    Attributes:
        node: It.
        input: The node whose units it mixes.
        op: "linear", "conv" or "conv_transpose".
        name: Of the module that holds the weights, or of the weights themselves.
        weight: The weights' name among the network's parameters.
        bias: The bias's name, or None.
        unit_axis: Of the units in the weights.
        axis: Of the units in the output, counted from the end.
        held: The get_attr node of the weights; None where a module holds them.
        groups: Of a convolution.
        options: Further arguments of a convolution, by name; None where it pads in its own way.
    """

    node: fx.Node
    input: fx.Node
    op: str
    name: str
    weight: str
    bias: str | None
    unit_axis: int
    axis: int
    held: fx.Node | None = None
    groups: int = 1
    options: dict[str, Any] | None = None


def op(node: fx.Node, module: nn.Module) -> str:
    """The operation's name, such as "conv2d", "relu" or "add"; "" where it is none.

    Args:
        node: Of a captured graph.
        module: Which holds the modules that the graph calls.
    """
    if node.op == "call_module":
        return module_op(module.get_submodule(str(node.target)))
    if node.op == "call_method":
        return str(node.target)
    if node.op != "call_function":
        return ""
    target: Any = node.target
    if target in _NAMED:
        return _NAMED[target]
    if hasattr(target, "_schema"):  # an operator of ATen
        return str(target._schema.name).rpartition("::")[2]
    origin = getattr(target, "__module__", None) or ""
    own = origin.startswith(("torch", "_operator")) or isinstance(target, type(len))
    return getattr(target, "__name__", "") if own else ""


def module_op(held: nn.Module) -> str:
    """The operation of a module of torch.nn: "Conv2d" is conv2d, "LayerNorm" layer_norm."""
    if not type(held).__module__.startswith("torch.nn."):
        return ""  # a subclass may do anything
    name = type(held).__name__
    if name in _SPELLED:
        return _SPELLED[name]
    name = re.sub(r"(BatchNorm|InstanceNorm)\dd", r"\1", name)
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def is_elementwise(
    node: fx.Node, module: nn.Module, region: set[fx.Node], n_units: int | None = None
) -> bool:
    """Whether a node acts on each number of the region alone, and keeps the shape.

    Args:
        node: Of a captured graph.
        module: Which holds what the graph calls.
        region: Nodes whose numbers are meant.
        n_units: How many units they hold, if that is known; a parameter may have as many numbers.
    """
    if op(node, module) not in ELEMENTWISE:
        return False
    others = [n for n in node.all_input_nodes if n not in region]
    if op(node, module) in ("batch_norm", "prelu"):
        return node.args[0] in region and all(n.op == "get_attr" for n in others)
    return all(_is_per_unit(n, module, n_units) for n in others)


def keeps_last_axis(node: fx.Node, module: nn.Module, length: int) -> bool:
    """Whether a node gives another shape to all but the last axis, which has this length."""
    if op(node, module) not in ("view", "reshape", "_unsafe_view"):
        return False
    sizes = node.args[1] if len(node.args) == 2 else node.args[1:]
    if isinstance(sizes, fx.Node) and sizes.target is operator.add:  # sizes[:-1] + (length,)
        sizes = sizes.args[1]
    last = sizes[-1] if isinstance(sizes, list | tuple) and sizes else None
    return isinstance(last, int) and last == length


def is_normalisation(node: fx.Node, module: nn.Module) -> bool:
    """Whether a node normalises over several units (batch normalisation does not, in eval mode)."""
    return op(node, module) in NORMALISATION


def is_pool(node: fx.Node, module: nn.Module) -> bool:
    """Whether a node pools each channel alone."""
    return op(node, module) in _POOLS


def is_attention(node: fx.Node) -> bool:
    """Whether a node computes attention heads, (example, head, token, channel)."""
    return "heads" in node.meta


def mixes(node: fx.Node, module: nn.Module) -> bool:
    """Whether a node mixes units: a layer, or attention."""
    return is_attention(node) or layer(node, module) is not None


def layer(node: fx.Node, module: nn.Module) -> Layer | None:
    """The layer that a node is, if its weights are parameters or belong to a module."""
    if node.op == "call_module":
        return _module_layer(node, module.get_submodule(str(node.target)))
    if node.op in ("call_function", "call_method"):
        return _function_layer(node, op(node, module), module)
    return None


def weights(known: Layer, module: nn.Module) -> Tensor:
    """The weights of a layer of the module's graph."""
    return attribute(module, known.weight) if known.held is None else value_of(known.held, module)


def value_of(node: fx.Node, module: nn.Module) -> Any:
    """What a get_attr node gets."""
    return attribute(module, str(node.target))


def attribute(module: nn.Module, path: str) -> Any:
    """What a dotted name stands for in a module."""
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


def _module_layer(node: fx.Node, held: nn.Module) -> Layer | None:
    name, source = str(node.target), node.args[0]
    if not isinstance(source, fx.Node):
        return None
    bias = f"{name}.bias" if getattr(held, "bias", None) is not None else None
    if isinstance(held, nn.Linear):
        return Layer(node, source, "linear", name, f"{name}.weight", bias, 0, -1)
    axis = next((n for kind, n in MODULE_LAYERS.items() if isinstance(held, kind)), None)
    if axis is None:
        return None
    conv: Any = held
    options = {"stride": conv.stride, "padding": conv.padding, "dilation": conv.dilation,
               "groups": conv.groups}  # fmt: skip
    if "Transpose" in type(held).__name__:
        options |= {"output_padding": conv.output_padding}
        plain = options if len(node.args) == 1 and not node.kwargs else None
        return Layer(node, source, "conv_transpose", name, f"{name}.weight", bias, 1,
                     axis, None, conv.groups, plain)  # fmt: skip
    plain = options if conv.padding_mode == "zeros" else None
    return Layer(node, source, "conv", name, f"{name}.weight", bias, 0, axis,
                 None, conv.groups, plain)  # fmt: skip


# Positions of input, weight and bias among the arguments.
_FUNCTIONS: dict[str, tuple[int, int, int | None]] = {
    "linear": (0, 1, 2), "addmm": (1, 2, 0), "mm": (0, 1, None), "matmul": (0, 1, None),
    **dict.fromkeys(_CONVOLUTIONS, (0, 1, 2)), **dict.fromkeys(_TRANSPOSED, (0, 1, 2)),
}  # fmt: skip
_NAMES = {"linear": ("input", "weight", "bias"), "addmm": ("mat1", "mat2", "input"),
          "mm": ("input", "mat2", None), "matmul": ("input", "other", None)}  # fmt: skip
_CONV_OPTIONS = ("stride", "padding", "dilation", "groups")
_TRANSPOSED_OPTIONS = ("stride", "padding", "output_padding", "groups", "dilation")


def _function_layer(node: fx.Node, name: str, module: nn.Module) -> Layer | None:
    if name not in _FUNCTIONS:
        return None
    names = _NAMES.get(name, ("input", "weight", "bias"))
    source, weight, bias = (
        _argument(node, place, key) for place, key in zip(_FUNCTIONS[name], names, strict=True)
    )
    if not (isinstance(source, fx.Node) and isinstance(weight, fx.Node)):
        return None
    held = value_of(weight, module) if weight.op == "get_attr" else None
    if not isinstance(held, Tensor) or (name == "matmul" and held.ndim != 2):
        return None
    kind, unit_axis, axis, options = "linear", 0, -1, None
    if name in _CONVOLUTIONS:
        kind, axis = "conv", -1 - _CONVOLUTIONS[name]
        options = _options(node, _CONV_OPTIONS)
    elif name in _TRANSPOSED:
        kind, unit_axis, axis = "conv_transpose", 1, -1 - _TRANSPOSED[name]
        options = _options(node, _TRANSPOSED_OPTIONS)
    elif name != "linear":
        unit_axis = 1
    bias_name = str(bias.target) if isinstance(bias, fx.Node) and bias.op == "get_attr" else None
    path = _own_name(str(weight.target), str(node.meta.get("owner", "")))
    named = path.removesuffix(".weight") if path.endswith(".weight") else path
    return Layer(node, source, kind, named, path, bias_name, unit_axis, axis, weight,
                 (options or {}).get("groups", 1), options)  # fmt: skip


def _own_name(path: str, owner: str) -> str:
    """A parameter's name; of one that several modules share, that of the module at work."""
    if not owner or path.startswith(f"{owner}."):
        return path
    return f"{owner}.{path.rpartition('.')[2]}"


def _options(node: fx.Node, names: tuple[str, ...]) -> dict[str, Any]:
    found = dict(zip(names, node.args[3:], strict=False))
    return found | {k: v for k, v in node.kwargs.items() if k in names}


def _argument(node: fx.Node, place: int | None, name: str | None) -> Any:
    if place is None:
        return None
    return node.args[place] if len(node.args) > place else node.kwargs.get(str(name))
