"""Which numbers in memory belong to which units: paint, carried along by what copies numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_map_only

NONE = -1.0  # the paint of numbers that belong to no unit
PLACES = 65536  # a colour is a whole number; its fraction says at which token a number is

# Operations that copy numbers and change none: they are applied to the paint too.
MOVING = frozenset({
    "clone", "cat", "stack", "index_select", "gather", "index", "roll", "flip", "repeat",
    "constant_pad_nd", "reflection_pad1d", "reflection_pad2d", "replication_pad1d",
    "replication_pad2d", "pixel_shuffle", "pixel_unshuffle", "channel_shuffle",
    "native_channel_shuffle", "slice_scatter", "select_scatter", "_reshape_copy", "view_copy",
    "permute_copy", "expand_copy", "unbind_copy", "split_copy", "copy", "_unsafe_index",
    "split_with_sizes_copy", "alias_copy", "narrow_copy", "unfold_copy", "rot90",
})  # fmt: skip
ELEMENTWISE = frozenset({
    "relu", "leaky_relu", "_prelu_kernel", "prelu", "elu", "celu", "gelu", "silu", "mish",
    "tanh", "sigmoid", "log_sigmoid_forward", "softplus", "softshrink", "hardtanh",
    "hardswish", "hardsigmoid", "hardshrink", "threshold", "rrelu_with_noise", "exp", "exp2",
    "expm1", "log", "log1p", "log2", "log10", "erf", "erfc", "abs", "neg", "square", "sqrt",
    "rsqrt", "reciprocal", "pow", "clamp", "clamp_min", "clamp_max", "add", "sub", "rsub",
    "mul", "div", "addcmul", "addcdiv", "maximum", "minimum", "fmax", "fmin", "where", "lerp",
    "sin", "cos", "tan", "atan", "asinh", "sinh", "cosh", "sign", "sgn", "floor", "ceil",
    "round", "trunc", "frac", "_to_copy", "gt", "ge", "lt", "le", "eq", "ne", "logical_and",
    "logical_or", "logical_not", "bitwise_and", "bitwise_or", "bitwise_not", "isnan",
    "isfinite", "isinf", "nan_to_num", "masked_fill", "native_dropout", "heaviside", "logit",
    "remainder", "fmod", "__and__", "__or__", "_conj_physical", "complex", "angle",
})  # fmt: skip
NORMALISING = frozenset({
    "native_batch_norm", "_native_batch_norm_legit", "_native_batch_norm_legit_no_training",
    "_batch_norm_no_update", "_batch_norm_with_update", "batch_norm", "native_layer_norm",
    "native_group_norm", "_fused_rms_norm", "rms_norm",
})  # fmt: skip
# What reads a shape but no number.
BLIND = frozenset({
    "zeros_like", "ones_like", "empty_like", "full_like", "rand_like", "randn_like",
    "new_zeros", "new_ones", "new_empty", "new_full", "new_empty_strided", "sym_size", "size",
    "stride", "_has_compatible_shallow_copy_type",
})  # fmt: skip
REDUCING = frozenset({
    "mean", "sum", "var", "std", "var_mean", "std_mean", "norm", "linalg_vector_norm",
})  # fmt: skip


def storage_of(tensor: Tensor) -> int | None:
    """The address of the memory that holds a tensor; None if it has none of the plain kind."""
    try:
        return tensor.untyped_storage()._cdata
    except (NotImplementedError, RuntimeError):
        return None


def flat(tensor: Tensor) -> Tensor:
    """All numbers of a tensor's storage, as one axis that shares its memory."""
    storage = tensor.untyped_storage()
    size = storage.nbytes() // tensor.element_size()
    return torch.empty(0, dtype=tensor.dtype, device=tensor.device).set_(storage, 0, (size,), (1,))


def as_laid(paint: Tensor, like: Tensor) -> Tensor:
    """The paint of a storage, seen as a tensor on it sees its numbers."""
    return paint.as_strided(like.shape, like.stride(), like.storage_offset())


def refitted(paint: Tensor, of: Tensor, tensor: Tensor) -> Tensor | None:
    """The paint of a storage by the numbers of another tensor on it; None if these cut it up.

    Args:
        paint: The paint by the numbers of `of`.
        of: A tensor on the storage.
        tensor: Another: its real and imaginary parts, or the complex numbers that these make up.
    """
    size = tensor.untyped_storage().nbytes() // tensor.element_size()
    if size == len(paint):
        return paint
    if of.is_complex() and size == 2 * len(paint):
        return paint.repeat_interleave(2)
    if tensor.is_complex() and 2 * size == len(paint):
        real, imaginary = paint.view(-1, 2).unbind(1)
        return real.masked_fill(real != imaginary, NONE)
    return None


def blank(like: Tensor) -> Tensor:
    """The paint of a whole storage on which nothing is painted."""
    size = like.untyped_storage().nbytes() // like.element_size()
    return torch.full((size,), NONE, dtype=torch.float64)


def moved(
    func: Callable[..., Any], args: Any, kwargs: Any, paint_of: Callable[[Tensor], Tensor | None]
) -> Any:
    """The paint of what a moving operation returns."""

    def painted(tensor: Tensor) -> Tensor:
        paint = paint_of(tensor)
        if paint is not None:
            return paint
        return (
            torch.full(tensor.shape, NONE, dtype=torch.float64)
            if tensor.is_floating_point() or tensor.is_complex()
            else tensor
        )

    kwargs = {k: v for k, v in kwargs.items() if k not in ("memory_format", "dtype")}
    if func.overloadpacket.__name__ == "constant_pad_nd":
        args, kwargs = (args[0], args[1], NONE), {}
    return func(*tree_map_only(Tensor, painted, args), **tree_map_only(Tensor, painted, kwargs))


def colours_of(paint: Tensor) -> frozenset[float]:
    """The colours on it."""
    at = paint[paint != NONE].floor()
    return (
        frozenset(map(float, torch.bincount(at.long()).nonzero()[:, 0].tolist()))
        if len(at)
        else frozenset()
    )


def agreed(paints: list[Tensor], shape: torch.Size) -> tuple[Tensor, Tensor]:
    """The paint of numbers computed one by one from painted ones, and the colours that met others.

    Args:
        paints: Of the operands, each broadcast to the result.
        shape: Of the result.
    """
    first = paints[0].expand(shape)
    clash = torch.zeros(shape, dtype=torch.bool)
    for other in paints[1:]:
        clash |= other.expand(shape).floor() != first.floor()
    if not clash.any():
        return first.clone(), torch.empty(0, dtype=torch.float64)
    met = torch.cat([p.expand(shape)[clash] for p in paints]).floor().unique()
    return first.masked_fill(clash, NONE), met


def uneven(paint: Tensor, constant: Tensor) -> Tensor:
    """The colours for which a constant operand holds more than one number."""
    try:
        values = constant.expand(paint.shape).double()
    except RuntimeError:
        return paint.floor().unique()
    at = paint != NONE
    index = paint[at].long()
    if not len(index):
        return torch.empty(0, dtype=torch.float64)
    size = int(index.max()) + 1
    low = torch.full((size,), torch.inf, dtype=torch.float64).scatter_reduce(
        0, index, values[at], "amin"
    )
    high = torch.full((size,), -torch.inf, dtype=torch.float64).scatter_reduce(
        0, index, values[at], "amax"
    )
    return (low < high).nonzero()[:, 0].to(paint.dtype)


def without(paint: Tensor, colours: Tensor) -> Tensor:
    """The paint without some colours."""
    return paint.masked_fill(torch.isin(paint.floor(), colours), NONE) if len(colours) else paint
