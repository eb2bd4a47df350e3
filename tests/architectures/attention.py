"""Vision transformers, with attention built every way."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from architectures.case import CLASSES, Case, images

_WIDTH, _HEADS, _HIDDEN = 6, 3, 5


class MultiHead(nn.Module):
    """`nn.MultiheadAttention` of a sequence to itself."""

    def __init__(self, need_weights: bool = False) -> None:
        super().__init__()
        self.mha = nn.MultiheadAttention(_WIDTH, _HEADS, dropout=0.1, batch_first=True)
        self.need_weights = need_weights

    def forward(self, x: Tensor) -> Tensor:
        return self.mha(x, x, x, need_weights=self.need_weights)[0]


class Fused(nn.Module):
    """One Linear for q, k and v, taken apart as timm does it."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv, self.proj = nn.Linear(_WIDTH, 3 * _WIDTH), nn.Linear(_WIDTH, _WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        B, N, C = x.shape
        qkv = self.qkv(x).reshape(B, N, 3, _HEADS, C // _HEADS).permute(2, 0, 3, 1, 4)
        q, k, v = qkv.unbind(0)
        out = F.scaled_dot_product_attention(q, k, v)
        return self.proj(out.transpose(1, 2).reshape(B, N, C))


class WrittenOut(Fused):
    """The same in the words of the paper, without PyTorch's function for it."""

    def forward(self, x: Tensor) -> Tensor:
        B, N, C = x.shape
        qkv = self.qkv(x).reshape(B, N, 3, _HEADS, C // _HEADS)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).chunk(3)
        near = (q @ k.transpose(-2, -1)) * (C // _HEADS) ** -0.5
        return self.proj((near.softmax(dim=-1) @ v)[0].transpose(1, 2).reshape(B, N, C))


class Separate(nn.Module):
    """A Linear each for q, k and v; heads wider than the width asks for."""

    def __init__(self, size: int = 3) -> None:
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(_WIDTH, _HEADS * size) for _ in range(3))
        self.out = nn.Linear(_HEADS * size, _WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (
            layer(x).unflatten(-1, (_HEADS, -1)).transpose(1, 2)
            for layer in (self.q, self.k, self.v)
        )
        return self.out(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))


class Block(nn.Module):
    """Attention and an MLP, each behind a norm and around a skip."""

    def __init__(self, attention: nn.Module) -> None:
        super().__init__()
        self.norm1, self.norm2, self.attn = nn.LayerNorm(_WIDTH), nn.LayerNorm(_WIDTH), attention
        self.mlp = nn.Sequential(
            nn.Linear(_WIDTH, _HIDDEN), nn.GELU(), nn.Dropout(0.1), nn.Linear(_HIDDEN, _WIDTH)
        )

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class Vit(nn.Module):
    """Patches, a class token, positions, one block; the class token decides."""

    def __init__(self, block: Callable[[], nn.Module]) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, _WIDTH, 4, stride=4)
        self.token = nn.Parameter(torch.randn(1, 1, _WIDTH))
        self.positions = nn.Parameter(torch.randn(1, 5, _WIDTH))
        self.drop, self.block = nn.Dropout(0.1), block()
        self.norm, self.head = nn.LayerNorm(_WIDTH), nn.Linear(_WIDTH, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], dim=1) + self.positions
        return self.head(self.norm(self.block(self.drop(x)))[:, 0])


def _encoder_layer(norm_first: bool) -> nn.Module:
    return nn.TransformerEncoderLayer(
        _WIDTH, _HEADS, _HIDDEN, activation="gelu", batch_first=True, norm_first=norm_first
    )


def _vit(name: str, attention: Callable[[], nn.Module], before: tuple[str, ...] = (),
         at: str = "block.attn", behind: tuple[str, ...] = (), notes: str = ""
         ) -> Case:  # fmt: skip
    sites = ("patches", *before, at, *behind, "block.mlp.0", "block.mlp.3")
    return Case(name, lambda: Vit(lambda: Block(attention())), images, sites, {at: _HEADS},
                (*before, *behind), notes=notes)  # fmt: skip


def _encoder(name: str, norm_first: bool) -> Case:
    return Case(
        name, lambda: Vit(partial(_encoder_layer, norm_first)), images,
        ("patches", "block.self_attn", "block.self_attn.out_proj", "block.linear1",
         "block.linear2"),
        {"block.self_attn": _HEADS}, ("block.self_attn.out_proj",),
        notes="to fx the whole layer is one leaf; a fused kernel may run it where no hook is",
    )  # fmt: skip


_LEAF = "out_proj is a part of the attention module and never called"

CASES = (
    _vit("vit multihead attention", MultiHead, at="block.attn.mha",
         behind=("block.attn.mha.out_proj",), notes=_LEAF),
    _vit("vit multihead attention with weights", partial(MultiHead, True), at="block.attn.mha",
         behind=("block.attn.mha.out_proj",), notes=_LEAF),
    _vit("vit fused qkv", Fused, ("block.attn.qkv",), behind=("block.attn.proj",)),
    _vit("vit separate qkv", Separate, ("block.attn.q", "block.attn.k", "block.attn.v"),
         behind=("block.attn.out",)),
    Case("vit attention written out", lambda: Vit(lambda: Block(WrittenOut())), images,
         ("patches", "block.attn.qkv", "block.attn", "block.attn.proj", "block.mlp.0",
          "block.mlp.3"), {"block.attn": _HEADS}, ("block.attn.qkv", "block.attn.proj")),
    _encoder("vit encoder layer", True),
    _encoder("vit encoder layer with norms behind", False),
)  # fmt: skip
