"""Modules that hide their operations run as plain ones, which can be seen and changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from lashley.graph.attended import attended, attended_function
from lashley.graph.encoder import encoder, encoder_layer, is_fused, is_nested

Form = Callable[..., Any]

# The forward of a module of exactly this type, by whether fast paths are allowed.
FORMS: Mapping[type[nn.Module], Callable[[Any, bool], Form]] = {
    nn.MultiheadAttention: lambda module, fast: partial(attended, module, fast=fast),
    nn.TransformerEncoder: lambda m, fast: partial(encoder, m, nested=is_nested(m, fast)),
    nn.TransformerEncoderLayer: lambda m, fast: partial(encoder_layer, m, fused=is_fused(m, fast)),
}
FUNCTIONS: Mapping[Any, Form] = {F.multi_head_attention_forward: attended_function}


@contextmanager
def in_plain_operations(network: nn.Module) -> Iterator[None]:
    """The network computes the same inside, to rounding, without fused paths.

    Args:
        network: In eval mode; its modules are restored afterwards.
    """
    fast = torch.backends.mha.get_fastpath_enabled()
    fused = [m for m in network.modules() if type(m) in FORMS and "forward" not in m.__dict__]
    forms = [(module, FORMS[type(module)](module, fast)) for module in fused]
    try:
        torch.backends.mha.set_fastpath_enabled(False)
        for module, form in forms:
            module.__dict__["forward"] = form
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
        for module, _ in forms:
            module.__dict__.pop("forward", None)
