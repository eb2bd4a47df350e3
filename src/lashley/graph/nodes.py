"""What a node of a captured graph does, in one vocabulary for `torch.fx` and `torch.export`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from torch import Tensor, fx, nn
from torch.nn import functional as F

from lashley.graph.described import shape_of
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
        weight: The weights' name among the network's parameters; "" where forward computes them.
        bias: The bias's name, or None; "" where forward computes it.
        unit_axis: Of the units in the weights.
        axis: Of the units in the output, counted from the end.
        held: The node of the weights; None where a module holds them.
        groups: Of a convolution.
        options: Further arguments of a convolution, by name; None where it pads in its own way.
        held_bias: The node of the bias; None where a module holds it, or there is none.
        parameters: Names of the parameters that weights and bias are made of.
        part: Which of several matrices in one parameter; None if it has but one.
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
        """Whether weights and bias are parameters as they stand."""
        return bool(self.weight) and self.bias != ""


def op(node: fx.Node, module: nn.Module) -> str:
    """The operation's name, such as "conv2d", "relu" or "add"; "" if it has no such name.

    "add_", "__add__" and "__radd__" are "add".

    Args:
        node: Of a captured graph.
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
            "isub": "sub", "imul": "mul", "itruediv": "div", "ipow": "pow"}  # fmt: skip


def _plain(name: str) -> str:
    """A method's name without the underscores that say how it is called."""
    bare = name.strip("_") if name.startswith("__") else name.rstrip("_")
    return _FLIPPED.get(bare, bare)


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
    """Whether a node puts numbers in other places and changes none."""
    name = op(node, module)
    by_attribute = name == "getattr" and node.args[1] in MOVED_BY_ATTRIBUTE
    return name in MOVES or by_attribute or name in MOVED_BY_ATTRIBUTE


def reads(user: fx.Node, node: fx.Node, module: nn.Module) -> bool:
    """Whether a node reads the numbers of another one, and not its shape or type alone."""
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
        named = owner  # a layer of another library, whose weights have another name
    return Layer(node, source, kind, named, path, _bias_name(bias), unit_axis, axis, weight,
                 (options or {}).get("groups", 1), options,
                 bias if isinstance(bias, fx.Node) else None, made_of)  # fmt: skip


def _is_only_matrix(name: str, owner: str, module: nn.Module) -> bool:
    """Whether a parameter is the only one of its module with two axes or more."""
    try:
        held = module.get_submodule(owner).named_parameters(recurse=False)
    except AttributeError:  # what the graph names was given other holders
        return False
    return [n for n, p in held if p.ndim > 1] == [name.rpartition(".")[2]]


def _bias_name(bias: Any) -> str | None:
    if not isinstance(bias, fx.Node):
        return None
    return str(bias.target) if bias.op == "get_attr" else ""


def computed_name(weight: fx.Node, module: nn.Module) -> str:
    """Of weights that forward computes: their part of a parameter, or who holds what they are of.

    "w1[0]" of the first of several matrices in one parameter; "conv" of what is made of
    "conv.weight_g" and "conv.weight_v"; "cell.up" of "cell.up.weight" and "cell.mask".
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
    held = held_by(weight, module)
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


_MAIN = frozenset({"weight", "kernel", "embeddings"})  # of weights called after their layer


def named_after(parameter: str, module: nn.Module) -> str:
    """What weights are called after their name: "fc" of "fc.weight".

    Keras holds the weights of all layers in one place, under their paths. Of "params.dense/kernel"
    it is "dense", of "params.gru/recurrent_kernel" all of the path. A first part that all paths
    share is the network's own name, and left away.
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


def feeds_weights(node: fx.Node, module: nn.Module) -> bool:
    """Whether a node is read as the weights of layers alone, as a kernel that forward computes."""
    readers = [user for user in node.users if reads(user, node, module)]
    return bool(readers) and all(
        feeds_weights(user, module) if is_move(user, module) else _is_weight_of(node, user, module)
        for user in readers
    )


def _is_weight_of(node: fx.Node, user: fx.Node, module: nn.Module) -> bool:
    name = op(user, module)
    if name not in _FUNCTIONS or name in ("mm", "matmul"):
        return False
    places = zip(_FUNCTIONS[name], _NAMES.get(name, ("input", "weight", "bias")), strict=True)
    source, *rest = (_argument(user, place, key) for place, key in places)
    return source is not node and node in rest
