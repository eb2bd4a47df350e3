"""Crops and flips: nothing but windows of the padded image, drawn anew for each image and epoch."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare
from torch import Tensor, nn

from lashley.errors import TrainingError
from lashley.networks import mlp
from lashley.training import Recipe, train, train_population
from lashley.training.augmentation import augmented, crops_and_flips
from lashley.training.loop import Training, run

CROPS = Recipe(epochs=2, batch_size=10, augmentation="crops_and_flips")


def variants(image: np.ndarray) -> list[np.ndarray]:
    """All 9 x 9 x 2 windows of an image (channel, height, width), by NumPy."""
    _, height, width = image.shape
    padded = np.pad(image, [(0, 0), (4, 4), (4, 4)], mode="reflect")
    crops = [padded[:, i : i + height, j : j + width] for i in range(9) for j in range(9)]
    return [*crops, *(crop[:, :, ::-1] for crop in crops)]


def variant_of(shown: Tensor, image: Tensor) -> int:
    """Which of its variants a shown image is; fails if it is none.

    Of images below 10 pixels some windows are equal: a reflection is reflected again.
    """
    (which,) = np.flatnonzero([np.array_equal(shown, v) for v in variants(image.numpy())])
    return int(which)


def noise(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


class Recorder:
    """A learner that learns nothing, but keeps what it is shown."""

    def __init__(self) -> None:
        self.seen: list[tuple[Tensor, Tensor]] = []

    def step(self, inputs: Tensor, labels: Tensor, lr: float) -> Tensor:
        self.seen.append((inputs, labels))
        return torch.zeros(1)

    def tensors(self) -> dict[str, Tensor]:
        return {"nothing": torch.zeros(1)}


def shown(images: Tensor, labels: Tensor, recipe: Recipe) -> list[tuple[Tensor, Tensor]]:
    recorder = Recorder()
    run(Training(recorder, images, labels, recipe))
    return recorder.seen


@settings(max_examples=20, deadline=None)
@given(
    n=st.integers(1, 5),
    channels=st.integers(1, 3),
    height=st.integers(5, 9),
    width=st.integers(5, 9),
    seed=st.integers(0, 2**60),
)
def test_each_image_becomes_a_window_of_itself(
    n: int, channels: int, height: int, width: int, seed: int
) -> None:
    images = noise(n, channels, height, width)
    before = images.clone()
    changed = crops_and_flips(images, seed)
    assert changed.shape == images.shape
    assert torch.equal(images, before)
    for one, image in zip(changed, images, strict=True):
        assert any(np.array_equal(one, v) for v in variants(image.numpy()))


def test_all_windows_are_equally_likely() -> None:
    """Top, left and mirrored, jointly: of one image shown 16,200 times."""
    image = noise(1, 1, 10, 10)
    changed = crops_and_flips(image.expand(16_200, -1, -1, -1), 1).flatten(1).numpy()
    table = {v.tobytes(): i for i, v in enumerate(np.ascontiguousarray(variants(image[0].numpy())))}
    counts = np.bincount([table[row.tobytes()] for row in changed], minlength=162)
    assert chisquare(counts).pvalue > 0.01


def test_neighbours_are_drawn_independently() -> None:
    image = noise(1, 1, 10, 10)
    changed = crops_and_flips(image.expand(4000, -1, -1, -1), 2)
    same = [torch.equal(a, b) for a, b in zip(changed[::2], changed[1::2], strict=True)]
    assert sum(same) < 2000 / 162 * 3


def test_seed_epoch_and_batch_decide_the_draw_and_nothing_else() -> None:
    images, recipes = noise(10, 1, 6, 6), [CROPS, Recipe(seed=1, augmentation="crops_and_flips")]

    def draws() -> list[Tensor]:
        return [augmented(images, r, e, i) for r in recipes for e in range(3) for i in range(3)]

    state = torch.get_rng_state()
    first = draws()
    assert torch.equal(state, torch.get_rng_state())
    torch.rand(5)
    assert all(torch.equal(a, b) for a, b in zip(first, draws(), strict=True))
    assert len({draw.numpy().tobytes() for draw in first}) == len(first)


def test_without_augmentation_the_batch_itself_is_shown() -> None:
    images = noise(3, 1, 6, 6)
    assert augmented(images, Recipe(), 0, 0) is images


def test_labels_stay_with_their_images() -> None:
    """The labels count the images, so each tells which image is shown."""
    images, labels = noise(25, 2, 10, 11), torch.arange(25)
    seen = shown(images, labels, CROPS)
    assert [len(batch) for batch, _ in seen] == [10, 10, 5] * 2
    which: list[dict[int, int]] = [{}, {}]
    for index, (batch, told) in enumerate(seen):
        for image, label in zip(batch, told.tolist(), strict=True):
            which[index // 3][label] = variant_of(image, images[label])
    assert [sorted(epoch) for epoch in which] == [list(range(25))] * 2
    again = sum(which[0][label] == which[1][label] for label in range(25))
    assert again < 5  # drawn anew in every epoch


@pytest.mark.parametrize("inputs", [
    noise(20, 36), noise(20, 6, 6), noise(20, 1, 4, 9), noise(20, 1, 9, 4),
    torch.zeros(20, 1, 6, 6, dtype=torch.uint8),
], ids=["flat", "without channels", "low", "narrow", "whole numbers"])  # fmt: skip
def test_inputs_that_are_no_images(inputs: Tensor) -> None:
    network: nn.Module = mlp([inputs[0].numel(), 2])
    words = r"augmentation: given 'crops_and_flips' for inputs of shape \(20, .*at least 5 pixels"
    few: Any = inputs, torch.arange(20) % 2
    with pytest.raises(TrainingError, match=words):
        train(network, few, CROPS)
    with pytest.raises(TrainingError, match=words):
        train_population([network], few, CROPS)
