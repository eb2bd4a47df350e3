"""The map of the examples: planted structure, the same points again, quality by sklearn's."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.manifold import trustworthiness
from sklearn.neighbors import NearestNeighbors

from lashley import data
from lashley.embedding import Embedding, embed, quality
from lashley.errors import DataError


@pytest.fixture(scope="module")
def digits():
    return data.digits("test").inputs.flatten(1).numpy()


@pytest.fixture(scope="module")
def digit_map(digits) -> Embedding:
    return embed(digits)


class TestEmbed:
    def test_puts_neighbours_beside_each_other(self, digits, digit_map):
        assert digit_map.points.shape == (len(digits), 2)
        assert digit_map.points.dtype == np.float64
        assert digit_map.knn_preservation > 0.6
        assert digit_map.trustworthiness > 0.98
        assert 0.3 < digit_map.kl_divergence < 0.6
        labels = data.digits("test").labels.numpy()
        near = NearestNeighbors(n_neighbors=5).fit(digit_map.points).kneighbors()[1]
        assert (labels[near] == labels[:, None]).mean() > 0.9

    def test_fills_the_unit_square(self, digit_map):
        assert digit_map.points.min(0).tolist() == [0, 0]
        assert digit_map.points.max(0).tolist() == [1, 1]

    def test_same_seed_same_points_also_with_progress(self, digits, digit_map):
        told = []
        again = embed(digits, progress=lambda *step: told.append(step))
        assert np.array_equal(again.points, digit_map.points)
        assert told[0] == (25, 750)
        assert told[-1] == (750, 750)
        assert told == sorted(told)

    def test_lowers_the_perplexity_for_few_examples_and_says_so(self, digits, digit_map):
        assert digit_map.perplexity == 40
        assert embed(digits[:61]).perplexity == 20

    def test_leaves_the_inputs(self, digits):
        inputs = digits[:40].copy()
        embed(inputs)
        assert np.array_equal(inputs, digits[:40])


class TestQuality:
    @settings(max_examples=20)
    @given(st.integers(0, 1000), st.integers(1, 12), st.integers(25, 60))
    def test_is_sklearns_trustworthiness_and_the_counted_neighbours(self, seed, neighbours, n):
        draw = np.random.default_rng(seed)
        inputs, points = 100 + draw.normal(size=(n, 6)), draw.normal(size=(n, 2))
        found = quality(inputs, points, neighbours)
        expected = trustworthiness(inputs, points, n_neighbors=neighbours)
        assert found.trustworthiness == pytest.approx(expected, abs=1e-12)
        pair = (NearestNeighbors(n_neighbors=neighbours).fit(a).kneighbors()[1]
                for a in (inputs, points))  # fmt: skip
        shared = [len(set(a) & set(b)) for a, b in zip(*pair, strict=True)]
        assert found.knn_preservation == pytest.approx(np.mean(shared) / neighbours)

    def test_is_perfect_for_a_plane_and_poor_for_a_shuffled_one(self):
        draw = np.random.default_rng(0)
        plane = draw.normal(size=(1200, 2))  # more than one block of rows
        found, shuffled = quality(plane, plane), quality(plane, draw.permutation(plane))
        assert (found.knn_preservation, found.trustworthiness) == (1, 1)
        assert shuffled.knn_preservation < 0.03
        assert shuffled.trustworthiness == pytest.approx(0.5, abs=0.03)

    def test_knows_no_divergence_of_a_map_made_elsewhere(self, digits, digit_map):
        found = quality(digits, digit_map.points)
        assert np.isnan([found.kl_divergence, found.perplexity]).all()
        assert found.trustworthiness == digit_map.trustworthiness
        assert found.neighbours == 10

    @pytest.mark.slow
    def test_of_the_authors_map(self, mnist_data):
        pixels = (data.mnist("test").inputs.flatten(1).numpy() * 0.5 + 0.5) * 255
        points = np.load(mnist_data / "meyes2019" / "tsne_test10000.npy")
        found = quality(pixels, points)
        assert found.knn_preservation == pytest.approx(0.399, abs=0.001)
        assert found.trustworthiness == pytest.approx(0.98767, abs=1e-4)


class TestRefuses:
    INPUTS = np.random.default_rng(0).normal(size=(30, 4))

    @pytest.mark.parametrize("given_", [np.zeros(30), np.zeros((30, 2, 2)), np.zeros((30, 0))])
    def test_what_is_no_matrix(self, given_):
        with pytest.raises(DataError, match=r"inputs: given shape .*\(example, feature\).*flatten"):
            embed(given_)

    def test_nan(self):
        inputs = self.INPUTS.copy()
        inputs[[3, 7], 1] = np.nan
        with pytest.raises(DataError, match=r"2 of 30 examples hold NaN or infinity.* number 3"):
            embed(inputs)

    def test_too_few_examples(self):
        with pytest.raises(DataError, match=r"given 20 examples for 10 neighbours.* 21 here"):
            embed(self.INPUTS[:20])
        with pytest.raises(DataError, match="given 30 examples for 15 neighbours"):
            quality(self.INPUTS, self.INPUTS[:, :2], 15)

    def test_equal_examples(self):
        with pytest.raises(DataError, match="all examples are the same"):
            embed(np.ones((30, 4)))

    @pytest.mark.parametrize(
        "options", [{"components": 1}, {"perplexity": 1}, {"perplexity": float("nan")}]
    )
    def test_too_few_components_or_too_low_a_perplexity(self, options):
        with pytest.raises(DataError, match=r"components, perplexity: given .* 30 and 40"):
            embed(self.INPUTS, **options)

    def test_points_of_another_number(self):
        with pytest.raises(DataError, match=r"points: given shape \(29, 2\) for 30 examples"):
            quality(self.INPUTS, self.INPUTS[:29, :2])
