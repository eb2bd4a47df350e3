"""Networks of attention and similar mechanisms over sequences."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from benchmarks.zoo.far.shared import Forward

Made = tuple[Any, Any]


def _x_decoder() -> Made:
    import x_transformers as x

    return (
        x.TransformerWrapper(
            num_tokens=60,
            max_seq_len=24,
            attn_layers=x.Decoder(
                dim=32,
                depth=2,
                heads=4,
                attn_dim_head=8,
                rotary_pos_emb=True,
                attn_pre_talking_heads=True,
                ff_glu=True,
                use_rmsnorm=True,
            ),
        ),
        torch.randint(0, 60, (14, 12)),
    )


def _open_clip_text() -> Made:
    from open_clip.transformer import TextTransformer

    return (
        TextTransformer(
            context_length=12, vocab_size=60, width=32, heads=4, layers=2, output_dim=6
        ),
        torch.randint(1, 60, (14, 12)),
    )


def _linformer() -> Made:
    from linformer import Linformer

    return (
        Forward(
            lambda s, x: s.o(s.l(x).mean(1)),
            l=Linformer(dim=32, seq_len=12, depth=2, k=6, heads=4),
            o=nn.Linear(32, 6),
        ),
        torch.randn(14, 12, 32),
    )


def _performer() -> Made:
    from performer_pytorch import Performer

    return (
        Forward(
            lambda s, x: s.o(s.l(x).mean(1)),
            l=Performer(dim=32, depth=2, heads=4, dim_head=8),
            o=nn.Linear(32, 6),
        ),
        torch.randn(14, 12, 32),
    )


def _conformer() -> Made:
    from conformer import Conformer

    return (
        Forward(
            lambda s, x: s.o(s.l(x).mean(1)),
            l=Conformer(dim=32, depth=1, heads=4, dim_head=8, conv_kernel_size=5),
            o=nn.Linear(32, 6),
        ),
        torch.randn(14, 12, 32),
    )


def _nystrom() -> Made:
    from nystrom_attention import Nystromformer

    return (
        Forward(
            lambda s, x: s.o(s.l(x).mean(1)),
            l=Nystromformer(dim=32, depth=2, dim_head=8, heads=4, num_landmarks=4),
            o=nn.Linear(32, 6),
        ),
        torch.randn(14, 12, 32),
    )


def _reformer() -> Made:
    from reformer_pytorch import Reformer

    return (
        Forward(
            lambda s, x: s.o(s.l(x).mean(1)),
            l=Reformer(dim=32, depth=2, heads=4, bucket_size=4, n_hashes=2, use_full_attn=True),
            o=nn.Linear(32, 6),
        ),
        torch.randn(14, 16, 32),
    )


def _softmoe() -> Made:
    from soft_moe_pytorch import SoftMoE

    return (
        Forward(
            lambda s, x: s.o((x + s.l(x)).mean(1)),
            l=SoftMoE(dim=32, seq_len=12, num_experts=4),
            o=nn.Linear(32, 6),
        ),
        torch.randn(14, 12, 32),
    )


def _esm2() -> Made:
    import esm

    class Net(nn.Module):
        def __init__(s):
            super().__init__()
            s.m = esm.ESM2(num_layers=2, embed_dim=32, attention_heads=4)
            s.o = nn.Linear(32, 6)

        def forward(s, x):
            return s.o(s.m(x, repr_layers=[2])["representations"][2].mean(1))

    return (Net(), torch.randint(4, 24, (14, 12)))


def _local_attention() -> Made:
    from local_attention import LocalTransformer

    return (
        LocalTransformer(
            num_tokens=60,
            dim=32,
            depth=2,
            max_seq_len=24,
            local_attn_window_size=4,
            heads=4,
            dim_head=8,
        ),
        torch.randint(0, 60, (14, 12)),
    )


def _torch_transformer() -> Made:

    class Net(nn.Module):
        def __init__(s):
            super().__init__()
            s.emb, s.out = (nn.Embedding(60, 16), nn.Linear(16, 6))
            s.enc = nn.TransformerEncoder(
                nn.TransformerEncoderLayer(16, 2, 24, batch_first=True), 2
            )

        def forward(s, ids):
            return s.out(s.enc(s.emb(ids), src_key_padding_mask=ids == 0).mean(1))

    x = torch.randint(1, 60, (14, 9))
    x[5:, 6:] = 0
    return (Net(), x)


NETWORKS = {
    "x-transformers decoder": ("x-transformers", _x_decoder),
    "open clip text": ("open-clip-torch", _open_clip_text),
    "linformer": ("linformer", _linformer),
    "performer": ("performer-pytorch", _performer),
    "conformer": ("conformer", _conformer),
    "nystrom": ("nystrom-attention", _nystrom),
    "reformer": ("reformer-pytorch", _reformer),
    "soft moe": ("soft-moe-pytorch", _softmoe),
    "esm2": ("fair-esm", _esm2),
    "local attention": ("local-attention", _local_attention),
    "torch transformer encoder": ("torch", _torch_transformer),
}
