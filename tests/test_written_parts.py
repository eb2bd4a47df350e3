"""Writes into parts of values: the graph without them computes what the writes computed."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.export import ExportedProgram
from torch.fx.experimental.proxy_tensor import make_fx

from lashley.graph import capture
from lashley.graph.functional import without_writes
from lashley.graph.running import Refused

SHAPE = (3, 4, 4)
WHERE = st.sampled_from([0, slice(0, 2), slice(1, None), slice(None, None, 2)])
PARTS = st.lists(st.tuples(st.integers(0, 2), WHERE), max_size=2)
WAYS = {
    "mul_": lambda part: part.mul_(2),
    "fill_": lambda part: part.fill_(0.5),
    "sigmoid_": lambda part: part.sigmoid_(),
    "copy_": lambda part: part.copy_(part.flip(-1) if part.ndim else part + 1),
}


def part_of(value, steps):
    for dim, where in steps:
        if value.ndim:
            dim %= value.ndim
            value = value.select(dim, where) if isinstance(where, int) else value[
                (slice(None),) * dim + (where,)]  # fmt: skip
    return value


def writing(writes, early):
    """Writes into parts of one value; some parts are taken before, and are read after."""

    def forward(x):
        y = x.clone()
        before = [part_of(y, steps) for steps in early]
        returned = [WAYS[way](part_of(y, steps)) for steps, way in writes]
        return y * 1, *(part.sum() for part in (*before, returned[-1]))

    return forward


@settings(max_examples=30)
@given(
    st.lists(st.tuples(PARTS, st.sampled_from(list(WAYS))), min_size=1, max_size=4),
    st.lists(PARTS, max_size=1),
)
def test_a_graph_without_writes_computes_the_same(writes, early):
    x = torch.arange(48.0).reshape(SHAPE) / 10
    forward = writing(writes, early)
    graph = make_fx(forward)(x).graph
    try:
        without_writes(graph, {}, [x])
    except Refused:
        assert early  # else each write is to the value as it is, or to a part that is taken anew
        return
    assert not any(str(node.target).split(".")[-2:-1][0].endswith("_") for node in graph.nodes
                   if node.op == "call_function")  # fmt: skip
    found = torch.fx.GraphModule(nn.Module(), graph)(x)
    for one, other in zip(found, forward(x), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)


class Masked(nn.Module):
    """As Swin: a mask is made of zeros, part by part, at every call."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(6, 6), nn.Linear(6, 3)

    def forward(self, x):
        mask = x.new_zeros((4, 6) if x.shape[1] == 6 else (4, 5))
        for i, rows in enumerate((slice(0, -2), slice(-2, None))):
            for j, columns in enumerate((slice(0, 3), slice(3, None))):
                mask[rows, columns] = i + j
        return self.b(torch.relu(self.a(x)) * mask.mean(0))


def test_a_mask_made_part_by_part_is_exported_once(monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(ExportedProgram, "run_decompositions", lambda *_: 1 / 0)
        with torch.random.fork_rng():
            torch.manual_seed(0)
            network, x = Masked().eval(), torch.randn(4, 6)
        captured, reason = capture(network, x, "export")
    assert captured is not None, reason
    torch.testing.assert_close(captured.module(x), network(x))
