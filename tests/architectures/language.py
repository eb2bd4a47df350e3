"""Small language models that classify from their last token."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from architectures.case import CLASSES, TOKENS, VOCABULARY, Case, tokens

_WIDTH, _HEADS, _HIDDEN = 8, 4, 5


class Causal(nn.Module):
    """Attention to what came before, with a Linear each for q, k and v."""

    def __init__(self) -> None:
        super().__init__()
        self.q_proj, self.k_proj, self.v_proj, self.o_proj = (
            nn.Linear(_WIDTH, _WIDTH) for _ in range(4)
        )

    def forward(self, x: Tensor) -> Tensor:
        B, T, C = x.size()
        q, k, v = (
            layer(x).view(B, T, _HEADS, C // _HEADS).transpose(1, 2)
            for layer in (self.q_proj, self.k_proj, self.v_proj)
        )
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.o_proj(y.transpose(1, 2).contiguous().view(B, T, C))


class FusedCausal(nn.Module):
    """The same with one Linear for the three, split as nanoGPT does it."""

    def __init__(self) -> None:
        super().__init__()
        self.c_attn, self.c_proj = nn.Linear(_WIDTH, 3 * _WIDTH), nn.Linear(_WIDTH, _WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        B, T, C = x.size()
        q, k, v = self.c_attn(x).split(C, dim=2)
        q, k, v = (part.view(B, T, _HEADS, C // _HEADS).transpose(1, 2) for part in (q, k, v))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.c_proj(y.transpose(1, 2).contiguous().view(B, T, C))


class GroupedQuery(nn.Module):
    """Two heads of q share one of k and v; positions by rotation."""

    def __init__(self, repeat: bool, kv_heads: int = 2) -> None:
        super().__init__()
        self.repeat, self.groups, self.size = repeat, _HEADS // kv_heads, _WIDTH // _HEADS
        self.q_proj = nn.Linear(_WIDTH, _WIDTH, bias=False)
        self.k_proj, self.v_proj = (
            nn.Linear(_WIDTH, kv_heads * self.size, bias=False) for _ in range(2)
        )
        self.o_proj = nn.Linear(_WIDTH, _WIDTH, bias=False)
        angles = torch.outer(torch.arange(TOKENS), 1.0 / 10 ** torch.arange(self.size // 2))
        self.register_buffer("cos", angles.cos().repeat(1, 2), persistent=False)
        self.register_buffer("sin", angles.sin().repeat(1, 2), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (self._apart(layer(x)) for layer in (self.q_proj, self.k_proj, self.v_proj))
        q, k = self._rotated(q), self._rotated(k)
        if self.repeat:
            k, v = (part.repeat_interleave(self.groups, dim=1) for part in (k, v))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=not self.repeat)
        return self.o_proj(y.transpose(1, 2).flatten(2))

    def _apart(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (-1, self.size)).transpose(1, 2)

    def _rotated(self, x: Tensor) -> Tensor:
        one, two = x.chunk(2, dim=-1)
        return x * self.cos + torch.cat([-two, one], dim=-1) * self.sin


class Feedforward(nn.Module):
    """The MLP of GPT-2."""

    def __init__(self) -> None:
        super().__init__()
        self.c_fc, self.c_proj = nn.Linear(_WIDTH, _HIDDEN), nn.Linear(_HIDDEN, _WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        return self.c_proj(F.gelu(self.c_fc(x), approximate="tanh"))


class GatedFeedforward(nn.Module):
    """The MLP of Llama: a neuron is a row of `gate` and one of `up`."""

    def __init__(self) -> None:
        super().__init__()
        self.gate, self.up = (nn.Linear(_WIDTH, _HIDDEN, bias=False) for _ in range(2))
        self.down = nn.Linear(_HIDDEN, _WIDTH, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.down(F.silu(self.gate(x)) * self.up(x))


class Rms(nn.Module):
    """RMSNorm written out, as in Llama's own code."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6) * self.weight


class Block(nn.Module):
    """Attention and an MLP, each behind a norm and around a skip."""

    def __init__(self, norm: type[nn.Module], attention: nn.Module, mlp: nn.Module) -> None:
        super().__init__()
        self.ln_1, self.attn, self.ln_2, self.mlp = norm(_WIDTH), attention, norm(_WIDTH), mlp

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class Language(nn.Module):
    """Tokens, blocks, the last token's class."""

    def __init__(self, *blocks: nn.Module, norm: type[nn.Module], positions: bool) -> None:
        super().__init__()
        self.wte = nn.Embedding(VOCABULARY, _WIDTH)
        self.wpe = nn.Embedding(TOKENS, _WIDTH) if positions else None
        self.h, self.ln_f = nn.ModuleList(blocks), norm(_WIDTH)
        self.head = nn.Linear(_WIDTH, CLASSES, bias=False)

    def forward(self, ids: Tensor) -> Tensor:
        x = self.wte(ids)
        if self.wpe is not None:
            x = x + self.wpe(torch.arange(ids.shape[1], device=ids.device))
        for block in self.h:
            x = block(x)
        return self.head(self.ln_f(x)[:, -1])


def gpt(attention: Callable[[], nn.Module], blocks: int) -> nn.Module:
    """Learned positions, LayerNorm, GELU."""
    made = (Block(nn.LayerNorm, attention(), Feedforward()) for _ in range(blocks))
    return Language(*made, norm=nn.LayerNorm, positions=True)


def llama(norm: type[nn.Module], repeat: bool) -> nn.Module:
    """Rotated positions, RMSNorm, grouped queries, a gated MLP."""
    block = Block(norm, GroupedQuery(repeat), GatedFeedforward())
    return Language(block, norm=norm, positions=False)


def _sites(block: int, attention: tuple[str, ...], mlp: tuple[str, ...]) -> tuple[str, ...]:
    at = f"h.{block}.attn"
    *before, behind = (f"{at}.{name}" for name in attention)
    return (*before, at, behind, *(f"h.{block}.mlp.{name}" for name in mlp))


_SEPARATE, _FUSED = ("q_proj", "k_proj", "v_proj", "o_proj"), ("c_attn", "c_proj")
_MLP, _GATED = ("c_fc", "c_proj"), ("gate", "up", "down")


def _language(name: str, make: Callable[[], nn.Module], attention: tuple[str, ...],
              mlp: tuple[str, ...], blocks: int = 1, notes: str = "") -> Case:  # fmt: skip
    sites = tuple(site for i in range(blocks) for site in _sites(i, attention, mlp))
    heads = {f"h.{i}.attn": _HEADS for i in range(blocks)}
    projections = tuple(f"h.{i}.attn.{part}" for i in range(blocks) for part in attention)
    return Case(name, make, tokens, sites, heads, projections, notes=notes)


CASES = (
    _language("gpt separate projections", partial(gpt, Causal, 1), _SEPARATE, _MLP),
    _language("gpt fused projections", partial(gpt, FusedCausal, 2), _FUSED, _MLP, blocks=2),
    _language("grouped queries repeated", partial(llama, Rms, True), _SEPARATE, _GATED,
              notes="4 heads of q, 2 of k and v; a neuron's gate and its up are both units"),
    _language("grouped queries", partial(llama, nn.RMSNorm, False), _SEPARATE, _GATED,
              notes="4 heads of q, 2 of k and v; enable_gqa=True"),
)  # fmt: skip
