"""The rank of the true class, against a ranking by sorting."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from lashley.readouts import classification


def ranking(logits):
    """Classes from the largest logit on; of two equal ones the lower index first."""
    return sorted(range(len(logits)), key=lambda c: (-logits[c], c))


@st.composite
def outputs(draw):
    """(ablation, example, class) logits of few different values, so that many tie; labels."""
    a, n, c = draw(st.integers(1, 3)), draw(st.integers(1, 6)), draw(st.integers(1, 7))
    value = st.sampled_from([-1e30, -1.5, -0.0, 0.0, 0.25, 1.0, 1e30])
    flat = draw(st.lists(value, min_size=a * n * c, max_size=a * n * c))
    labels = draw(st.lists(st.integers(0, c - 1), min_size=n, max_size=n))
    return torch.tensor(flat).reshape(a, n, c), torch.tensor(labels)


@given(outputs())
def test_equals_a_ranking_by_sorting(given_):
    logits, labels = given_
    rank, prediction = classification(logits, labels)
    for a, block in enumerate(logits.tolist()):
        for n, row in enumerate(block):
            order = ranking(row)
            assert order.index(int(labels[n])) == int(rank[a, n])
            assert order[0] == int(prediction[a, n])


@given(outputs())
def test_rank_zero_is_a_right_prediction_and_leading_axes_are_free(given_):
    logits, labels = given_
    rank, prediction = classification(logits, labels)
    assert torch.equal(rank == 0, prediction == labels)
    for a, block in enumerate(logits):
        alone = classification(block, labels)
        assert torch.equal(alone[0], rank[a])
        assert torch.equal(alone[1], prediction[a])
    assert classification(logits[None], labels)[0].shape == (1, *rank.shape)


@given(outputs())
def test_any_increasing_function_of_the_logits_serves(given_):
    logits, labels = given_
    squeezed = torch.arctan(logits.double())
    for one, other in zip(
        classification(logits, labels), classification(squeezed, labels), strict=True
    ):
        assert torch.equal(one, other)


def test_inputs_are_left_alone():
    logits, labels = torch.randn(3, 4), torch.tensor([0, 1, 2])
    before = logits.clone(), labels.clone()
    classification(logits, labels)
    assert torch.equal(logits, before[0])
    assert torch.equal(labels, before[1])
