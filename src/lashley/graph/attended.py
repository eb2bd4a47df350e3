"""Attention of torch.nn, the module and the function, run as the operations of `attention.py`."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import handle_torch_function, has_torch_function

from lashley.graph.attention import (
    attention_heads,
    attention_weights,
    bound,
    options_of,
    parameters_of,
)
from lashley.graph.running import Refused

_OF_WEIGHTS = ("heads", "batch_first", "zero_attn")


def attended(
    module: nn.MultiheadAttention, *args: Any, fast: bool = True, **kwargs: Any
) -> tuple[Tensor, Tensor | None]:
    """The module's forward in plain operations.

    Args:
        module: Any.
        args: Those of its forward.
        fast: Whether its fast path is allowed; that gives NaN to queries that see nothing.
        kwargs: Those of its forward.
    """
    given = bound(args, kwargs)
    alone = given["query"] is given["key"] is given["value"]
    batched = given["query"].dim() == 3
    values = _batched(given, 0 if module.batch_first else 1)
    given |= {"query": values[0], "key": values[0] if alone else values[1]}
    given["value"] = values[0] if alone else values[2]
    options = options_of(module, given, fast and batched)
    taken = (*values[:3], *parameters_of(module), values[3], given["attn_mask"])
    output = _joined(_heads(*taken, **options), module.batch_first)
    output = F.linear(output, module.out_proj.weight, module.out_proj.bias)
    weights = None
    if given["need_weights"]:
        weights = attention_weights(*taken, **{name: options[name] for name in _OF_WEIGHTS})
        weights = weights.mean(1) if given["average_attn_weights"] else weights
    if batched:
        return output, weights
    one = None if weights is None else weights.squeeze(0)
    return output.squeeze(0 if module.batch_first else 1), one


def attended_function(
    query: Tensor, key: Tensor, value: Tensor, embed_dim_to_check: int, num_heads: int,
    in_proj_weight: Tensor | None, in_proj_bias: Tensor | None, bias_k: Tensor | None,
    bias_v: Tensor | None, add_zero_attn: bool, dropout_p: float, out_proj_weight: Tensor,
    out_proj_bias: Tensor | None, training: bool = True, key_padding_mask: Tensor | None = None,
    need_weights: bool = True, attn_mask: Tensor | None = None,
    use_separate_proj_weight: bool = False, q_proj_weight: Tensor | None = None,
    k_proj_weight: Tensor | None = None, v_proj_weight: Tensor | None = None,
    static_k: Tensor | None = None, static_v: Tensor | None = None,
    average_attn_weights: bool = True, is_causal: bool = False,
) -> tuple[Tensor, Tensor | None]:  # fmt: skip
    """F.multi_head_attention_forward in plain operations, arguments as there.

    Raises:
        Refused: If keys or values are static, or there is dropout.
    """
    if static_k is not None or static_v is not None or (training and dropout_p):
        raise Refused("F.multi_head_attention_forward with static keys or with dropout")
    batched = query.dim() == 3
    given = {"query": query, "key": key, "value": value, "key_padding_mask": key_padding_mask}
    values = _batched(given, 1)
    separate = (q_proj_weight, k_proj_weight, v_proj_weight)
    weights = separate if use_separate_proj_weight else in_proj_weight
    taken = (*values[:3], weights, in_proj_bias, bias_k, bias_v, values[3], attn_mask)
    options = {"heads": num_heads, "batch_first": False, "zero_attn": add_zero_attn}
    causal = is_causal and key_padding_mask is None and not need_weights
    output = _joined(_heads(*taken, **options, causal=causal, weighted=need_weights), False)
    output = F.linear(output, out_proj_weight, out_proj_bias)
    found = attention_weights(*taken, **options) if need_weights else None  # pyright: ignore
    if found is not None and average_attn_weights:
        found = found.mean(1)
    if batched:
        return output, found
    return output.squeeze(1), None if found is None else found.squeeze(0)


def _heads(*args: Any, **options: Any) -> Tensor:
    """`attention_heads`, as one operation for those who watch operations."""
    watched = not torch.compiler.is_compiling() and has_torch_function(args[:1])
    if watched:
        return handle_torch_function(attention_heads, args[:1], *args, **options)
    return attention_heads(*args, **options)


def _joined(heads: Tensor, batch_first: bool) -> Tensor:
    output = heads.transpose(1, 2).flatten(2)
    return output if batch_first else output.transpose(0, 1)


def _batched(given: dict[str, Any], axis: int) -> list[Any]:
    """Query, key, value and padding, as a batch of one if there is no batch."""
    values = [given[name] for name in ("query", "key", "value")]
    padding = given["key_padding_mask"]
    if values[0].dim() == 3:
        return [*values, padding]
    return [*(v.unsqueeze(axis) for v in values), None if padding is None else padding[None]]
