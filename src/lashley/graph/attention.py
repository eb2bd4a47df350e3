"""nn.MultiheadAttention as plain operations, with its heads one by one."""

from __future__ import annotations

import inspect
from operator import attrgetter
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, fx, nn
from torch.nn import functional as F

from lashley.graph.running import Refused

_SIGNATURE = inspect.signature(nn.MultiheadAttention.forward)


def attention_heads(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    weights: Tensor | tuple[Tensor, Tensor, Tensor],
    bias: Tensor | None,
    bias_k: Tensor | None,
    bias_v: Tensor | None,
    key_padding_mask: Tensor | None,
    attn_mask: Tensor | None,
    *,
    heads: int,
    batch_first: bool,
    zero_attn: bool,
    causal: bool,
) -> Float[Tensor, "N head T d"]:
    """What each head hands to the output projection.

    Args:
        query: (N, T, feature) if `batch_first`, else (T, N, feature).
        key: (N, S, feature) or (S, N, feature).
        value: As the key.
        weights: The in-projections of query, key and value, or the three in one tensor.
        bias: Of the three, in one tensor.
        bias_k: One more key, the same for all examples.
        bias_v: Its value.
        key_padding_mask: (N, S), True (or -inf) where a key is not to be seen.
        attn_mask: (T, S) or (N * head, T, S), True (or -inf) likewise.
        heads: How many heads there are.
        batch_first: Whether examples are the first axis.
        zero_attn: Whether one more key and value of zeros are seen.
        causal: Whether each query sees the keys up to its own place only.
    """
    if query.dim() != 3:
        raise Refused(f"nn.MultiheadAttention without a batch: a query {tuple(query.shape)}")
    if not batch_first:
        query, key, value = (t.transpose(0, 1) for t in (query, key, value))
    q, k, v = _projected((query, key, value), weights, bias)
    if bias_k is not None and bias_v is not None:
        k, v = (torch.cat([t, b.expand(len(t), 1, -1)], 1) for t, b in ((k, bias_k), (v, bias_v)))
    if zero_attn:
        k, v = (F.pad(t, (0, 0, 0, 1)) for t in (k, v))
    more = (bias_k is not None) + zero_attn
    mask = None if causal else _mask(key_padding_mask, attn_mask, heads, more, q.dtype)
    q, k, v = (t.unflatten(-1, (heads, -1)).transpose(1, 2) for t in (q, k, v))
    return F.scaled_dot_product_attention(q, k, v, mask, is_causal=causal)


def _projected(
    values: tuple[Tensor, Tensor, Tensor],
    weights: Tensor | tuple[Tensor, Tensor, Tensor],
    bias: Tensor | None,
) -> list[Tensor]:
    thirds = weights.chunk(3) if isinstance(weights, Tensor) else weights
    biases = (None, None, None) if bias is None else bias.chunk(3)
    return [F.linear(v, w, b) for v, w, b in zip(values, thirds, biases, strict=True)]


def _mask(
    key_padding_mask: Tensor | None,
    attn_mask: Tensor | None,
    heads: int,
    more: int,
    dtype: torch.dtype,
) -> Tensor | None:
    """Both masks as one that is added, (N or 1, head or 1, T or 1, S + more)."""
    masks = []
    if attn_mask is not None:
        masks.append(attn_mask.unflatten(0, (-1, heads)) if attn_mask.dim() == 3 else attn_mask)
    if key_padding_mask is not None:
        masks.append(key_padding_mask[:, None, None, :])
    added = [F.pad(_added(mask, dtype), (0, more)) for mask in masks]
    return sum(added[1:], start=added[0]) if added else None


def _added(mask: Tensor, dtype: torch.dtype) -> Tensor:
    if mask.dtype != torch.bool:
        return mask.to(dtype)
    return torch.zeros_like(mask, dtype=dtype).masked_fill(mask, float("-inf"))


