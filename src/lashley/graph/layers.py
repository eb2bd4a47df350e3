"""Layers: nodes that mix units by weights, and what these are called."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor, fx, nn

from lashley.graph.described import shape_of
from lashley.graph.nodes import (
    attribute,
    held_by,
    is_attention,
    is_fixed,
    is_move,
    op,
    reads,
    value_of,
)
from lashley.graph.vocabulary import ELEMENTWISE

_CONVOLUTIONS = {"conv1d": 1, "conv2d": 2, "conv3d": 3}
_TRANSPOSED = {"conv_transpose1d": 1, "conv_transpose2d": 2, "conv_transpose3d": 3}
# Modules that mix units, and the axis of their output's units.
MODULE_LAYERS: dict[type[nn.Module], int] = {
    nn.Linear: -1, nn.Conv1d: -2, nn.Conv2d: -3, nn.Conv3d: -4,
    nn.ConvTranspose1d: -2, nn.ConvTranspose2d: -3, nn.ConvTranspose3d: -4,
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Layer:
    """A node that mixes the units of one layer into the next by weights.

    Attributes:
        node: The node itself.
        input: The node whose units it mixes.
        op: "linear", "conv" or "conv_transpose".
        name: Of the module that holds the weights, or of the weights themselves.
        weight: The weights' name among the network's parameters; "" if forward computes them.
        bias: The bias's name, or None; "" if forward computes it.
        unit_axis: The units' axis in the weights.
        axis: The units' axis in the output, counted from the end.
        held: The node of the weights; None if a module holds them.
        groups: Those of a convolution.
        options: Further arguments of a convolution, by name; None if it pads in its own way.
        held_bias: The node of the bias; None if a module holds it, or there is no bias.
        parameters: Names of the parameters that weights and bias are made from.
        part: Which of several matrices in one parameter; None if there is only one.
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
    held_bias: fx.Node | None = None
    parameters: tuple[str, ...] = ()
    part: int | None = None

    @property
    def is_plain(self) -> bool:
        """Whether weights and bias are parameters themselves."""
        return bool(self.weight) and self.bias != ""


def mixes(node: fx.Node, module: nn.Module) -> bool:
    """Whether a node mixes units: a layer, or attention."""
    return is_attention(node) or layer(node, module) is not None


def layer(node: fx.Node, module: nn.Module) -> Layer | None:
    """The layer that a node is, if no input leads to its weights."""
    if node.op == "call_module":
        return _module_layer(node, module.get_submodule(str(node.target)))
    if node.op in ("call_function", "call_method"):
        return _function_layer(node, op(node, module), module)
    return None


def weights(known: Layer, module: nn.Module) -> Tensor:
    """The weights of a layer of the module's graph."""
    if known.held is None:
        return attribute(module, known.weight)
    found = value_of(known.held, module)
    return found if known.part is None else found[known.part]


def _module_layer(node: fx.Node, held: nn.Module) -> Layer | None:
    name, source = str(node.target), node.args[0] if node.args else None
    if not isinstance(source, fx.Node):
        return None
    bias = f"{name}.bias" if getattr(held, "bias", None) is not None else None
    made_of = tuple(f"{name}.{own}" for own, _ in held.named_parameters())
    if isinstance(held, nn.Linear):
        return Layer(node, source, "linear", name, f"{name}.weight", bias, 0, -1,
                     parameters=made_of)  # fmt: skip
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
                     axis, None, conv.groups, plain, None, made_of)  # fmt: skip
    plain = options if conv.padding_mode == "zeros" else None
    return Layer(node, source, "conv", name, f"{name}.weight", bias, 0, axis,
                 None, conv.groups, plain, None, made_of)  # fmt: skip


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
    if not (isinstance(source, fx.Node) and isinstance(weight, fx.Node)) or not is_fixed(weight):
        return None
    held = shape_of(weight) or getattr(value_of(weight, module), "shape", None)
    if held is None or (name == "matmul" and len(held) != 2):
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
    owner = str(node.meta.get("owner", ""))
    path = _own_name(str(weight.target), owner) if weight.op == "get_attr" else ""
    found = (
        *held_by(weight, module),
        *(held_by(bias, module) if isinstance(bias, fx.Node) else ()),
    )
    made_of = tuple(n for n in found if isinstance(attribute(module, n), nn.Parameter))
    named = named_after(path, module) if path else computed_name(weight, module)
    if owner and named.rpartition(".")[0] == owner and _is_only_matrix(named, owner, module):
        named = owner  # another library's layer, whose weights have another name
    return Layer(node, source, kind, named, path, _bias_name(bias), unit_axis, axis, weight,
                 (options or {}).get("groups", 1), options,
                 bias if isinstance(bias, fx.Node) else None, made_of)  # fmt: skip


