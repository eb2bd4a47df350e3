"""What a user is warned of, once the outcomes are there."""

import warnings

import numpy as np
import pytest
import torch
from torch import nn

import lashley as la


@pytest.fixture(scope="module")
def known():
    """A network, and inputs with the classes that it finds in them."""
    with la.networks.seeded(0):
        network = nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 4)).eval()
        inputs = 9 * torch.randn(200, 5)
    with torch.no_grad():
        labels = network(inputs).argmax(1)
    return network, inputs, labels, la.singles(la.find_sites(network, (inputs, labels))["0"])[:2]


def warned(call):
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        call()
    return [str(w.message) for w in seen], [w.filename for w in seen]


class TestAtChance:
    def test_shuffled_labels_are_told_once_in_plain_words(self, known):
        network, inputs, labels, cuts = known
        shuffled = labels[torch.randperm(200, generator=torch.Generator().manual_seed(0))]
        (words,), (where,) = warned(lambda: la.evaluate(network, (inputs, shuffled), cuts))
        right = int((labels == shuffled).sum())
        assert words.startswith(f"examples: the intact network is right on {right} of 200 (")
        assert "no better than by chance" in words
        assert "Mislabelled, not normalised as in training, or classes in another order" in words
        assert where == __file__

    @pytest.mark.parametrize("what", ["another order", "not normalised"])
    def test_other_mistakes(self, known, what):
        network, inputs, labels, cuts = known
        if what == "another order":
            labels = (labels + 1) % 4
        else:
            inputs = 0 * inputs + 1e-3 * inputs
        words, _ = warned(lambda: la.evaluate(network, (inputs, labels), cuts))
        assert len(words) == 1

    def test_a_network_that_knows_something_is_not_blamed(self, known):
        network, inputs, labels, cuts = known
        labels = labels.clone()
        labels[:100] = labels[:100].roll(1)
        for some in (slice(None), slice(100, 130)):
            data = (inputs[some], labels[some])
            assert warned(lambda data=data: la.evaluate(network, data, cuts))[0] == []

    def test_nor_is_one_on_few_examples_or_on_one_class(self, known):
        network, inputs, labels, cuts = known
        few = torch.cat([(labels == c).nonzero()[:1, 0] for c in (0, 1)])
        assert warned(lambda: la.evaluate(network, (inputs[few], labels[few]), cuts))[0] == []
        one = labels == 0
        assert warned(lambda: la.evaluate(network, (inputs[one], labels[one]), cuts))[0] == []

    def test_nothing_is_said_of_other_readouts(self, known):
        network, inputs, labels, cuts = known
        data = (inputs, labels.roll(1))
        assert warned(lambda: la.evaluate(network, data, cuts, readout="loss"))[0] == []

    def test_to_a_precision_only_what_was_seen_counts(self, known):
        network, inputs, labels, cuts = known
        call = lambda y: la.evaluate(network, (inputs, y), cuts, precision=20.0)  # noqa: E731
        assert warned(lambda: call(labels))[0] == []
        (words,), _ = warned(lambda: call((labels + 1) % 4))
        assert "is right on 0 of" in words

    def test_a_finished_store_says_nothing_again(self, known, tmp_path):
        network, inputs, labels, cuts = known
        call = lambda: la.evaluate(network, (inputs, 3 - labels), cuts, store=tmp_path / "s")  # noqa: E731
        assert [len(warned(call)[0]) for _ in range(2)] == [1, 0]


def test_many_classes_without_examples_are_not_all_named(known):
    network, inputs, labels, cuts = known
    wide = nn.Sequential(network[0], nn.ReLU(), nn.Linear(8, 300)).eval()
    with torch.no_grad():
        labels = wide(inputs).argmax(1)
    words, _ = warned(lambda: la.evaluate(wide, (inputs, labels), cuts))
    n = int(labels.max()) + 1
    empty = np.setdiff1d(np.arange(n), labels.numpy())
    some = ", ".join(map(str, empty[:5]))
    assert words == [f"examples: {len(empty)} of {n} classes have no example ({some}, ...), so "
                     "their effects are NaN."]  # fmt: skip
