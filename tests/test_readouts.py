"""Readouts: the rank of the true class against a ranking by sorting, losses, a user's own."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lashley.errors import ReadoutError
from lashley.readouts import (
    CLASSIFICATION,
    IGNORED,
    LOSS,
    Readout,
    are_probabilities,
    as_readout,
    check_measured,
    classification,
    loss,
    squared_error,
)


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


class TestLoss:
    def test_equals_the_logarithm_of_the_softmax(self):
        logits, targets = torch.randn(6, 4), torch.tensor([0, 1, 2, 3, 0, 1])
        expected = -logits.double().softmax(1)[torch.arange(6), targets].log()
        torch.testing.assert_close(loss(logits, targets).double(), expected)
        assert list(LOSS.measure(logits, targets)) == ["loss"]

    def test_of_tokens_is_the_mean_over_those_that_count(self):
        logits = torch.randn(3, 5, 7, dtype=torch.float64)
        targets = torch.randint(7, (3, 5))
        targets[0, 3:], targets[2, 0] = IGNORED, IGNORED
        expected = [
            sum(float(loss(logits[i, t : t + 1], targets[i, t : t + 1])[0]) for t in kept)
            / len(kept)
            for i, kept in enumerate(([0, 1, 2], [0, 1, 2, 3, 4], [1, 2, 3, 4]))
        ]
        assert loss(logits, targets).tolist() == pytest.approx(expected, abs=1e-12)

    def test_each_example_for_itself(self):
        logits, targets = torch.randn(8, 3, 5), torch.randint(5, (8, 3))
        torch.testing.assert_close(loss(logits, targets)[2:5], loss(logits[2:5], targets[2:5]))

    def test_half_precision_outputs_are_summed_in_float32(self):
        logits, targets = torch.randn(4, 9).bfloat16(), torch.arange(4)
        assert loss(logits, targets).dtype == torch.float32
        assert torch.equal(loss(logits, targets), loss(logits.float(), targets))

    @pytest.mark.parametrize(
        ("outputs", "targets", "words"),
        [
            (torch.zeros(3, 2), torch.zeros(3), r"shape \(3, 2\) and torch.float32 targets"),
            (torch.zeros(3, 2), torch.zeros(2).long(), r"targets of shape \(2,\); allowed are"),
            (torch.zeros(3, 4, 2), torch.zeros(3).long(), r"with \(example, token\)\. Write"),
            (torch.zeros(3), torch.zeros(3).long(), r"of shape \(3,\) and"),
            (torch.zeros(3, 2), torch.tensor([0, 2, 1]), "from 0 to 2; with 2 outputs, 0 to 1 are"),
            (torch.zeros(3, 2), torch.tensor([0, -1, 1]), "from -1 to 1; with 2 outputs"),
        ],
    )
    def test_what_does_not_go_together(self, outputs, targets, words):
        with pytest.raises(ReadoutError, match=f"loss: given .*{words}"):
            loss(outputs, targets)

    @pytest.mark.parametrize(
        "targets",
        [torch.tensor([0, IGNORED, 1]), torch.tensor([[1, 0], [IGNORED, IGNORED], [0, IGNORED]])],
    )
    def test_an_example_of_which_no_target_counts_has_none(self, targets):
        with pytest.raises(ReadoutError, match="in 1 of 3 examples every target is -100, "):
            loss(torch.zeros(*targets.shape, 2), targets)


@pytest.mark.parametrize("shape", [(5, 2), (5, 3, 4)])
def test_probabilities_are_known_from_logits(shape):
    outputs = torch.randn(*shape, generator=torch.Generator().manual_seed(0))
    assert are_probabilities(outputs.softmax(-1))
    assert are_probabilities(outputs.half().softmax(-1))
    for others in (
        outputs,
        outputs.log_softmax(-1),
        outputs.sigmoid(),
        outputs.softmax(-1)[..., :1],
    ):
        assert not are_probabilities(others)


class TestAsReadout:
    def test_names_functions_and_readouts(self):
        def margin(outputs, _targets):
            return {"margin": outputs[:, 0]}

        assert as_readout("classification") is CLASSIFICATION
        assert as_readout("loss") is LOSS
        assert as_readout(margin) == Readout("margin", margin)
        assert as_readout(as_readout(margin)) == as_readout(margin)
        assert as_readout(torch.nn.Identity()).name == "Identity"

    @pytest.mark.parametrize("given_", ["accuracy", None, 5, {"loss": 1}, Readout])
    def test_what_is_none(self, given_):
        with pytest.raises(ReadoutError, match=r"readout: given .*allowed are 'classification'"):
            as_readout(given_)

    @pytest.mark.parametrize("given_", [loss, classification, Readout("loss", classification)])
    def test_names_of_the_built_in_ones_are_taken(self, given_):
        with pytest.raises(ReadoutError, match=r"'\w+', which is the name of a built-in .*Rename"):
            as_readout(given_)


class TestCheckMeasured:
    def test_passes_numbers_of_any_kind(self):
        measured = {"a": torch.rand(3), "b": torch.arange(3), "c_2": torch.zeros(3).bool()}
        assert check_measured("mine", measured, 3) == measured
        for readout in (CLASSIFICATION, LOSS):
            found = readout.measure(torch.randn(3, 4), torch.arange(3))
            assert check_measured(readout.name, found, 3) == found

    @pytest.mark.parametrize(
        ("measured", "words"),
        [
            ({}, "an empty dict; allowed is a dict"),
            (torch.zeros(3), "a Tensor; allowed is a dict"),
            (None, "a NoneType; allowed is a dict"),
            ({"rank": torch.zeros(3)}, "'rank'; allowed are names"),
            ({"n_examples": torch.zeros(3)}, "'n_examples'; allowed are names"),
            ({"intact_loss": torch.zeros(3)}, "'intact_loss'; allowed are names"),
            ({"my loss": torch.zeros(3)}, "'my loss'; .*Choose another name"),
            ({3: torch.zeros(3)}, "3; allowed are names"),
            ({"a": torch.zeros(4)}, r"float32 of shape \(4,\) as 'a'; allowed .* \(3,\)"),
            ({"a": torch.zeros(3, 1)}, r"of shape \(3, 1\) as 'a'.*take a mean"),
            ({"a": torch.tensor(1.0)}, r"of shape \(\) as 'a'"),
            ({"a": torch.zeros(3).cfloat()}, r"torch.complex64 of shape"),
            ({"a": [0, 1, 2]}, "a list as 'a'"),
            ({"a": torch.tensor([0, float("nan"), 1])}, "'a' for 1 of 3 examples, .* number 1 of"),
            ({"a": torch.tensor([0, 1, -float("inf")])}, "NaN or infinity .* number 2 of"),
        ],
    )
    def test_what_is_refused(self, measured, words):
        with pytest.raises(ReadoutError, match=f"readout: mine returned .*{words}"):
            check_measured("mine", measured, 3)


class TestSquaredError:
    @pytest.mark.parametrize("shape", [(5,), (5, 3), (5, 2, 4)])
    def test_equals_a_loop(self, shape):
        outputs, targets = torch.randn(2, *shape).double()
        by_hand = [((a - b) ** 2).mean().item() for a, b in zip(outputs, targets, strict=True)]
        assert squared_error(outputs, targets).tolist() == pytest.approx(by_hand)

    def test_a_column_fits_numbers_and_nothing_is_broadcast(self):
        outputs, targets = torch.randn(6, 1), torch.randn(6)
        assert torch.equal(squared_error(outputs, targets), (outputs[:, 0] - targets) ** 2)
        for other in (targets[:1], torch.randn(6, 6), torch.randn(1, 6)):
            with pytest.raises(ReadoutError, match=r"squared_error: given outputs of \(6, 1\)"):
                squared_error(outputs, other)

    def test_of_halves_in_single_precision(self):
        found = squared_error(torch.tensor([300.0]).half(), torch.tensor([0.0]))
        assert found.dtype == torch.float32
        assert found.item() == 90_000  # beyond what float16 holds
