"""Networks that go through a sequence step by step."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from benchmarks.zoo.far.shared import Forward

Made = tuple[Any, Any]


def _ncps_cfc() -> Made:
    from ncps.torch import CfC
    from ncps.wirings import AutoNCP

    class Net(nn.Module):
        def __init__(s):
            super().__init__()
            s.c = CfC(5, AutoNCP(16, 6), batch_first=True)

        def forward(s, x):
            return s.c(x)[0][:, -1]

    return (Net(), torch.randn(14, 7, 5))


def _ncps_ltc() -> Made:
    from ncps.torch import LTC

    class Net(nn.Module):
        def __init__(s):
            super().__init__()
            s.c = LTC(5, 12)
            s.o = nn.Linear(12, 6)

        def forward(s, x):
            return s.o(s.c(x)[0][:, -1])

    return (Net(), torch.randn(14, 5, 5))


def _tcn() -> Made:
    from pytorch_tcn import TCN

    class Net(nn.Module):
        def __init__(s):
            super().__init__()
            s.t = TCN(5, [12, 16], kernel_size=3)
            s.o = nn.Linear(16, 6)

        def forward(s, x):
            return s.o(s.t(x)[:, :, -1])

    return (Net(), torch.randn(14, 5, 20))


def _mambapy_net() -> Made:
    from mambapy.mamba import Mamba, MambaConfig

    class Net(nn.Module):
        def __init__(s):
            super().__init__()
            s.m = Mamba(MambaConfig(d_model=16, n_layers=2, d_state=4))
            s.o = nn.Linear(16, 6)

        def forward(s, x):
            return s.o(s.m(x).mean(1))

    return (Net(), torch.randn(14, 8, 16))


def _mingru() -> Made:
    from minGRU_pytorch import minGRU

    return (
        Forward(lambda s, x: s.o(s.l(x).mean(1)), l=minGRU(32), o=nn.Linear(32, 6)),
        torch.randn(14, 12, 32),
    )


def _neural_ode() -> Made:
    from torchdiffeq import odeint

    class F(nn.Module):
        def __init__(s):
            super().__init__()
            s.a, s.b = (nn.Linear(8, 16), nn.Linear(16, 8))

        def forward(s, t, x):
            return s.b(s.a(x).tanh())

    class Net(nn.Module):
        def __init__(s):
            super().__init__()
            s.f, s.o = (F(), nn.Linear(8, 6))

        def forward(s, x):
            return s.o(
                odeint(
                    s.f,
                    x,
                    torch.tensor([0.0, 1.0], dtype=x.dtype),
                    method="rk4",
                    options={"step_size": 0.25},
                )[-1]
            )

    return (Net(), torch.randn(14, 8))


def _torch_rnn() -> Made:

    class Net(nn.Module):
        def __init__(s):
            super().__init__()
            s.e = nn.Embedding(60, 12)
            s.l = nn.LSTM(12, 16, 2, batch_first=True, bidirectional=True)
            s.g = nn.GRU(32, 10, batch_first=True)
            s.o = nn.Linear(10, 6)

        def forward(s, x):
            return s.o(s.g(s.l(s.e(x))[0])[0][:, -1])

    return (Net(), torch.randint(0, 60, (14, 9)))


NETWORKS = {
    "ncps cfc": ("ncps", _ncps_cfc),
    "ncps ltc": ("ncps", _ncps_ltc),
    "tcn": ("pytorch-tcn", _tcn),
    "mambapy": ("mambapy", _mambapy_net),
    "minGRU": ("minGRU-pytorch", _mingru),
    "neural ode": ("torchdiffeq", _neural_ode),
    "torch lstm and gru": ("torch", _torch_rnn),
}