def _is_only_matrix(name: str, owner: str, module: nn.Module) -> bool:
    """Whether a parameter is the only one of its module with two axes or more."""
    try:
        held = module.get_submodule(owner).named_parameters(recurse=False)
    except AttributeError:  # what the graph names has other holders
        return False
    return [n for n, p in held if p.ndim > 1] == [name.rpartition(".")[2]]


def _bias_name(bias: Any) -> str | None:
    if not isinstance(bias, fx.Node):
        return None
    return str(bias.target) if bias.op == "get_attr" else ""


def computed_name(weight: fx.Node, module: nn.Module) -> str:
    """The name of weights that forward computes: a part of a parameter, or what holds their source.

    "w1[0]" for the first of several matrices in one parameter; "conv" if made from "conv.weight_g"
    and "conv.weight_v"; "cell.up" from "cell.up.weight" and "cell.mask".
    """
    steps, current = "", weight
    while current.op != "get_attr" and len(current.all_input_nodes) == 1:
        name = op(current, module)
        alone = name in ELEMENTWISE and len(current.args) == 1
        if not alone and not is_move(current, module):
            break
        steps = _index(current, name) + steps
        (current,) = current.all_input_nodes
    if current.op == "get_attr":
        return named_after(str(current.target), module) + steps
    held = _by_shape(held_by(weight, module), shape_of(weight), module)
    plain = [name for name in held if name.endswith(".weight")]
    if len(plain) == 1:
        return named_after(plain[0], module)
    owners = [name.split(".")[:-1] for name in held]
    shared: list[str] = []
    for parts in zip(*owners, strict=False):
        if len(set(parts)) > 1:
            break
        shared.append(parts[0])
    whole = ".".join(shared).partition(".parametrizations")[0]
    return whole or (held or ("",))[0]


def _by_shape(
    names: tuple[str, ...], shape: tuple[int, ...] | None, module: nn.Module
) -> tuple[str, ...]:
    """The same names, those of tensors with this shape first, then in the network's order."""
    order = {name: i for i, (name, _) in enumerate(module.named_parameters())}
    return tuple(sorted(names, key=lambda name: (
        tuple(attribute(module, name).shape) != shape, order.get(name, len(order)))))  # fmt: skip


_MAIN = frozenset({"weight", "kernel", "embeddings"})  # of weights named after their layer


def named_after(parameter: str, module: nn.Module) -> str:
    """The name of a layer from that of its weights: "fc" from "fc.weight".

    Keras holds the weights of all layers in one place, under their paths. From
    "params.dense/kernel" it is "dense", from "params.gru/recurrent_kernel" the whole path. A first
    part that all paths share is the network's own name, and is dropped.
    """
    if "/" not in parameter:
        return parameter.removesuffix(".weight")
    paths = [n.rpartition(".")[2].split("/") for n, _ in module.named_parameters() if "/" in n]
    parts = parameter.rpartition(".")[2].split("/")
    if {len(path) > 2 and path[0] for path in paths} == {parts[0]}:
        parts = parts[1:]
    return "/".join(parts[:-1] if parts[-1] in _MAIN and len(parts) > 1 else parts) or parameter


def _index(node: fx.Node, name: str) -> str:
    """How a step picks a part: "[0]"."""
    if name == "select":
        axis, place = (*node.args[1:], *node.kwargs.values())[:2]
        return f"[{place}]" if axis == 0 else f"[{axis}:{place}]"
    if name == "getitem":
        return f"[{node.args[1]}]"
    return ""


def _own_name(path: str, owner: str) -> str:
    """A parameter's name; if several modules share it, the one in the module at work."""
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


def feeds_weights(node: fx.Node, module: nn.Module, varies: set[fx.Node]) -> bool:
    """Whether a node is only read as the weights of layers, such as a kernel that forward computes.

    Args:
        node: Of the module's graph.
        module: Which holds what the graph calls.
        varies: The nodes whose numbers depend on the inputs' numbers.
    """

    def feeds(user: fx.Node) -> bool:
        alone = user not in varies and op(user, module) in ELEMENTWISE
        if alone or is_move(user, module):
            return feeds_weights(user, module, varies)
        return _is_weight_of(node, user, module)

    readers = [user for user in node.users if reads(user, node, module)]
    return bool(readers) and all(map(feeds, readers))


def _is_weight_of(node: fx.Node, user: fx.Node, module: nn.Module) -> bool:
    name = op(user, module)
    if name not in _FUNCTIONS or name in ("mm", "matmul"):
        return False
    places = zip(_FUNCTIONS[name], _NAMES.get(name, ("input", "weight", "bias")), strict=True)
    source, *rest = (_argument(user, place, key) for place, key in places)
    return source is not node and node in rest
