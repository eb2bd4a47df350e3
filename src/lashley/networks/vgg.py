"""VGG-19 with batch normalisation, under torchvision's parameter names."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Iterator

from torch import nn

from lashley.errors import NetworkError
from lashley.networks.seeding import seeded

_FILTERS = ((64, 64), (128, 128), (256,) * 4, (512,) * 4, (512,) * 4)  # pooling ends each block
_HIDDEN = 4096
_GRID = 7  # the official classifier sees 7 x 7 positions
_SHRINKS = 2 ** len(_FILTERS)  # the factor by which the poolings shrink an image
_CLASSIFIERS = ("official", "linear")


def vgg19_bn(
    classes: int = 1000,
    width: float = 1.0,
    image_size: int = 224,
    *,
    classifier: str | None = None,
    seed: int | None = None,
) -> nn.Sequential:
    """VGG-19 with batch norm: `features` (16 convolutions), `avgpool`, `flatten`, `classifier`.

    Modules, names of parameters and initial weights are torchvision's, so that its state dicts
    load. The convolutions are `features.0`, `.3`, `.7`, `.10`, `.14`, ... `.49`.

    Args:
        classes: Number of outputs.
        width: Factor on the filters of every convolution and on the classifier's hidden units,
            rounded half up, at least 1.
        image_size: Side of the images in pixels, at least 32. It decides only the default
            classifier; either one runs on any larger image.
        classifier: "official" pools to 7 x 7 positions and has three Linear layers with dropout;
            "linear" averages over the positions and has one Linear, `classifier`. None takes
            "linear" for images below 64 pixels: their features are a single position, and the
            official one would see 49 copies of it.
        seed: Of the initial weights; None draws them from PyTorch's global generator.

    Raises:
        NetworkError: If an argument makes no network.

    Source: Simonyan and Zisserman 2015, configuration E; torchvision.models.vgg19_bn.
    """
    _check(classes, width, image_size, classifier)
    kind = classifier or ("linear" if image_size < 2 * _SHRINKS else "official")
    with seeded(seed):
        channels = _scaled(_FILTERS[-1][-1], width)
        features = nn.Sequential(*_features(width))
        if kind == "linear":
            grid, head = 1, nn.Linear(channels, classes)
        else:
            grid, head = _GRID, _official(channels, _scaled(_HIDDEN, width), classes)
        network = nn.Sequential(OrderedDict(
            features=features, avgpool=nn.AdaptiveAvgPool2d((grid, grid)),
            flatten=nn.Flatten(), classifier=head,
        ))  # fmt: skip
        return network.apply(_initialise)


def _features(width: float) -> Iterator[nn.Module]:
    channels = 3
    for block in _FILTERS:
        for filters in block:
            inputs, channels = channels, _scaled(filters, width)
            yield nn.Conv2d(inputs, channels, kernel_size=3, padding=1)
            yield nn.BatchNorm2d(channels)
            yield nn.ReLU(inplace=True)
        yield nn.MaxPool2d(kernel_size=2, stride=2)


def _official(channels: int, hidden: int, classes: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(channels * _GRID**2, hidden), nn.ReLU(inplace=True), nn.Dropout(),
        nn.Linear(hidden, hidden), nn.ReLU(inplace=True), nn.Dropout(),
        nn.Linear(hidden, classes),
    )  # fmt: skip


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        nn.init.zeros_(module.bias)  # pyright: ignore[reportArgumentType]
    elif isinstance(module, nn.Linear):  # batch norm is 1 and 0 as PyTorch makes it
        nn.init.normal_(module.weight, 0, 0.01)
        nn.init.zeros_(module.bias)


def _scaled(number: int, width: float) -> int:
    return max(1, math.floor(number * width + 0.5))


def _check(classes: int, width: float, image_size: int, classifier: str | None) -> None:
    if type(classes) is not int or classes < 1:
        raise NetworkError(
            f"classes: given {classes!r}; allowed is a whole number of at least 1, such as 10."
        )
    if type(width) not in (int, float) or not 0 < width < math.inf:
        raise NetworkError(
            f"width: given {width!r}; allowed is a number above 0, such as 0.5 for half the "
            "filters of each layer."
        )
    if type(image_size) is not int or image_size < _SHRINKS:
        raise NetworkError(
            f"image_size: given {image_size!r}; allowed is a whole number of pixels of at least "
            f"{_SHRINKS}: five poolings leave nothing of a smaller image. Enlarge them."
        )
    if classifier is not None and classifier not in _CLASSIFIERS:
        raise NetworkError(
            f"classifier: given {classifier!r}; allowed are {', '.join(_CLASSIFIERS)}, or None to "
            "choose by image_size."
        )
