"""How values depend on the batch, measured by running it with two sizes and another order."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from lashley.graph import capture
from lashley.graph.batch import Batched, Count, NotBatched, Positional, batch_dependence
from lashley.graph.nodes import op

from forward import Forward

both = pytest.mark.parametrize("tracer", ["fx", "export"])


def dependence(function, *shape, tracer="fx", **parts):
    """By the operation of each node, what of the batch its last such node depends on."""
    x = torch.randn(5, *shape, generator=torch.Generator().manual_seed(0))
    captured, why = capture(Forward(function, **parts).eval(), x, tracer)
    assert captured is not None, why
    module = captured.module
    found = batch_dependence(module, (x,))
    return {op(node, module) or node.op: value for node, value in found.items()}


def network_of(a=4, b=5):
    return {"a": nn.Linear(a, 6), "b": nn.Linear(6, b)}


@both
def test_examples_along_the_first_axis(tracer):
    found = dependence(lambda n, x: n.b(F.relu(n.a(x))), 4, tracer=tracer, **network_of())
    assert found["relu"] == Batched(0, 1, (1, 6))
    assert found["linear"] == Batched(0, 1, (1, 5))
    assert found["placeholder"] == Batched(0, 1, (1, 4))


@both
def test_axes_merged_with_that_of_the_examples(tracer):
    found = dependence(
        lambda n, x: n.b(F.relu(n.a(x.flatten(0, 1))).unflatten(0, (-1, 3)).mean(1)),
        3, 4, tracer=tracer, **network_of(),
    )  # fmt: skip
    assert found["relu"] == Batched(0, 3, (3, 6))
    assert found["relu"].numbers == 18
    assert found["mean"] == Batched(0, 1, (1, 6))


@both
def test_examples_along_another_axis(tracer):
    found = dependence(
        lambda n, x: n.b(F.relu(n.a(x.transpose(0, 1))).mean(0)), 3, 4, tracer=tracer,
        **network_of(),
    )  # fmt: skip
    assert found["relu"] == Batched(1, 1, (3, 1, 6))


@both
def test_merged_with_an_axis_in_front_the_examples_are_not_one_after_another(tracer):
    """(position, example) in one axis: a batch of two does not begin one of three."""
    with pytest.raises(NotBatched, match="an example depends on the others of its batch"):
        dependence(
            lambda n, x: n.b(F.relu(n.a(x.transpose(0, 1).flatten(0, 1))))
            .unflatten(0, (3, -1)).mean(0),
            3, 4, tracer=tracer, **network_of(),
        )  # fmt: skip


@both
def test_counts_of_the_batch(tracer):
    found = dependence(
        lambda n, x: n.b(F.relu(n.a(x)).view(x.shape[0] * 2, 3).view(x.shape[0], 6)),
        4, tracer=tracer, **network_of(),
    )  # fmt: skip
    counts = {value for value in found.values() if isinstance(value, Count)}
    assert Count(0, 2) in counts
    assert counts <= {Count(0, 1), Count(0, 2)}
    assert all(3 * c.slope + c.base in (3, 6) for c in counts)


def test_a_shape_is_a_tuple_of_counts():
    found = dependence(
        lambda n, x: n.b(F.relu(n.a(x)).view(x.size(0) + 1 - 1, 6)), 4, **network_of()
    )
    assert found["add"] == Count(1, 1)
    assert found["sub"] == Count(0, 1)
    found = dependence(lambda n, x: n.b(n.a(x).view(x.size())), 6, **network_of(6))
    assert found["size"] == (Count(0, 1), None)


@both
def test_ranges_over_the_batch_depend_on_places(tracer):
    found = dependence(
        lambda n, x: n.b(F.relu(n.a(x)))[torch.arange(x.shape[0]), :], 4, tracer=tracer,
        **network_of(),
    )  # fmt: skip
    assert found["arange"] == Positional()


@both
def test_what_the_batch_does_not_matter_for(tracer):
    found = dependence(
        lambda n, x: n.b(n.a(x) + n.scale.exp()), 4, tracer=tracer, **network_of(),
        scale=nn.Parameter(torch.ones(6)),
    )  # fmt: skip
    assert found["exp"] is None
    assert found["add"] == Batched(0, 1, (1, 6))


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda n, x: n.b(n.a(x) - n.a(x).mean(0)), "depends on several examples at once"),
        (lambda n, x: n.b(n.a(x).cumsum(0)), "output does not have one row for each example"),
        (lambda n, x: n.b(n.a(x).softmax(0)), "an example depends on the others of its batch"),
        (lambda n, x: n.b(n.a(x @ (x.T @ x))), "does not hold its examples along one axis|depends"),
        (lambda n, x: n.b(n.a(x)) * (n.a(x) @ n.a(x).T).sum(), "along one axis"),
        (lambda n, x: n.b(n.a(x)).mean(0, keepdim=True).expand(x.shape[0], -1), "several examples"),
        (lambda n, x: n.b(n.a(x)).mean(1), None),
    ],
)
def test_networks_that_mix_examples(function, words):
    if words is None:  # that a row is a number is none of its business
        assert dependence(function, 4, **network_of())["output"] == Batched(0, 1, (1,))
        return
    with pytest.raises(NotBatched, match=words):
        dependence(function, 4, **network_of())


def test_batch_normalisation_over_the_batch_mixes_examples():
    norm = nn.BatchNorm1d(6, track_running_stats=False)
    with pytest.raises(NotBatched, match="depends"):
        dependence(lambda n, x: n.b(n.norm(n.a(x))), 4, **network_of(), norm=norm)


@pytest.mark.parametrize("output", [lambda y: y.T, lambda y: y.flatten(), lambda y: y[:2]])
def test_an_output_without_a_row_for_each_example(output):
    words = "the output does not have one row for each example|depends on several"
    with pytest.raises(NotBatched, match=words):
        dependence(lambda n, x: output(n.b(n.a(x))), 4, **network_of())


def test_numbers_that_are_not_finite_do_not_hide_a_dependence():
    found = dependence(lambda n, x: n.b(F.relu((n.a(x) - 1e9).log())), 4, **network_of())
    assert found["log"] == Batched(0, 1, (1, 6))
    with pytest.raises(NotBatched):
        dependence(lambda n, x: n.b((n.a(x) / 0).nan_to_num() - n.a(x).mean(0)), 4, **network_of())


def test_several_inputs_and_indices():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.fc = nn.Embedding(7, 4), nn.Linear(4, 5)

        def forward(self, ids, mask):
            return self.fc((self.embed(ids) * mask[..., None]).sum(1))

    inputs = {"ids": torch.arange(12).view(4, 3) % 7, "mask": torch.rand(4, 3)}
    captured, why = capture(Two().eval(), inputs)
    assert captured is not None, why
    found = batch_dependence(captured.module, tuple(inputs[name] for name in captured.inputs))
    assert {str(v) for n, v in found.items() if n.op == "placeholder"} == {
        str(Batched(0, 1, (1, 3)))
    }
