"""Spiking networks, which carry a state from step to step."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

Made = tuple[Any, Any]


def _snntorch_leaky() -> Made:
    import snntorch as snn

    class Net(nn.Module):
        def __init__(s):
            super().__init__()
            s.a, s.la, s.b, s.lb = (
                nn.Linear(10, 16),
                snn.Leaky(beta=0.9),
                nn.Linear(16, 6),
                snn.Leaky(beta=0.9),
            )

        def forward(s, x):
            ma, mb = (s.la.init_leaky(), s.lb.init_leaky())
            out = 0
            for _ in range(4):
                sa, ma = s.la(s.a(x), ma)
                _, mb = s.lb(s.b(sa), mb)
                out = out + mb
            return out

    return (Net(), torch.randn(14, 10))


def _snntorch_hidden() -> Made:
    import snntorch as snn
    from snntorch import utils

    class Net(nn.Module):
        def __init__(s):
            super().__init__()
            s.net = nn.Sequential(
                nn.Linear(10, 16),
                snn.Leaky(beta=0.9, init_hidden=True),
                nn.Linear(16, 6),
                snn.Leaky(beta=0.9, init_hidden=True, output=True),
            )

        def forward(s, x):
            utils.reset(s.net)
            return sum(s.net(x)[1] for t in range(4))

    return (Net(), torch.randn(14, 10))


def _spikingjelly_conv() -> Made:
    from spikingjelly.activation_based import functional, layer, neuron

    class Net(nn.Module):
        def __init__(s):
            super().__init__()
            s.net = nn.Sequential(
                layer.Conv2d(1, 8, 3, padding=1),
                layer.BatchNorm2d(8),
                neuron.LIFNode(),
                layer.MaxPool2d(2),
                layer.Flatten(),
                layer.Linear(8 * 16, 6),
            )

        def forward(s, x):
            functional.reset_net(s)
            return sum(s.net(x) for _ in range(3))

    return (Net(), torch.randn(14, 1, 8, 8))


NETWORKS = {
    "snntorch leaky": ("snntorch", _snntorch_leaky),
    "snntorch hidden state": ("snntorch", _snntorch_hidden),
    "spikingjelly convolutions": ("spikingjelly", _spikingjelly_conv),
}
