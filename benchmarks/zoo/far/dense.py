"""Networks on tables, coordinates and complex numbers."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from benchmarks.zoo.far.shared import Forward

Made = tuple[Any, Any]


def _tabnet() -> Made:
    from pytorch_tabnet.tab_network import TabNet

    class Net(nn.Module):
        def __init__(s):
            super().__init__()
            s.t = TabNet(10, 6, group_attention_matrix=torch.eye(10))

        def forward(s, x):
            return s.t(x)[0]

    return (Net(), torch.randn(14, 10))


def _rtdl_ft() -> Made:
    import rtdl_revisiting_models as r

    class Net(nn.Module):
        def __init__(s):
            super().__init__()
            s.m = r.FTTransformer(
                n_cont_features=8,
                cat_cardinalities=[],
                d_out=6,
                n_blocks=2,
                d_block=16,
                attention_n_heads=2,
                attention_dropout=0.0,
                ffn_d_hidden=24,
                ffn_d_hidden_multiplier=None,
                ffn_dropout=0.0,
                residual_dropout=0.0,
            )

        def forward(s, x):
            return s.m(x, None)

    return (Net(), torch.randn(14, 8))


def _rtdl_resnet() -> Made:
    import rtdl_revisiting_models as r

    return (
        r.ResNet(
            d_in=8,
            d_out=6,
            n_blocks=2,
            d_block=16,
            d_hidden=24,
            d_hidden_multiplier=None,
            dropout1=0.0,
            dropout2=0.0,
        ),
        torch.randn(14, 8),
    )


def _siren() -> Made:
    from siren_pytorch import SirenNet

    return (SirenNet(2, 24, 6, 3), torch.randn(14, 2))


def _nflows_maf() -> Made:
    from nflows.transforms import MaskedAffineAutoregressiveTransform

    class Net(nn.Module):
        def __init__(s):
            super().__init__()
            s.t = MaskedAffineAutoregressiveTransform(6, 16)

        def forward(s, x):
            return s.t(x)[0]

    return (Net(), torch.randn(14, 6))


def _pykan() -> Made:
    from kan import KAN

    return (
        KAN(width=[5, 8, 6], grid=3, k=3, auto_save=False, save_act=False, symbolic_enabled=False),
        torch.randn(14, 5),
    )


def _tab_transformer() -> Made:
    from tab_transformer_pytorch import FTTransformer

    class Net(nn.Module):
        def __init__(s):
            super().__init__()
            s.f = FTTransformer(
                categories=(5, 4), num_continuous=6, dim=16, depth=2, heads=2, dim_out=6
            )

        def forward(s, c, x):
            return s.f(c, x)

    return (Net(), {"c": torch.randint(0, 4, (14, 2)), "x": torch.randn(14, 6)})


def _complextorch() -> Made:
    import complextorch.nn as c

    return (
        Forward(
            lambda s, x: s.o(s.b(s.act(s.a(torch.complex(x, x.flip(1))))).abs()),
            a=c.Linear(8, 16),
            act=c.CReLU(),
            b=c.Linear(16, 12),
            o=nn.Linear(12, 6),
        ),
        torch.randn(14, 8),
    )


NETWORKS = {
    "tabnet": ("pytorch-tabnet", _tabnet),
    "rtdl ft-transformer": ("rtdl-revisiting-models", _rtdl_ft),
    "rtdl resnet": ("rtdl-revisiting-models", _rtdl_resnet),
    "siren": ("siren-pytorch", _siren),
    "nflows maf": ("nflows", _nflows_maf),
    "pykan": ("pykan", _pykan),
    "tab transformer": ("tab-transformer-pytorch", _tab_transformer),
    "complextorch": ("complextorch", _complextorch),
}
