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
    weighted: bool = False,
    fused: bool = False,
) -> Float[Tensor, "N head T d"]:
    """What each head hands to the output projection.

    Args:
        query: (N, T, feature) if `batch_first`, else (T, N, feature).
        key: (N, S, feature) or (S, N, feature).
        value: As the key.
        weights: The in-projections of query, key and value, or the three in one tensor.
        bias: That of all three, in one tensor.
        bias_k: One more key, the same for all examples.
        bias_v: Its value.
        key_padding_mask: (N, S), True (or -inf) where a key is hidden.
        attn_mask: (T, S) or (N * head, T, S), True (or -inf) likewise.
        heads: How many heads there are.
        batch_first: Whether examples are the first axis.
        zero_attn: Whether one more key and value, of zeros, are seen.
        causal: Whether each query sees only the keys up to its own place.
        weighted: Whether the module computes its weights too.
        fused: Whether it takes its fast path. In both cases a query that sees no key has no value:
            NaN.

    Raises:
        Refused: If there is no batch.
    """
    if query.dim() != 3:
        raise Refused(f"nn.MultiheadAttention without a batch: a query {tuple(query.shape)}")
    q, k, v, mask = _seen(query, key, value, weights, bias, bias_k, bias_v, key_padding_mask,
                          attn_mask, heads, batch_first, zero_attn)  # fmt: skip
    if causal:
        return F.scaled_dot_product_attention(q, k, v, is_causal=True)
    found = F.scaled_dot_product_attention(q, k, v, mask)
    given = [m for m in (key_padding_mask, attn_mask) if m is not None]
    if mask is None or not (weighted or (fused and all(m.dtype == torch.bool for m in given))):
        return found
    return found.masked_fill((mask == float("-inf")).all(-1, keepdim=True), float("nan"))


def attention_weights(
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
) -> Float[Tensor, "N head T S"]:
    """How much each head takes of each key; arguments as for `attention_heads`."""
    q, k, _, mask = _seen(query, key, value, weights, bias, bias_k, bias_v, key_padding_mask,
                          attn_mask, heads, batch_first, zero_attn)  # fmt: skip
    products = (q * q.shape[-1] ** -0.5) @ k.transpose(-2, -1)
    return F.softmax(products if mask is None else products + mask, -1)


def _seen(
    query: Tensor, key: Tensor, value: Tensor,
    weights: Tensor | tuple[Tensor, Tensor, Tensor], bias: Tensor | None,
    bias_k: Tensor | None, bias_v: Tensor | None,
    key_padding_mask: Tensor | None, attn_mask: Tensor | None,
    heads: int, batch_first: bool, zero_attn: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:  # fmt: skip
    """Queries, keys and values (N, head, T or S, channel), and a mask that is added."""
    if not batch_first:
        query, key, value = (t.transpose(0, 1) for t in (query, key, value))
    q, k, v = _projected((query, key, value), weights, bias)
    if bias_k is not None and bias_v is not None:
        k, v = (torch.cat([t, b.expand(len(t), 1, -1)], 1) for t, b in ((k, bias_k), (v, bias_v)))
    if zero_attn:
        k, v = (F.pad(t, (0, 0, 0, 1)) for t in (k, v))
    more = (bias_k is not None) + zero_attn
    mask = _mask(key_padding_mask, attn_mask, heads, more, q.dtype)
    q, k, v = (t.unflatten(-1, (heads, -1)).transpose(1, 2) for t in (q, k, v))
    return q, k, v, mask


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
    parts = [F.pad(added(mask, dtype), (0, more)) for mask in masks]
    return sum(parts[1:], start=parts[0]) if parts else None


def added(mask: Tensor, dtype: torch.dtype) -> Tensor:
    """A mask as numbers that are added: -inf where a mask of truth values is True."""
    if mask.dtype != torch.bool:
        return mask.to(dtype)
    return torch.zeros_like(mask, dtype=dtype).masked_fill(mask, float("-inf"))


_PARAMETERS = ("in_proj_bias", "bias_k", "bias_v")
_SEPARATE = ("q_proj_weight", "k_proj_weight", "v_proj_weight")
PROJECTIONS = frozenset({"in_proj_weight", *_PARAMETERS, *_SEPARATE})  # into its heads


def bound(args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments of the module's call, by name."""
    bound = _SIGNATURE.bind(None, *args, **kwargs)
    bound.apply_defaults()
    return bound.arguments


def parameters_of(module: nn.MultiheadAttention) -> list[Any]:
    """Weights, bias, bias_k and bias_v, as `attention_heads` takes them."""
    packed = module.in_proj_weight
    weights = packed if packed is not None else tuple(getattr(module, n) for n in _SEPARATE)
    return [weights, *(getattr(module, name) for name in _PARAMETERS)]


def options_of(module: nn.MultiheadAttention, given: dict[str, Any], fast: bool) -> dict[str, Any]:
    """As the module decides: with weights or padding it follows the mask, not the hint.

    Args:
        module: Any.
        given: The arguments of its call, by name.
        fast: Whether fast paths are allowed.

    Raises:
        Refused: If the hint comes without a mask.
    """
    mask, padding = given["attn_mask"], given["key_padding_mask"]
    if given["is_causal"] and mask is None:
        raise Refused("nn.MultiheadAttention with is_causal and no attn_mask")
    alone = given["query"] is given["key"] is given["value"]
    causal = given["is_causal"] and padding is None and not given["need_weights"]
    return {"heads": module.num_heads, "batch_first": module.batch_first,
            "zero_attn": module.add_zero_attn, "causal": causal, "weighted": given["need_weights"],
            "fused": fast and alone and _is_fused(module)}  # fmt: skip


def _is_fused(module: nn.MultiheadAttention) -> bool:
    """Whether the module allows its fast path."""
    plain = module.in_proj_weight is not None and module.in_proj_bias is not None
    more = module.bias_k is not None or module.add_zero_attn
    even = module.num_heads % 2 == 0 and module.batch_first
    return plain and even and not (more or module.training or torch.is_autocast_enabled())


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
    """`attended.attended`, written as nodes."""
    given = bound(node.args, node.kwargs)
    fast = torch.backends.mha.get_fastpath_enabled()

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
    heads = graph.call_function(attention_heads, args, options_of(module, given, fast))
    heads.meta["heads"] = module.num_heads
    output = graph.call_method("transpose", (heads, 1, 2))
    output = graph.call_method("flatten", (output, 2))
    if not module.batch_first:
        output = graph.call_method("transpose", (output, 0, 1))
    projection = (parameter("out_proj.weight"), parameter("out_proj.bias"))
    return graph.call_function(F.linear, (output, *projection))
