"""Networks on graphs, point clouds and symmetric fields."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import nn

Made = tuple[Any, Any]


def _without_lie_learn() -> None:
    """A part that escnn needs in space only, and which does not build everywhere, is left out."""
    import sys
    from types import ModuleType

    if "lie_learn" not in sys.modules:
        for name in ("lie_learn", "lie_learn.representations", "lie_learn.representations.SO3"):
            sys.modules[name] = ModuleType(name)
        last = ModuleType("lie_learn.representations.SO3.wigner_d")
        last.wigner_D_matrix = None
        sys.modules[last.__name__] = last


def _pyg_gcn_fixed_graph() -> Made:
    import torch_geometric.nn as g

    class Net(nn.Module):
        def __init__(s):
            super().__init__()
            s.a, s.b, s.o = (g.GCNConv(5, 16), g.GCNConv(16, 12), nn.Linear(12, 6))
            r = torch.arange(8)
            s.register_buffer(
                "edges", torch.stack([torch.cat([r, (r + 1) % 8]), torch.cat([(r + 1) % 8, r])])
            )

        def forward(s, x):
            return s.o(s.b(s.a(x, s.edges).relu(), s.edges).relu().mean(1))

    return (Net(), torch.randn(14, 8, 5))


def _pyg_gat() -> Made:
    import torch_geometric.nn as g

    class Net(nn.Module):
        def __init__(s):
            super().__init__()
            s.a, s.b, s.o = (g.GATConv(5, 8, heads=2), g.GATConv(16, 12), nn.Linear(12, 6))
            r = torch.arange(8)
            s.register_buffer(
                "edges", torch.stack([torch.cat([r, (r + 1) % 8]), torch.cat([(r + 1) % 8, r])])
            )

        def forward(s, x):
            return torch.stack(
                [s.o(s.b(nn.functional.elu(s.a(v, s.edges)), s.edges).relu().mean(0)) for v in x]
            )

    return (Net(), torch.randn(14, 8, 5))


def _pyg_sage_dense() -> Made:
    import torch_geometric.nn as g

    class Net(nn.Module):
        def __init__(s):
            super().__init__()
            s.a, s.b, s.o = (g.DenseSAGEConv(5, 16), g.DenseGraphConv(16, 12), g.Linear(12, 6))

        def forward(s, x, adj):
            return s.o(s.b(s.a(x, adj).relu(), adj).relu().mean(1))

    return (Net(), {"x": torch.randn(14, 8, 5), "adj": (torch.rand(14, 8, 8) > 0.5).float()})


def _pyg_nodes_as_rows() -> Made:
    import torch_geometric.nn as g

    class Net(nn.Module):
        def __init__(s):
            super().__init__()
            s.a, s.b = (g.GINConv(g.MLP([5, 16, 16])), g.GCNConv(16, 6))
            r = torch.arange(14)
            s.register_buffer(
                "edges", torch.stack([torch.cat([r, (r + 1) % 14]), torch.cat([(r + 1) % 14, r])])
            )

        def forward(s, x):
            return s.b(
                s.a(x, s.edges[:, s.edges.max(0)[0] < len(x)]).relu(),
                s.edges[:, s.edges.max(0)[0] < len(x)],
            )

    return (Net(), torch.randn(14, 5))


def _egnn() -> Made:
    from egnn_pytorch import EGNN_Network

    class Net(nn.Module):
        def __init__(s):
            super().__init__()
            s.e = EGNN_Network(num_tokens=21, dim=16, depth=2, num_nearest_neighbors=4)
            s.o = nn.Linear(16, 6)

        def forward(s, tokens, coors):
            return s.o(s.e(tokens, coors)[0].mean(1))

    return (Net(), {"tokens": torch.randint(0, 21, (14, 8)), "coors": torch.randn(14, 8, 3)})


def _e3nn_net() -> Made:
    from e3nn import o3

    class Net(nn.Module):
        def __init__(s):
            super().__init__()
            s.a = o3.Linear("3x0e+2x1o", "8x0e+4x1o")
            s.t = o3.FullyConnectedTensorProduct("8x0e+4x1o", "8x0e+4x1o", "12x0e")
            s.o = nn.Linear(12, 6)

        def forward(s, x):
            h = s.a(x)
            return s.o(s.t(h, h).relu())

    return (Net(), torch.randn(14, 9))


def _escnn_c4(exported: bool = False) -> Made:
    _without_lie_learn()
    from escnn import gspaces
    from escnn import nn as enn

    g = gspaces.rot2dOnR2(4)
    i = enn.FieldType(g, [g.trivial_repr])
    h = enn.FieldType(g, 4 * [g.regular_repr])
    h2 = enn.FieldType(g, 4 * [g.regular_repr])

    class Net(nn.Module):
        def __init__(s):
            super().__init__()
            s.a = enn.SequentialModule(
                enn.R2Conv(i, h, 3, padding=1),
                enn.InnerBatchNorm(h),
                enn.ReLU(h),
                enn.R2Conv(h, h2, 3, padding=1),
                enn.ReLU(h2),
                enn.GroupPooling(h2),
            )
            s.o = nn.Linear(4, 6)

        def forward(s, x):
            return s.o(s.a(enn.GeometricTensor(x, i)).tensor.mean((2, 3)))

    class Exported(nn.Module):
        """The same of plain layers: a field is four channels."""

        def __init__(s):
            super().__init__()
            net = Net().eval()
            s.a, s.o = net.a.export(), net.o

        def forward(s, x):
            return s.o(s.a(x).mean((2, 3)))

    return (Exported() if exported else Net(), torch.randn(14, 1, 9, 9))


NETWORKS = {
    "pyg gcn, fixed graph": ("torch-geometric", _pyg_gcn_fixed_graph),
    "pyg gat": ("torch-geometric", _pyg_gat),
    "pyg dense sage": ("torch-geometric", _pyg_sage_dense),
    "pyg nodes as rows": ("torch-geometric", _pyg_nodes_as_rows),
    "egnn": ("egnn-pytorch", _egnn),
    "e3nn": ("e3nn", _e3nn_net),
    "escnn c4": ("escnn", _escnn_c4),
    "escnn c4, exported": ("escnn", partial(_escnn_c4, exported=True)),
}
