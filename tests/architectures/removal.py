"""Networks from which units are physically gone, each made by hand: layers get smaller.

They share no code with the library, and say what `silence` has to equal.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

from architectures.case import Case

REMOVABLE: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(
        ("mlp", "mlp without biases", "mlp silu", "mlp gelu", "mlp hardswish", "mlp relu6"),
        ("0", "2"),
    ),
    **dict.fromkeys(("conv1d", "conv2d", "conv2d with biases", "conv3d"), ("0", "3")),
    "basic residual": ("blocks.1.conv1", "blocks.2.conv1"),
    "inverted residual": ("block.depthwise.0", "fc"),
    **dict.fromkeys(
        ("inverted residual with squeeze-excitation", "inverted residual with a sigmoid gate"),
        ("block.depthwise.0", "block.se.fc1", "fc"),
    ),
    "vit multihead attention": ("block.attn.mha", "block.mlp.0"),
    "vit fused qkv": ("block.attn", "block.mlp.0"),
    "gpt separate projections": ("h.0.attn", "h.0.mlp.c_fc"),
    "grouped queries": ("h.0.mlp.gate", "h.0.mlp.up"),
}


def removed(network: nn.Module, case: Case, site: str, units: Iterable[int]) -> nn.Module:
    """A copy of `network` without some units (not all) of a site in `REMOVABLE[case.name]`."""
    if site not in REMOVABLE.get(case.name, ()):
        raise KeyError(f"{case.name}: nothing is written down for the removal at {site!r}.")
    twin, gone = copy.deepcopy(network).eval(), set(units)
    _how(case, site)(twin, site, gone)
    return twin


def _how(case: Case, site: str) -> Callable[[nn.Module, str, set[int]], None]:
    if site in case.heads:
        return _multihead if site.endswith("mha") else _heads
    if site in ("h.0.mlp.gate", "h.0.mlp.up"):
        return _gated
    return _depthwise if site == "block.depthwise.0" else _in_line


def _in_line(twin: nn.Module, site: str, gone: set[int]) -> None:
    """A layer, perhaps its norm, and the one layer that reads it, perhaps flattened."""
    norm, reader = _BEHIND.get(site) or _behind(twin, site)
    keep = _keep(twin.get_submodule(site).weight, gone)
    _rows(twin.get_submodule(site), keep)
    if norm:
        _rows(twin.get_submodule(norm), keep)
    _columns(twin.get_submodule(reader), keep, len(keep) + len(gone))


_BEHIND = {  # what stands behind a site: a norm or none, and the reader
    "blocks.1.conv1": ("blocks.1.bn1", "blocks.1.conv2"),
    "blocks.2.conv1": ("blocks.2.bn1", "blocks.2.conv2"),
    "block.se.fc1": (None, "block.se.fc2"),
    "block.mlp.0": (None, "block.mlp.3"),
    "h.0.mlp.c_fc": (None, "h.0.mlp.c_proj"),
    "fc": (None, "head"),
}


def _behind(twin: nn.Module, site: str) -> tuple[str | None, str]:
    """The same for a network in a line."""
    norm = None
    for name, module in list(twin.named_children())[int(site) + 1 :]:
        if isinstance(module, nn.modules.batchnorm._NormBase):
            norm = name
        elif hasattr(module, "weight"):
            return norm, name
    raise KeyError(site)


def _depthwise(twin: nn.Module, site: str, gone: set[int]) -> None:
    """A channel of the block goes from its expansion to its projection."""
    block = twin.get_submodule("block")
    keep = _keep(block.depthwise[0].weight, gone)
    for layer in (*block.expand[:2], *block.depthwise[:2]):
        _rows(layer, keep)
    block.depthwise[0].groups = block.depthwise[0].in_channels = len(keep)
    if not isinstance(block.se, nn.Identity):
        _columns(block.se.fc1, keep, len(keep) + len(gone))
        _rows(block.se.fc2, keep)
    _columns(block.project[0], keep, len(keep) + len(gone))


def _gated(twin: nn.Module, site: str, gone: set[int]) -> None:
    """A neuron is a row of gate and of up, and a column of down."""
    mlp = twin.get_submodule("h.0.mlp")
    keep = _keep(mlp.gate.weight, gone)
    _rows(mlp.gate, keep)
    _rows(mlp.up, keep)
    _columns(mlp.down, keep, len(keep) + len(gone))


class FewerHeads(nn.Module):
    """Self-attention written out, over the heads that are left."""

    def __init__(self, into: Tensor, bias: Tensor, out: nn.Linear, heads: int, causal: bool):
        super().__init__()
        self.into, self.bias = nn.Parameter(into), nn.Parameter(bias)  # (q k v, head, size, width)
        self.out, self.heads, self.causal = out, heads, causal

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = torch.einsum("ntc,phsc->pnhts", x, self.into) + self.bias[:, None, :, None]
        near = q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5
        if self.causal:
            later = torch.ones(near.shape[-2:], dtype=torch.bool).triu(1)
            near = near.masked_fill(later, -torch.inf)
        return self.out((near.softmax(-1) @ v).transpose(1, 2).flatten(2))


def _multihead(twin: nn.Module, site: str, gone: set[int]) -> None:
    mha = twin.get_submodule(site)
    fewer = _fewer(mha.in_proj_weight, mha.in_proj_bias, mha.out_proj, mha.num_heads, gone)
    twin.set_submodule(site.removesuffix(".mha"), fewer)


def _heads(twin: nn.Module, site: str, gone: set[int]) -> None:
    attn = twin.get_submodule(site)
    if hasattr(attn, "qkv"):
        weight, bias, out, heads = attn.qkv.weight, attn.qkv.bias, attn.proj, 3
    else:
        into = (attn.q_proj, attn.k_proj, attn.v_proj)
        weight = torch.cat([layer.weight for layer in into])
        bias, out, heads = torch.cat([layer.bias for layer in into]), attn.o_proj, 4
    twin.set_submodule(site, _fewer(weight, bias, out, heads, gone, causal=heads == 4))


def _fewer(weight: Tensor, bias: Tensor, out: nn.Module, heads: int, gone: set[int],
           causal: bool = False) -> FewerHeads:  # fmt: skip
    keep = [head for head in range(heads) if head not in gone]
    into = weight.detach().unflatten(0, (3, heads, -1))[:, keep]
    biases = bias.detach().unflatten(0, (3, heads, -1))[:, keep]
    _columns(out, torch.tensor(keep), heads)
    return FewerHeads(into, biases, out, len(keep), causal)  # pyright: ignore


def _keep(weight: Tensor, gone: set[int]) -> Tensor:
    return torch.tensor([unit for unit in range(len(weight)) if unit not in gone])


def _rows(layer: nn.Module, keep: Tensor) -> None:
    """Keep these units of a layer or a norm."""
    for name, value in (*layer.named_parameters(), *layer.named_buffers()):
        if value.ndim:  # not the number of batches tracked
            _put(layer, name, value.detach()[keep])


def _columns(layer: nn.Module, keep: Tensor, of: int) -> None:
    """Keep what a layer reads from these units; a unit may be several columns in a row."""
    weight = layer.weight.detach().unflatten(1, (of, -1))[:, keep].flatten(1, 2)
    _put(layer, "weight", weight)


def _put(layer: nn.Module, name: str, value: Tensor) -> None:
    if name in dict(layer.named_parameters()):
        value = nn.Parameter(value)
    setattr(layer, name, value)
