"""nn.TransformerEncoder and its layers as plain operations that compute what eval mode computes.

In eval mode without gradients their fast paths compute another function than the operations in
their code. Source: torch 2.13, `TransformerEncoder.forward`, `TransformerEncoderLayer.forward`:

- The stack makes a nested tensor of examples that are padded at the end, and sets what was padded
  to 0 before the last norm. It asks whether *all* examples of a batch are padded at the end.
- A layer takes every number in a mask except 0 as True, GELU as its exact form, and as its
  activation whatever it was built with.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lashley.errors import EngineError
from lashley.graph.attention import added

_DEVICES = ("cpu", "cuda", "xpu")
_ACTIVATIONS = {1: (F.relu, nn.ReLU), 2: (F.gelu, nn.GELU)}


@torch.library.custom_op("lashley::emptied", mutates_args=())
def emptied(mask: Tensor, checked: bool) -> Tensor:
    """Which positions (N, S) a stack with nested tensors sets to 0.

    Args:
        mask: (N, S), 0 or False where a position is seen.
        checked: Whether the stack asks if examples are padded at the end; else it takes as many
            positions from the front as are seen, wherever these are.

    Raises:
        EngineError: If only some examples of the batch are padded at the end.
    """
    seen = mask == 0
    behind = torch.arange(mask.shape[1], device=mask.device) >= seen.sum(1, keepdim=True)
    if not checked:
        return behind
    at_the_end = (behind == ~seen).all(1, keepdim=True)
    if bool((at_the_end & behind).any()) and not bool(at_the_end.all()):
        raise EngineError(
            "network: nn.TransformerEncoder sets padded positions to 0 if all examples of a batch "
            "are padded at the end, and here only some are: it depends on the batch. Build it with "
            "enable_nested_tensor=False."
        )
    return behind & at_the_end


@emptied.register_fake
def _(mask: Tensor, checked: bool) -> Tensor:
    return torch.empty_like(mask, dtype=torch.bool)


def encoder(
    stack: Any,
    src: Any,
    mask: Any = None,
    src_key_padding_mask: Any = None,
    is_causal: bool | None = None,  # None: the mask says it
    *,
    nested: bool = False,
) -> Any:
    """The forward of a stack of layers.

    Args:
        stack: An nn.TransformerEncoder.
        src: As its forward takes it.
        mask: As its forward takes it.
        src_key_padding_mask: As its forward takes it.
        is_causal: As its forward takes it.
        nested: Whether it works on nested tensors if only a padding mask is given.
    """
    empty = None
    if nested and mask is None and src_key_padding_mask is not None:
        checked = bool(getattr(stack, "mask_check", True))
        empty = torch.ops.lashley.emptied(src_key_padding_mask, checked)
        unseen = in_numbers(src_key_padding_mask, src).masked_fill(empty, float("-inf"))
        src_key_padding_mask = unseen if checked else empty
    for layer in stack.layers:
        src = layer(src, src_mask=mask, src_key_padding_mask=src_key_padding_mask,
                    is_causal=is_causal is True)  # fmt: skip
    if empty is not None:
        src = src.masked_fill(empty.unsqueeze(-1), 0.0)
    return src if stack.norm is None else stack.norm(src)


def encoder_layer(
    layer: Any,
    src: Any,
    src_mask: Any = None,
    src_key_padding_mask: Any = None,
    is_causal: bool = False,
    *,
    fused: bool = False,
) -> Any:
    """The forward of a layer.

    Args:
        layer: An nn.TransformerEncoderLayer.
        src: As its forward takes it.
        src_mask: As its forward takes it.
        src_key_padding_mask: As its forward takes it.
        is_causal: As its forward takes it.
        fused: Whether it takes its fast path.
    """
    masks: list[Any] = [src_mask, src_key_padding_mask]
    if fused:
        masks, is_causal = [m if m is None else m != 0 for m in masks], False
    else:
        masks = [m if m is None else in_numbers(m, src) for m in masks]
    activation = _activation(layer) if fused else layer.activation

    def attend(x: Any) -> Any:
        return layer._sa_block(x, *masks, is_causal=is_causal)

    def feed(x: Any) -> Any:
        return layer.dropout2(layer.linear2(layer.dropout(activation(layer.linear1(x)))))

    if layer.norm_first:
        src = src + attend(layer.norm1(src))
        return src + feed(layer.norm2(src))
    src = layer.norm1(src + attend(src))
    return layer.norm2(src + feed(src))


def in_numbers(mask: Tensor, like: Tensor) -> Tensor:
    """A mask as numbers that are added; one operation for torch.fx, as it depends on the dtype."""
    return added(mask, like.dtype)


torch.fx.wrap("in_numbers")


def _activation(layer: Any) -> Callable[[Tensor], Tensor]:
    function, kind = _ACTIVATIONS[layer.activation_relu_or_gelu]
    same = layer.activation is function or type(layer.activation) is kind
    exact = getattr(layer.activation, "approximate", "none") == "none"
    return layer.activation if same and exact else function


def is_nested(stack: Any, fast: bool) -> bool:
    """Whether a stack works on nested tensors if only a padding mask is given, in eval mode.

    Args:
        stack: An nn.TransformerEncoder.
        fast: Whether fast paths are allowed.
    """
    first = stack.layers[0]
    place = next(first.parameters()).device.type
    if not fast or first.training or torch.is_autocast_enabled() or place not in _DEVICES:
        return False
    return bool(getattr(stack, "use_nested_tensor", False))


def is_fused(layer: Any, fast: bool) -> bool:
    """Whether a layer takes its fast path in eval mode without gradients.

    Args:
        layer: An nn.TransformerEncoderLayer.
        fast: Whether fast paths are allowed.
    """
    attention = layer.self_attn
    if not fast or layer.training or torch.is_autocast_enabled():
        return False
    if any(m._forward_hooks or m._forward_pre_hooks for m in layer.modules()):
        return False
    packed = attention.in_proj_bias is not None and attention._qkv_same_embed_dim
    plain = layer.activation_relu_or_gelu and layer.norm1.eps == layer.norm2.eps
    return bool(packed and plain and attention.batch_first and attention.num_heads % 2 == 0)