def attended(module: nn.MultiheadAttention, *args: Any, **kwargs: Any) -> tuple[Any, None]:
    """The module's forward in the operations above; the attention weights are not computed."""
    given = _bound(args, kwargs)
    values = [given[name] for name in ("query", "key", "value")]
    parameters = [_parameter(module, name) for name in ("weights", *_PARAMETERS)]
    masks = [given["key_padding_mask"], given["attn_mask"]]
    heads = attention_heads(*values, *parameters, *masks, **_options(module, given))  # pyright: ignore
    output = heads.transpose(1, 2).flatten(2)
    output = output if module.batch_first else output.transpose(0, 1)
    return F.linear(output, module.out_proj.weight, module.out_proj.bias), None


_PARAMETERS = ("in_proj_bias", "bias_k", "bias_v")
_SEPARATE = ("q_proj_weight", "k_proj_weight", "v_proj_weight")
PROJECTIONS = frozenset({"in_proj_weight", *_PARAMETERS, *_SEPARATE})  # into its heads


def _bound(args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    bound = _SIGNATURE.bind(None, *args, **kwargs)
    bound.apply_defaults()
    return bound.arguments


def _parameter(module: nn.MultiheadAttention, name: str) -> Any:
    if name == "weights":
        if module.in_proj_weight is not None:
            return module.in_proj_weight
        return tuple(getattr(module, name) for name in _SEPARATE)
    return getattr(module, name)


def _options(module: nn.MultiheadAttention, given: dict[str, Any]) -> dict[str, Any]:
    """As the module decides: with weights or a padding, it goes by the mask, not by the hint."""
    mask, padding = given["attn_mask"], given["key_padding_mask"]
    if given["is_causal"] and mask is None:
        raise Refused("nn.MultiheadAttention with is_causal and no attn_mask")
    causal = given["is_causal"] and padding is None and not given["need_weights"]
    return {"heads": module.num_heads, "batch_first": module.batch_first,
            "zero_attn": module.add_zero_attn, "causal": causal}  # fmt: skip


def split_heads(graph: fx.Graph, attributes: dict[str, Any]) -> None:
    """Replace each call of nn.MultiheadAttention by nodes: heads, join, output projection.

    Raises:
        Refused: If the attention weights are used.
    """
    for node in list(graph.nodes):
        module = attributes.get(str(node.target)) if node.op == "call_module" else None
        if type(module) is nn.MultiheadAttention:
            _replace(graph, node, module, attributes)
            for new in graph.nodes:
                new.meta.setdefault("owner", str(node.target))


def _replace(
    graph: fx.Graph, node: fx.Node, module: nn.MultiheadAttention, attributes: dict[str, Any]
) -> None:
    users = list(node.users)
    used = [u for u in users if not (u.op == "call_function" and u.args[1:] == (0,))]
    if any(u.users or u.op == "output" for u in used):
        raise Refused(f"the attention weights of {node.target} are used")
    with graph.inserting_before(node):
        output = _nodes(graph, node, module, attributes)
    for user in users:
        user.replace_all_uses_with(output)
        graph.erase_node(user)
    graph.erase_node(node)


def _nodes(
    graph: fx.Graph, node: fx.Node, module: nn.MultiheadAttention, attributes: dict[str, Any]
) -> fx.Node:
    """`attended`, written as nodes."""
    given = _bound(node.args, node.kwargs)

    def parameter(name: str) -> fx.Node | None:
        value = attrgetter(name)(module)
        if value is None:
            return None
        attributes[f"{node.target}.{name}"] = value
        return graph.get_attr(f"{node.target}.{name}")

    packed = parameter("in_proj_weight")
    weights = packed if packed is not None else tuple(parameter(name) for name in _SEPARATE)
    values = [given[name] for name in ("query", "key", "value")]
    masks = [given["key_padding_mask"], given["attn_mask"]]
    args = (*values, weights, *(parameter(name) for name in _PARAMETERS), *masks)
    heads = graph.call_function(attention_heads, args, _options(module, given))
    heads.meta["heads"] = module.num_heads
    output = graph.call_method("transpose", (heads, 1, 2))
    output = graph.call_method("flatten", (output, 2))
    if not module.batch_first:
        output = graph.call_method("transpose", (output, 0, 1))
    projection = (parameter("out_proj.weight"), parameter("out_proj.bias"))
    return graph.call_function(F.linear, (output, *projection))
